"""A network of neurons as a table of operations on events, and a writer of such tables."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spkeras.events.geometry import Reach
from spkeras.events.table import FIELDS, Field, Kind
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class EventProgram:
    """The arguments of `spkeras.events.kernels.run` for one network, with names and shapes.

    Attributes:
        operations: The operation table, int64 (operations, fields).
        tables: Integers that operations point into, int32.
        weights: Numbers that operations point into, float32.
        state: The potentials of one sample before the first step, float32.
        regions: Start of the events of each slot, int64; the last number is the end of all.
        own: Name of the source node and number of elements of each constant current that depends
            on the sample, in order.
        neurons: Names and shapes of the layers of neurons, in order.
        outputs: Names and shapes of the read-outs, in order.
    """

    operations: Int64Array
    tables: Int32Array
    weights: Float32Array
    state: Float32Array
    regions: Int64Array
    own: tuple[tuple[str, int], ...]
    neurons: tuple[tuple[str, tuple[int, ...]], ...]
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
_ROW = 16


def aligned(shape: tuple[int, ...], dtype: type[Number]) -> NDArray[Number]:
    """Return zeros aligned to a cache line; `dtype` has four bytes."""
    size = int(np.prod(shape))
    padded = np.zeros(size + _ROW, dtype)
    gap = (-padded.ctypes.data // 4) % _ROW
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
        if self.moves and array.size > _ROW:
            self.align()
        start, self.size = self.size, self.size + array.size
        self._parts.append(array)
        self._known[key] = start
        return start

    def align(self) -> None:
        """Leave a gap, so that the next part starts at a cache line."""
        gap = -self.size % _ROW
        self._parts.append(np.zeros(gap, self.dtype))
        self.size += gap

    def array(self) -> NDArray[Number]:
        """Return the whole array; it is never empty, since compiled code slices it."""
        self.align()
        whole = aligned((self.size + _ROW,), self.dtype)
        whole[: self.size] = np.concatenate([np.zeros(0, self.dtype), *self._parts])
        return whole


class Writer:
    """Collector of operations, tables, weights, state and event slots."""

    def __init__(self) -> None:
        self.tables, self.weights = Pool(np.int32), Pool(np.float32)
        self.state: list[Float32Array] = []
        self.state_size = 0
        self.operations: list[Int64Array] = []
        # The first slot belongs to operations that write no events.
        self.regions, self.places, self.rooms = [0], 8, [0]

    def operation(self, kind: Kind, start: int, **fields: int) -> None:
        """Add an operation."""
        row = np.zeros(FIELDS, np.int64)
        row[Field.KIND], row[Field.START] = kind, start
        for name, value in fields.items():
            row[Field[name.upper()]] = value
        self.operations.append(row)

    def slot(self, size: int) -> int:
        """Add a slot for `size` events, with eight spare entries (see the firing kernel)."""
        self.rooms.append(size)
        self.regions.append(self.places)
        self.places += size + 8
        return len(self.regions) - 1

    def memory(self, values: np.ndarray) -> int:
        """Add values to the state of a sample and return their start."""
        start, self.state_size = self.state_size, self.state_size + values.size
        gap = -self.state_size % _ROW
        self.state += [np.asarray(values, np.float32).reshape(-1), np.zeros(gap, np.float32)]
        self.state_size += gap
        return start

    def axis(self, entries: Sequence[Sequence[tuple[int, int, int]]]) -> int:
        """Add the table of an axis: pointers, then three numbers for each reached position."""
        lengths = [3 * len(reached) for reached in entries]
        flat = [number for reached in entries for entry in reached for number in entry]
        # Pointers are indices into all tables; the entries follow the pointers.
        pointers = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        start = self.tables.size
        pointers += start + len(pointers)
        return self.tables.add(np.concatenate([pointers, np.asarray(flat, np.int64)]))

    def window(self, reach: Reach, step: int, lead: int, factors: dict[float, int]) -> int:
        """Add the table of an axis of a window, with indices into `factors`."""
        return self.axis(
            [
                [
                    (o * step, tap * lead, factors.setdefault(share, len(factors)))
                    for o, tap, share in e
                ]
                for e in reach
            ]
        )
