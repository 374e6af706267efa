"""Weights as arrays and arrays as weights, without a copy where the backend allows it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from spkeras.ops.arrays import ALIGNMENT, Held, frozen, held, is_held, zeros
from spkeras.ops.compiled import changes_in_place, tensor_on
from spkeras.ops.types import Tensor

# Types that every backend has, and formats of exchange.
_SHARED = (np.float16, np.float32, np.float64)


def view_of(variable: keras.Variable | Tensor) -> np.ndarray:
    """Return the values of a variable or tensor, in its memory where that is the processor's.

    Later values may show where the backend writes them into the same memory.
    """
    value = variable.value if isinstance(variable, keras.Variable) else variable
    if changes_in_place():
        plain = keras.backend.standardize_dtype(value.dtype) != "bfloat16"
        return np.asarray(value.detach().cpu() if plain else keras.ops.convert_to_numpy(value))
    return np.asarray(value.read_value() if hasattr(value, "read_value") else value)


def values_of(variable: keras.Variable | Tensor) -> np.ndarray:
    """Return the values of a variable or tensor now, read-only.

    A backend that writes new values into new memory shares the memory. PyTorch writes in place,
    so that the array is a copy.
    """
    array = view_of(variable)
    return frozen(array) if changes_in_place() or array.flags.writeable else held(array)


def given(array: np.ndarray) -> Tensor:
    """Return what a variable can be assigned, on the memory of an array where that is possible.

    Args:
        array: Of `held`; any other array is returned as it is.
    """
    if not is_held(array) or array.dtype not in _SHARED:
        return array
    if not array.flags.c_contiguous or array.ctypes.data % ALIGNMENT:
        return array
    return tensor_on(np.asarray(Held(array, write=True)))


def unset(shape: Sequence[int], dtype: Any = None) -> Tensor:
    """Return zeros for a weight that is assigned later: an initializer that takes no memory."""
    return given(held(zeros(shape, dtype or "float32")))
