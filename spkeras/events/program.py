"""A network of neurons as a table of operations on events."""

import hashlib
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array


class Room(NamedTuple):
    """Sizes of the buffers that a thread needs, in numbers.

    Attributes:
        events: Positions of events.
        sizes: Sizes of events.
        pointers: Pointers to the first event of each position.
        sums: Sums of a band of rows over some steps.
        listed: Rows of weights that these sums receive.
        ends: Pointers to the first row of weights of each position.
        rows: Input rows of a channelwise window, as an array.
    """

    events: int
    sizes: int
    pointers: int
    sums: int
    listed: int
    ends: int
    rows: int


@dataclass(frozen=True, eq=False)
class EventProgram:
    """The arguments of `spkeras.events.kernels.run` for one network, with names and shapes.

    Attributes:
        operations: The operation table, int64 (operations, fields).
        tables: Integers that operations point into, int32.
        weights: Numbers that operations point into, float32.
        state: The potentials of one sample before the first step, float32.
        regions: The table of event slots, int64 (slots, `spkeras.events.table.Region`).
        block: Number of steps that run at once.
        room: Sizes of the buffers of a thread; see `spkeras.events.engine`.
        own: Name of the source node and number of elements of each constant current that depends
            on the sample, in order.
        neurons: Names and shapes of the layers of neurons, in order.
        levels: Number of exponents of each layer's graded spikes; 0 for whole spikes.
        outputs: Names and shapes of the read-outs, in order.
    """

    operations: Int64Array
    tables: Int32Array
    weights: Float32Array
    state: Float32Array
    regions: Int64Array
    block: int
    room: Room
    own: tuple[tuple[str, int], ...]
    neurons: tuple[tuple[str, tuple[int, ...]], ...]
    levels: tuple[int, ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def output_size(self) -> int:
        """Number of values of all read-outs."""
        return sum(int(np.prod(shape)) for _, shape in self.outputs)

    @property
    def neuron_count(self) -> int:
        """Number of neurons in all layers."""
        return sum(int(np.prod(shape)) for _, shape in self.neurons)


Number = TypeVar("Number", np.int32, np.float32)
# Numbers of four bytes in a cache line: whole lines are read and written fastest.
ROW = 16


def aligned(shape: tuple[int, ...], dtype: type[Number]) -> NDArray[Number]:
    """Return zeros aligned to a cache line; `dtype` has four bytes."""
    size = int(np.prod(shape))
    padded = np.zeros(size + ROW, dtype)
    gap = (-padded.ctypes.data // 4) % ROW
    return padded[gap : gap + size].reshape(shape)


class Pool(Generic[Number]):
    """An array that grows; equal parts are stored once."""

    def __init__(self, dtype: type[Number]) -> None:
        self.dtype: type[Number] = dtype
        self.size = 0
        # Pointers into a table of integers are computed before it is added: no alignment there.
        self.moves = dtype is np.float32
        self._parts: list[NDArray[Number]] = []
        self._known: dict[bytes, int] = {}

    def add(self, values: ArrayLike) -> int:
        """Add values and return their start."""
        array = np.ascontiguousarray(values, self.dtype).reshape(-1)
        key = hashlib.sha256(array.tobytes()).digest()
        if key in self._known:
            return self._known[key]
        if self.moves and array.size > ROW:
            self.align()
        start, self.size = self.size, self.size + array.size
        self._parts.append(array)
        self._known[key] = start
        return start

    def align(self) -> None:
        """Leave a gap, so that the next part starts at a cache line."""
        gap = -self.size % ROW
        self._parts.append(np.zeros(gap, self.dtype))
        self.size += gap

    def array(self) -> NDArray[Number]:
        """Return the whole array; it is never empty, since compiled code slices it."""
        self.align()
        whole = aligned((self.size + ROW,), self.dtype)
        whole[: self.size] = np.concatenate([np.zeros(0, self.dtype), *self._parts])
        return whole
