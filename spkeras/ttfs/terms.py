"""Spikes on their way to a sum, and the sums that linear layers make of them."""

from dataclasses import dataclass

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Node


@dataclass(frozen=True, eq=False)
class Term:
    """Spikes of one layer on their way to a sum.

    Attributes:
        source: The layer that sends.
        cells: int32 (positions, members) into the source's positions, -1 for nothing.
        scale: Weight of each of them, but for the kernel.
        offset: First channel of the sum that the source's channels stand at.
        channels: Number of the source's channels.
        kernel: (taps, channels / groups, reached) behind `index`, once a layer with weights was
            met.
        index: (positions out, taps) into the cells; None as long as there is no kernel.
        name: The layer of the kernel.
        groups: Shares of the kernel that do not mix.
        first: First channel of the sum that the kernel reaches.
        negative: Whether what has no kernel yet is taken away.
    """

    source: str
    cells: np.ndarray
    scale: float
    offset: int
    channels: int
    kernel: np.ndarray | None = None
    index: np.ndarray | None = None
    name: str = ""
    groups: int = 1
    first: int = 0
    negative: bool = False


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
