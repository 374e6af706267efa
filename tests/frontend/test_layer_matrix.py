"""Every layer with every option: the graph computes what the Keras model computes."""

import functools
import itertools
import re

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

from spkeras.frontend.walk import read_graph
from spkeras.layers import legacy
from tests.oracle_layers import difference, randomize
from tests.versions import needs_keras, with_versions

TOLERANCE = 1e-5
SHAPES = {1: (7, 4), 2: (7, 6, 4), 3: (5, 4, 3, 2)}


def chain(shape, *layers):
    """A functional model of these layers (or functions) in a row."""
    x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return randomize(keras.Model(inputs, x))


def check(model, xs=None):
    graph = read_graph(model)
    assert difference(graph, model, xs) < TOLERANCE
    return graph


def grid(**options):
    """All combinations, as keyword arguments."""
    return [dict(zip(options, values)) for values in itertools.product(*options.values())]


def name_of(value):
    if isinstance(value, dict):
        return "-".join(f"{k}={v}" for k, v in value.items())
    return getattr(value, "__name__", str(value))


def first(shape):
    return (shape[-1], *shape[:-1])


# --- convolutions -----------------------------------------------------------------------

SPATIAL = [
    {"strides": 1, "dilation_rate": 1},
    {"strides": 2, "dilation_rate": 1},
    {"strides": 3, "dilation_rate": 1},
    {"strides": 1, "dilation_rate": 2},
]


@pytest.mark.parametrize("spatial", SPATIAL, ids=name_of)
@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("rank", [1, 2])
def test_convolution(rank, kernel, padding, spatial):
    if padding == "causal" and rank > 1:
        pytest.skip("Keras has causal padding for sequences only")
    layer = (L.Conv1D, L.Conv2D)[rank - 1]
    check(chain(SHAPES[rank], layer(3, kernel, padding=padding, **spatial)))


@pytest.mark.parametrize(
    "options",
    grid(
        padding=["valid", "same"],
        strides=[(1, 1), (2, 1), (1, 3)],
        kernel_size=[(3, 2), (1, 4)],
        groups=[1, 2],
        use_bias=[True, False],
    ),
    ids=name_of,
)
def test_uneven_grouped_convolution(options):
    check(chain(SHAPES[2], L.Conv2D(6, **options)))


@pytest.mark.parametrize("options", grid(padding=["valid", "same"], strides=[1, 2]), ids=name_of)
def test_convolution_3d(options):
    check(chain(SHAPES[3], L.Conv3D(2, (2, 3, 1), **options)))


@pytest.mark.parametrize(
    "options", grid(padding=["valid", "same"], strides=[1, 2], depth_multiplier=[1, 3]), ids=name_of
)
@pytest.mark.parametrize("rank", [1, 2])
def test_depthwise_convolution(rank, options):
    layer = (L.DepthwiseConv1D, L.DepthwiseConv2D)[rank - 1]
    check(chain(SHAPES[rank], layer(3, **options)))


@pytest.mark.parametrize(
    "options",
    grid(
        padding=["valid", "same"],
        strides=[1, 2],
        depth_multiplier=[1, 2],
        activation=[None, "relu"],
    ),
    ids=name_of,
)
@pytest.mark.parametrize("rank", [1, 2])
def test_separable_convolution(rank, options):
    layer = (L.SeparableConv1D, L.SeparableConv2D)[rank - 1]
    graph = check(chain(SHAPES[rank], layer(5, 3, name="sep", **options)))
    assert graph.nodes[-1].name == "sep"


