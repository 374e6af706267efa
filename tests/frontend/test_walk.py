"""From Keras models to graphs: topologies, names, refusals, verdicts."""

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

import spkeras
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.frontend.verdict import inspect_layers
from spkeras.frontend.walk import read_graph
from tests.oracle_layers import difference, outputs, randomize
from tests.versions import has_keras, needs_keras, with_versions

TOLERANCE = 1e-5


def check(model):
    graph = read_graph(randomize(model))
    assert difference(graph, model) < TOLERANCE
    return graph


def names(graph):
    return [node.name for node in graph.nodes]


def conv_bn_relu(x, filters, **options):
    x = L.Conv2D(filters, 3, padding="same", use_bias=False, **options)(x)
    return L.ReLU()(L.BatchNormalization()(x))


# --- topologies -------------------------------------------------------------------------


@pytest.mark.parametrize("relu", ["after", "before", "none"])
def test_residual_block(relu):
    inputs = keras.Input((6, 6, 3))
    x = conv_bn_relu(inputs, 4)
    y = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(x))
    if relu == "before":
        y = L.ReLU()(y)
    z = L.Add()([x, y])
    if relu == "after":
        z = L.ReLU()(z)
    check(keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(z))))


def test_linear_add_of_two_convolutions():
    inputs = keras.Input((6, 6, 3))
    branches = [L.Conv2D(4, k, padding="same")(inputs) for k in (1, 3)]
    check(keras.Model(inputs, L.ReLU()(L.Add()(branches))))


def test_projection_shortcut_with_padded_channels():
    inputs = keras.Input((6, 6, 3))
    short = ops.pad(inputs[:, ::2, ::2], [[0, 0], [0, 0], [0, 0], [1, 2]])
    check(keras.Model(inputs, L.ReLU()(short + conv_bn_relu(inputs, 6, strides=2))))


def test_inception_block():
    inputs = keras.Input((6, 6, 3))
    branches = [
        L.Conv2D(2, 1, activation="relu")(inputs),
        L.Conv2D(2, 5, padding="same", activation="relu")(L.Conv2D(2, 1)(inputs)),
        L.Conv2D(2, 1)(L.MaxPooling2D(3, 1, padding="same")(inputs)),
        L.AveragePooling2D(3, 1, padding="same")(inputs),
    ]
    check(keras.Model(inputs, L.Concatenate()(branches)))


def test_dense_block():
    x = inputs = keras.Input((5, 5, 2))
    for _ in range(3):
        y = L.Conv2D(2, 3, padding="same")(L.ReLU()(L.BatchNormalization()(x)))
        x = L.Concatenate()([x, y])
    check(keras.Model(inputs, L.GlobalAveragePooling2D()(L.ReLU()(x))))


def test_mobilenet_v2_block():
    inputs = keras.Input((6, 6, 4))
    x = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(12, 1, use_bias=False)(inputs)))
    x = L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = L.ReLU(6.0)(L.BatchNormalization()(x))
    x = L.BatchNormalization()(L.Conv2D(4, 1, use_bias=False)(x))
    check(keras.Model(inputs, L.Add()([inputs, x])))


def test_u_net_block():
    inputs = keras.Input((8, 8, 2))
    down = conv_bn_relu(inputs, 3)
    middle = conv_bn_relu(L.MaxPooling2D()(down), 4)
    up = L.Concatenate()([L.UpSampling2D()(middle), down])
    other = L.Conv2DTranspose(3, 2, strides=2)(middle)
    x = L.Concatenate()([conv_bn_relu(up, 3), L.Cropping2D(1)(L.ZeroPadding2D(1)(other))])
    check(keras.Model(inputs, L.Conv2D(1, 1, activation="sigmoid")(x)))


def test_squeeze_and_excite_is_read():
    inputs = keras.Input((4, 4, 6))
    gate = L.Dense(6, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(inputs))
    check(keras.Model(inputs, L.Multiply()([inputs, gate])))


