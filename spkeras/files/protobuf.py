"""Protocol buffers: the fields of one message, without a schema and without code of a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

# Wire types: a varint, 8 bytes, a length and that many bytes, 4 bytes.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(data: bytes, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, lowest first, and the place after it.

    Args:
        data: The bytes.
        place: Index of the first one.

    Raises:
        ValueError: the number does not end, or takes more than 64 bits.
    """
    value = shift = 0
    while shift < 64:
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("a number of a protocol buffer does not end")


def part(data: bytes, start: int, size: int) -> bytes:
    """Return a part of some bytes.

    Raises:
        ValueError: the part lies outside.
    """
    if start < 0 or size < 0 or start + size > len(data):
        raise ValueError(f"{size} bytes at {start} of {len(data)}")
    return data[start : start + size]


class Message:
    """The fields of a message by number, each as often as it occurs.

    Args:
        data: The encoded message.

    Raises:
        ValueError: the bytes are no message.
    """

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = defaultdict(list)
        place = 0
        while place < len(data):
            key, place = varint(data, place)
            kind = key & 7
            value: int | bytes
            if kind == VARINT:
                value, place = varint(data, place)
            elif kind == BYTES:
                size, place = varint(data, place)
                value, place = part(data, place, size), place + size
            elif kind in (FIXED64, FIXED32):
                size = 8 if kind == FIXED64 else 4
                value, place = int.from_bytes(part(data, place, size), "little"), place + size
            else:
                raise ValueError(f"a field of the wire type {kind}")
            self._fields[key >> 3].append(value)

    def number(self, field: int) -> int:
        """Return the last number of a field, as 64 bits with a sign; 0 without one."""
        found = [value for value in self._fields[field] if isinstance(value, int)]
        value = found[-1] if found else 0
        return value - (1 << 64) if value >= 1 << 63 else value

    def all_bytes(self, field: int) -> Sequence[bytes]:
        """Return the bytes of every occurrence of a field."""
        return [value for value in self._fields[field] if isinstance(value, bytes)]

    def text(self, field: int) -> str:
        """Return the last text of a field; "" without one."""
        found = self.all_bytes(field)
        return found[-1].decode() if found else ""

    def messages(self, field: int) -> list[Message]:
        """Return the messages of a field."""
        return [Message(data) for data in self.all_bytes(field)]

    def message(self, field: int) -> Message:
        """Return the last message of a field; an empty one without."""
        found = self.all_bytes(field)
        return Message(found[-1] if found else b"")
