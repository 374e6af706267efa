"""Layers that need values (norms, attention, products): the graph computes what Keras computes."""

import functools
import importlib
import itertools
import math

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.snn.ann import ann
from spkeras.snn.network import as_list
from tests.oracle_layers import difference, randomize, samples

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
CF = {"data_format": "channels_first"}


def check(model, tolerance=TOLERANCE):
    """The graph against the model, by the oracle in float64 and as a Keras model."""
    model = randomize(model)
    graph = read_graph(model)
    xs = samples(model)
    assert difference(graph, model, xs) < tolerance
    found = as_list(ann(graph)(xs if len(xs) > 1 else xs[0]))
    wanted = as_list(model(xs if len(xs) > 1 else xs[0], training=False))
    for ours, theirs in zip(found, wanted, strict=True):
        ours, theirs = ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs)
        assert np.abs(ours - theirs).max() <= tolerance * max(np.abs(theirs).max(), 1e-3)
    return graph


def chain(shape, *layers):
    x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def join(shapes, layer):
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, layer(inputs))


def functions(graph):
    return [node["function"] for node in graph.of("function")]


def grid(**options):
    return [dict(zip(options, values)) for values in itertools.product(*options.values())]


def name_of(value):
    if isinstance(value, dict):
        return "-".join(f"{k}={v}" for k, v in value.items())
    return getattr(value, "__name__", str(value))


# --- normalisations ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        *grid(axis=[-1, 1, 2, (1, 2), [2, 3], (1, 2, 3), [-1, 1]], epsilon=[1e-3]),
        *grid(axis=[-1], center=[True, False], scale=[True, False], epsilon=[1e-6]),
    ],
    ids=name_of,
)
def test_layer_normalization(options):
    graph = check(chain((4, 5, 3), L.LayerNormalization(**options)))
    assert functions(graph) == ["layer_normalization"]


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize("axis", [-1, (1, 2)])
def test_layer_normalization_by_the_variance(axis):
    check(chain((4, 5, 3), L.LayerNormalization(axis=axis, rms_scaling=True)))


@pytest.mark.parametrize("options", [{}, {"epsilon": 0.1}, {"axis": (2, 3)}], ids=name_of)
def test_rms_normalization(options):
    check(chain((4, 5, 3), L.RMSNormalization(**options)))


@pytest.mark.parametrize(
    "options",
    [
        *grid(groups=[1, 2, 6, -1], axis=[-1]),
        *grid(groups=[2], axis=[1, 2, 3, -2, -3]),
        *grid(groups=[3], scale=[True, False], center=[True, False], epsilon=[0.1]),
    ],
    ids=name_of,
)
def test_group_normalization(options):
    check(chain((4, 2, 6), L.GroupNormalization(**options)))


def test_group_normalization_of_a_row():
    check(chain((6,), L.GroupNormalization(2)))


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), [1, 2, 3]])
def test_unit_normalization(axis):
    check(chain((4, 5, 3), L.UnitNormalization(axis=axis)))


@pytest.mark.parametrize(
    "after",
    [
        lambda: L.LayerNormalization(axis=1),
        lambda: L.LayerNormalization(axis=(2, 3)),
        lambda: L.LayerNormalization(axis=-1),
        lambda: L.GroupNormalization(2, axis=1),
        lambda: L.GroupNormalization(3, axis=-1),
        lambda: L.UnitNormalization(axis=1),
        lambda: lambda x: ops.normalize(x, axis=1),
        lambda: L.Softmax(axis=(1, 3)),
        lambda: lambda x: ops.var(x, axis=(2, 3)),
        lambda: lambda x: ops.mean(x, axis=3),
        lambda: lambda x: ops.std(x, axis=1, keepdims=True),
        lambda: lambda x: ops.max(x, axis=2, keepdims=True) * x,
        lambda: lambda x: ops.glu(x, axis=1),
        lambda: lambda x: ops.sqrt(ops.square(x) + 1.0),
        lambda: lambda x: x / (ops.square(x) + 1.0),
        lambda: lambda x: ops.flip(x, axis=1),
    ],
)
def test_behind_channels_first(after):
    check(chain((2, 6, 6), L.Conv2D(4, 3, padding="same", **CF), after()))