def test_several_inputs_and_outputs():
    a, b = keras.Input((4, 3), name="a"), keras.Input((4, 2), name="b")
    x = L.Concatenate()([b, a])
    first, second = L.Dense(3, name="first")(x), L.Dense(2, activation="relu", name="second")(x)
    graph = check(keras.Model([a, b], [second, first, second]))
    assert [node.name for node in graph.of("input")] == ["a", "b"]
    assert graph.outputs == ("second", "first", "second")


@needs_keras("3.14")
def test_input_without_readers_is_kept():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    assert names(read_graph(keras.Model([a, b], L.Dense(3)(b))))[:2] == ["a", "b"]


def test_output_that_is_an_input():
    inputs = keras.Input((4,), name="image")
    assert read_graph(keras.Model(inputs, [inputs, L.Dense(2)(inputs)])).outputs[0] == "image"


def test_dictionary_of_inputs_and_outputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    outputs = {"sum": L.Add()([a, b]), "difference": L.Subtract()([a, b])}
    graph = read_graph(keras.Model({"b": b, "a": a}, outputs))
    assert [node.name for node in graph.of("input")] == ["a", "b"]
    assert [graph[name].op for name in graph.outputs] == ["subtract", "add"]


def test_shared_layer():
    inputs = keras.Input((6, 4), name="image")
    dense = L.Dense(4, activation="relu", name="shared")
    graph = check(keras.Model(inputs, dense(dense(dense(inputs)))))
    assert names(graph) == [
        "image",
        "shared:linear",
        "shared",
        "shared@1:linear",
        "shared@1",
        "shared@2:linear",
        "shared@2",
    ]
    assert {node.source for node in graph.nodes[1:]} == {"shared"}
    kernels = [node.arrays["kernel"] for node in graph.of("dense")]
    assert all(np.array_equal(kernel, kernels[0]) for kernel in kernels)


def test_very_deep_model():
    x = inputs = keras.Input((3,))
    for _ in range(400):
        x = L.Identity()(L.Add()([x, inputs]))
    assert len(read_graph(keras.Model(inputs, x)).of("add")) == 400


# --- models inside models ---------------------------------------------------------------


def inner_model(kind, shape=(6, 6, 3), name="inner"):
    layers = [L.Conv2D(3, 3, padding="same", name="conv"), L.ReLU(name="act")]
    if kind == "sequential":
        return keras.Sequential([keras.Input(shape), *layers], name=name)
    x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x, name=name)


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_nested_model(kind):
    inputs = keras.Input((6, 6, 3), name="image")
    graph = check(keras.Model(inputs, L.Flatten(name="flat")(inner_model(kind)(inputs))))
    assert names(graph) == ["image", "inner/conv", "inner/act", "flat"]
    assert graph["inner/conv"].source == "inner/conv"


def test_nested_model_called_twice_and_deeper():
    inner = inner_model("functional")
    x = middle_in = keras.Input((6, 6, 3))
    middle = keras.Model(middle_in, inner(inner(x)), name="middle")
    inputs = keras.Input((6, 6, 3), name="image")
    graph = check(keras.Model(inputs, L.Add(name="sum")([middle(inputs), inner(inputs)])))
    assert "middle/inner/conv" in names(graph)
    assert "middle/inner@1/conv" in names(graph)
    assert "inner/conv" in names(graph)
    assert graph["middle/inner@1/conv"].source == "middle/inner/conv"


def test_sequential_of_models():
    parts = [inner_model("sequential", name="one"), inner_model("functional", name="two")]
    model = keras.Sequential([*parts, L.Flatten()])
    model.build((None, 6, 6, 3))
    check(model)


def test_nested_model_with_open_sizes_takes_those_it_is_called_with():
    inner = inner_model("functional", (None, None, 3))
    inputs = keras.Input((6, 4, 3))
    graph = check(keras.Model(inputs, L.GlobalAveragePooling2D()(inner(inputs))))
    assert graph["inner/act"].shape == (6, 4, 3)


