"""What linear layers make of spikes on their way to a sum: cells, taps and kernels."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Node
from spkeras.ttfs.windows import composed, cropped_index, padded_index, window_index


@dataclass(frozen=True, eq=False)
class Term:
    """Spikes of one layer on their way to a sum.

    Attributes:
        source: The layer that sends.
        cells: int32 (positions, members) into the source's positions, -1 for nothing.
        scale: Weight of each of them, but for the kernel.
        offset: First channel of the sum that the source's channels stand at.
        channels: Number of the source's channels.
        kernel: (taps, channels, out) behind `index`, once a layer with weights was met.
        index: (positions out, taps) into the cells; None as long as there is no kernel.
        name: The layer of the kernel.
    """

    source: str
    cells: np.ndarray
    scale: float
    offset: int
    channels: int
    kernel: np.ndarray | None = None
    index: np.ndarray | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class Sum:
    """What a node computes, as a sum over spikes.

    Attributes:
        shape: (spatial sizes ..., channels), also where the node itself has been flattened.
        terms: The spikes.
        bias: (channels,).
    """

    shape: tuple[int, ...]
    terms: tuple[Term, ...]
    bias: np.ndarray


def refused(node: Node, received: str, remedy: str) -> UnsupportedLayerError:
    """The error for a layer that cannot be lowered; for the caller to raise."""
    return UnsupportedLayerError([f"{node.source or node.name} ({node.op}): {received}; {remedy}"])


def _weighted(node: Node, value: Sum, index: np.ndarray, kernel: np.ndarray) -> Sum:
    """The sum behind a layer with weights; kernel (taps, channels in, channels out)."""
    if any(term.kernel is not None for term in value.terms) or value.bias.any():
        raise refused(
            node, "weights behind weights without an activation between them",
            "put a TTFSActivation between the two layers, or merge them into one",
        )  # fmt: skip
    terms = tuple(
        replace(
            term,
            kernel=kernel[:, term.offset : term.offset + term.channels],
            index=index,
            name=node.name,
        )
        for term in value.terms
    )
    bias = np.asarray(node.arrays.get("bias", np.zeros(kernel.shape[-1])), np.float64)
    return Sum((*node.shape[:-1], kernel.shape[-1]), terms, bias)


def _conv(node: Node, values: Sequence[Sum]) -> Sum:
    (value,) = values
    kernel = node.arrays["kernel"]
    if node["groups"] != 1:
        raise refused(node, f"{node['groups']} groups", "use groups=1")
    index = window_index(
        value.shape[:-1], node.shape[:-1], kernel.shape[:-2], node["strides"], node["dilation"],
        node["padding"],
    )  # fmt: skip
    return _weighted(node, value, index, kernel.reshape(-1, *kernel.shape[-2:]))


def _dense(node: Node, values: Sequence[Sum]) -> Sum:
    (value,) = values
    kernel = node.arrays["kernel"]
    channels = value.shape[-1]
    if len(node.shape) > 1:
        index = np.arange(math.prod(value.shape[:-1]), dtype=np.int32)[:, None]
        return _weighted(node, value, index, kernel[None])
    taps = math.prod(value.shape[:-1])
    index = np.arange(taps, dtype=np.int32)[None]
    result = _weighted(node, value, index, kernel.reshape(taps, channels, -1))
    return replace(result, shape=(1, kernel.shape[-1]))


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


def _concatenate(node: Node, values: Sequence[Sum]) -> Sum:
    axis, rank = node["axis"], len(node.shape)
    if axis not in (-1, rank) or len({value.shape[:-1] for value in values}) > 1:
        raise refused(node, f"joined along axis {axis}", "concatenate channels only")
    if len(node.shape) == 1 and math.prod(values[0].shape[:-1]) > 1:
        raise refused(node, "flattened maps are joined", "concatenate before Flatten")
    terms, start = [], 0
    for value in values:
        if any(term.kernel is not None for term in value.terms) or value.bias.any():
            raise refused(node, "joins potentials", "put the TTFSActivation before it")
        terms += [replace(term, offset=start + term.offset) for term in value.terms]
        start += value.shape[-1]
    shape = (*values[0].shape[:-1], start)
    return Sum(shape, tuple(terms), np.zeros(start))


def pool_window(node: Node, shape: tuple[int, ...]) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape behind a pooling, and the positions under each of its windows."""
    if "pool_size" not in node.attributes:
        positions = math.prod(shape[:-1])
        return (1, shape[-1]), np.arange(positions, dtype=np.int32)[None]
    ones = (1,) * len(node["pool_size"])
    index = window_index(
        shape[:-1], node.shape[:-1], node["pool_size"], node["strides"], ones, node["padding"]
    )
    return (*node.shape[:-1], shape[-1]), index


def _average(node: Node, values: Sequence[Sum]) -> Sum:
    (value,) = values
    shape, index = pool_window(node, value.shape)
    if (index < 0).any():
        raise refused(
            node, "windows that reach over the border, where fewer values are averaged",
            "use padding='valid', or a pool size that divides the map",
        )  # fmt: skip
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


def _moved(index_of: Callable[..., np.ndarray]) -> Callable[[Node, Sequence[Sum]], Sum]:
    """A padding or cropping: other cells, the same spikes."""

    def passed(node: Node, values: Sequence[Sum]) -> Sum:
        (value,) = values
        if any(term.kernel is not None for term in value.terms):
            raise refused(node, "potentials are moved", "put the TTFSActivation before it")
        index = index_of(value.shape[:-1], node["amounts"])[:, None]
        terms = (replace(term, cells=composed(term.cells, index)) for term in value.terms)
        return Sum(node.shape, tuple(terms), value.bias)

    return passed


# How each linear operation passes on sums of spikes.
LINEAR: dict[str, Callable[[Node, Sequence[Sum]], Sum]] = {
    "add": _add,
    "average_pool": _average,
    "concatenate": _concatenate,
    "conv": _conv,
    "crop": _moved(cropped_index),
    "dense": _dense,
    "global_average_pool": _average,
    "pad": _moved(padded_index),
    "reshape": _reshape,
}