@pytest.mark.parametrize(
    "options",
    [
        *grid(padding=["valid", "same"], strides=[1, 2, 3], kernel_size=[1, 2, 3, 4]),
        *grid(padding=["valid"], strides=[2, 3], kernel_size=[3, 4], output_padding=[0, 1]),
        # Keras on TensorFlow fails for "same", an even kernel and output_padding 0.
        *grid(padding=["same"], strides=[2, 3], kernel_size=[3], output_padding=[0, 1]),
        *grid(padding=["same"], strides=[2, 3], kernel_size=[4], output_padding=[1]),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("rank", [1, 2])
def test_transposed_convolution(rank, options):
    layer = (L.Conv1DTranspose, L.Conv2DTranspose)[rank - 1]
    check(chain(((4, 3), (3, 4, 2))[rank - 1], layer(2, **options)))


def test_transposed_convolution_3d():
    check(chain((2, 3, 2, 2), L.Conv3DTranspose(3, 3, strides=2, padding="same")))


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(
            functools.partial(L.DepthwiseConv2D, 2, strides=2, dilation_rate=2),
            marks=needs_keras("3.15"),
        ),
        functools.partial(L.DepthwiseConv2D, 3, dilation_rate=2),
        functools.partial(L.SeparableConv2D, 3, 2, dilation_rate=2),
        functools.partial(L.Conv2DTranspose, 3, 2, dilation_rate=2),
    ],
    ids=lambda p: p.func.__name__ + str(p.keywords),
)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_dilation(layer, padding):
    check(chain(SHAPES[2], layer(padding=padding)))


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense(shape, use_bias):
    check(chain(shape, L.Dense(4, use_bias=use_bias, activation="tanh")))


def test_low_rank_update_is_part_of_the_kernel():
    model = chain((4, 4, 2), L.Conv2D(3, 3, lora_rank=1), L.Flatten(), L.Dense(2, lora_rank=1))
    check(model)


# --- channels first ---------------------------------------------------------------------

CF = {"data_format": "channels_first"}


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Conv2D(5, 3, strides=2, padding="same", activation="relu", **CF),
        lambda: L.Conv2D(4, 2, groups=2, **CF),
        lambda: L.DepthwiseConv2D(3, depth_multiplier=2, **CF),
        lambda: L.SeparableConv2D(3, 3, padding="same", activation="tanh", **CF),
        lambda: L.Conv2DTranspose(3, 3, strides=2, **CF),
        lambda: L.AveragePooling2D(2, padding="same", **CF),
        lambda: L.MaxPooling2D(3, strides=1, **CF),
        lambda: L.GlobalAveragePooling2D(**CF),
        lambda: L.GlobalMaxPooling2D(keepdims=True, **CF),
        lambda: L.ZeroPadding2D(((1, 0), (2, 3)), **CF),
        lambda: L.Cropping2D(((1, 0), (2, 1)), **CF),
        lambda: L.UpSampling2D((2, 3), **CF),
        lambda: L.Flatten(**CF),
        lambda: L.CenterCrop(4, 3, **CF),
    ],
    ids=lambda f: type(f()).__name__,
)
def test_channels_first(layer):
    check(chain(first(SHAPES[2]), layer()))


@pytest.mark.parametrize(
    "after",
    [
        lambda: L.BatchNormalization(axis=1),
        lambda: L.BatchNormalization(axis=-1),
        lambda: L.PReLU(shared_axes=[2, 3]),
        lambda: L.PReLU(),
        lambda: L.Softmax(axis=1),
        lambda: L.Softmax(axis=-1),
        lambda: L.Flatten(),
        lambda: L.Flatten(**CF),
        lambda: L.Reshape((-1, 2)),
        lambda: L.Permute((3, 1, 2)),
        lambda: L.Dense(2),
        lambda: L.MaxPooling2D(**CF),
        lambda: L.GlobalAveragePooling2D(),
        pytest.param(
            lambda: L.Normalization(axis=1, mean=[1.0, 2, 3], variance=[1.0, 4, 9]),
            marks=needs_keras("3.14"),
        ),
        lambda: lambda x: ops.mean(x, axis=(2, 3)),
        lambda: lambda x: ops.max(x, axis=(1, 2), keepdims=True),
        lambda: lambda x: x * np.arange(3.0).reshape(3, 1, 1),
        lambda: lambda x: L.Concatenate(axis=1)([x, ops.relu(x)]),
        lambda: lambda x: L.Concatenate(axis=-1)([x, ops.relu(x)]),
        lambda: lambda x: L.Add()([x, ops.tanh(x)]),
    ],
)
def test_behind_channels_first(after):
    check(chain(first(SHAPES[2]), L.Conv2D(3, 3, padding="same", **CF), after()))


