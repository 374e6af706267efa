"""Operation counts against brute force: one spike at a time, followed to where it arrives."""

import functools
import itertools
import math

import numpy as np
import pytest

from spkeras.graph import Graph, Node
from spkeras.graph.macs import fan_out, macs
from tests.oracle_layers import OPERATIONS

STOPS = (
    "activation",
    "function",
    "neuron",
    "max_pool",
    "global_max_pool",
    "multiply",
    "maximum",
    "readout",
)
WEIGHTED = ("conv", "depthwise_conv", "conv_transpose", "dense", "scale")


def source(shape, name="x"):
    return Node(name, "input", (), shape, {"dtype": "float32"})


def conv(of, window, filters, padding="same", strides=1, dilation=1, groups=1, name="c"):
    rank = len(window)
    attributes = {
        "strides": (strides,) * rank, "padding": padding, "dilation": (dilation,) * rank,
        "groups": groups,
    }  # fmt: skip
    arrays = {"kernel": np.ones((*window, of.shape[-1] // groups, filters))}
    out = spatial(of.shape[:-1], window, padding, strides, dilation)
    return Node(name, "conv", (of.name,), (*out, filters), attributes, arrays)


def depthwise(of, window, multiplier, padding="same", strides=1, dilation=1, name="d"):
    rank = len(window)
    attributes = {
        "strides": (strides,) * rank, "padding": padding, "dilation": (dilation,) * rank,
    }  # fmt: skip
    arrays = {"kernel": np.ones((*window, of.shape[-1], multiplier))}
    out = (*spatial(of.shape[:-1], window, padding, strides, dilation), of.shape[-1] * multiplier)
    return Node(name, "depthwise_conv", (of.name,), out, attributes, arrays)


def transposed(of, window, filters, padding, strides, name="t"):
    rank = len(window)
    attributes = {
        "strides": (strides,) * rank, "padding": padding, "dilation": (1,) * rank,
        "output_padding": None,
    }  # fmt: skip
    sizes = zip(of.shape, window, strict=False)
    out = [n * strides + (max(k - strides, 0) if padding == "valid" else 0) for n, k in sizes]
    arrays = {"kernel": np.ones((*window, filters, of.shape[-1]))}
    return Node(name, "conv_transpose", (of.name,), (*out, filters), attributes, arrays)


def dense(of, units, name="dense"):
    arrays = {"kernel": np.ones((of.shape[-1], units))}
    return Node(name, "dense", (of.name,), (*of.shape[:-1], units), {}, arrays)


def pool(of, op, size, strides, padding="valid", name="p"):
    rank = len(of.shape) - 1
    attributes = {"pool_size": (size,) * rank, "strides": (strides,) * rank, "padding": padding}
    out = spatial(of.shape[:-1], (size,) * rank, padding, strides, 1)
    return Node(name, op, (of.name,), (*out, of.shape[-1]), attributes)


def spatial(sizes, window, padding, strides, dilation):
    if padding != "valid":
        return [math.ceil(n / strides) for n in sizes]
    spans = [dilation * (k - 1) + 1 for k in window]
    return [(n - span) // strides + 1 for n, span in zip(sizes, spans, strict=True)]


def relu(of, name="r"):
    attributes = {"function": "relu", "max_value": None, "negative_slope": 0.0, "threshold": 0.0}
    return Node(name, "activation", (of.name,), of.shape, attributes)


def function(kind, of, shape, weight=None, **parameters):
    arrays = {} if weight is None else {"weight": weight}
    reads = tuple(node.name for node in of)
    return Node("f", "function", reads, shape, {"function": kind, **parameters}, arrays)


def net(*nodes, outputs=()):
    return Graph("net", nodes, outputs or (nodes[-1].name,))


def brute_force(graph, name):
    """Operations per spike, by following each single spike through the oracle's layers."""

    @functools.cache
    def cost(node, place, weighted):
        total = float(not weighted) if node.name in graph.outputs else 0.0
        for reader in graph.nodes:
            for index, of in enumerate(reader.inputs):
                if of != node.name:
                    continue
                if reader.op in STOPS:
                    total += not weighted
                    continue
                reached = response(reader, index, node, place)
                for target in zip(*np.nonzero(reached), strict=True):
                    if reader.op in WEIGHTED:
                        total += 1 + cost(reader, target, True)
                    else:
                        total += cost(reader, target, weighted)
        return total

    def response(reader, index, node, place):
        impulses = [np.zeros((1, *graph[of].shape)) for of in reader.inputs]
        impulses[index][(0, *place)] = 1.0
        return OPERATIONS[reader.op](reader, *impulses)[0]

    node = graph[name]
    found = [cost(node, place, False) for place in itertools.product(*map(range, node.shape))]
    return np.reshape(found, node.shape)


X = source((6, 5, 4))
ROW = source((9, 4))
BOX = source((3, 4, 3, 2))
LAYERS = [
    (X, conv(X, (3, 3), 3)),
    (X, conv(X, (5, 5), 3)),
    (X, conv(X, (3, 2), 3, strides=2)),
    (X, conv(X, (3, 3), 2, "valid", strides=2)),
    (X, conv(X, (3, 3), 2, dilation=2)),
    (X, conv(X, (2, 3), 2, "valid", dilation=2)),
    (X, conv(X, (3, 3), 6, groups=2)),
    (X, conv(X, (3, 3), 4, groups=4, strides=2)),
    (ROW, conv(ROW, (4,), 3, "causal")),
    (ROW, conv(ROW, (3,), 3, "causal", strides=2)),
    (ROW, conv(ROW, (3,), 3, "causal", dilation=3)),
    (BOX, conv(BOX, (2, 3, 3), 2)),
    (X, depthwise(X, (3, 3), 2)),
    (X, depthwise(X, (3, 3), 1, strides=2)),
    (X, depthwise(X, (2, 2), 1, "valid", strides=2, dilation=2)),
    (X, transposed(X, (3, 3), 3, "same", 2)),
    (X, transposed(X, (4, 3), 3, "valid", 2)),
    (X, transposed(X, (2, 2), 3, "valid", 3)),
    (X, transposed(X, (3, 3), 3, "same", 1)),
    (X, dense(X, 3)),
]


@pytest.mark.parametrize("x, layer", LAYERS, ids=lambda n: f"{n.op}-{n.shape}")
def test_a_weighted_layer(x, layer):
    graph = net(x, layer, relu(layer))
    counts = fan_out(graph, "x")
    np.testing.assert_array_equal(counts, brute_force(graph, "x"))
    assert macs(graph)[layer.name] == counts.sum()


def test_macs_by_hand():
    x = source((5, 5, 2))
    same = conv(x, (3, 3), 3)
    # 5 x 5 outputs of 9 taps each, less those that hang over the border.
    assert macs(net(x, same))["c"] == (5 * 3 - 2) * (5 * 3 - 2) * 2 * 3
    valid = conv(x, (3, 3), 3, "valid")
    assert macs(net(x, valid))["c"] == 3 * 3 * 9 * 2 * 3
    assert macs(net(x, dense(x, 7)))["dense"] == 5 * 5 * 2 * 7


def test_what_has_no_macs():
    scale = Node("s", "scale", ("x",), X.shape, {}, {"scale": np.ones(4)})
    total = Node("a", "add", ("x", "s"), X.shape)
    pooled = pool(total, "average_pool", 2, 2)
    counts = macs(net(X, scale, total, pooled, relu(pooled)))
    assert counts == {"x": 0, "s": 6 * 5 * 4, "a": 0, "p": 0, "r": 0}


Q, K, V = source((2, 5, 3), "q"), source((2, 7, 3), "k"), source((2, 7, 4), "v")
PRODUCTS = {
    "attention": ((Q, K, V), (2, 5, 4), {"scale": 1.0, "causal": False, "window": None},
                  2 * 5 * 7 * (3 + 4)),
    "causal": ((Q, K, V), (2, 5, 4), {"scale": 1.0, "causal": True, "window": None},
               2 * (1 + 2 + 3 + 4 + 5) * (3 + 4)),
    "window": ((Q, K, V), (2, 5, 4), {"scale": 1.0, "causal": False, "window": 2},
               2 * (2 + 3 + 3 + 3 + 3) * (3 + 4)),
    "additive_attention": ((Q, K, V), (2, 5, 4), {"causal": False}, 2 * 5 * 7 * 4),
    "weighed": ((Q, K, V), (2, 5, 4), {"causal": False, "weight": np.ones(3)},
                2 * 5 * 7 * (3 + 4)),
    "matmul": ((Q, source((2, 3, 6), "k")), (2, 5, 6), {}, 2 * 5 * 6 * 3),
    "dot": ((Q, source((4, 5), "k")), (2, 3, 4), {"axes": (2, 2), "normalize": None},
            2 * 3 * 4 * 5),
    "divide": ((Q, source((2, 5, 3), "k")), (2, 5, 3), {}, 0),
    "layer_normalization": ((Q,), (2, 5, 3), {"axes": (3,), "epsilon": 0.1}, 0),
    "elementwise": ((Q,), (2, 5, 3), {"name": "sqrt"}, 0),
}  # fmt: skip
KINDS = {"causal": "attention", "window": "attention", "weighed": "additive_attention"}


@pytest.mark.parametrize("case", PRODUCTS)
def test_macs_of_functions_by_hand(case):
    of, shape, parameters, wanted = PRODUCTS[case]
    node = function(KINDS.get(case, case), of, shape, **parameters)
    assert macs(net(*of, node))["f"] == wanted


def test_a_value_read_twice_arrives_twice():
    """Keys that are the values too are kept by the neuron as two inputs."""
    numbers = {"scale": 1.0, "causal": False, "window": None}
    graph = net(Q, V, function("attention", [Q, Q, Q], (2, 5, 3), **numbers))
    np.testing.assert_array_equal(fan_out(graph, "q"), np.full(Q.shape, 3.0))


def shaped(op, of, shape, **attributes):
    return Node(op, op, (of.name,), shape, attributes)


PASSING = {
    "pad": lambda x: shaped("pad", x, (9, 5, 4), amounts=((1, 2), (0, 0))),
    "crop": lambda x: shaped("crop", x, (4, 4, 4), amounts=((2, 0), (0, 1))),
    "permute": lambda x: shaped("permute", x, (5, 4, 6), axes=(2, 3, 1)),
    "reshape": lambda x: shaped("reshape", x, (3, 10, 4)),
    "pool": lambda x: pool(x, "average_pool", 2, 2),
    "overlapping pool": lambda x: pool(x, "average_pool", 3, 2, "same"),
    "sparse pool": lambda x: pool(x, "average_pool", 1, 2),
    "nearest": lambda x: shaped(
        "upsample", x, (12, 15, 4), size=(2, 3), interpolation="nearest"
    ),
    "bilinear": lambda x: shaped(
        "upsample", x, (12, 15, 4), size=(2, 3), interpolation="bilinear"
    ),
    "bicubic": lambda x: shaped("upsample", x, (12, 10, 4), size=(2, 2), interpolation="bicubic"),
    "scale": lambda x: Node("s", "scale", (x.name,), x.shape, {}, {"scale": np.ones(4)}),
    "conv": lambda x: conv(x, (2, 3), 4, strides=2, name="first"),
    "depthwise": lambda x: depthwise(x, (3, 3), 2, name="first"),
}  # fmt: skip


@pytest.mark.parametrize("end", ["conv", "neuron"])
@pytest.mark.parametrize("name", PASSING)
def test_what_a_spike_passes(name, end):
    middle = PASSING[name](X)
    last = [conv(middle, (3, 3), 2)] if end == "conv" else []
    graph = net(X, middle, *last, relu([middle, *last][-1]))
    np.testing.assert_array_equal(fan_out(graph, "x"), brute_force(graph, "x"))


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_average(keepdims):
    shape = (1, 1, 4) if keepdims else (4,)
    pooled = shaped("global_average_pool", X, shape, keepdims=keepdims)
    graph = net(X, pooled, dense(pooled, 3))
    np.testing.assert_array_equal(fan_out(graph, "x"), np.full(X.shape, 3.0))
    np.testing.assert_array_equal(fan_out(graph, "x"), brute_force(graph, "x"))


def test_identity_shortcut_costs_one():
    layer = conv(X, (3, 3), 4)
    total = Node("a", "add", ("c", "x"), X.shape)
    graph = net(X, layer, total, relu(total))
    np.testing.assert_array_equal(fan_out(graph, "x"), brute_force(graph, "x"))
    alone = fan_out(net(X, layer, relu(layer)), "x")
    np.testing.assert_array_equal(fan_out(graph, "x") - alone, 1.0)


def test_a_layer_that_reads_a_spike_twice():
    doubled = Node("a", "add", ("x", "x"), X.shape)
    joined = Node("j", "concatenate", ("a", "x"), (6, 5, 8), {"axis": -1})
    graph = net(X, doubled, joined, conv(joined, (3, 3), 2))
    np.testing.assert_array_equal(fan_out(graph, "x"), brute_force(graph, "x"))


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -3])
def test_concatenate(axis):
    y = source(X.shape, "y")
    shape = list(X.shape)
    shape[axis - 1 if axis > 0 else axis] *= 2
    joined = Node("j", "concatenate", ("y", "x"), shape, {"axis": axis})
    graph = net(X, y, joined, conv(joined, (3, 3), 2, strides=2))
    for name in "xy":
        np.testing.assert_array_equal(fan_out(graph, name), brute_force(graph, name))


@pytest.mark.parametrize("op", ["add", "subtract"])
@pytest.mark.parametrize("shape", [(1, 1, 4), (6, 1, 4), (6, 5, 4)])
def test_broadcast_input_reaches_every_element(op, shape):
    small = source(shape, "small")
    total = Node("a", op, ("x", "small"), X.shape)
    graph = net(X, small, total, conv(total, (3, 3), 2))
    np.testing.assert_array_equal(fan_out(graph, "small"), brute_force(graph, "small"))


STOPPING = {
    "activation": relu,
    "max_pool": lambda x: pool(x, "max_pool", 2, 2),
    "global_max_pool": lambda x: shaped("global_max_pool", x, (4,), keepdims=False),
    "multiply": lambda x: Node("m", "multiply", ("x", "other"), x.shape),
    "function": lambda x: function("layer_normalization", [x], x.shape, axes=(3,), epsilon=0.1),
    "readout": lambda x: Node("o", "readout", ("x",), x.shape, {"depth": 0, "code": "rate"}),
}


@pytest.mark.parametrize("name", STOPPING)
def test_where_a_spike_stops(name):
    stop = STOPPING[name](X)
    graph = net(X, source(X.shape, "other"), stop, dense(stop, 3))
    np.testing.assert_array_equal(fan_out(graph, "x"), np.ones(X.shape))


def test_an_output_takes_spikes_as_a_neuron_does():
    graph = net(X, dense(X, 3), outputs=("x", "dense"))
    np.testing.assert_array_equal(fan_out(graph, "x"), np.full(X.shape, 4.0))


def test_spikes_that_nothing_reads():
    graph = net(X, source((3,), "y"), outputs=("y",))
    np.testing.assert_array_equal(fan_out(graph, "x"), np.zeros(X.shape))


def test_separable_convolution_and_pool_together():
    """A spike through a pool, a depthwise and a pointwise convolution, beside a shortcut."""
    pooled = pool(X, "average_pool", 2, 1, "same")
    deep = depthwise(pooled, (3, 3), 1)
    point = conv(deep, (1, 1), 4)
    total = Node("a", "add", ("c", "x"), X.shape)
    graph = net(X, pooled, deep, point, total, relu(total))
    np.testing.assert_array_equal(fan_out(graph, "x"), brute_force(graph, "x"))


def test_large_layers_are_quick():
    x = source((224, 224, 32))
    first = conv(x, (3, 3), 64, strides=2)
    second = conv(first, (3, 3), 64, name="second")
    graph = net(x, first, second, relu(second))
    assert fan_out(graph, "x").shape == x.shape
