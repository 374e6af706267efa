"""Ten topologies between neurons, small enough to follow every single spike."""

import numpy as np

from spkeras.graph import Graph, Node
from tests.graph.nodes import (
    concatenate,
    conv,
    dense,
    depthwise,
    merged,
    pool,
    scale,
    shaped,
    source,
    transposed,
)


def neuron(of, name, depth=0, pool=None, shape=None):
    """A layer of binary neurons."""
    attributes = {
        "model": "binary",
        "reset": "subtract",
        "initial_potential": 0.5,
        "max_spikes_per_step": 1,
        "depth": depth,
        "pool": pool,
        "function": "relu",
        "spike_code": "rate",
        "levels": 5,
        "mantissa_bits": 0,
        "max_value": None,
        "negative_slope": 0.0,
        "threshold": 0.0,
    }
    arrays = {"threshold": np.ones(())}
    return Node(name, "neuron", (of.name,), shape or of.shape, attributes, arrays)


def readout(of, depth=9, name="answer"):
    return Node(name, "readout", (of.name,), of.shape, {"depth": depth, "spike_code": "rate"})


def net(*nodes, outputs=("answer",)):
    return Graph("net", nodes, outputs)


X = source((6, 5, 4))
N1 = neuron(X, "n1", 0)


def plain_convolutions():
    """Borders, strides, dilation and groups, one weighted layer at a time."""
    a = conv(N1, (3, 3), 6, strides=2, name="a")
    n2 = neuron(a, "n2", 1)
    b = conv(n2, (2, 3), 4, dilation=2, groups=2, name="b")
    n3 = neuron(b, "n3", 2)
    c = conv(n3, (2, 2), 3, "valid", strides=2, name="c")
    return net(X, N1, a, n2, b, n3, c, readout(c))


def separable():
    """A depthwise and a pointwise convolution without a neuron between, strided."""
    deep = depthwise(N1, (3, 3), 2, strides=2, name="deep")
    point = conv(deep, (1, 1), 5, name="point")
    return net(X, N1, deep, point, readout(point, 1))


def bottleneck():
    """Two linear bottlenecks of MobileNetV2: project, add, expand; nothing fires on the sums."""
    project1 = conv(N1, (1, 1), 3, name="project1")
    expand1 = conv(project1, (1, 1), 6, name="expand1")
    n2 = neuron(expand1, "n2", 1)
    deep = depthwise(n2, (3, 3), 1, name="deep")
    n3 = neuron(deep, "n3", 2)
    project2 = conv(n3, (1, 1), 3, name="project2")
    total = merged("add", project1, project2, name="total")
    expand2 = conv(total, (1, 1), 5, name="expand2")
    n4 = neuron(expand2, "n4", 3)
    return net(X, N1, project1, expand1, n2, deep, n3, project2, total, expand2, n4, readout(n4))


def residual():
    """Identity shortcuts of neurons, beside one and beside two convolutions."""
    first = conv(N1, (3, 3), 4, name="first")
    n2 = neuron(first, "n2", 1)
    second = conv(n2, (3, 3), 4, name="second")
    total = merged("add", second, N1, name="total")
    n3 = neuron(total, "n3", 2)
    third = conv(n3, (1, 3), 4, name="third")
    fourth = conv(third, (3, 1), 4, name="fourth")
    last = merged("subtract", fourth, n3, third, name="last")
    return net(X, N1, first, n2, second, total, n3, third, fourth, last, readout(last))


def densely_connected():
    """Concatenations with a batch normalisation before each activation and convolution."""
    one = conv(N1, (3, 3), 2, name="one")
    joined = concatenate(N1, one, name="joined")
    norm1 = scale(joined, "norm1")
    n2 = neuron(norm1, "n2", 1)
    two = conv(n2, (3, 3), 2, name="two")
    more = concatenate(joined, two, name="more")
    norm2 = scale(more, "norm2")
    n3 = neuron(norm2, "n3", 2)
    three = conv(more, (2, 2), 3, name="three")
    n4 = neuron(three, "n4", 2)
    return net(
        X,
        N1,
        one,
        joined,
        norm1,
        n2,
        two,
        more,
        norm2,
        n3,
        three,
        n4,
        Node("a3", "readout", ("n3",), n3.shape, {"depth": 3, "spike_code": "rate"}),
        readout(n4),
        outputs=("a3", "answer"),
    )