def test_channels_first_network_keeps_one_permutation():
    layers = [
        L.Conv2D(3, 3, padding="same", **CF),
        L.BatchNormalization(axis=1),
        L.ReLU(),
        L.MaxPooling2D(**CF),
        L.Conv2D(4, 3, activation="relu", **CF),
        L.Flatten(**CF),
        L.Dense(3),
    ]
    graph = check(chain((2, 8, 8), *layers))
    assert len(graph.of("permute")) == 1


# --- pooling ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", grid(padding=["valid", "same"], pool_size=[2, 3], strides=[None, 1, 2]), ids=name_of
)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["AveragePooling", "MaxPooling"])
def test_pooling(kind, rank, options):
    check(chain(SHAPES[rank], getattr(L, f"{kind}{rank}D")(**options)))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["GlobalAveragePooling", "GlobalMaxPooling"])
def test_global_pooling(kind, rank, keepdims):
    check(chain(SHAPES[rank], getattr(L, f"{kind}{rank}D")(keepdims=keepdims)))


@needs_keras("3.13")
@pytest.mark.parametrize("kind", ["AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"])
def test_adaptive_pooling_that_divides(kind):
    check(chain((6, 4, 2), getattr(L, kind)((3, 2))))


# --- normalizing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", grid(scale=[True, False], center=[True, False], epsilon=[1e-5, 0.1]), ids=name_of
)
@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_batch_norm(axis, options):
    check(chain((4, 5, 3), L.BatchNormalization(axis=axis, **options)))


BLOCKS = {
    "first": lambda: [L.BatchNormalization(), L.Conv2D(3, 3, padding="same")],
    "conv-bn-relu": lambda: [L.Conv2D(3, 3), L.BatchNormalization(), L.ReLU()],
    "conv-relu-bn": lambda: [L.Conv2D(3, 3, activation="relu"), L.BatchNormalization()],
    "bn-pool-conv": lambda: [L.BatchNormalization(), L.AveragePooling2D(2), L.Conv2D(2, 2)],
    "relu-bn-padded": lambda: [L.ReLU(), L.BatchNormalization(), L.Conv2D(2, 3, padding="same")],
    "depthwise-bn": lambda: [L.DepthwiseConv2D(3), L.BatchNormalization(), L.ReLU(6.0)],
    "transposed-bn": lambda: [L.Conv2DTranspose(3, 3, strides=2), L.BatchNormalization()],
    "dense-bn": lambda: [L.Flatten(), L.Dense(4), L.BatchNormalization(), L.ReLU()],
    "bn-bn": lambda: [L.BatchNormalization(), L.BatchNormalization(scale=False)],
    "max-bn": lambda: [L.MaxPooling2D(), L.BatchNormalization(), L.Conv2D(2, 2)],
    "renorm": lambda: [L.Conv2D(3, 3), L.BatchNormalization(renorm=True)],
}


@pytest.mark.parametrize("block", with_versions(BLOCKS, {"renorm": "3.14"}))
def test_position_of_batch_norm(block):
    check(chain((6, 6, 2), *BLOCKS[block]()))


@pytest.mark.parametrize("training", [None, False])
def test_batch_norm_called_for_inference(training):
    check(chain((4, 3), lambda x: L.BatchNormalization()(x, training=training)))


@pytest.mark.parametrize(
    "scale, offset",
    [
        (1 / 255, 0.0),
        (1 / 127.5, -1.0),
        ([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
        (2.0, [1.0, 2.0, 3.0]),
    ],
)
def test_rescaling(scale, offset):
    check(chain((4, 4, 3), L.Rescaling(scale, offset)))


@pytest.mark.parametrize(
    "options",
    [
        {"axis": -1, "mean": [1.0, 2.0, 3.0], "variance": [0.5, 2.0, 0.0]},
        {"axis": None, "mean": 1.5, "variance": 4.0},
        {"axis": -1, "mean": 1.5, "variance": 4.0, "invert": True},
        pytest.param(
            {"axis": (1, -1), "mean": np.ones((4, 3)), "variance": np.ones((4, 3)) * [1, 2, 3]},
            marks=needs_keras("3.14"),
        ),
        {"axis": (1, -1), "mean": [1.0, 2.0, 3.0], "variance": [1.0, 2.0, 3.0]},
        pytest.param(
            {"axis": 1, "mean": [1.0, 2, 3, 4], "variance": [1.0, 2, 3, 4]},
            marks=needs_keras("3.14"),
        ),
    ],
    ids=str,
)
def test_normalization_given(options):
    check(chain((4, 5, 3), L.Normalization(**options)))


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
@pytest.mark.parametrize("invert", [False, True])
def test_normalization_adapted(axis, invert):
    layer = L.Normalization(axis=axis, invert=invert)
    layer.adapt(np.random.default_rng(0).normal(2, 3, (50, 4, 5, 3)))
    x = inputs = keras.Input((4, 5, 3))
    check(keras.Model(inputs, layer(x)))


def test_integer_input():
    x = inputs = keras.Input((4, 4, 3), dtype="uint8")
    model = randomize(keras.Model(inputs, L.Conv2D(2, 3)(L.Rescaling(1 / 255)(x))))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), "uint8")
    assert check(model, [pixels]).nodes[0]["dtype"] == "uint8"


