"""What an output decides: its task, found from targets, and decisions of several kinds."""

import numpy as np

from spkeras.errors import DataError
from spkeras.ops.arrays import Int64Array

# The decision of an output with NaN or infinity: no class.
UNDECIDED = -1
CLASSIFICATION, BINARY, REGRESSION = "classification", "binary classification", "regression"
# Several decisions a sample: a class for each position, or yes or no for each label.
SEGMENTATION, LABELS = "classification of positions", "multi-label classification"
SEVERAL = (SEGMENTATION, LABELS)


def decisions_each(shape: tuple[int, ...], task: str) -> int:
    """Return the number of decisions for one sample."""
    if task == LABELS:
        return shape[0]
    return int(np.prod(shape[:-1])) if task == SEGMENTATION else 1


def decisions_of(output: np.ndarray, task: str, threshold: float) -> Int64Array:
    """Return the decisions of each sample, (samples, decisions)."""
    finite = np.isfinite(output)
    if task == LABELS or output.shape[-1] == 1:
        chosen = np.where(finite, output > threshold, UNDECIDED)
    else:
        chosen = np.where(finite.all(-1), output.argmax(-1), UNDECIDED)
    return chosen.reshape(len(output), -1).astype(np.int64)


def several_targets(name: str, shape: tuple[int, ...], y: np.ndarray, task: str) -> Int64Array:
    """Return the targets of several decisions a sample, (samples, decisions).

    Raises:
        DataError: targets that are none.
    """
    found = _several_task(shape, y)
    if found != task and not (task == LABELS and y.shape[1:] == shape and _zeros_and_ones(y)):
        raise DataError(
            f"targets of {name}: received {_size(y)} of {y.dtype} a sample; the first ones are those "
            f"of a {task}"
        )
    if task == SEGMENTATION and shape[-1] > 1:
        labels = y.argmax(-1) if y.shape[1:] == shape else y
        _check_labels(name, labels, shape[-1])
        return labels.reshape(len(y), -1).astype(np.int64)
    return y.reshape(len(y), -1).astype(np.int64)


def _several_task(shape: tuple[int, ...], y: np.ndarray) -> str | None:
    """Return the task of targets with several decisions a sample; None for other targets."""
    whole = y.dtype.kind in "biu" or _is_whole(y)
    if not whole or y.ndim < 2:
        return None
    if len(shape) > 1:
        places = shape[:-1]
        if y.shape[1:] in (places, (*places, 1)) and (shape[-1] > 1 or _zeros_and_ones(y)):
            return SEGMENTATION if shape[-1] > 1 or y.dtype.kind in "biu" else None
        hot = shape[-1] > 1 and y.shape[1:] == shape and _zeros_and_ones(y)
        return SEGMENTATION if hot and bool((y.sum(-1) == 1).all()) else None
    both = y.shape[1:] == shape and shape[0] > 1 and len(np.unique(y)) == 2
    return LABELS if both and _zeros_and_ones(y) else None


def _zeros_and_ones(y: np.ndarray) -> bool:
    return bool(((y == 0) | (y == 1)).all())


def task_of(
    name: str, shape: tuple[int, ...], targets: np.ndarray | None
) -> tuple[str, np.ndarray | None]:
    flat = len(shape) == 1
    if targets is None:
        return (CLASSIFICATION if flat and shape[0] > 1 else REGRESSION), None
    y = np.asarray(targets)
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        bad = ~np.isfinite(y).reshape(len(y), -1).all(axis=1)
        raise DataError(
            f"targets of {name}: NaN or infinity in {int(bad.sum())} of {len(y)} samples (first: "
            f"sample {int(bad.argmax())}); leave them out or repair them"
        )
    if flat and shape[0] > 1 and y.ndim == 2 and y.shape[1] == shape[0] and _one_hot(y):
        return CLASSIFICATION, y.argmax(1)
    task = _several_task(shape, y)
    if task is not None:
        return task, several_targets(name, shape, y, task)
    labels = y.reshape(len(y)) if y.size == len(y) else y
    several = flat and shape[0] > 1
    whole = labels.ndim == 1 and (y.dtype.kind in "biu" or (several and _is_whole(labels)))
    labels = labels.astype(np.int64) if whole and y.dtype.kind in "bf" else labels
    if flat and shape[0] > 1 and whole:
        _check_labels(name, labels, shape[0])
        return CLASSIFICATION, labels
    if flat and shape[0] == 1 and whole and set(np.unique(labels)) <= {0, 1}:
        return BINARY, labels
    values = y.reshape(len(y), *shape) if y.size == len(y) * int(np.prod(shape)) else None
    if values is None:
        raise DataError(
            f"targets of {name}: received {_size(y)} of {y.dtype} a sample, the output "
            f"has {shape}; give whole-number labels, one-hot rows, or values of that shape"
        )
    return REGRESSION, values


def _size(y: np.ndarray) -> str:
    """Return the shape of a target in words."""
    return f"shape {y.shape[1:]}" if y.ndim > 1 else "one number"


def _is_whole(labels: np.ndarray) -> bool:
    return labels.dtype.kind == "f" and bool((labels == np.floor(labels)).all())


def _one_hot(y: np.ndarray) -> bool:
    return bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())


def _check_labels(name: str, labels: np.ndarray, classes: int) -> None:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"labels of {name}: received {low} to {high}, the network has {classes} classes; "
            f"allowed: 0 to {classes - 1}"
        )
