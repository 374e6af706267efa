"""Bytes of large files, read where they are asked for."""

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

# Bytes that are read at once where all are read.
_PART = 1 << 20
# Header of a member in an archive, and the places of the lengths of the name and the rest in it.
_HEADER, _LENGTHS = 30, slice(26, 30)


class Bytes:
    """The bytes of a stream, as far as `bytes` is read: by a slice, or by what it contains.

    Args:
        stream: It can be read from any place.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = stream.seek(0, os.SEEK_END)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._stream.seek(start)
        return self._stream.read(max(stop - start, 0))

    def find(self, word: bytes, begin: int = 0) -> int:
        """Return the place of the first `word` at or after a place; -1 if there is none."""
        for place in range(begin, self._size, _PART):
            found = self[place : place + _PART + len(word) - 1].find(word)
            if found >= 0:
                return place + found
        return -1


class Placed(io.RawIOBase):
    """A stream of bytes that is read from any place.

    Attributes:
        place: Of the next byte.
        size: Number of bytes.
    """

    place = size = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.size}[whence]
        self.place = max(base + place, 0)
        return self.place


class Part(Placed):
    """A part of a file, as a file that is read from any place.

    Args:
        stream: The file; it is closed with the part.
        begin: Place of the part's first byte.
        size: Its bytes.
    """

    def __init__(self, stream: BinaryIO, begin: int, size: int) -> None:
        self._stream, self._begin, self.size = stream, begin, size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        target = memoryview(buffer).cast("B")[: max(self.size - self.place, 0)]
        self._stream.seek(self._begin + self.place)
        count = self._stream.readinto(target)  # type: ignore[attr-defined]
        self.place += count
        return int(count)

    def close(self) -> None:
        self._stream.close()
        super().close()


def member_stream(archive: zipfile.ZipFile, path: Path, name: str) -> BinaryIO:
    """Return the bytes of a member of an archive; those stored as they are stay in the file.

    Args:
        archive: The archive; its members have passed `check_members`.
        path: Its file.
        name: Of the member.

    Raises:
        zipfile.BadZipFile: the member is damaged.
    """
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        return io.BytesIO(archive.read(info))
    with archive.open(info) as whole:  # compares the checksum at the end
        while whole.read(_PART):
            pass
    stream = path.open("rb")
    stream.seek(info.header_offset)
    lengths = struct.unpack("<HH", stream.read(_HEADER)[_LENGTHS])
    begin = info.header_offset + _HEADER + sum(lengths)
    return io.BufferedReader(Part(stream, begin, info.file_size))