def test_nested_model_of_several_inputs_and_outputs():
    a, b = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model([a, b], [L.Subtract()([a, b]), L.Dense(2)(a)], name="inner")
    inputs = keras.Input((4,))
    left, right = inner([L.Dense(4)(inputs), inputs])
    check(keras.Model(inputs, L.Concatenate()([right, left])))


@pytest.mark.parametrize("as_dict", [False, True])
def test_nested_model_called_with_a_dictionary(as_dict):
    z, a = keras.Input((4,), name="z"), keras.Input((4,), name="a")
    inner = keras.Model({"z": z, "a": a} if as_dict else [z, a], L.Subtract()([z, a]), name="inner")
    left, right = keras.Input((4,)), keras.Input((4,))
    check(keras.Model([left, right], inner({"a": left, "z": right})))


@pytest.mark.parametrize("built_for", [{"shape": (4, 1)}, {"shape": (4,), "dtype": "int32"}])
def test_nested_model_built_for_other_values(built_for):
    narrow = keras.Input(**built_for, name="narrow")
    inner = keras.Model(narrow, L.ReLU()(narrow), name="inner")
    inputs = keras.Input((4,))
    (problem,) = refused(keras.Model(inputs, inner(inputs)))
    assert problem.startswith("inner (Functional)") and "'narrow'" in problem


def test_sequential_model_names():
    model = keras.Sequential(
        [
            keras.Input((8,), name="image"),
            L.Dense(4, name="hidden"),
            L.BatchNormalization(name="bn"),
            L.ReLU(name="relu"),
            L.Dropout(0.5),
            L.Dense(3, activation="softmax", name="out"),
        ]
    )
    graph = check(model)
    assert names(graph) == ["image", "hidden", "bn", "relu", "out:linear", "out"]
    assert graph.outputs == ("out",)


def test_sequential_built_later():
    model = keras.Sequential([L.Dense(3), L.Dense(2)])
    model.build((None, 5))
    check(model)


def test_an_operator_and_a_layer_of_one_name():
    inputs = keras.Input((4,))
    x = L.Dense(4, name="add")(inputs)
    graph = check(keras.Model(inputs, ops.add(x, inputs) + x))
    assert len(set(names(graph))) == len(graph.nodes)


# --- refusals ---------------------------------------------------------------------------


class Doubled(L.Layer):
    def call(self, x):
        return 2 * x + keras.random.normal((1, 1))


class Dense(L.Dense):
    """Has the name of a Keras layer, and is none."""

    def call(self, x):
        return super().call(x) * keras.random.normal((1, 1))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.dense = L.Dense(2)

    def call(self, x):
        return self.dense(x)


class OwnCall(keras.Model):
    def call(self, x, training=None):
        return super().call(x) * 2


def refused(model):
    with pytest.raises(UnsupportedLayerError) as caught:
        read_graph(model)
    return caught.value.problems


def test_all_problems_at_once():
    x = inputs = keras.Input((6, 4))
    x = L.LayerNormalization(name="fine")(x)
    x = L.Embedding(5, 3, name="lookup")(L.Flatten()(x))
    x = L.Dense(3, name="fine too")(x)
    x = Doubled(name="twice")(x)
    x = L.Masking(name="mask")(x)
    problems = refused(keras.Model(inputs, Dense(2, name="own")(x)))
    assert [problem.split(" ")[0] for problem in problems] == ["lookup", "twice", "mask", "own"]
    for problem, kind in zip(problems, ["Embedding", "Doubled", "Masking", "Dense"], strict=True):
        assert f"({kind})" in problem and ";" in problem


def noisy(x):
    """A function of random numbers."""
    return x + keras.random.normal((1, 4))


