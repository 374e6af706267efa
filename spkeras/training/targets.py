"""Targets of training: labels in the form of the loss, the loss, and the accuracy."""

from collections.abc import Callable

import keras
import numpy as np

from spkeras.errors import DataError, OptionError
from spkeras.metrics.score import Score
from spkeras.ops.arrays import Samples
from spkeras.training.teacher import gives_logits


def labels_for(
    model: keras.Model, y: np.ndarray, one_hot: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from labels as given to labels as `loss_of` takes them.

    Args:
        model: Its first output sets the shape.
        y: Labels as given: whole numbers, one-hot, or values of the output's shape.
        one_hot: Whether whole numbers become one-hot rows.
    """
    sparse = y.ndim == 1 or y.shape[-1] == 1
    classes = int(model.outputs[0].shape[-1])
    if classes == 1:
        return lambda labels: labels.reshape(-1, 1).astype("float32")
    if sparse and one_hot:
        return lambda labels: np.eye(classes, dtype="float32")[labels.reshape(-1).astype(int)]
    return (lambda labels: labels.reshape(-1)) if sparse else (lambda labels: labels)


def loss_of(model: keras.Model, kind: str, y: np.ndarray) -> keras.losses.Loss:
    """Return the loss for labels from `labels_for`.

    Args:
        model: A network of one output.
        kind: "crossentropy" or "mse".
        y: The labels.

    Raises:
        OptionError: cross-entropy for labels that are no classes.
    """
    if kind == "mse":
        return keras.losses.MeanSquaredError()
    logits = gives_logits(model)
    if int(model.outputs[0].shape[-1]) == 1:
        if not set(np.unique(y)) <= {0.0, 1.0}:
            raise OptionError(
                f"loss='crossentropy' with one output and targets from {y.min():.4g} to "
                f"{y.max():.4g}; allowed: 0 and 1, or loss='mse' (--loss mse)"
            )
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    if y.ndim == 1:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return keras.losses.CategoricalCrossentropy(from_logits=logits)


def quality(model: keras.Model, x: Samples, y: Samples) -> tuple[str, float]:
    """Return accuracy or error of a network, measured as by `spkeras.evaluate`.

    Args:
        model: Of one output; a single value decides between two classes.
        x: Samples.
        y: Whole numbers, one-hot rows, or values of the output's shape.

    Returns:
        "accuracy" and its value, or for real targets "error" and the root mean square difference.

    Raises:
        DataError: targets that fit neither.
    """
    outputs = model.predict(x, batch_size=500, verbose=0)
    threshold = 0.0 if gives_logits(model) else 0.5
    score = Score(
        name=model.name,
        shape=outputs.shape[1:],
        targets=np.asarray(y),
        steps=1,
        threshold=threshold,
    )
    score.reference(outputs)
    result = score.result()
    if result.cnn_accuracy is None:
        return "error", float(result.cnn_error or 0.0)
    return "accuracy", result.cnn_accuracy


def accuracy(model: keras.Model, x: Samples, y: Samples) -> float:
    """Return the accuracy, as measured by `quality`.

    Raises:
        DataError: targets that are no classes.
    """
    kind, value = quality(model, x, y)
    if kind != "accuracy":
        raise DataError(
            f"targets of {model.name}: are values, not classes, and have no accuracy; leave out "
            "choose_timesteps (--choose-timesteps)"
        )
    return value
