"""HDF5 files: heaps, links, storage and types, checked before a number is read.

HDF5 can take the numbers of a file from any other file of the machine: by external links, external
storage and virtual datasets. No Keras writes them. The library also walks some structures without a
bound, where a damaged size keeps it for ever; they are walked here first.
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from spkeras.errors import UnsafeFileError
from spkeras.files.limits import Allowance
from spkeras.files.parts import Bytes
from spkeras.ops.arrays import empty, held

_SUPERBLOCK, _HEAP = b"\x89HDF\r\n\x1a\n", b"GCOL\x01\0\0\0"
_REMEDY = "the file could read other files, and no Keras writes such; save the model again"


@contextlib.contextmanager
def opened(source: Path | BinaryIO, place: str) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, after its heaps and links are checked.

    Args:
        source: The file, or a stream of its bytes that can be read from any place.
        place: The file, as messages name it.

    Raises:
        UnsafeFileError: see `check_links`.
        ValueError: see `check_heaps`.
        OSError: the library cannot open it.
    """
    if isinstance(source, Path):
        with source.open("rb") as stream:
            check_heaps(stream)
    else:
        check_heaps(source)
    with h5py.File(source, "r") as file:
        check_links(file, place)
        yield file


def check_heaps(stream: BinaryIO) -> None:
    """Refuse a collection of texts whose sizes do not lead from its begin to its end.

    The layout is that of the HDF5 file format specification 3.0, III.E: after a header, objects
    of 4 + 4 + L bytes and contents, each padded to 8 bytes; number 0 is the free rest.

    Args:
        stream: The file.

    Raises:
        ValueError: names the byte. The library would go round there without an end.
    """
    content = Bytes(stream)
    sizes = _size_of_lengths(content)
    header = _padded(8 + sizes)
    place = content.find(_HEAP) if sizes else -1
    while place >= 0:
        at, end = place + header, place + _number(content, place + 8, sizes)
        while at + header <= min(end, len(content)):
            taken = _number(content, at + 8, sizes)
            if _number(content, at, 2):
                taken = header + _padded(taken)
            if not 0 < taken <= end - at:
                raise ValueError(f"an object of {taken} bytes in the heap at byte {place}")
            at += taken
        place = content.find(_HEAP, place + 1)


def _size_of_lengths(content: Bytes) -> int:
    """Return the bytes of a length, as the superblock states them; 0 without a superblock."""
    begin = 0
    while content[begin : begin + 8] != _SUPERBLOCK:
        if begin >= len(content):
            return 0
        begin = 2 * begin or 512  # where the library looks
    version = content[begin + 8 : begin + 9]
    return _number(content, begin + (14 if version < b"\2" else 10), 1)


def _number(content: Bytes, place: int, size: int) -> int:
    return int.from_bytes(content[place : place + size], "little")


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def check_links(file: h5py.File, place: str) -> None:
    """Refuse links other than hard ones, and data stored outside the file.

    Args:
        file: The file; no dataset is read.
        place: The file, as messages name it.

    Raises:
        UnsafeFileError: names the first link or dataset.
    """
    waiting: list[tuple[str, h5py.Group]] = [("", file["/"])]
    seen = set()
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            path = f"{prefix}/{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise UnsafeFileError(f"{place}: '{path}' is {_kind(link)}; {_REMEDY}")
            item = group[name]
            if isinstance(item, h5py.Dataset):
                _check_storage(item, path, place)
            mark = h5py.h5o.get_info(item.id)
            if isinstance(item, h5py.Group) and (mark.fileno, mark.addr) not in seen:
                seen.add((mark.fileno, mark.addr))
                waiting.append((path, item))


def _kind(link: object) -> str:
    if isinstance(link, h5py.ExternalLink):
        return f"an external link to {link.filename!r}"
    if isinstance(link, h5py.SoftLink):
        return f"a soft link to {link.path!r}"
    return "a link of an unknown kind"


def _check_storage(dataset: h5py.Dataset, path: str, place: str) -> None:
    if dataset.is_virtual:
        raise UnsafeFileError(f"{place}: '{path}' is a virtual dataset; {_REMEDY}")
    if dataset.external:
        names = ", ".join(repr(name) for name, *_ in dataset.external[:3])
        raise UnsafeFileError(f"{place}: '{path}' has its data in {names}; {_REMEDY}")


def read_array(item: object, allowance: Allowance) -> np.ndarray:
    """Return the numbers of a dataset.

    Args:
        item: The dataset, of a file that `check_links` passed.
        allowance: Bytes that the file may still take.

    Raises:
        UnsafeFileError: the dataset is larger than the file may become.
        ValueError: the object is no dataset, or holds no real numbers.
    """
    if not isinstance(item, h5py.Dataset):
        raise ValueError("a group or a type where a weight should be")
    name, dtype = str(item.name), item.dtype
    if item.shape is None or dtype.kind not in "biuf" and not _is_bfloat16(item):
        raise ValueError(f"'{name}' is of type {_type_words(item)}; allowed: real numbers")
    allowance.take(name, math.prod(item.shape) * dtype.itemsize)
    if not item.size or not item.ndim or dtype.kind == "V":
        return np.asarray(item)
    array = empty(item.shape, dtype)
    item.read_direct(array)
    return held(array)


def _is_bfloat16(item: h5py.Dataset) -> bool:
    """Return whether Keras wrote a dataset as bfloat16, which HDF5 has as two opaque bytes."""
    return item.dtype == np.dtype("V2") and str(item.attrs.get("dtype")) == "bfloat16"


def _type_words(item: h5py.Dataset) -> str:
    """Return the type of a dataset in words."""
    dtype = item.dtype
    if item.shape is None:
        return "empty"
    if h5py.check_string_dtype(dtype) is not None:
        return "text"
    if h5py.check_vlen_dtype(dtype) is not None:
        return "lists of variable length"
    if h5py.check_ref_dtype(dtype) is not None:
        return "references"
    words = {"c": "complex numbers", "V": "compounds", "S": "text", "O": "objects"}
    return words.get(dtype.kind, str(dtype))
