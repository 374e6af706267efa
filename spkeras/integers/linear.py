"""Linear nodes on whole numbers: one function from input arrays to an output array each."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.connections import groups_of, kernel_of, tables
from spkeras.graph.integers import Integers
from spkeras.graph.windows import positions
from spkeras.ops.arrays import Int32Array, Int64Array

Linear = Callable[[Sequence[np.ndarray]], np.ndarray]


def linear(graph: Graph, node: Node, form: Integers) -> Linear:
    """Return the function of a linear node, without its bias.

    It maps arrays (samples, *shape), one per input, to the node's: int32 to int32, int64 to int64.
    Average poolings sum.

    Args:
        graph: A network of whole numbers.
        node: A linear node of it.
        form: Its steps.
    """
    if node.op == "scale":
        codes = form.codes(node)
        return lambda inputs: np.ascontiguousarray(inputs[0] * codes)
    if node.operation.rearranged is not None:
        return _rearranged(node)
    if node.op in ("add", "subtract"):
        sign = 1 if node.op == "add" else -1
        return lambda inputs: _total([inputs[0], *(sign * other for other in inputs[1:])])
    if node.op == "concatenate":
        axis = node["axis"] if node["axis"] > 0 else node["axis"] + len(node.shape) + 1
        return lambda inputs: np.concatenate(inputs, axis)
    return _windowed(graph, node, form)


def _total(arrays: Sequence[np.ndarray]) -> np.ndarray:
    total: np.ndarray = arrays[0] + arrays[1]
    for array in arrays[2:]:
        total = total + array
    return total


def _rearranged(node: Node) -> Linear:
    if node.op == "permute":
        axes = (0, *node["axes"])
        return lambda inputs: np.ascontiguousarray(inputs[0].transpose(axes))
    return lambda inputs: inputs[0].reshape(-1, *node.shape)


def _windowed(graph: Graph, node: Node, form: Integers) -> Linear:
    from spkeras.integers.kernels import scatter

    shape = graph[node.inputs[0]].shape
    window = positions(tables(node, [shape])[:-1], shape[:-1])
    first, place, tap = inverse(window, math.prod(shape[:-1]))
    if node.operation.kernel is None:
        kernel, groups = np.ones((window.shape[1], 1, shape[-1]), np.int32), shape[-1]
    else:
        codes = kernel_of(node.with_arrays(kernel=form.codes(node)))
        kernel = np.ascontiguousarray(codes.reshape(-1, *codes.shape[-2:]), np.int32)
        groups = groups_of(node, shape[-1]) or 1

    def compute(inputs: Sequence[np.ndarray]) -> np.ndarray:
        values = np.ascontiguousarray(inputs[0].reshape(len(inputs[0]), -1, shape[-1]))
        sums = np.zeros((len(values), len(window), kernel.shape[-1]), values.dtype)
        scatter(values, first, place, tap, kernel, groups, sums)
        return sums.reshape(-1, *node.shape)

    return compute


def inverse(window: Int32Array, size: int) -> tuple[Int64Array, Int32Array, Int32Array]:
    """Return the connections of each input position.

    Args:
        window: Input position under each tap of each output, -1 for none.
        size: Number of input positions.

    Returns:
        Index of the first connection of each position (size + 1,), and of each connection its
        output position and tap.
    """
    outputs, taps = np.nonzero(window >= 0)
    read = window[outputs, taps]
    order = np.argsort(read, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(read, minlength=size))])
    return (
        first.astype(np.int64),
        outputs[order].astype(np.int32),
        taps[order].astype(np.int32),
    )
