"""Sums of spikes: the form of potentials during lowering."""

from dataclasses import dataclass

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Node
from spkeras.ops.arrays import Float64Array, Int32Array


@dataclass(frozen=True, eq=False)
class Term:
    """The contribution of one layer's spikes to a sum.

    Attributes:
        source: Name of the sending layer.
        cells: Positions of the source in each cell, int32 (positions, members); -1 for padding.
        scale: Factor of all weights.
        offset: First channel of the sum that the source's channels reach, without a kernel.
        channels: Number of the source's channels.
        kernel: Weights (taps, channels / groups, reached); None before the first weighted layer.
        index: Cell under each tap, (positions out, taps); None without a kernel.
        name: Name of the kernel's layer.
        groups: Number of channel groups of the kernel.
        first: First channel of the sum that the kernel reaches.
        negative: Whether a term without a kernel is subtracted.
    """

    source: str
    cells: Int32Array
    scale: float
    offset: int
    channels: int
    kernel: np.ndarray | None = None
    index: Int32Array | None = None
    name: str = ""
    groups: int = 1
    first: int = 0
    negative: bool = False


@dataclass(frozen=True, eq=False)
class Sum:
    """The potential of a node, as a sum over spikes.

    Attributes:
        shape: Shape (spatial sizes ..., channels), also after a flattening.
        terms: The contributions of layers.
        bias: Bias (channels,).
    """

    shape: tuple[int, ...]
    terms: tuple[Term, ...]
    bias: Float64Array


def refused(node: Node, received: str, remedy: str) -> UnsupportedLayerError:
    """Return the error for a layer that cannot be lowered; the caller raises it."""
    return UnsupportedLayerError([f"{node.source or node.name} ({node.op}): {received}; {remedy}"])
