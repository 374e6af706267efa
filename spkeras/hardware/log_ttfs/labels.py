"""Labels of the samples that a program runs, checked."""

import math

import numpy as np
from numpy.typing import ArrayLike

from spkeras.errors import DataError
from spkeras.hardware.log_ttfs.program import Program
from spkeras.ops.arrays import Samples


def check_labels(program: Program, labels: Samples | None, samples: int) -> list[np.ndarray | None]:
    """Return the classes for each output; None without labels.

    Args:
        program: The program.
        labels: None; whole numbers (samples,); or a list of them, one for each output.
        samples: Number of samples.

    Raises:
        DataError: the labels do not fit.
    """
    count = len(program.outputs)
    several = labels if isinstance(labels, list | tuple) and count > 1 else None
    given = [labels] + [None] * (count - 1) if several is None else list(several)
    if len(given) != count:
        raise DataError(f"labels: received {len(given)} arrays for {count} outputs")
    sizes = [math.prod(shape) for shape in program.outputs.values()]
    return [
        None if own is None else _classes(own, samples, size)
        for own, size in zip(given, sizes, strict=True)
    ]


def _classes(labels: ArrayLike, samples: int, classes: int) -> np.ndarray:
    truth = np.asarray(labels)
    if truth.size != samples or truth.dtype.kind not in "iu":
        raise DataError(
            f"labels: received {truth.dtype} of shape {truth.shape} for {samples} samples; "
            "give one whole-number class for each"
        )
    truth = truth.reshape(-1)
    if truth.min() < 0 or (classes > 1 and truth.max() >= classes):
        raise DataError(
            f"labels: from {truth.min()} to {truth.max()}; allowed: 0 to {classes - 1}, the classes "
            "of the program"
        )
    return truth