# --- shaping ----------------------------------------------------------------------------

SHAPING = [
    ((6, 2), lambda: L.ZeroPadding1D((1, 3))),
    ((4, 3, 2), lambda: L.ZeroPadding2D(((0, 1), (2, 3)))),
    ((2, 3, 2, 2), lambda: L.ZeroPadding3D(((1, 0), (0, 2), (2, 1)))),
    ((6, 2), lambda: L.Cropping1D((1, 3))),
    ((6, 7, 2), lambda: L.Cropping2D(((0, 1), (2, 3)))),
    ((4, 5, 6, 2), lambda: L.Cropping3D(((1, 0), (0, 2), (1, 1)))),
    ((4, 2), lambda: L.UpSampling1D(3)),
    ((3, 4, 2), lambda: L.UpSampling2D((2, 3))),
    ((3, 4, 2), lambda: L.UpSampling2D((2, 3), interpolation="bilinear")),
    ((2, 3, 2, 2), lambda: L.UpSampling3D((1, 2, 3))),
    ((3, 4, 2), lambda: L.Flatten()),
    ((5,), lambda: L.Flatten()),
    ((3, 4, 2), lambda: L.Flatten(**CF)),
    ((3, 4, 2), lambda: L.Reshape((-1, 6))),
    ((3, 4, 2), lambda: L.Reshape((2, 3, 4))),
    ((3, 4, 2), lambda: L.Permute((3, 1, 2))),
    ((5,), lambda: L.RepeatVector(3)),
    ((7, 6, 2), lambda: L.CenterCrop(4, 3)),
    ((7, 6, 2), lambda: L.CenterCrop(9, 4)),
    ((7, 6, 2), lambda: L.CenterCrop(4, 9)),
    ((7, 6, 2), lambda: L.Resizing(7, 6)),
]


@pytest.mark.parametrize(
    "shape, layer", SHAPING, ids=[f"{type(f()).__name__}-{i}" for i, (_, f) in enumerate(SHAPING)]
)
def test_shaping(shape, layer):
    check(chain(shape, layer()))


INTERPOLATIONS = ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"]


@pytest.mark.parametrize("kind", INTERPOLATIONS)
@pytest.mark.parametrize("size", [(14, 18), (5, 4), (7, 11), (1, 1)], ids=str)
def test_resizing(size, kind):
    model = chain((7, 6, 2), L.Resizing(*size, interpolation=kind), L.Conv2D(2, 1))
    assert difference(read_graph(model), model) < TOLERANCE
    layer = L.Resizing(*size, interpolation=kind, antialias=True, **CF)
    model = chain((2, 7, 6), layer, L.Flatten())
    assert difference(read_graph(model), model) < TOLERANCE


@pytest.mark.parametrize("size", [(14, 18), (5, 4), (3, 11), (12, 12), (9, 2)], ids=str)
@pytest.mark.parametrize("way", ["crop_to_aspect_ratio", "pad_to_aspect_ratio"])
def test_resizing_in_proportion(way, size):
    for shape, form in (((7, 6, 2), {}), ((2, 4, 9), CF)):
        check(chain(shape, L.Resizing(*size, **{way: True}, fill_value=3.0, **form)))


def test_whole_factors_of_nearest_repeat():
    graph = check(chain((4, 3, 2), L.Resizing(8, 9, interpolation="nearest")))
    assert [node.op for node in graph.nodes] == ["input", "upsample", "upsample"]


