"""Frames of a stream, checked before a step runs."""

import numpy as np

from spkeras.errors import DataError


def as_frame(where: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return samples of that shape as float32; refuse all others."""
    if array.ndim == 0 or array.shape[1:] != tuple(shape) or not len(array):
        raise DataError(
            f"{where}: received shape {array.shape}, allowed: (samples, "
            f"{', '.join(map(str, shape))}), at least one sample; give a single sample as x[None]"
        )
    if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
        raise DataError(f"{where}: received {array.dtype}, allowed: numbers; convert it first")
    with np.errstate(over="ignore"):
        value = array.astype("float32")
    if not np.isfinite(value).all():
        raise DataError(
            f"{where}: received NaN or infinity (in float32), allowed: finite numbers; clean it, "
            "or repeat the last frame in its place"
        )
    return value
