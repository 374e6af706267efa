"""Multiply-accumulates against brute force and by hand."""

import numpy as np
import pytest

from spkeras.graph import Node
from spkeras.graph.macs import macs
from tests.graph.brute_force import matrix
from tests.graph.nodes import conv, dense, depthwise, function, net, pool, relu, source, transposed

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
    assert macs(graph)[layer.name] == matrix(graph, layer, 0).sum()


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
CELL = {
    "activation": {"function": "tanh"},
    "gate": {"function": "sigmoid"},
    "backwards": False,
    "result": "sequence",
}
PRODUCTS = {
    "attention": (
        (Q, K, V),
        (2, 5, 4),
        {"scale": 1.0, "causal": False, "window": None},
        2 * 5 * 7 * (3 + 4),
    ),
    "causal": (
        (Q, K, V),
        (2, 5, 4),
        {"scale": 1.0, "causal": True, "window": None},
        2 * (1 + 2 + 3 + 4 + 5) * (3 + 4),
    ),
    "window": (
        (Q, K, V),
        (2, 5, 4),
        {"scale": 1.0, "causal": False, "window": 2},
        2 * (2 + 3 + 3 + 3 + 3) * (3 + 4),
    ),
    "additive_attention": ((Q, K, V), (2, 5, 4), {"causal": False}, 2 * 5 * 7 * 4),
    "weighed": ((Q, K, V), (2, 5, 4), {"causal": False, "weight": np.ones(3)}, 2 * 5 * 7 * (3 + 4)),
    "matmul": ((Q, source((2, 3, 6), "k")), (2, 5, 6), {}, 2 * 5 * 6 * 3),
    "dot": (
        (Q, source((4, 5), "k")),
        (2, 3, 4),
        {"axes": (2, 2), "normalize": None},
        2 * 3 * 4 * 5,
    ),
    "other axes": (
        (Q, source((4, 6, 5), "k")),
        (2, 3, 4, 6),
        {"axes": (2, 3), "normalize": 1.0},
        2 * 3 * 4 * 6 * 5,
    ),
    "recurrent": (
        (source((2, 5, 6), "q"),),
        (2, 5, 2),
        {"cell": "gru_reset_after", **CELL, "weight": np.ones((3, 6))},
        2 * 5 * 2 * 6,
    ),
    "convolutional": (
        (source((5, 4, 3, 8), "q"),),
        (5, 4, 3, 2),
        {"cell": "lstm", **CELL, "weight": np.ones((3, 1, 2, 8))},
        5 * (4 * 3 - 2) * 3 * 2 * 8,
    ),
    "divide": ((Q, source((2, 5, 3), "k")), (2, 5, 3), {}, 0),
    "layer_normalization": ((Q,), (2, 5, 3), {"axes": (3,), "epsilon": 0.1}, 0),
    "elementwise": ((Q,), (2, 5, 3), {"name": "sqrt"}, 0),
}
KINDS = {
    "causal": "attention",
    "convolutional": "recurrent",
    "other axes": "dot",
    "window": "attention",
    "weighed": "additive_attention",
}


@pytest.mark.parametrize("case", PRODUCTS)
def test_macs_of_functions_by_hand(case):
    of, shape, parameters, wanted = PRODUCTS[case]
    node = function(KINDS.get(case, case), of, shape, **parameters)
    assert macs(net(*of, node))["f"] == wanted
