"""Types of arrays that annotations share, and arrays that share their memory."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Samples, labels or targets as a user gives them: an array, or a list or tuple of arrays for
# several inputs or outputs.
Samples: TypeAlias = ArrayLike

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
UInt8Array: TypeAlias = NDArray[np.uint8]
UInt16Array: TypeAlias = NDArray[np.uint16]
UInt32Array: TypeAlias = NDArray[np.uint32]
BoolArray: TypeAlias = NDArray[np.bool_]

# Backends take the memory of an array as that of a tensor where it begins at such an address.
ALIGNMENT = 64
# Kinds of numbers that other programs read in place.
_PLAIN = "biuf"


def empty(shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """Return an aligned array of any values."""
    return _aligned(np.empty, shape, dtype)


def zeros(shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """Return an aligned array of zeros; the system takes memory where they are first changed."""
    return _aligned(np.zeros, shape, dtype)


def _aligned(make: Any, shape: Sequence[int], dtype: Any) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory: UInt8Array = make(size + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    array: np.ndarray = memory[begin : begin + size].view(dtype).reshape(tuple(shape))
    return array


class Held:
    """Memory to which nothing writes any more, as the base of arrays.

    Args:
        array: An array, or a view of a tensor that is never changed.
        write: Whether arrays on it can be written, which only other programs are given that do not.
    """

    def __init__(self, array: np.ndarray, *, write: bool = False) -> None:
        self.array = array
        shown = array.__array_interface__
        self.__array_interface__ = {**shown, "data": (shown["data"][0], not write)}


def held(array: np.ndarray) -> np.ndarray:
    """Return an array, to which nothing writes any more, as one that `frozen` does not copy.

    Args:
        array: Only the caller has it, or views of it that nothing writes to.
    """
    if array.dtype.kind not in _PLAIN or not array.size:
        array.setflags(write=False)
        return array
    return np.asarray(Held(array))


def is_held(array: object) -> bool:
    """Return whether an array lies in memory to which nothing writes any more."""
    while isinstance(array, np.ndarray) and not array.flags.writeable:
        array = array.base
    return isinstance(array, Held)


def frozen(values: ArrayLike) -> np.ndarray:
    """Return a read-only array: the given one if nothing writes to it any more, else a copy."""
    if isinstance(values, np.ndarray) and is_held(values):
        return values
    array = np.asarray(values)
    if array.dtype.kind not in _PLAIN or not array.flags.c_contiguous:
        return held(np.array(array))
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return held(copy)
