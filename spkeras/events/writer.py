"""Writer of operation tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spkeras.events.geometry import Reach
from spkeras.events.program import ROW, Pool, Room
from spkeras.events.table import FIELDS, REGIONS, Field, Kind, Region
from spkeras.ops.arrays import Float32Array, Int64Array

# Events of all slots over a block of steps, if every neuron fires; and the most steps of a block.
_EVENTS, _STEPS = 1 << 23, 32
# Spare entries of a slot: kernels write whole vectors.
_SPARE = 32


class Summed(Protocol):
    """A compiled sum; see `spkeras.events.plan.Site`."""

    inputs: list[tuple[Kind, dict[str, int]]]
    listed: int

    def fields(self, block: int) -> dict[str, int]: ...


@dataclass(frozen=True, eq=False)
class _Entry:
    """Rows of the table that write one slot."""

    kind: Kind
    start: int
    inputs: Sequence[tuple[Kind, Mapping[str, int]]]
    fields: Mapping[str, int]
    site: Summed | None = None


@dataclass(eq=False)
class _Slot:
    """Events of one node; `first` and `last`: the entries that write and that last read them."""

    room: int
    positions: int
    valued: bool
    first: int = -1
    last: int = -1
    place: int = 0


class Writer:
    """Collector of operations, tables, weights, state and event slots."""

    def __init__(self) -> None:
        self.tables, self.weights = Pool(np.int32), Pool(np.float32)
        self.state: list[Float32Array] = []
        self._state_size = 0
        self._entries: list[_Entry] = []
        # The first slot belongs to sites that write no events.
        self._slots = [_Slot(0, 0, False)]

    def site(self, kind: Kind, start: int, site: Summed, fields: Mapping[str, int]) -> None:
        """Add a site."""
        self._entries.append(_Entry(kind, start, inputs=site.inputs, fields=fields, site=site))

    def remap(self, start: int, inputs: Sequence[Mapping[str, int]], **fields: int) -> None:
        """Add a move of events from several slots to one."""
        moved = [(Kind.REMAP, own) for own in inputs]
        self._entries.append(_Entry(Kind.REMAP, start, inputs=moved, fields=fields))

    def slot(self, room: int, positions: int, valued: bool) -> int:
        """Add a slot for `room` events at most, sorted by position."""
        self._slots.append(_Slot(room + _SPARE, positions, valued))
        return len(self._slots) - 1

    def room(self, slot: int) -> int:
        """Return the number of events that a slot holds at most."""
        return self._slots[slot].room - _SPARE

    def valued(self, slot: int) -> int:
        """Return whether the events of a slot have sizes."""
        return int(self._slots[slot].valued)

    def memory(self, values: np.ndarray) -> int:
        """Add values to the state of a sample and return their start."""
        start, self._state_size = self._state_size, self._state_size + values.size
        # Kernels read whole vectors.
        gap = -self._state_size % ROW + ROW
        self.state += [np.asarray(values, np.float32).reshape(-1), np.zeros(gap, np.float32)]
        self._state_size += gap
        return start

    def axis(self, entries: Sequence[Sequence[tuple[int, int, int]]]) -> int:
        """Add the table of an axis: pointers, then three numbers for each entry."""
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

    def finish(self) -> tuple[Int64Array, Int64Array, int, Room]:
        """Return operations, regions, steps of a block, and sizes of buffers."""
        for number, entry in enumerate(self._entries):
            self._slots[entry.fields.get("slot", 0)].first = number
            for _, fields in entry.inputs:
                self._slots[fields["source"]].last = number
        events = _placed(self._slots)
        block = max(1, min(_STEPS, _EVENTS // max(events, 1)))
        regions = np.zeros((len(self._slots), REGIONS), np.int64)
        pointers = 0
        for region, slot in zip(regions, self._slots, strict=True):
            region[Region.PLACES], region[Region.ROOM] = block * slot.place, slot.room
            region[Region.POINTERS], region[Region.LENGTH] = pointers, slot.positions + 1
            region[Region.VALUED] = slot.valued
            pointers += block * (slot.positions + 1)
        operations = np.stack([row for entry in self._entries for row in _rows(entry, block)])
        room = _room(operations, self._entries)
        valued = any(slot.valued for slot in self._slots)
        return (
            operations,
            regions,
            block,
            room._replace(
                events=block * events + _SPARE,
                sizes=(block * events if valued else 0) + _SPARE,
                pointers=pointers + _SPARE,
            ),
        )


def _rows(entry: _Entry, block: int) -> list[Int64Array]:
    site = {"inputs": len(entry.inputs)} if entry.site is None else entry.site.fields(block)
    found = []
    for kind, fields in ((entry.kind, {**site, **entry.fields}), *entry.inputs):
        row = np.zeros(FIELDS, np.int64)
        row[Field.KIND], row[Field.START] = kind, entry.start
        for name, value in fields.items():
            row[Field[name.upper()]] = value
        found.append(row)
    return found


def _placed(slots: Sequence[_Slot]) -> int:
    """Place slots so that those alive at the same time do not overlap; return the end of all."""
    placed: list[_Slot] = []
    for slot in sorted(slots, key=lambda slot: slot.first):
        taken = [other for other in placed if other.last >= slot.first]
        place = 0
        for other in sorted(taken, key=lambda other: other.place):
            if other.place - place >= slot.room:
                break
            place = max(place, other.place + other.room)
        slot.place = place
        placed.append(slot)
    return max(slot.place + slot.room for slot in slots)


def _room(operations: Int64Array, entries: Sequence[_Entry]) -> Room:
    """Return the sizes of the buffers that sites share."""
    sums = listed = ends = rows = 0
    number = 0
    for entry in entries:
        op = operations[number]
        number += 1 + len(entry.inputs)
        if entry.site is not None:
            places = int(op[Field.CHUNK] * op[Field.BAND] * op[Field.WIDTH])
            sums = max(sums, places * int(op[Field.CHANNELS]))
            listed, ends = max(listed, places * entry.site.listed), max(ends, places)
        else:
            ends = max(ends, int(op[Field.LINES]))
        rows = max(rows, *(fields.get("large", 0) for _, fields in entry.inputs), 0)
    own = {"sums": sums + 80, "listed": listed + _SPARE, "ends": ends + 2, "rows": rows + 80}
    return Room(events=0, sizes=0, pointers=0, **own)
