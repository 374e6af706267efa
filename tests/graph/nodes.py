"""Nodes of graphs written by hand."""

import math

import numpy as np

from spkeras.graph import Graph, Node


def source(shape, name="x"):
    return Node(name, "input", (), shape, {"dtype": "float32"})


def conv(of, window, filters, padding="same", strides=1, dilation=1, groups=1, name="c"):
    rank = len(window)
    attributes = {
        "strides": (strides,) * rank,
        "padding": padding,
        "dilation": (dilation,) * rank,
        "groups": groups,
    }
    arrays = {"kernel": np.ones((*window, of.shape[-1] // groups, filters))}
    out = spatial(of.shape[:-1], window, padding, strides, dilation)
    return Node(name, "conv", (of.name,), (*out, filters), attributes, arrays)


def depthwise(of, window, multiplier, padding="same", strides=1, dilation=1, name="d"):
    rank = len(window)
    attributes = {
        "strides": (strides,) * rank,
        "padding": padding,
        "dilation": (dilation,) * rank,
    }
    arrays = {"kernel": np.ones((*window, of.shape[-1], multiplier))}
    out = (*spatial(of.shape[:-1], window, padding, strides, dilation), of.shape[-1] * multiplier)
    return Node(name, "depthwise_conv", (of.name,), out, attributes, arrays)


def transposed(of, window, filters, padding, strides, name="t"):
    rank = len(window)
    attributes = {
        "strides": (strides,) * rank,
        "padding": padding,
        "dilation": (1,) * rank,
        "output_padding": None,
    }
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


def shaped(op, of, shape, name=None, **attributes):
    return Node(name or op, op, (of.name,), shape, attributes)


def merged(op, *of, name="a", **attributes):
    """An elementwise operation on several nodes, broadcast."""
    shape = np.broadcast_shapes(*(node.shape for node in of))
    return Node(name, op, tuple(node.name for node in of), shape, attributes)


def scale(of, name="s"):
    return Node(name, "scale", (of.name,), of.shape, {}, {"scale": np.ones(of.shape[-1])})


def concatenate(*of, axis=-1, name="j"):
    shape = list(of[0].shape)
    place = axis - 1 if axis > 0 else axis
    shape[place] = sum(node.shape[place] for node in of)
    return Node(name, "concatenate", tuple(node.name for node in of), tuple(shape), {"axis": axis})