SMALL = {
    "dropout": ((4,), lambda x: L.Dropout(0.5, name="it")(x, training=True), "training=True"),
    "noise": ((4,), lambda x: L.GaussianNoise(0.5, name="it")(x, training=True), "training=True"),
    "batch norm": ((4,), lambda x: L.BatchNormalization(name="it")(x, training=True), "training"),
    "lambda": ((4,), lambda x: L.Lambda(noisy, name="it")(x), "Python code"),
    "embedding": ((4,), lambda x: L.Embedding(9, 2, name="it")(x), "integers"),
    "random crop": ((8, 8, 1), lambda x: L.RandomCrop(4, 4, name="it")(x), "crop"),
    "masking": ((4, 2), lambda x: L.Masking(name="it")(x), "sequences"),
    "discretization": ((4,), lambda x: L.Discretization([0.0], name="it")(x), "before"),
    "attention scores": (
        (5, 4),
        lambda x: L.Attention(name="it")([x, x], return_attention_scores=True)[0],
        "leave it out",
    ),
    "attention mask": (
        (5, 4),
        lambda x: L.MultiHeadAttention(2, 3, name="it")(x, x, attention_mask=np.ones((1, 5, 5))),
        "without masks",
    ),
    "attention dropout": (
        (5, 4),
        lambda x: L.Attention(dropout=0.5, name="it")([x, x], training=True),
        "training",
    ),
    "attention over features": (
        (5, 4),
        lambda x: L.MultiHeadAttention(2, 3, attention_axes=(2,), name="it")(x, x),
        "attention_axes",
    ),
    "attention within a batch": (
        (4,),
        lambda x: L.MultiHeadAttention(2, 3, name="it")(x, x),
        "attention_axes",
    ),
    "causal images": (
        (3, 5, 4),
        lambda x: L.MultiHeadAttention(2, 3, name="it")(x, x, use_causal_mask=True),
        "one sequence axis",
    ),
    "normalization of the batch": (
        (4,),
        lambda x: L.UnitNormalization(axis=[0, 1], name="it")(x),
        "batch axis",
    ),
    "time": (
        (3, 4),
        lambda x: L.TimeDistributed(L.Dropout(0.5), name="it")(x, training=True),
        "True",
    ),
    "spectral": (
        (4,),
        lambda x: L.SpectralNormalization(L.Dense(2), name="it")(x, training=True),
        "training",
    ),
    "own function": ((4,), lambda x: L.Dense(4, activation=noisy, name="it")(x), "'noisy'"),
    "threshold argument": ((4,), lambda x: L.Activation("threshold", name="it")(x), "keras.ops"),
    "glu argument": ((4,), lambda x: L.Activation("glu", name="it")(x), "glu"),
    "dilation beyond all maps": (
        (5, 1),
        lambda x: L.Conv1D(1, 1, dilation_rate=1 << 70, name="it")(x),
        "above 2147483647",
    ),
    "adaptive": ((5, 5, 1), lambda x: L.AdaptiveMaxPooling2D(2, name="it")(x), "divides"),
    "softmax of the batch": ((4, 4), lambda x: L.Softmax(axis=[0, 1], name="it")(x), "batch axis"),
    "softmax mask by position": (
        (4,),
        lambda x: L.Softmax(name="it")(x, np.ones((1, 4), bool)),
        "without a mask",
    ),
    "pooling mask by position": (
        (3, 4),
        lambda x: L.GlobalAveragePooling1D(name="it")(x, np.ones((1, 3), bool)),
        "without a mask",
    ),
    "softmax mask": (
        (4,),
        lambda x: L.Softmax(name="it")(x, mask=np.ones((1, 4), bool)),
        "without a mask",
    ),
    "concatenate batch": ((4,), lambda x: L.Concatenate(axis=0, name="it")([x, x]), "batch axis"),
}


@pytest.mark.parametrize("case", with_versions(SMALL, {"adaptive": "3.13"}))
def test_refusal_names_the_layer_and_says_what_to_do(case):
    shape, call, word = SMALL[case]
    inputs = keras.Input(shape, dtype="float32")
    (problem,) = refused(keras.Model(inputs, call(inputs)))
    assert problem.startswith("it (") and word in problem and "; " in problem