def test_channels_first_normalization_needs_no_permutation():
    layers = [
        L.Conv2D(4, 3, **CF),
        L.LayerNormalization(axis=1),
        L.GroupNormalization(2, axis=1),
        L.Conv2D(2, 3, **CF),
    ]
    graph = check(chain((2, 8, 8), *layers))
    assert len(graph.of("permute")) == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.normalize(x),
        lambda x: ops.normalize(x, axis=(1, 2), epsilon=5.0),
        lambda x: ops.layer_normalization(x),
        lambda x: ops.rms_normalization(x, axis=(1, 2)),
        lambda x: ops.layer_normalization(x, np.arange(3.0), np.ones(3), axis=-1, epsilon=0.1),
        lambda x: ops.rms_normalization(x, scale=np.arange(3.0) + 1, epsilon=0.1),
    ],
)
def test_normalizing_operator(function):
    check(chain((4, 5, 3), function))


def test_spectral_normalization_is_the_layer_inside():
    graph = check(chain((6, 5, 3), L.SpectralNormalization(L.Conv2D(4, 3, activation="relu"))))
    assert [node.op for node in graph.nodes] == ["input", "conv", "activation"]


# --- attention --------------------------------------------------------------------------

SELF, CROSS, KEYS = [(5, 4)] * 2, [(5, 4), (7, 4)], [(5, 4), (7, 3), (7, 4)]


@pytest.mark.parametrize(
    "options",
    grid(use_scale=[False, True], score_mode=["dot", "concat"], dropout=[0.0, 0.5]),
    ids=name_of,
)
@pytest.mark.parametrize("shapes", [SELF, CROSS, KEYS, [(2, 5, 4), (2, 7, 4)]], ids=str)
def test_attention(shapes, options):
    check(join(shapes, L.Attention(**options)))


@pytest.mark.parametrize("use_scale", [False, True])
@pytest.mark.parametrize("shapes", [SELF, CROSS, KEYS], ids=str)
def test_additive_attention(shapes, use_scale):
    check(join(shapes, L.AdditiveAttention(use_scale=use_scale)))


@pytest.mark.parametrize("layer", [L.Attention, L.AdditiveAttention])
@pytest.mark.parametrize("shapes", [SELF, CROSS, [(7, 4), (5, 4)]], ids=str)
def test_causal_attention(shapes, layer):
    check(join(shapes, functools.partial(layer(), use_causal_mask=True)))


def one_tensor(layer, **options):
    return lambda x: layer(x, x, **options)


HEADS = [
    {},
    {"use_bias": False},
    {"value_dim": 5},
    {"output_shape": 7},
    {"output_shape": (2, 3)},
    {"dropout": 0.3},
    {"use_gate": True},
    {"attention_axes": (1,)},
    {"attention_axes": (-2,)},
    {"sliding_window": 2},
]


@pytest.mark.parametrize("options", HEADS, ids=name_of)
@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention(options, causal):
    layer = L.MultiHeadAttention(3, 2, **options)
    check(chain((6, 4), one_tensor(layer, use_causal_mask=causal)))


@pytest.mark.parametrize("options", [{}, {"value_dim": 5, "use_gate": True}], ids=name_of)
def test_multi_head_attention_of_other_keys(options):
    layer = L.MultiHeadAttention(2, 3, **options)
    check(join([(5, 4), (7, 3)], lambda x: layer(*x)))
    layer = L.MultiHeadAttention(2, 3, **options)
    check(join([(5, 4), (7, 3), (7, 6)], lambda x: layer(x[0], value=x[1], key=x[2])))


@pytest.mark.parametrize("axes", [None, (1,), (2,), (1, 2), (-3, -2)])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_multi_head_attention_over_several_axes(axes, dropout):
    layer = L.MultiHeadAttention(2, 3, attention_axes=axes, dropout=dropout)
    check(chain((3, 4, 5), one_tensor(layer)))


def test_multi_head_attention_across_images():
    layer = L.MultiHeadAttention(2, 3)
    check(join([(3, 4, 5), (2, 2, 6)], lambda x: layer(*x)))
    layer = L.MultiHeadAttention(2, 3, attention_axes=(2,))
    check(join([(3, 4, 5), (3, 2, 6)], lambda x: layer(*x)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_bias": False},
        {"use_gate": True},
        {"sliding_window": 3},
        {"dropout": 0.2},
    ],
    ids=name_of,
)
@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("causal", [False, True])
def test_grouped_query_attention(heads, options, causal):
    layer = L.GroupQueryAttention(3, *heads, **options)
    check(chain((6, 5), one_tensor(layer, use_causal_mask=causal)))


