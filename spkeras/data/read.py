"""One part of a data set, from a name, file or folder."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spkeras.data.arrays import read_npz
from spkeras.data.images import channels_first, read_folder
from spkeras.data.named import read_digits, read_keras_set
from spkeras.data.samples import ALLOWED, KERAS_SETS, Data, checked
from spkeras.data.tables import read_csv, read_npy
from spkeras.errors import DataError


def read_data(
    spec: str,
    *,
    part: str,
    samples: int | None = None,
    scale: float | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    image_size: Sequence[int] | None = None,
) -> Data:
    """Read one part of a data set; values become (x / scale - mean) / std.

    Args:
        spec: An `.npz` file with `x_train`, `y_train`, `x_test`, `y_test` or `x`, `y` (several
            inputs as `x_test_0`, `x_test_1`, ...; labels may be missing); a `.npy` file of
            samples; a `.csv` file of vectors, with labels in a column named "label"; a folder of class
            folders of images, or one with `train` and `test`, classes numbered by sorted name;
            the name of a `keras.datasets` set; or `digits`, 8x8 handwritten digits in
            [0, 1]. A name wins over a folder of that name: write `./digits` for the folder.
        part: "train" or "test". Where the data have only the other part, it is used and a
            note reports it.
        samples: Number of samples, drawn at random from the part with seed 0; None, or more than
            there are, for all.
        scale: Divisor of all values, such as 255 for pixels.
        mean: One value, or one per channel (last axis), to subtract.
        std: One value, or one per channel, to divide by.
        image_size: (height, width) or (height, width, channels) of images from a folder. For
            (channels, height, width) of 1, 3 or 4 channels images from a folder or a
            `keras.datasets` set have their channels first.

    Raises:
        DataError: the data are missing, unreadable, empty, not numbers, NaN or infinite.
    """
    if samples is not None and samples < 1:
        raise DataError(f"samples={samples}; allowed: whole numbers from 1")
    if spec == "digits":
        data = read_digits(part, samples)
    elif spec in KERAS_SETS:
        data = read_keras_set(spec, part, samples)
    elif Path(spec).is_dir():
        data = read_folder(Path(spec), part, samples, _last(image_size))
    elif Path(spec).suffix.lower() == ".npz":
        data = read_npz(Path(spec), part, samples)
    elif Path(spec).suffix.lower() == ".npy":
        data = read_npy(Path(spec), samples)
    elif Path(spec).suffix.lower() == ".csv":
        data = read_csv(Path(spec), samples)
    else:
        raise _unknown(spec)
    data = checked(data)
    given = {"scale": scale, "mean": mean, "std": std}
    data = replace(data, x=tuple(_rescaled(data.name, x, given) for x in data.x))
    images = spec in KERAS_SETS or Path(spec).is_dir()
    return _turned(data, image_size) if images and channels_first(image_size) else data


def _last(size: Sequence[int] | None) -> Sequence[int] | None:
    """Return the size of images with their channels last."""
    return [*size[1:], size[0]] if size is not None and channels_first(size) else size


def _turned(data: Data, size: Sequence[int] | None) -> Data:
    """Return images of that size with their channels first; others as they are."""
    fits = [list(x.shape[1:]) == list(_last(size) or ()) for x in data.x]
    pairs = zip(data.x, fits, strict=True)
    return replace(data, x=tuple(x.transpose(0, 3, 1, 2) if own else x for x, own in pairs))


def _rescaled(name: str, x: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    for option, value in given.items():
        if value is None:
            continue
        numbers = np.asarray(value, np.float32).reshape(-1)
        channels = x.shape[-1] if x.ndim > 1 else 1
        if len(numbers) not in (1, channels) or not np.isfinite(numbers).all():
            raise DataError(
                f"{option}={value}: {name} has {channels} values on its last axis; "
                f"give one finite number or {channels}"
            )
        if option != "mean" and (numbers <= 0).any():
            raise DataError(f"{option}={value}: divides the data; give numbers above 0")
        x = x.astype(np.float32, copy=False)
        x = x - numbers if option == "mean" else x / numbers
    return x


def _unknown(spec: str) -> DataError:
    known = ("digits", *KERAS_SETS)
    close = difflib.get_close_matches(spec, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    what = "cannot read this kind of file" if Path(spec).exists() else "no such data"
    return DataError(f"{spec}: {what}.{hint} {ALLOWED}")
