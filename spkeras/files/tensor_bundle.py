"""Variables of TensorFlow: an index of names (a sorted table) beside files of bytes.

Reference:
    TensorFlow 2.15, ``core/util/tensor_bundle``, ``core/lib/io/table`` (the format of LevelDB).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spkeras.files.limits import Allowance
from spkeras.files.protobuf import Message, part, varint

MAGIC = 0xDB4775248B80FB57
FOOTER, TRAILER = 48, 5
STRING, BFLOAT16 = 7, 14
# Numbers of TensorFlow's types.
DTYPES: dict[int, np.dtype] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("bool"),
    17: np.dtype("<u2"),
    19: np.dtype("<f2"),
    22: np.dtype("<u4"),
    23: np.dtype("<u8"),
}


class TensorBundle:
    """The variables that an index lists; each is read when it is asked for.

    Args:
        index: The file ``*.index``; the data lie beside it in ``*.data-00000-of-00001``, ...

    Raises:
        ValueError: the index is damaged, or of another program.
    """

    def __init__(self, index: Path) -> None:
        self._prefix = index.with_suffix("")
        data = index.read_bytes()
        self._entries = {key.decode(): Message(value) for key, value in _table(data)}
        header = self._entries.pop("", None)
        if header is None or header.number(2):
            raise ValueError("no index of variables in little-endian order")
        self._shards = max(1, header.number(1))
        files = [self._file(shard) for shard in range(min(self._shards, 1000))]
        size = sum(file.stat().st_size for file in files if file.is_file())
        self._allowance = Allowance(str(index), size + len(data))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def _file(self, shard: int) -> Path:
        name = f"{self._prefix.name}.data-{shard:05d}-of-{self._shards:05d}"
        return self._prefix.with_name(name)

    def _bytes(self, name: str) -> bytes:
        """Return the stored bytes of one variable."""
        entry = self._entries[name]
        offset, size = entry.number(4), entry.number(5)
        file = self._file(entry.number(3))
        if offset < 0 or size < 0 or offset + size > file.stat().st_size:
            raise ValueError(f"'{name}' takes {size} bytes at {offset} of {file.name}")
        self._allowance.take(name, size)
        with file.open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)

    def array(self, name: str) -> np.ndarray:
        """Return one variable.

        Args:
            name: A key of the index.

        Raises:
            ValueError: its type is unknown, or size and shape do not agree.
        """
        entry = self._entries[name]
        kind = entry.number(1)
        dtype = np.dtype("<u2") if kind == BFLOAT16 else DTYPES.get(kind)
        if dtype is None or entry.all_bytes(7):
            raise ValueError(f"'{name}' is of type {kind}, or stored in slices")
        shape = [dimension.number(1) for dimension in entry.message(2).messages(2)]
        data = self._bytes(name)
        if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != len(data):
            raise ValueError(f"'{name}' of shape {shape} has {len(data)} bytes")
        found = np.frombuffer(data, dtype).reshape(shape)
        if kind == BFLOAT16:  # the upper half of a float32
            return (found.astype("<u4") << 16).view("<f4")
        return found

    def text(self, name: str) -> bytes:
        """Return one variable that is a text: its length, a checksum of it, and the text."""
        if self._entries[name].number(1) != STRING:
            raise ValueError(f"'{name}' is no text")
        data = self._bytes(name)
        size, place = varint(data, 0)
        return part(data, place + 4, size)


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a sorted table."""
    if len(data) < FOOTER or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        raise ValueError("no index of TensorFlow variables")
    footer = data[-FOOTER:]
    place = 0
    for _ in range(2):  # where an unused block begins, and its size
        _, place = varint(footer, place)
    offset, place = varint(footer, place)
    size, _ = varint(footer, place)
    for _, handle in _block(data, offset, size):
        start, place = varint(handle, 0)
        length, _ = varint(handle, place)
        yield from _block(data, start, length)


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of one block; a key repeats the beginning of the one before it."""
    block = part(data, offset, size + TRAILER)
    if block[size]:
        raise ValueError("an index that is compressed")
    restarts = int.from_bytes(block[size - 4 : size], "little")
    end = size - 4 - 4 * restarts
    key, place = b"", 0
    while place < end:
        shared, place = varint(block, place)
        more, place = varint(block, place)
        length, place = varint(block, place)
        if shared > len(key):
            raise ValueError("a key that repeats more than there is")
        key = key[:shared] + part(block, place, more)
        yield key, part(block, place + more, length)
        place += more + length