def test_grouped_query_attention_of_other_keys():
    layer = L.GroupQueryAttention(3, 4, 2)
    check(join([(5, 4), (7, 4)], lambda x: layer(*x)))


@pytest.mark.parametrize("options", [{}, {"scale": 0.3}, {"is_causal": True}], ids=name_of)
@pytest.mark.parametrize("shapes", [[(5, 4, 2)] * 3, [(5, 4, 2), (6, 2, 2), (6, 2, 2)]], ids=str)
def test_attention_operator(shapes, options):
    check(join(shapes, lambda x: ops.dot_product_attention(*x, **options)))


@pytest.mark.parametrize("norm", [L.LayerNormalization, L.RMSNormalization])
def test_transformer_block(norm):
    x = inputs = keras.Input((6, 8))
    y = norm()(x)
    x = x + L.MultiHeadAttention(2, 4, dropout=0.1)(y, y)
    y = L.Dense(16, activation="gelu")(norm()(x))
    x = x + L.Dropout(0.1)(L.Dense(8)(y))
    outputs = L.Dense(3, activation="softmax")(L.GlobalAveragePooling1D()(x))
    graph = check(keras.Model(inputs, outputs))
    kind = {L.LayerNormalization: "layer"}.get(norm, "rms") + "_normalization"
    assert functions(graph) == [kind, "attention", kind]


# --- products ---------------------------------------------------------------------------

CONTRACTIONS = [
    ("abc,cd->abd", (5, 6), "d"),
    ("...x,xy->...y", 6, "y"),
    ("abc,bd->adc", (6, 4), None),
    ("abc,bd->adc", (6, 4), "d"),
    ("abc,cde->abed", (5, 3, 2), "ed"),
    ("abc,bcd->ad", (6,), "d"),
    ("abc,bcd->abd", (5, 6), "bd"),
    ("abc,bcd->abd", (5, 6), "d"),
    ("abc,c->abc", (5, 4), "c"),
    ("abc,cd->adb", (6, 5), "db"),
    ("abc,bc->acb", (4, 5), "b"),
    ("abc,c->ab", (5,), None),
    ("abc,d->abcd", (5, 4, 6), "d"),
    ("ab...,bc->ac...", (6, 4), None),
]


@pytest.mark.parametrize("equation, shape, bias", CONTRACTIONS)
def test_einsum_dense(equation, shape, bias):
    layer = L.EinsumDense(equation, shape, bias_axes=bias, activation="tanh")
    check(chain((5, 4), layer))


def test_einsum_dense_of_heads():
    check(chain((6, 3, 4), L.EinsumDense("bthd,hde->bthe", (6, 3, 5), bias_axes="he")))


def test_einsum_dense_is_dense_where_it_can_be():
    graph = check(chain((5, 4), L.EinsumDense("abc,cd->abd", (5, 6), bias_axes="d")))
    assert [node.op for node in graph.nodes] == ["input", "dense"]
    assert set(graph.nodes[-1].arrays) == {"kernel", "bias"}


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    "shapes, axes",
    [
        ([(4,), (4,)], 1),
        ([(4,), (4,)], -1),
        ([(3, 4), (5, 4)], 2),
        ([(3, 4), (3, 5)], (1, 1)),
        ([(4,), (3, 4)], (1, 2)),
        ([(3, 4), (4,)], (-1, -1)),
        ([(3, 4, 2), (5, 4)], (2, 2)),
    ],
)
def test_dot(shapes, axes, normalize):
    check(join(shapes, L.Dot(axes, normalize)))


M = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("float32")
PRODUCTS = {
    "matrix behind": lambda x: ops.matmul(x, M[0, 0]),
    "row behind": lambda x: ops.matmul(x, M[0, 0, :, 0]),
    "matrix for each": lambda x: ops.matmul(x, M[:, 0]),
    "one matrix for each": lambda x: ops.matmul(x, M[:1, 0]),
    "matrix before": lambda x: ops.matmul(M[0, :, :3, 0], x),
    "row before": lambda x: ops.matmul(M[0, :, 0, 0], x),
    "matrix before each": lambda x: ops.matmul(M[:, :, :3, 0], x),
    "operator": lambda x: x @ M[0, 0],
    "dot": lambda x: ops.dot(x, M[0, 0]),
    "two tensors": lambda x: ops.matmul(x, ops.swapaxes(ops.tanh(x), 2, 3)),
    "tensordot": lambda x: ops.tensordot(x, M[0], axes=[[2, 3], [0, 1]]),
    "tensordot one": lambda x: ops.tensordot(x, M[0, 0], axes=1),
    "einsum": lambda x: ops.einsum("bhtd,hde->bteh", x, M[:, 0]),
    "einsum dots": lambda x: ops.einsum("...td,de->...et", x, M[0, 0]),
    "einsum of one": lambda x: ops.einsum("bhtd->bdh", x),
    "einsum turned": lambda x: ops.einsum("bhtd->bdht", x),
    "einsum constant first": lambda x: ops.einsum("hde,bhtd->bhte", M[:, 0], x),
    "einsum of two": lambda x: ops.einsum("bhtd,bhsd->bhts", x, ops.tanh(x)),
    "einsum of two turned": lambda x: ops.einsum("bhtd,bhsd->bsht", x, ops.tanh(x)),
    "einsum over two": lambda x: ops.einsum("bhtd,bgtd->bhg", x, ops.tanh(x)),
    "einsum outer": lambda x: ops.einsum("bhtd,bhtc->bhtdc", x, ops.tanh(x)),
    "einsum same": lambda x: ops.einsum("bhtd,bhtd->bhtd", x, ops.tanh(x)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_product_operator(name):
    check(chain((2, 3, 4), PRODUCTS[name]))


def test_product_with_heads_that_are_broadcast():
    check(join([(4, 3, 5), (1, 5, 2)], lambda x: ops.matmul(*x)))


# --- elementwise ------------------------------------------------------------------------


def inside(x):
    """Values between 0.1 and 0.9."""
    return ops.sigmoid(x) * 0.8 + 0.1


ELEMENTWISE = [
    ops.abs,
    ops.arcsinh,
    ops.arctan,
    ops.cbrt,
    ops.ceil,
    ops.cos,
    ops.cosh,
    ops.erf,
    ops.exp2,
    ops.expm1,
    ops.floor,
    ops.sign,
    ops.sin,
    ops.sinh,
    ops.square,
    ops.trunc,
    ops.round,
    ops.deg2rad,
    ops.real,
    ops.conj,
    # Newer than the oldest Keras that the package accepts.
    *(getattr(ops, name) for name in ("erfc", "i0", "rad2deg", "sinc") if hasattr(ops, name)),
]
BETWEEN = [
    ops.arccos,
    ops.arcsin,
    ops.arctanh,
    ops.erfinv,
    ops.log,
    ops.log10,
    ops.log1p,
    ops.log2,
    ops.reciprocal,
    ops.rsqrt,
    ops.sqrt,
    ops.tan,
]


@pytest.mark.parametrize("function", ELEMENTWISE, ids=name_of)
def test_elementwise(function):
    check(chain((4, 3), function))


@pytest.mark.parametrize("function", BETWEEN, ids=name_of)
def test_elementwise_on_part_of_the_line(function):
    check(chain((4, 3), inside, function))


ROW = np.array([1.0, 2.0, 0.5], "float32")
POWERS = {
    "square": lambda x: x**2,
    "cube": lambda x: x**3.0,
    "root": lambda x: inside(x) ** 0.5,
    "inverse": lambda x: inside(x) ** -1,
    "itself": lambda x: ops.power(x, 1),
    "of a number": lambda x: 2.0**x,
    "of a row": lambda x: ops.power(ROW, x),
    "of a tensor": lambda x: ops.power(inside(x), x),
    "exp2": lambda x: ops.exp2(x),
    "quotient": lambda x: x / inside(x),
    "number over": lambda x: 3.0 / inside(x),
    "one over": lambda x: 1 / inside(x),
    "row over": lambda x: ops.divide(ROW, inside(x)),
    "over row": lambda x: x / ROW,
    "over itself": lambda x: x / ops.sum(inside(x), axis=-1, keepdims=True),
    "no nan": lambda x: ops.divide_no_nan(x, ops.relu(x)),
    "no nan by zeros": lambda x: ops.divide_no_nan(x, np.array([1.0, 0.0, 2.0], "float32")),
    "arctan2": lambda x: ops.arctan2(x, inside(x)),
    "hypot": lambda x: ops.hypot(x, ops.tanh(x)),
    "logaddexp": lambda x: ops.logaddexp(x, ops.tanh(x)),
    "maximum": lambda x: ops.maximum(ops.square(x), ops.abs(x)),
    "softmax by hand": lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=-1, keepdims=True),
    "distance": lambda x: ops.sqrt(ops.sum(ops.square(x - ROW), axis=-1)),
}


@pytest.mark.parametrize("name", POWERS)
def test_powers_and_quotients(name):
    check(chain((4, 3), POWERS[name]))


# --- activations ------------------------------------------------------------------------

ACTIVATIONS = {
    "threshold": lambda x: ops.threshold(x, 0.3, -0.7),
    "threshold below": lambda x: keras.activations.threshold(x, -0.5, 2.0),
    "hard shrink": lambda x: ops.hard_shrink(x, 1.2),
    "soft shrink": lambda x: ops.soft_shrink(x, 0.2),
    "squareplus": lambda x: ops.squareplus(x, 2),
    "glu": lambda x: ops.glu(x),
    "glu axis": lambda x: ops.glu(x, axis=1),
    "softmax axes": L.Softmax(axis=[1, 2]),
    "softmax other axes": L.Softmax(axis=(1, 3)),
    "softmax all axes": L.Softmax(axis=[1, 2, 3]),
    "log softmax": lambda x: ops.log_softmax(x, axis=2),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    check(chain((4, 5, 6), ACTIVATIONS[name]))


def test_every_exported_activation_gives_a_node():
    """As an argument, as a layer's function or, for a gated unit, as an operator."""
    names = {n for n in dir(keras.activations) if not n.startswith("_")}
    names -= {"deserialize", "get", "serialize", "linear"}
    for name in sorted(names):
        function = getattr(keras.activations, name)
        if name == "threshold":
            function = functools.partial(function, threshold=0.2, default_value=-1.0)
        layer = function if name == "glu" else L.Activation(function)
        graph = check(chain((5, 4), layer))
        assert graph.of("activation"), name


# --- reductions -------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [1, 2, 3, -1, (1, 2), (1, 3), (2, 3), (-1, 1)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    "function",
    [
        ops.mean,
        ops.sum,
        ops.max,
        ops.min,
        ops.var,
        ops.std,
        ops.logsumexp,
        ops.norm,
    ],
    ids=name_of,
)
def test_reduction(function, axis, keepdims):
    check(chain((4, 5, 3), lambda x: function(x, axis=axis, keepdims=keepdims)))


@pytest.mark.parametrize("function", [ops.mean, ops.max, ops.var], ids=name_of)
def test_reduction_to_one_number(function):
    check(chain((4, 5, 3), lambda x: function(x, axis=(1, 2, 3), keepdims=True)))
    check(chain((6,), lambda x: function(x, axis=-1, keepdims=True)))


def test_numbers_without_an_axis_may_be_put_together():
    def both(x):
        total = ops.sum(x, axis=(1, 2)) - x[:, 1, 2]
        return ops.stack([total, ops.mean(x, axis=(1, 2)), x[:, 0, 0]], axis=-1)

    check(chain((4, 5), both, L.Dense(2)))
    check(chain((4, 5), lambda x: ops.max(x, axis=(1, 2))))


@pytest.mark.parametrize("order", [1, 2, math.inf])
def test_norm_along_an_axis(order):
    check(chain((4, 5, 3), lambda x: ops.norm(x, order, axis=2)))


def test_moments_and_average():
    check(chain((4, 5, 3), lambda x: ops.subtract(*ops.moments(x, axes=[1, 2]))))
    check(chain((4, 5, 3), lambda x: ops.average(x, axis=2)))


def test_mean_over_positions_stays_a_pooling():
    graph = check(chain((4, 5, 3), lambda x: ops.mean(x, axis=(1, 2))))
    assert [node.op for node in graph.nodes] == ["input", "global_average_pool"]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_adaptive_average_pooling_of_any_size(data_format):
    options = {"data_format": data_format}
    check(chain((7, 5, 3), L.AdaptiveAveragePooling2D((3, 2), **options)))
    check(chain((7, 4), L.AdaptiveAveragePooling1D(3, **options)))


# --- moving -----------------------------------------------------------------------------

MOVES = {
    "flip": lambda x: ops.flip(x, axis=1),
    "flip channels": lambda x: ops.flip(x, axis=-1),
    "flip two": lambda x: ops.flip(x, axis=(1, 3)),
    "roll": lambda x: ops.roll(x, 2, axis=2),
    "roll back": lambda x: ops.roll(x, -1, axis=3),
    "take": lambda x: ops.take(x, [2, 0, 1, 1], axis=1),
    "take channels": lambda x: ops.take(x, [0, 1, 2, 4, -1], axis=3),
    "take a table": lambda x: ops.take(x, [[2, 0], [1, 1]], axis=2),
    "take one": lambda x: ops.take(x, 1, axis=2),
    "tile": lambda x: ops.tile(x, (1, 2, 1, 3)),
    "tile short": lambda x: ops.tile(x, (2, 1)),
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "repeat channels": lambda x: ops.repeat(x, 2, axis=-1),
    "repeat some": lambda x: ops.repeat(x, [1, 0, 3, 1], axis=1),
    "stack": lambda x: ops.stack([x, ops.relu(x)], axis=1),
    "stack last": lambda x: ops.stack([x, ops.relu(x), -x], axis=-1),
    "sums": lambda x: ops.cumsum(x, axis=2),
    "differences": lambda x: ops.diff(x, axis=1),
    "second differences": lambda x: ops.diff(x, n=2, axis=-1),
    "backwards": lambda x: x[:, ::-1],
    "backwards part": lambda x: x[:, 2:0:-1, ::-2],
    "every second channel": lambda x: x[..., ::2],
    "every second channel from behind": lambda x: x[..., ::-2],
}


@pytest.mark.parametrize("name", MOVES)
def test_moving(name):
    check(chain((4, 5, 6), MOVES[name]))


def test_moving_far_is_one_matrix():
    graph = check(chain((40, 2), lambda x: ops.flip(x, axis=1)))
    assert len(graph.of("dense")) == 1 and not graph.of("crop")
    graph = check(chain((40, 2), lambda x: ops.roll(x, 3, axis=1)))
    assert len(graph.of("crop")) == 2 and not graph.of("dense")


@pytest.mark.parametrize("size", [2, 3])
def test_blocks(size):
    check(chain((6, 12, 2), lambda x: ops.space_to_depth(x, size)))
    check(chain((2, 3, 2 * size**2), lambda x: ops.depth_to_space(x, size)))


# --- layers that keras.applications defines for itself ------------------------------------


def own_layer(module, kind):
    return getattr(importlib.import_module(f"keras.src.applications.{module}"), kind)


def test_layers_of_convnext():
    scale, depth = own_layer("convnext", "LayerScale"), own_layer("convnext", "StochasticDepth")
    graph = check(chain((4, 4, 3), scale(1e-6, 3), depth(0.5), L.Conv2D(2, 3)))
    assert [node.op for node in graph.nodes] == ["input", "scale", "conv"]


def test_layer_of_inception_resnet():
    layer = own_layer("inception_resnet_v2", "CustomScaleLayer")(scale=0.17)
    check(join([(4, 4, 3), (4, 4, 3)], layer))


def test_stochastic_depth_in_training():
    inputs = keras.Input((4,))
    x = own_layer("convnext", "StochasticDepth")(0.5)(inputs, training=True)
    with pytest.raises(UnsupportedLayerError, match="training=True"):
        read_graph(keras.Model(inputs, x))


def test_a_layer_of_the_same_name_and_module_is_another():
    class LayerScale(L.Layer):
        __module__ = "keras.src.applications.convnext"

        def call(self, x):
            return 3 * x

    model = chain((4,), LayerScale(name="mine"))
    with pytest.raises(UnsupportedLayerError, match=r"mine \(LayerScale\)"):
        read_graph(model)


def test_a_class_that_keras_exports_under_another_name():
    assert L.GroupQueryAttention.__name__ != "GroupQueryAttention"
    check(chain((6, 5), one_tensor(L.GroupQueryAttention(3, 4, 2))))
