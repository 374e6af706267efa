"""Arrays of .npz files: types and sizes are checked before memory is taken."""

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.lib import format as npy

from spkeras.errors import UnsafeFileError
from spkeras.files.archives import check_members
from spkeras.files.limits import Allowance

_SUFFIX = ".npy"
# Types of arrays: numbers and text; others may hold code, or records.
_KINDS = "biufcSU"
_PART = 1 << 24
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compressed: bool = False) -> None:
    """Write arrays as .npz, under any names (NumPy's own writer keeps some for its arguments).

    Args:
        path: The file; an existing one is replaced.
        arrays: The arrays; without objects.
        compressed: Whether to deflate them.

    Raises:
        OSError: the file cannot be written.
        ValueError: an array holds objects.
    """
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, array in arrays.items():
            with archive.open(name + _SUFFIX, "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz file, each read when it is asked for; a context manager.

    Args:
        path: The file.

    Raises:
        UnsafeFileError: members outside the archive, or far larger than the file.
        OSError, ValueError, zipfile.BadZipFile: the file cannot be read as .npz.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        size = path.stat().st_size
        self._archive = zipfile.ZipFile(path)
        self._allowance = Allowance(str(path), size)
        try:
            check_members(self._archive, str(path), size)
        except BaseException:
            self._archive.close()
            raise
        members = self._archive.namelist()
        self._members = {
            name.removesuffix(_SUFFIX): name for name in members if name.endswith(_SUFFIX)
        }

    def __enter__(self) -> "Arrays":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array.

        Raises:
            ValueError: the array is no plain one, or shorter than its header says.
        """
        info = self._archive.getinfo(self._members[name])
        with self._archive.open(info) as stream:
            shape, columns_first, dtype = _header(stream, name)
            size = math.prod(shape) * dtype.itemsize
            if size > info.file_size:
                raise UnsafeFileError(
                    f"{self.path}: '{name}' states shape {shape}, {size:.3g} bytes, and holds "
                    f"{info.file_size:.3g}: it is damaged or made up; save it again"
                )
            self._allowance.take(name, size)
            array = np.empty(math.prod(shape), dtype)
            _fill(stream, array, name)
        return array.reshape(shape, order="F" if columns_first else "C")


def _header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether columns come first, and type."""
    try:
        version = npy.read_magic(stream)
        shape, columns_first, dtype = _HEADERS[version](stream)
    except Exception as error:  # NumPy parses the header as Python text, which fails in many ways
        raise ValueError(f"'{name}' has an unreadable header") from error
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise ValueError(f"'{name}' holds {dtype}; allowed: plain numbers (or text)")
    if min(shape, default=0) < 0:
        raise ValueError(f"'{name}' states shape {shape}")
    return shape, columns_first, dtype


def _fill(stream: IO[bytes], array: np.ndarray, name: str) -> None:
    """Read the numbers of an array in parts, without a second copy of all."""
    numbers = array.view(np.uint8)
    for start in range(0, len(numbers), _PART):
        part = numbers[start : start + _PART]
        content = stream.read(len(part))
        if len(content) != len(part):
            raise ValueError(f"'{name}' is cut off")
        part[:] = np.frombuffer(content, np.uint8)