OPERATORS = {
    "matmul of ranks": lambda x: ops.matmul(x, ops.expand_dims(ops.swapaxes(x, 1, 2), 1)),
    "matmul of the batch": lambda x: ops.matmul(np.ones((3, 2), "float32"), x[:, 0]),
    "matmul of its own batch": lambda x: ops.matmul(x, np.ones((7, 4, 2), "float32")),
    "einsum of three": lambda x: ops.einsum("abc,abc,abc->abc", x, x, x),
    "einsum of the batch": lambda x: ops.einsum("abc->bc", x),
    "einsum turns the batch": lambda x: ops.einsum("abc->bac", x),
    "einsum diagonal": lambda x: ops.einsum("abb->ab", x[..., :3]),
    "einsum implied": lambda x: ops.einsum("abc,cd", x, np.ones((4, 2), "float32")),
    "einsum alone": lambda x: ops.einsum("abc,abd->ad", x, x),
    "einsum broadcast": lambda x: ops.einsum("abc,bc->abc", x, np.ones((1, 4), "float32")),
    "dot of two": lambda x: ops.dot(x, ops.swapaxes(x, 1, 2)),
    "tensordot of the batch": lambda x: ops.tensordot(x, np.ones((5, 2), "float32"), [[0], [0]]),
    "divide by zero": lambda x: x / np.array([1, 0, 2, 3.0], "float32"),
    "no nan of a number": lambda x: ops.divide_no_nan(1.0, x),
    "power of several": lambda x: x ** np.array([1, 2, 3, 4.0], "float32"),
    "power of nothing": lambda x: ops.power(0.0, x),
    "hypot of a number": lambda x: ops.hypot(x, np.ones((3, 4), "float32")),
    "round to tenths": lambda x: ops.round(x, 1),
    "norm of a matrix": lambda x: ops.norm(x, 1, axis=(1, 2)),
    "normalize by sizes": lambda x: ops.normalize(x, order=1),
    "scale without an axis": lambda x: x[:, 0, 1] * 2.0,
    "function without an axis": lambda x: ops.tanh(ops.mean(x, axis=(1, 2))),
    "max of all": lambda x: ops.max(x),
    "average with weights": lambda x: ops.average(x, axis=1, weights=np.ones(3, "float32")),
    "computed gain": lambda x: ops.layer_normalization(x, x[:, 0], axis=-1),
    "flip of the batch": lambda x: ops.flip(x, axis=0),
    "flip of all": lambda x: ops.flip(x),
    "take computed places": lambda x: ops.take(x, x, axis=1),
    "tile the batch": lambda x: ops.tile(x, (2, 1, 1)),
    "stack of batches": lambda x: ops.stack([x, x]),
    "channels first blocks": lambda x: ops.depth_to_space(
        ops.expand_dims(ops.swapaxes(x, 1, 2), -1), 2, data_format="channels_first"
    ),
    "comparison": lambda x: x > 0,
    "choice": lambda x: ops.where(x, x, -x),
    "sort": lambda x: ops.sort(x),
    "attention with a bias": lambda x: ops.dot_product_attention(
        *[ops.expand_dims(x, 1)] * 3, bias=np.ones((1, 3, 1, 1), "float32")
    ),
    "pad reflect": lambda x: ops.pad(x, [[0, 0], [1, 1], [0, 0]], mode="reflect"),
    "pad value": lambda x: ops.pad(x, [[0, 0], [1, 1], [0, 0]], constant_values=1.0),
    "negative threshold": lambda x: keras.activations.relu(x, threshold=-1.0),
    "integer cast": lambda x: ops.cast(x, "int32"),
    "shrink by nothing": lambda x: ops.soft_shrink(x, 0.0),
    "widening constant": lambda x: x * np.ones((5, 1, 4), "float32"),
    "batch constant": lambda x: x + np.ones((7, 3, 4), "float32"),
    "batch index": lambda x: x[0],
    "empty": lambda x: x[:, 3:],
    "batch reshape": lambda x: ops.reshape(x, (-1, 4)),
    "batch transpose": lambda x: ops.transpose(x, (1, 0, 2)),
    "repeat the batch": lambda x: ops.repeat(x, 2, axis=0),
    "repeat all": lambda x: ops.repeat(x, 2),
    "clip backwards": lambda x: ops.clip(x, 1.0, 1.0),
}


