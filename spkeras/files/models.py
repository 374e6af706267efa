"""Models as files: HDF5 is composed in memory, since its library breaks on full disks.

Large weights are no part of what is composed: Keras writes a mark for each, and they are written
from where they are in its place.
"""

import io
import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spkeras.files.pages import Pages, allocate

if TYPE_CHECKING:
    import keras

_HDF5 = (".h5", ".hdf5")
_WEIGHTS = "model.weights.h5"
# Weights of these bytes or more are not copied.
_LARGE = 1 << 20
# Types of such weights, with the bytes of a number.
_FLOATS = {"float16": 2, "float32": 4, "float64": 8}


def save_model(model: Any, path: Path) -> None:
    """Write a Keras model to a file in the format of its suffix.

    Args:
        model: The model.
        path: Ends in .keras, .h5 or .hdf5.

    Raises:
        OSError: the file cannot be written, such as on a full disk.
    """
    large = [variable for variable in model.variables if _is_large(variable)]
    if large and _save_large(model, path, large):
        return
    if path.suffix in _HDF5:
        path.write_bytes(_in_memory(model).getbuffer())
    else:
        model.save(path)


def _is_large(variable: "keras.Variable") -> bool:
    size: int = math.prod(variable.shape) * _FLOATS.get(str(variable.dtype), 0)
    return size >= _LARGE


def _bytes_of(variable: "keras.Variable") -> memoryview:
    import numpy as np

    from spkeras.ops.memory import view_of

    return np.ascontiguousarray(view_of(variable)).reshape(-1).view(np.uint8).data


def _in_memory(model: Any) -> io.BytesIO:
    """Return a model as an HDF5 file."""
    import h5py  # commands that only show their help load nothing heavy

    class InMemory(h5py.File):
        """An HDF5 file in memory that Keras takes for a path of its HDF5 format."""

        def __str__(self) -> str:
            return "memory.h5"

    buffer = io.BytesIO()
    with InMemory(buffer, "w") as file:
        model.save(file)
    return buffer


def _save_large(model: Any, path: Path, large: Sequence["keras.Variable"]) -> bool:
    """Write a model without copies of large weights; return False where Keras has to write it."""
    import keras

    try:
        with keras.StatelessScope() as scope:
            for index, variable in enumerate(large):
                scope.add_update((variable, keras.ops.zeros((index + 1, 0), variable.dtype)))
            if path.suffix in _HDF5:
                composed = _in_memory(model).getvalue()
            else:
                model.save(path)
    except OSError:
        raise
    except Exception:  # of any backend: a layer computes with its weights while it is saved
        return False
    if path.suffix in _HDF5:
        pieces = _filled(composed, large)
        if pieces is not None:
            with path.open("wb") as file:
                _write(file.write, pieces[1])
        return pieces is not None
    return _fill_zip(path, large)


def _fill_zip(path: Path, large: Sequence["keras.Variable"]) -> bool:
    """Write a zip again with large weights in place of their marks."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: (info, archive.read(info)) for info in archive.infolist()}
    found = _filled(members[_WEIGHTS][1], large)
    if found is None:
        return False
    with zipfile.ZipFile(path, "w") as archive:
        for name, (info, content) in members.items():
            if name != _WEIGHTS:
                archive.writestr(info, content)
                continue
            own = zipfile.ZipInfo(name, info.date_time)
            own.external_attr, own.file_size = info.external_attr, found[0]
            with archive.open(own, "w") as member:
                _write(member.write, found[1])
    return True


def _write(write: Callable[[memoryview], Any], pieces: Iterator[memoryview]) -> None:
    for piece in pieces:
        write(piece)


def _filled(
    content: bytes, large: Sequence["keras.Variable"]
) -> tuple[int, Iterator[memoryview]] | None:
    """Return the size and the bytes of an HDF5 file with large weights in place of their marks.

    None where a weight has no mark, or one of another type.
    """
    import h5py

    marks: dict[str, keras.Variable] = {}

    def take(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and len(item.shape) == 2 and item.shape[1] == 0:
            variable = large[item.shape[0] - 1]
            if item.dtype == variable.dtype:
                marks[name] = variable

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(take)
    if {id(variable) for variable in marks.values()} != {id(variable) for variable in large}:
        return None
    pages = Pages(content)
    shapes = {name: (v.shape, str(v.dtype)) for name, v in marks.items()}
    places = allocate(pages, shapes)
    found = [partial(_bytes_of, variable) for variable in marks.values()]
    return pages.size, pages.pieces(dict(zip(places, found, strict=True)))
