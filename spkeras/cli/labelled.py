"""Accuracy of a CNN on the labelled data of a command, before conversion or training."""

from typing import TYPE_CHECKING

from spkeras.cli.messages import note
from spkeras.errors import DataError

if TYPE_CHECKING:
    import keras

    from spkeras.data import Data


def cnn_quality(model: "keras.Model", samples: "Data", batch_size: int, insist: bool) -> str:
    """Return the CNN's accuracy (for values, its error) on labelled data as a clause.

    Args:
        model: The CNN.
        samples: From `DataChoice.read`.
        batch_size: Samples at once.
        insist: Accept decisions that are near chance.

    Returns:
        A clause that begins with a comma; empty without labels.

    Raises:
        DataError: decisions that are near chance.
    """
    labels = samples.y[0] if isinstance(samples.y, tuple) else samples.y
    if labels is None:
        return ""
    from spkeras.report.numbers import percent, small
    from spkeras.training.labelled import check_cnn, score_of

    try:
        score = score_of(model, labels)
    except DataError as error:
        note(f"the CNN's accuracy is not measured: {error}")
        return ""
    result = check_cnn(model, score, list(samples.x), batch_size=batch_size, insist=insist)
    if result.cnn_accuracy is None:
        return f", on which the CNN has an rms error of {small(result.cnn_error)}"
    return f", on which the accuracy of the CNN is {percent(result.cnn_accuracy)}"