@pytest.mark.parametrize("case", with_versions(OPERATORS, {"channels first blocks": "3.14"}))
def test_refused_operator(case):
    inputs = keras.Input((3, 4))
    problems = refused(keras.Model(inputs, OPERATORS[case](inputs)))
    assert len(problems) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x + 1,
        lambda x: L.Add()([x, x]),
        lambda x: x - ops.relu(x),
    ],
)
def test_arithmetic_in_integers(call):
    inputs = keras.Input((4,), dtype="uint8")
    problems = refused(keras.Model(inputs, call(inputs)))
    assert "cast to float32" in problems[0]


def test_shared_layer_is_refused_once():
    inputs = keras.Input((4, 4))
    mask = L.Masking(name="mask")
    assert len(refused(keras.Model(inputs, mask(mask(inputs))))) == 1


def test_refusal_inside_a_model_has_its_path():
    inner = keras.Sequential([keras.Input((4, 2)), L.Masking(name="mask")], name="inner")
    inputs = keras.Input((4, 2))
    (problem,) = refused(keras.Model(inputs, inner(inputs)))
    assert problem.startswith("inner/mask (Masking)")


def test_nested_model_called_for_training():
    inputs = keras.Input((6, 6, 3))
    (problem,) = refused(keras.Model(inputs, inner_model("functional")(inputs, training=True)))
    assert problem.startswith("inner (Functional)") and "training=True" in problem


@pytest.mark.parametrize(
    "model",
    [
        lambda: "model.keras",
        Subclassed,
        lambda: keras.Sequential([L.Dense(2)]),
        lambda: keras.Sequential(),
    ],
)
def test_model_that_cannot_be_read_at_all(model):
    (problem,) = refused(model())
    assert any(word in problem for word in ("rebuild", "build one", "model.build"))
    (verdict,) = inspect_layers(model())
    assert verdict.verdict == "refused" and verdict.reason


def test_input_of_open_sizes_hides_no_other_problem():
    inputs = keras.Input((None, None, 3), name="picture")
    x = L.Masking(name="mask")(L.Conv2D(4, 3, activation="relu")(inputs))
    x = L.Discretization([0.5], name="steps")(L.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, L.Dense(2)(x))
    problems = refused(model)
    names = [problem.split(" (")[0] for problem in problems]
    assert names == ["picture", "mask", "steps"] and "leaves sizes open" in problems[0]
    rows = {row.name: row for row in inspect_layers(model)}
    assert [row.kind for row in rows.values() if row.verdict == "refused"] == [
        *("InputLayer", "Masking", "Discretization")
    ]
    assert rows["picture"].shape == (None, None, 3) and rows["picture"].macs is not None
    (conv,) = (row for row in rows.values() if row.kind == "Conv2D")
    assert (conv.verdict, conv.shape, conv.macs) == ("supported", (None, None, None), None)
    assert conv.parameters == 3 * 3 * 3 * 4 + 4


def test_sizes_that_do_not_fit_a_guess_are_unknown():
    inputs = keras.Input((None, 3))
    x = L.Reshape((7, 6))(inputs)  # only for an input of 14 steps
    model = keras.Model(inputs, L.Dense(2)(L.LSTM(3)(x)))
    (problem,) = refused(model)
    assert "leaves sizes open" in problem
    verdicts = [row.verdict for row in inspect_layers(model)]
    assert verdicts == ["refused", "unknown", "refused", "supported"]


def test_functional_model_with_its_own_call_is_subclassed():
    inputs = keras.Input((4,))
    (problem,) = refused(OwnCall(inputs, L.Dense(2)(inputs), name="mine"))
    assert "mine (OwnCall)" in problem and "rebuild" in problem


