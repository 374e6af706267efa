"""A network in the vocabulary of NIR, as plain records: what all writers and readers share.

Tensors are channels first, without a batch axis: (channels, height, width), (channels, length) or
(features,).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from spkeras.graph.integers import Integers
from spkeras.ops.arrays import Float32Array, Int64Array

# Kinds of parts, and what they do with the sum of their inputs.
INPUT, OUTPUT = "input", "output"
CONV = "conv"  # arrays weight (out, in / groups, *window), bias (out,)
AFFINE = "affine"  # arrays weight (out, in), bias (out,)
SUM_POOL, AVERAGE_POOL = "sum_pool", "average_pool"
FLATTEN = "flatten"
NEURONS = "neurons"  # arrays threshold, initial, (shape); of whole numbers: unit

# Roles of parts that deliver initial potentials (`spkeras.exchange.starts`).
IMAGE, PULSE = "image", "pulse"


@dataclass(frozen=True, eq=False)
class Part:
    """One node.

    Attributes:
        name: Name, unique in its network.
        kind: One of the kinds above.
        inputs: Names of the parts whose outputs are summed; none for an input.
        shape: Output shape.
        arrays: Constants, as the kinds above list them; an input and an output may have `scale` and
            `offset`: values are multiples of it. Neurons and an output of whole numbers have `unit`:
            the value of a 1. Weights of few bits in real numbers have `step`: the value of a code 1.
        window: Kernel of a pooling.
        stride: Of a convolution or pooling, one number an axis.
        padding: Zeros at both ends of each axis.
        dilation: Of a convolution.
        groups: Channel groups of a convolution.
        start: Step, from 0, at which neurons start.
        reset: Reset of neurons: "subtract" or "zero".
        tie: Current that was added to the bias in each step, so that no potential equals its threshold.
        role: "", or what the part does for initial potentials.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    window: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    start: int = 0
    reset: str = "subtract"
    tie: float = 0.0
    role: str = ""

    def with_arrays(self, **arrays: np.ndarray) -> "Part":
        """Return a copy with these arrays set."""
        return replace(self, arrays={**self.arrays, **arrays})


@dataclass(frozen=True, eq=False)
class Exchange:
    """A network: parts in an order in which they can be computed.

    Attributes:
        name: The model's name.
        parts: The parts.
        timesteps: T of the run that it was made for.
        encoding: Encoding of the input: "constant", "regular" or "bernoulli".
        integers: Widths of a network of whole numbers or weights, whose steps and units the parts
            hold.
    """

    name: str
    parts: tuple[Part, ...]
    timesteps: int
    encoding: str = "constant"
    integers: Integers | None = None

    @property
    def whole(self) -> bool:
        """Whether all numbers are whole."""
        return self.integers is not None and self.integers.is_whole

    def __getitem__(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)

    def of(self, *kinds: str) -> tuple[Part, ...]:
        """Return the parts of these kinds, in order."""
        return tuple(part for part in self.parts if part.kind in kinds)

    def with_parts(self, parts: list[Part]) -> "Exchange":
        """Return the network with other parts."""
        return replace(self, parts=tuple(parts))


def channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a channels-last shape with its channels first."""
    return (*shape[-1:], *shape[:-1])


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a channels-first shape with its channels last."""
    return (*shape[1:], *shape[:1])


def order_of(shape: tuple[int, ...]) -> Int64Array:
    """Return where each channels-first element is in a flat channels-last tensor.

    Args:
        shape: Channels last.

    Returns:
        Indices in the channels-first shape.
    """
    index = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    return np.ascontiguousarray(np.moveaxis(index, -1, 0)) if shape else index


def channel_scale(part: Part, weight: Float32Array) -> Float32Array | None:
    """Return the factor of each channel of a convolution that does nothing else; None for others."""
    square = weight.reshape(len(weight), -1)
    if any(part.padding) or set(part.stride) != {1} or weight[0, 0].size != 1:
        return None
    if part.groups == len(weight) == square.size:
        return square[:, 0]
    diagonal = square.shape[0] == square.shape[1] and part.groups == 1
    if not diagonal or np.count_nonzero(square - np.diag(np.diag(square))):
        return None
    return np.diag(square)


def compact(array: np.ndarray) -> np.ndarray:
    """Return one number, or one a channel, where that is all the array holds."""
    if (array == array.flat[0]).all():
        return array.reshape(-1)[:1].reshape(())
    rows = array.reshape(-1, array.shape[-1])
    return rows[0] if (rows == rows[0]).all() else array
