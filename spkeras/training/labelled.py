"""Labelled data for training, and the check of a CNN on them."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from spkeras.data import Data
from spkeras.errors import DataError, OptionError
from spkeras.metrics import OutputScore
from spkeras.metrics.chance import check_decisions
from spkeras.metrics.score import Score
from spkeras.ops.sampling import chosen
from spkeras.snn.network import as_list
from spkeras.training.teacher import gives_logits


def split(
    data: Data | tuple[Any, Any], held_out: int = 0
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """Return training samples, their labels, and samples with labels that are held out.

    Args:
        data: A pair (x, y), or a `Data` of one input and one set of labels.
        held_out: Number of samples to hold out, drawn at random with a fixed seed.

    Raises:
        DataError: several inputs or outputs, no labels, or numbers that differ.
        OptionError: as many samples held out as there are.
    """
    x, y = (data.x, data.y) if isinstance(data, Data) else data
    if isinstance(x, (tuple, list)):
        x = x[0] if len(x) == 1 else None
    if x is None or y is None or isinstance(y, tuple) or len(x) != len(y):
        raise DataError(
            f"{getattr(data, 'name', 'data')}: allowed for training: one input, and one set of "
            "labels with an entry for each sample"
        )
    x, y, count = np.asarray(x), np.asarray(y), len(x)
    if held_out >= count:
        raise OptionError(
            f"held_out={held_out!r} (--held-out) of {count} samples; allowed: up to {count - 1}"
        )
    if not held_out:
        return x, y, None
    kept = np.ones(count, bool)
    kept[chosen(count, held_out)] = False
    return x[kept], y[kept], (x[~kept].astype("float32"), y[~kept])


def score_of(model: keras.Model, y: ArrayLike) -> Score:
    """Return an empty score of a CNN's first output.

    Args:
        model: The CNN.
        y: Labels or targets of the first output.

    Raises:
        DataError: targets that do not fit.
    """
    threshold = 0.0 if gives_logits(model) else 0.5
    shape = tuple(model.outputs[0].shape[1:])
    return Score(name=model.name, shape=shape, targets=np.asarray(y), steps=1, threshold=threshold)


def check_cnn(
    model: keras.Model,
    score: Score,
    x: Sequence[np.ndarray],
    batch_size: int = 100,
    insist: bool = False,
) -> OutputScore:
    """Return the score of a CNN on its first output.

    Args:
        model: The CNN.
        score: From `score_of`.
        x: One array per input.
        batch_size: Samples at once.
        insist: Accept decisions that are near chance.

    Raises:
        DataError: decisions that are near chance.
    """

    def answers(batch: Sequence[np.ndarray]) -> np.ndarray:
        arrays = [np.asarray(array, "float32") for array in batch]
        given = arrays if len(arrays) > 1 else arrays[0]
        return np.asarray(as_list(model.predict(given, batch_size=batch_size, verbose=0))[0])

    if not insist:
        check_decisions(score, x, answers, len(x[0]))
    score.reference(answers(x))
    return score.result()