def test_subclassed_model_inside_a_model():
    inputs = keras.Input((4,))
    problems = refused(keras.Model(inputs, L.Masking()(Subclassed()(inputs))))
    assert len(problems) == 2 and problems[0].startswith("mine (Subclassed)")


def quantized_network(mode):
    """A network of the layers that Keras quantizes, before and after."""
    x = inputs = keras.Input((6, 4))
    x = L.EinsumDense("abc,cd->abd", (6, 5), bias_axes="d", activation="relu")(x)
    x = L.EinsumDense("abc,cde->abed", (6, 3, 2), bias_axes="de")(x)
    x = L.Dense(4)(L.Flatten()(L.ReLU()(x)))
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    floats = keras.models.clone_model(model)
    floats.set_weights(model.get_weights())
    model.quantize(**mode)
    return floats, model


def per_channel():
    from keras.src.quantizers.quantization_config import Int4QuantizationConfig

    return {"mode": "int4", "config": Int4QuantizationConfig(block_size=-1)}


MODES = {
    "int8": ("int8", lambda: {"mode": "int8"}, 0.05),
    # Before 3.14, Keras rounds the inputs here, too.
    "int4, groups": ("int4", lambda: {"mode": "int4"}, 1e-5 if has_keras("3.14") else 0.05),
    "int4, channels": ("int4", per_channel, 1e-5),
    "float8": ("float8", lambda: {"mode": "float8"}, 0.2),
}


@pytest.mark.parametrize("case", with_versions(MODES, {"int4, channels": "3.14"}))
def test_quantized_weights(case):
    """Their graph computes Keras's outputs up to its rounding of the inputs, which int4 lacks."""
    name, mode, rounding = MODES[case]
    floats, model = quantized_network(mode())
    x = np.random.default_rng(1).normal(size=(20, 6, 4)).astype("float32")
    graph = read_graph(model)
    found = outputs(graph, [x])[0]
    wanted, before = (net.predict(x, verbose=0) for net in (model, floats))
    spread = wanted.std()
    assert np.abs(found - wanted).max() < rounding * spread
    assert np.abs(before - wanted).mean() > 1e-3 * spread
    reasons = [v.reason for v in inspect_layers(model, "rate") if "Dense" in v.kind]
    assert all(r.endswith(f"{name} weights read as numbers, inputs not rounded") for r in reasons)


def test_quantized_weights_that_need_calibration():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="it")])
    model.quantize("int8")
    model.layers[0].enable_lora(2)
    (problem,) = refused(model)
    assert "it (Dense)" in problem and "int8 with LoRA" in problem


# --- verdicts ---------------------------------------------------------------------------


def verdicts(model, code="rate"):
    return {v.name: v for v in inspect_layers(model, code)}


def test_verdicts_of_a_network():
    x = inputs = keras.Input((8, 8, 3), name="image")
    x = L.Conv2D(4, 3, name="conv")(x)
    x = L.BatchNormalization(name="bn")(x)
    x = L.ReLU(6.0, threshold=0.1, name="relu")(x)
    x = L.MaxPooling2D(name="max")(x)
    x = L.Conv2D(4, 3, activation="leaky_relu", name="leaky")(x)
    x = L.Dropout(0.5, name="drop")(x)
    x = L.Multiply(name="gate")([x, L.Softmax(name="inside")(x)])
    x = L.LayerNormalization(name="norm")(x)
    x = L.Flatten(name="flat")(x)
    found = verdicts(keras.Model(inputs, L.Dense(5, activation="softmax", name="out")(x)))
    assert {name: v.verdict for name, v in found.items()} == {
        "image": "supported",
        "conv": "supported",
        "bn": "supported",
        "relu": "supported",
        "max": "supported",
        "leaky": "approximate",
        "drop": "supported",
        "inside": "refused",
        "gate": "refused",
        "norm": "refused",
        "flat": "supported",
        "out": "supported",
    }
    assert "part of the weights" in found["bn"].reason
    assert "integrate-and-fire" in found["relu"].reason
    assert "accumulated inputs" in found["max"].reason
    assert "half a level" in found["leaky"].reason
    for name, what in {"inside": "softmax", "gate": "product", "norm": "normalisation"}.items():
        assert what in found[name].reason and "--recipe sigma_delta" in found[name].reason
    assert 'recipe="sigma_delta"' in found["leaky"].reason
    assert "logits" in found["out"].reason
    conv = found["conv"]
    assert (conv.kind, conv.shape, conv.parameters) == ("Conv2D", (6, 6, 4), 3 * 3 * 3 * 4 + 4)
    assert conv.macs == 6 * 6 * 3 * 3 * 3 * 4
    assert found["bn"].parameters == 4 * 4


