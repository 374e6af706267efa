"""Values of any library as NumPy arrays."""

from typing import Any

import numpy as np

from spkeras.errors import DataError

# Kinds of NumPy types that are numbers.
_NUMBERS = "biuf"


def is_array(value: object) -> bool:
    """Return whether a value has a shape and turns into an array at once: tensors, tables."""
    return isinstance(value, np.ndarray) or (
        hasattr(value, "__array__") and hasattr(value, "shape")
    )


def as_array(value: Any, where: str) -> np.ndarray:
    """Return a value as an array of numbers.

    Args:
        value: An array, a tensor of any library, a table or series of pandas, or a list of them.
        where: Name of the value in messages.

    Raises:
        DataError: no numbers, or samples of different shapes.
    """
    array = _converted(value, where)
    if array.dtype == object:
        array = _unpacked(array)
    if array.dtype.kind in "US" or (array.dtype == object and _has_text(array)):
        raise DataError(
            f"{where}: received text ({array.dtype}); allowed: numbers; classes with names become "
            "numbers by np.unique(labels, return_inverse=True)[1], if the outputs are sorted by name"
        )
    if array.dtype.kind not in _NUMBERS:
        kind = f"{type(value).__name__} of {array.dtype}"
        raise DataError(f"{where}: received {kind}; allowed: numbers, in an array of one shape")
    return array


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a value; None where it has none."""
    if is_array(value):
        return tuple(int(size) for size in value.shape)
    try:
        return tuple(np.shape(value))
    except (ValueError, TypeError):
        return None


def _converted(value: Any, where: str) -> np.ndarray:
    if hasattr(value, "detach"):  # PyTorch, with gradients or on another device
        value = value.detach().cpu()
    if hasattr(value, "to_numpy"):  # pandas
        return np.asarray(value.to_numpy())
    if hasattr(value, "numpy"):
        return np.asarray(value.numpy())
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{where}: received a {type(value).__name__} that is no array ({error}); allowed: "
            "samples of one shape; stack them with np.stack"
        ) from error


def _unpacked(array: np.ndarray) -> np.ndarray:
    """Return arrays in an array as one array, where their shapes are equal."""
    try:
        return np.array([np.asarray(item) for item in array.reshape(-1)]).reshape(
            *array.shape, *np.shape(array.reshape(-1)[0])
        )
    except (ValueError, TypeError, IndexError):
        return array


def _has_text(array: np.ndarray) -> bool:
    return any(isinstance(item, (str, bytes)) for item in array.reshape(-1))