def test_bicubic_upsampling():
    model = chain((5, 4, 2), L.UpSampling2D((3, 2), interpolation="bicubic"))
    # TensorFlow looks the weights up in a table.
    assert difference(read_graph(model), model) < 1e-3


IDLE = [
    lambda: L.Dropout(0.5),
    lambda: L.SpatialDropout1D(0.5),
    lambda: L.GaussianNoise(1.0),
    lambda: L.GaussianDropout(0.5),
    lambda: L.AlphaDropout(0.5),
    lambda: L.Identity(),
    lambda: L.ActivityRegularization(0.1),
    lambda: L.Activation("linear"),
]


@pytest.mark.parametrize("layer", IDLE, ids=lambda f: type(f()).__name__)
def test_idle_layers_leave_nothing(layer):
    graph = check(chain((4, 3), layer(), L.Dense(2)))
    assert [node.op for node in graph.nodes] == ["input", "dense"]


AUGMENTATION = {
    "RandomFlip": (),
    "RandomRotation": (0.2,),
    "RandomZoom": (0.2,),
    "RandomContrast": (0.2,),
    "RandomBrightness": (0.2,),
    "RandomTranslation": (0.2, 0.2),
    "RandomShear": (0.2,),
    "RandomInvert": (),
    "RandomGrayscale": (),
    "RandomPerspective": (),
    "RandomErasing": (),
    "RandomHue": (0.2,),
    "RandomGaussianBlur": (),
    "RandomElasticTransform": (),
    "RandomPosterization": (4,),
    "RandomSharpness": (0.2,),
    "RandomSaturation": (0.2,),
    "RandomColorJitter": (),
    "RandomColorDegeneration": (0.2,),
    "RandAugment": (),
    "AugMix": (),
    "MixUp": (),
    "CutMix": (),
    "RandomCrop": (8, 8),
}


@pytest.mark.parametrize("kind", AUGMENTATION)
def test_augmentation_leaves_nothing(kind):
    layer = getattr(L, kind)(*AUGMENTATION[kind])
    graph = check(chain((8, 8, 3), layer, L.Conv2D(2, 3)))
    assert [node.op for node in graph.nodes] == ["input", "conv"]


# --- activations ------------------------------------------------------------------------

NAMES = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "hard_swish",
    "tanh",
    "tanh_shrink",
]


@pytest.mark.parametrize("how", ["argument", "layer", "function"])
@pytest.mark.parametrize("name", NAMES)
def test_activation(name, how):
    if how == "argument":
        layers = [L.Dense(4, activation=name)]
    elif how == "layer":
        layers = [L.Dense(4), L.Activation(name)]
    elif name in ("mish", "hard_silu", "hard_swish", "sparsemax"):
        pytest.skip("Keras takes no symbolic tensor here")
    else:
        layers = [L.Dense(4), keras.activations.get(name)]
    check(chain((3, 5), *layers))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.ReLU(),
        lambda: L.ReLU(6.0),
        lambda: L.ReLU(0.5),
        lambda: L.ReLU(threshold=0.7),
        lambda: L.ReLU(negative_slope=0.2),
        lambda: L.ReLU(1.5, 0.2, 0.7),
        lambda: L.ReLU(0.4, 0.1),
        lambda: L.LeakyReLU(),
        lambda: L.LeakyReLU(negative_slope=0.05),
        lambda: L.ELU(),
        lambda: L.ELU(0.3),
        lambda: L.Softmax(),
        lambda: L.Softmax(axis=1),
        lambda: L.Softmax(axis=2),
        lambda: L.Softmax(axis=[-1]),
        lambda: L.PReLU(),
        lambda: L.PReLU(shared_axes=[1, 2]),
        lambda: L.PReLU(shared_axes=[2]),
    ],
    ids=lambda f: str(f().get_config()),
)
def test_activation_layer(layer):
    check(chain((3, 4, 5), layer()))


FUNCTIONS = [
    functools.partial(keras.activations.relu, negative_slope=0.1, max_value=1.0),
    functools.partial(keras.activations.leaky_relu, negative_slope=0.4),
    functools.partial(keras.activations.gelu, approximate=True),
    keras.ops.relu,
    keras.ops.gelu,
    keras.ops.silu,
    keras.ops.exp,
    L.LeakyReLU(negative_slope=0.1),
    L.ReLU(2.0),
    L.Softmax(axis=1),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: re.sub(" at 0x[0-9a-f]+", "", str(f)))
