"""Labelled data for training, and the check of a CNN on them."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from spkeras.data import Batch, DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.errors import DataError, OptionError
from spkeras.metrics import OutputScore
from spkeras.metrics.chance import check_decisions
from spkeras.metrics.score import Score
from spkeras.ops.sampling import chosen
from spkeras.snn.network import as_list
from spkeras.training.teacher import gives_logits


def split(
    model: keras.Model, data: DataLike, held_out: int = 0
) -> tuple[Batch, tuple[np.ndarray, np.ndarray] | None]:
    """Return training samples with their labels, and samples with labels that are held out.

    Args:
        model: The model to be trained.
        data: Samples with labels, in any form of docs/data.md; all are held in memory.
        held_out: Number of samples to hold out, drawn at random with a fixed seed.

    Raises:
        DataError: several inputs or outputs, no labels, or labels that the output does not have.
        OptionError: as many samples held out as there are.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise DataError(
            f"{model.name}: has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
            "allowed for training: one input and one output"
        )
    batch = open_data(Layout.of_model(model), data).held().batch
    if batch.y is None or batch.y[0] is None:
        raise DataError(
            f"{getattr(data, 'name', 'data')}: received samples without labels "
            f"({type(data).__name__}); allowed for training: (x, y), or a data set that yields them"
        )
    score_of(model, batch.y[0])
    count = len(batch)
    if held_out >= count:
        raise OptionError(
            f"held_out={held_out!r} (--held-out) of {count} samples; allowed: up to {count - 1}"
        )
    if not held_out:
        return batch, None
    kept = np.ones(count, bool)
    kept[chosen(count, held_out)] = False
    held = (batch.x[0][~kept].astype("float32"), batch.y[0][~kept])
    return batch.part(kept), held


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