@pytest.mark.parametrize("code", ["delta", "differential"])
def test_verdicts_where_neurons_know_values(code):
    x = inputs = keras.Input((5, 4), name="image")
    x = L.LayerNormalization(name="norm")(x)
    x = L.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = L.Activation("tanh", name="tanh")(x)
    x = L.Multiply(name="gate")([x, L.Softmax(name="inside")(x)])
    x = L.MaxPooling1D(2, name="max")(x)
    x = L.Activation("hard_shrink", name="jump")(x)
    x = L.LSTM(3, name="lstm")(x)
    x = L.ReLU(threshold=0.5, name="step")(L.Dense(3, name="dense")(x))
    found = verdicts(keras.Model(inputs, L.Dense(2, "softmax", name="out")(x)), code)
    assert {name: v.verdict for name, v in found.items()} == {
        "image": "supported",
        "norm": "supported",
        "attention": "supported",
        "tanh": "supported",
        "inside": "supported",
        "gate": "supported",
        "max": "supported",
        "jump": "approximate",
        "lstm": "runs dense",
        "dense": "supported",
        "step": "approximate",
        "out": "supported",
    }
    for name in ("norm", "attention", "tanh", "inside", "gate", "max"):
        assert "resolution of its spikes" in found[name].reason
    assert "jump" in found["jump"].reason and "logits" in found["out"].reason
    assert found["attention"].macs == 3 * 5 * 4 * 6 + 2 * 5 * 5 * (3 + 3) + 5 * 6 * 4


def test_verdict_under_an_unknown_code():
    inputs = keras.Input((4,))
    with pytest.raises(OptionError, match="rate, differential, delta, ttfs"):
        spkeras.inspect(keras.Model(inputs, L.Dense(2)(inputs)), "morse")


@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh", "elu"])
def test_activation_at_the_output_is_read_out(function):
    x = inputs = keras.Input((4,))
    x = L.Reshape((3, 1))(L.Dense(3, activation=function, name="out")(x))
    found = verdicts(keras.Model(inputs, x))["out"]
    assert found.verdict == "supported" and "read-out" in found.reason


def test_output_that_is_also_read_inside_is_a_neuron():
    inputs = keras.Input((4,))
    x = L.Dense(3, activation="tanh", name="both")(inputs)
    found = verdicts(keras.Model(inputs, [x, L.Dense(2)(x)]))["both"]
    assert found.verdict == "approximate"


def test_verdict_of_each_call_of_a_shared_layer():
    inputs = keras.Input((4,))
    dense = L.Dense(4, name="shared")
    found = verdicts(keras.Model(inputs, dense(dense(inputs))))
    assert {"shared", "shared@1"} <= set(found)
    assert found["shared@1"].macs == 4 * 4


def test_verdict_of_operators():
    inputs = keras.Input((4,), name="image")
    x = ops.relu(inputs * 2.0)
    x = ops.tanh(x)
    found = [v.verdict for v in inspect_layers(keras.Model(inputs, L.Dense(2)(x / x)))]
    assert found == ["supported", "supported", "supported", "approximate", "refused", "supported"]