def decoder():
    """Upsampling, transposed convolutions, cropping and padding."""
    up = shaped("upsample", N1, (12, 10, 4), "up", size=(2, 2), interpolation="bilinear")
    grown = transposed(up, (3, 3), 2, "same", 2, name="grown")
    cut = shaped("crop", grown, (9, 8, 2), amounts=((5, 10), (0, 12)))
    n2 = neuron(cut, "n2", 1)
    wide = transposed(n2, (4, 3), 3, "valid", 2, name="wide")
    padded = shaped("pad", wide, (22, 18, 3), amounts=((1, 1), (1, 0)))
    last = conv(padded, (3, 3), 2, "valid", strides=3, name="last")
    return net(X, N1, up, grown, cut, n2, wide, padded, last, readout(last))


def pooled():
    """Overlapping and global average pools; a neuron that pools what it receives."""
    mean = pool(N1, "average_pool", 3, 2, "same", name="mean")
    mixed = conv(mean, (3, 3), 4, name="mixed")
    window = {"pool_size": (2, 2), "strides": (2, 2), "padding": "same"}
    n2 = neuron(mixed, "n2", 1, window, (2, 2, 4))
    whole = shaped("global_average_pool", n2, (4,), "whole", keepdims=False)
    gate = shaped("global_average_pool", n2, (1, 1, 4), "gate", keepdims=True)
    shifted = merged("add", n2, gate, name="shifted")
    n3 = neuron(shifted, "n3", 2)
    flat = shaped("reshape", n3, (16,), "flat")
    scores = merged("add", dense(flat, 3, "d1"), dense(whole, 3, "d2"), name="scores")
    nodes = (
        X,
        N1,
        mean,
        mixed,
        n2,
        whole,
        gate,
        shifted,
        n3,
        flat,
        dense(flat, 3, "d1"),
        dense(whole, 3, "d2"),
        scores,
        readout(scores),
    )
    return net(*nodes)


def two_inputs():
    """Two images whose paths meet before and after a weight, beside constant currents."""
    y = source((6, 5, 2), "y")
    n2 = neuron(y, "n2", 0)
    near, far = conv(N1, (3, 3), 2, name="near"), conv(N1, (3, 3), 2, dilation=2, name="far")
    joined = concatenate(near, n2, axis=1, name="joined")
    turned = shaped("permute", joined, (5, 2, 12), "turned", axes=(2, 3, 1))
    folded = shaped("reshape", turned, (4, 10, 3), "folded")
    mixed = conv(folded, (3, 3), 6, groups=3, name="mixed")
    both = merged("add", near, far, n2, name="both")
    weighed = dense(both, 3, "weighed")
    return net(
        X,
        y,
        N1,
        n2,
        near,
        far,
        joined,
        turned,
        folded,
        mixed,
        both,
        weighed,
        readout(mixed, 1, "a1"),
        readout(weighed, 1),
        outputs=("a1", "answer"),
    )


def two_outputs():
    """A shared trunk that two read-outs and a neuron read."""
    trunk = conv(N1, (3, 3), 3, strides=2, name="trunk")
    n2 = neuron(trunk, "n2", 1)
    flat = shaped("reshape", trunk, (27,), "flat")
    left, right = dense(flat, 2, "left"), scale(trunk, "right")
    return net(
        X,
        N1,
        trunk,
        n2,
        flat,
        left,
        right,
        readout(left, 1, "a1"),
        readout(right, 1, "a2"),
        readout(n2),
        outputs=("a1", "a2", "answer"),
    )


def sequence():
    """One axis: causal and dilated convolutions, a pool, a residual sum."""
    row = source((9, 4), "row")
    n1 = neuron(row, "n1", 0)
    first = conv(n1, (3,), 4, "causal", dilation=2, name="first")
    mean = pool(first, "average_pool", 3, 1, "same", name="mean")
    total = merged("add", mean, n1, name="total")
    second = conv(total, (4,), 3, "causal", strides=2, name="second")
    n2 = neuron(second, "n2", 1)
    whole = shaped("global_average_pool", n2, (3,), "whole", keepdims=False)
    scores = dense(whole, 2, "scores")
    return net(row, n1, first, mean, total, second, n2, whole, scores, readout(scores))


TOPOLOGIES = {
    function.__name__: function
    for function in (
        plain_convolutions,
        separable,
        bottleneck,
        residual,
        densely_connected,
        decoder,
        pooled,
        two_inputs,
        two_outputs,
        sequence,
    )
}
