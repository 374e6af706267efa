"""Lowering of linear layers on sums of spikes: additions, poolings, moves of positions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spkeras.graph import Node
from spkeras.ops.arrays import Int32Array
from spkeras.ttfs.kernels import KERNELS
from spkeras.ttfs.terms import Sum, refused
from spkeras.ttfs.windows import composed, window_index


def _reshape(node: Node, values: Sequence[Sum]) -> Sum:
    (value,) = values
    if len(node.shape) == 1:
        return value
    if node.shape[-1] != value.shape[-1]:
        raise refused(node, f"a reshape to {node.shape}", "keep the channels together")
    return replace(value, shape=node.shape)


def _add(node: Node, values: Sequence[Sum]) -> Sum:
    if len({value.shape for value in values}) > 1:
        raise refused(node, "a sum of unequal shapes", "add maps of equal shapes")
    terms = tuple(term for value in values for term in value.terms)
    return Sum(values[0].shape, terms, np.sum([value.bias for value in values], axis=0))


def _subtract(node: Node, values: Sequence[Sum]) -> Sum:
    kept, taken = values
    terms = tuple(
        (
            replace(term, negative=not term.negative)
            if term.kernel is None
            else replace(term, kernel=-term.kernel)
        )
        for term in taken.terms
    )
    return _add(node, (kept, Sum(taken.shape, terms, -taken.bias)))


def _concatenate(node: Node, values: Sequence[Sum]) -> Sum:
    axis, rank = node["axis"], len(node.shape)
    if axis not in (-1, rank) or len({value.shape[:-1] for value in values}) > 1:
        raise refused(node, f"joined along axis {axis}", "concatenate channels only")
    if len(node.shape) == 1 and math.prod(values[0].shape[:-1]) > 1:
        raise refused(node, "flattened maps are joined", "concatenate before Flatten")
    terms, start = [], 0
    for value in values:
        for term in value.terms:
            place = "offset" if term.kernel is None else "first"
            terms.append(replace(term, **{place: start + getattr(term, place)}))
        start += value.shape[-1]
    bias = np.concatenate([value.bias for value in values])
    return Sum((*values[0].shape[:-1], start), tuple(terms), bias)


def pool_window(node: Node, shape: tuple[int, ...]) -> tuple[tuple[int, ...], Int32Array]:
    """Return the shape after a pooling, and the positions under each of its windows."""
    outs = node.shape[:-1] if "pool_size" in node.attributes else (1,)
    return (*outs, shape[-1]), window_index(node, shape)


def _average(node: Node, values: Sequence[Sum]) -> Sum:
    (value,) = values
    shape, index = pool_window(node, value.shape)
    if (index < 0).any():
        raise refused(
            node,
            "windows that reach over the border, where fewer values are averaged",
            "use padding='valid', or a pool size that divides the map",
        )
    members = index.shape[1]
    terms = []
    for term in value.terms:
        scale = term.scale / members
        if term.kernel is None or term.index is None:
            terms.append(replace(term, cells=composed(term.cells, index), scale=scale))
        else:
            kernel = np.tile(term.kernel, (members, 1, 1))
            taps = composed(term.index, index)
            terms.append(replace(term, index=taps, kernel=kernel, scale=scale))
    return Sum(shape, tuple(terms), value.bias)


def _moved(node: Node, values: Sequence[Sum]) -> Sum:
    """Lower a padding, crop, repetition, permutation: the same spikes at other positions."""
    (value,) = values
    _check_move(node, value.shape)
    index = window_index(node, value.shape)
    if (index < 0).any() and value.bias.any():
        raise refused(
            node, "zeros around potentials with a bias", "put the TTFSActivation before it"
        )
    terms = (
        (
            replace(term, cells=composed(term.cells, index))
            if term.index is None
            else replace(term, index=composed(term.index, index))
        )
        for term in value.terms
    )
    return Sum(node.shape, tuple(terms), value.bias)


def _check_move(node: Node, shape: tuple[int, ...]) -> None:
    if node.attributes.get("interpolation", "nearest") != "nearest":
        raise refused(
            node, f"interpolation {node['interpolation']!r}", "use interpolation='nearest'"
        )
    axes = tuple(node.attributes.get("axes", ()))
    if axes and (axes[-1] != len(axes) or tuple(shape[axis - 1] for axis in axes) != node.shape):
        raise refused(node, f"axes {axes}: channels move", "keep the channels last, in their order")


# Lowering of each linear operation: from the sums of its inputs to its sum.
LINEAR: dict[str, Callable[[Node, Sequence[Sum]], Sum]] = {
    **KERNELS,
    "add": _add,
    "average_pool": _average,
    "concatenate": _concatenate,
    "crop": _moved,
    "global_average_pool": _average,
    "pad": _moved,
    "permute": _moved,
    "reshape": _reshape,
    "subtract": _subtract,
    "upsample": _moved,
}