def test_activation_as_function_or_layer(function):
    check(chain((6, 4), L.Conv1D(3, 2, activation=function)))


def test_prelu_as_activation_argument():
    layer = L.PReLU(shared_axes=[1])
    layer.build((None, 5, 3))
    check(chain((6, 4), L.Conv1D(3, 2, activation=layer)))


def test_hard_sigmoid_of_keras_2():
    graph = check(chain((5,), L.Dense(4, activation=legacy.hard_sigmoid_keras2)))
    assert graph.nodes[-1]["function"] == "hard_sigmoid_keras2"


def test_backend_relu():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a function of TensorFlow")
    tf = pytest.importorskip("tensorflow")
    check(chain((5,), L.Dense(4, activation=tf.nn.relu), L.Dense(3, activation=tf.nn.softmax)))


# --- operators --------------------------------------------------------------------------

ROW = np.array([1.0, -2.0, 0.5], "float32")
OPERATORS = {
    "add": lambda x: x + ops.tanh(x),
    "add itself": lambda x: x + x,
    "add number": lambda x: x + 2.5,
    "add row": lambda x: ops.add(ROW, x),
    "add map": lambda x: x + np.arange(60, dtype="float32").reshape(1, 4, 5, 3),
    "subtract": lambda x: x - ops.relu(x),
    "subtract number": lambda x: x - 1.5,
    "number subtract": lambda x: 1 - x,
    "multiply": lambda x: x * ops.sigmoid(x),
    "multiply row": lambda x: x * ROW,
    "divide": lambda x: x / 4,
    "negate": lambda x: -x,
    "maximum": lambda x: ops.maximum(x, -x),
    "maximum zero": lambda x: ops.maximum(x, 0.0),
    "maximum row": lambda x: ops.maximum(x, ROW),
    "minimum row": lambda x: ops.minimum(ROW, x),
    "minimum": lambda x: ops.minimum(x, ops.tanh(x)),
    "clip": lambda x: ops.clip(x, 0.0, 1.0),
    "clip low": lambda x: ops.clip(x, -0.5, 1.0),
    "relu": ops.relu,
    "relu6": ops.relu6,
    "sigmoid": ops.sigmoid,
    "softmax": ops.softmax,
    "softmax axis": lambda x: ops.softmax(x, axis=1),
    "leaky": lambda x: ops.leaky_relu(x, 0.3),
    "gelu": ops.gelu,
    "gelu exact": lambda x: ops.gelu(x, approximate=False),
    "glu": lambda x: ops.glu(ops.concatenate([x, -x], -1)),
    "relu options": lambda x: keras.activations.relu(x, negative_slope=0.1, max_value=1.0),
    "mean": lambda x: ops.mean(x, axis=(1, 2)),
    "mean keepdims": lambda x: ops.mean(x, axis=[-3, -2], keepdims=True),
    "mean first": lambda x: ops.mean(x, axis=(2, 3), keepdims=True),
    "mean middle": lambda x: ops.mean(x, axis=(1, 3)),
    "mean of features": lambda x: ops.mean(x[:, 0], axis=-1),
    "sum": lambda x: ops.sum(x, axis=(1, 2)),
    "max": lambda x: ops.max(x, axis=(1, 2), keepdims=True),
    "min": lambda x: ops.min(x, axis=(1, 2)),
    "pad": lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 3], [0, 0]]),
    "pad channels": lambda x: ops.pad(x, [[0, 0], [0, 0], [1, 0], [2, 3]]),
    "concatenate": lambda x: ops.concatenate([x, ops.relu(x)], axis=-1),
    "concatenate rows": lambda x: ops.concatenate([x, ops.relu(x)], axis=1),
    "reshape": lambda x: ops.reshape(x, (-1, 10, 6)),
    "transpose": lambda x: ops.transpose(x, (0, 3, 1, 2)),
    "swapaxes": lambda x: ops.swapaxes(x, 1, -1),
    "moveaxis": lambda x: ops.moveaxis(x, -1, 1),
    "expand": lambda x: ops.expand_dims(x, 1),
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 2), 2),
    "repeat": lambda x: ops.repeat(x, 2, axis=2),
    "cast": lambda x: ops.cast(x, "float32"),
    "stop": ops.stop_gradient,
    "max pool": lambda x: ops.max_pool(x, 2, 1),
    "average pool": lambda x: ops.average_pool(x, (2, 3), (2, 3), padding="same"),
    "slice": lambda x: x[:, 1:, :-2],
    "slice steps": lambda x: x[:, ::2, 1::3],
    "slice channel": lambda x: x[..., 0],
    "slice channels": lambda x: x[..., 1:],
    "index": lambda x: x[:, -1],
    "new axis": lambda x: x[:, None, 0],
    "split": lambda x: ops.concatenate(ops.split(x, [1, 3], axis=2)[::-1], axis=2),
    "split channels": lambda x: ops.add(*ops.split(x[..., 1:], 2, axis=-1)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name):
    check(chain((4, 5, 3), OPERATORS[name]))


