"""A CNN on labelled data before anything is done with it: is it in the range of its training?"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from spkeras.metrics import OutputScore
from spkeras.metrics.chance import check_decisions
from spkeras.metrics.score import Score
from spkeras.snn.network import as_list
from spkeras.training.teacher import gives_logits


def score_of(model: keras.Model, y: Any) -> Score:
    """A score of a CNN's first output.

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
    """How good a CNN is on its first output.

    Args:
        model: The CNN.
        score: From `score_of`.
        x: One array per input.
        batch_size: Samples at once.
        insist: Accept decisions that are near chance, too.

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
