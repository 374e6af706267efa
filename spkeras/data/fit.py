"""Samples in the shapes and types that a model takes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from spkeras.data.samples import Data
from spkeras.errors import DataError

# Layers of converted networks.
_CONVERTED = ("SpikeLoop", "SpikeWindows", "PlainNetwork")


class Wanted(NamedTuple):
    """What an input takes.

    Attributes:
        name: Name of the input.
        shape: Its shape without the batch; None for open sizes.
        dtype: Type of its values.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def fit_inputs(data: Data, model: Any) -> Data:
    """Return the data in the shapes and types that a Keras model takes.

    Axes of size 1 are added or dropped, and samples are flattened for a model of flat inputs;
    nothing is transposed, cropped or resized. For a converted network, frames in time (samples,
    steps, ...) stay as they are.

    Args:
        data: Data as read.
        model: Any object with Keras's `inputs` and `layers`.

    Raises:
        DataError: the number of inputs or a shape does not fit.
    """
    wanted = model.inputs
    if len(wanted) != len(data.x):
        raise DataError(
            f"{data.name}: received {_inputs(len(data.x))}, the model has {_inputs(len(wanted))} "
            f"({', '.join(str(tuple(t.shape[1:])) for t in wanted)}); several inputs are stored "
            "as x_test_0, x_test_1, ... in an .npz"
        )
    inputs = [Wanted(t.name, tuple(t.shape[1:]), str(t.dtype)) for t in wanted]
    frames = any(type(layer).__name__ in _CONVERTED for layer in model.layers)
    pairs = zip(data.x, inputs, strict=True)
    x = tuple(fitted(data.name, a, own, frames=frames) for a, own in pairs)
    return replace(data, x=x, notes=(*data.notes, *_raw_pixels(data, model)))


def _inputs(count: int) -> str:
    return f"{count} input" if count == 1 else f"{count} inputs"


def _raw_pixels(data: Data, model: Any) -> Iterator[str]:
    """Yield a note where pixels in 0..255 meet a network that does not scale them itself.

    A converted network is left out: it checks its calibrated range when it runs.
    """
    scales = {"Rescaling", "Normalization", "BatchNormalization", *_CONVERTED}
    first = {type(layer).__name__ for layer in model.layers[:3]}
    integer = any(np.issubdtype(a.dtype, np.integer) and a.max() > 16 for a in data.x)
    if integer and not first & scales:
        yield (
            f"{data.name}: whole numbers up to {max(int(a.max()) for a in data.x)} are passed on "
            "as they are; if the network was trained on values up to 1, give --scale 255"
        )


def fitted(name: str, x: np.ndarray, wanted: Wanted, frames: bool = False) -> np.ndarray:
    """Return samples in the shape and type of an input, as `fit_inputs` does.

    Args:
        name: Name of the data in messages.
        x: Samples (samples, ...).
        wanted: What the input takes.
        frames: Whether samples may be frames in time.

    Raises:
        DataError: the shape does not fit.
    """
    want, have = wanted.shape, x.shape[1:]
    if frames and _same(want, have[1:]):
        return x.astype(wanted.dtype, copy=False)
    if not _same(want, have):
        squeezed = tuple(size for size in have if size != 1)
        flat = len(want) == 1 and want[0] in (None, int(np.prod(have)))
        if not flat and not _same(tuple(size for size in want if size != 1), squeezed):
            raise DataError(_misfit(name, wanted.name, want, have))
        x = x.reshape(len(x), *(_filled(want, have) if not flat else (-1,)))
    return x.astype(wanted.dtype, copy=False)


def _same(want: Sequence[int | None], have: Sequence[int]) -> bool:
    return len(want) == len(have) and all(
        a is None or a == b for a, b in zip(want, have, strict=True)
    )


def _filled(want: Sequence[int | None], have: Sequence[int]) -> list[int]:
    """Return the wanted shape with its open sizes taken from the data."""
    sizes = iter(size for size in have if size != 1)
    return [1 if size == 1 else next(sizes) for size in want]


def _misfit(name: str, tensor: str, want: Sequence[int | None], have: Sequence[int]) -> str:
    message = f"{name}: received samples of shape {tuple(have)}, input {tensor!r} takes {want}"
    if len(want) == len(have) == 3 and _same(want, (have[1], have[2], have[0])):
        return f"{message}; the data have their channels first: x.transpose(0, 2, 3, 1)"
    if len(want) == len(have) == 3 and _same(want, (have[2], have[0], have[1])):
        return f"{message}; the model takes its channels first: x.transpose(0, 3, 1, 2)"
    return f"{message}; give samples of that shape, or another model"