# --- merging ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Add", "Average", "Maximum", "Minimum", "Multiply"])
@pytest.mark.parametrize(
    "shapes",
    [
        [(4, 3), (4, 3)],
        [(4, 3), (4, 3), (4, 3)],
        [(4, 3), (1, 3)],
        [(2, 4, 3), (4, 3)],
        [(3,), (4, 3)],
    ],
    ids=str,
)
def test_merging(kind, shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    check(keras.Model(inputs, getattr(L, kind)()(inputs)))


def test_subtract_layer():
    inputs = [keras.Input((4, 3)), keras.Input((4, 3))]
    check(keras.Model(inputs, L.Subtract()(inputs)))


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
def test_concatenate(axis):
    inputs = [keras.Input((2, 3, 4)), keras.Input((2, 3, 4)), keras.Input((2, 3, 4))]
    check(keras.Model(inputs, L.Concatenate(axis=axis)(inputs)))


def test_concatenate_of_channels_first():
    inputs = [keras.Input((2, 4, 4)), keras.Input((3, 4, 4))]
    convolved = [L.Conv2D(2, 3, **CF)(x) for x in inputs]
    graph = check(keras.Model(inputs, L.MaxPooling2D(**CF)(L.Concatenate(axis=1)(convolved))))
    (joined,) = graph.of("concatenate")
    assert joined["axis"] == -1


# --- the rest ---------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_other_precisions_are_read_as_float32(policy):
    def layers():
        options = {"dtype": policy}
        return [
            L.Conv2D(3, 3, **options),
            L.BatchNormalization(**options),
            L.ReLU(**options),
            L.GlobalAveragePooling2D(**options),
            L.Dense(4, **options),
        ]

    model = chain((6, 6, 2), *layers())
    graph = read_graph(model)
    assert {a.dtype for node in graph.nodes for a in node.arrays.values()} == {np.dtype("float32")}
    assert difference(graph, model) < 0.03


@pytest.mark.parametrize("inner", [L.Dense(3, activation="relu"), L.ReLU(), L.Dropout(0.3)])
def test_time_distributed(inner):
    check(chain((4, 5), L.TimeDistributed(inner)))


def test_layers_of_migrated_models():
    spec = [[None, None, None], [1, None, 2], 0, [None, 2, None]]
    check(chain((5, 4, 3), legacy.Slice(spec), legacy.Clip(-0.5, 1.0)))
    for reduction in ("mean", "max", "min", "sum"):
        check(chain((5, 4, 3), legacy.Reduce(reduction, [1, 2], keepdims=True)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("shape", [(3, 4, 2), (1, 5, 2)])
def test_bilinear_upsampling_of_tensorflow_1(shape, data_format):
    shape = first(shape) if data_format == "channels_first" else shape
    check(chain(shape, legacy.BilinearUpSampling((2, 3), data_format), L.Flatten()))


def test_integer_input_that_is_moved_and_cast():
    inputs = keras.Input((4, 6), dtype="uint8")
    x = ops.cast(ops.transpose(inputs[:, :, 1:], (0, 2, 1)), "float32") / 255 - 0.5
    model = keras.Model(inputs, x)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 6), "uint8")
    check(model, [pixels])
