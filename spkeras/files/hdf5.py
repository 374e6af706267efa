"""HDF5 files: links, storage and types, checked before a number is read.

HDF5 can take the numbers of a file from any other file of the machine: by external links, external
storage and virtual datasets. No Keras writes them.
"""

import math

import h5py
import numpy as np

from spkeras.errors import UnsafeFileError
from spkeras.files.limits import Allowance

_REMEDY = "the file could read other files, and no Keras writes such; save the model again"


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
    return np.asarray(item)


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
