"""Scores of an output at every step: accuracy or error, and agreement with the CNN."""

import copy
from dataclasses import dataclass, fields

import numpy as np

from spkeras.errors import DataError
from spkeras.ops.arrays import BoolArray, Float64Array, Int64Array

# The decision of an output with NaN or infinity: no class.
UNDECIDED = -1
CLASSIFICATION, BINARY, REGRESSION = "classification", "binary classification", "regression"
# Several decisions a sample: a class for each position, or yes or no for each label.
SEGMENTATION, LABELS = "classification of positions", "multi-label classification"
SEVERAL = (SEGMENTATION, LABELS)


@dataclass(frozen=True, eq=False)
class OutputScore:
    """The course of one output over the steps.

    Attributes:
        name: The output's name.
        task: "classification", "binary classification", "classification of positions",
            "multi-label classification" or "regression".
        accuracy: Share of right decisions at each step, over all positions or labels of a sample;
            None without labels or for regression.
        cnn_accuracy: The same of the CNN on the same samples.
        agreement: Share of decisions equal to the CNN's at each step; None for regression.
        error: Root mean square difference to the targets at each step, in the output's unit;
            None for classification or without targets.
        cnn_error: The same of the CNN.
        deviation: Root mean square difference to the CNN's output at each step.
        cnn_spread: Root mean square of the CNN's output, to compare `deviation` with.
        first: First step at which the read-out has received an input. The figures of earlier
            steps are NaN (in JSON null).
    """

    name: str
    task: str
    accuracy: Float64Array | None
    cnn_accuracy: float | None
    agreement: Float64Array | None
    error: Float64Array | None
    cnn_error: float | None
    deviation: Float64Array
    cnn_spread: float
    first: int = 1


@dataclass(eq=False)
class Sums:
    """Sums over batches; arrays have a value for each step.

    Attributes:
        right: Samples decided right.
        equal: Samples with the same decision as the CNN.
        squares: Squared differences to the targets, over all values.
        difference: Squared differences to the CNN's output, over all values.
        cnn_right: Samples that the CNN decides right.
        cnn_squares: The CNN's squared differences to the targets.
        spread: The CNN's squared outputs.
        samples: Number of samples.
        elements: Number of output values.
    """

    right: Float64Array
    equal: Float64Array
    squares: Float64Array
    difference: Float64Array
    cnn_right: float = 0.0
    cnn_squares: float = 0.0
    spread: float = 0.0
    samples: int = 0
    elements: int = 0

    @classmethod
    def zero(cls, steps: int) -> "Sums":
        """Return the sums before the first batch."""
        return cls(np.zeros(steps), np.zeros(steps), np.zeros(steps), np.zeros(steps))

    def __add__(self, other: "Sums") -> "Sums":
        """Return the sums of both; add batches in their order, since sums of squares are rounded."""
        names = [field.name for field in fields(self)]
        return Sums(*(getattr(self, name) + getattr(other, name) for name in names))


class Score:
    """The score of one output, over all samples or a batch of them.

    Args:
        name: The output's name.
        shape: Its shape without the batch.
        targets: Labels (samples,), (samples, 1) or one-hot; labels of positions (samples, height,
            width); 0 or 1 for each of several labels; real values of the output's shape; or None.
        steps: Number of steps.
        threshold: Decision threshold of a single output: 0.5 after a sigmoid, else 0.
        first: First step at which the read-out has received an input.

    Attributes:
        sums: Sums so far; those of batches that were scored by a `part` can be added.

    Raises:
        DataError: the targets are neither classes nor values of the output's shape.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        targets: np.ndarray | None,
        steps: int,
        threshold: float = 0.0,
        first: int = 1,
    ) -> None:
        self.name, self.shape, self.threshold, self.first = name, shape, threshold, first
        self.task, self.targets = _task(name, shape, targets)
        self.steps, self.sums = steps, Sums.zero(steps)

    def part(self, rows: slice) -> "Score":
        """Return a score of only these samples; `reference` starts it."""
        part = copy.copy(self)
        if self.targets is not None:
            targets = self.targets[rows]
            part.targets = targets.astype(np.float64) if self.task == REGRESSION else targets
        return part

    def given(self, targets: np.ndarray | None) -> "Score":
        """Return a score of samples with these targets, under the same task.

        Raises:
            DataError: targets that the task does not have; or none, where others have them.
        """
        part = copy.copy(self)
        if (targets is None) != (self.targets is None):
            raise DataError(f"targets of {self.name}: some samples have targets, others have none")
        if targets is None:
            return part
        if self.task in SEVERAL:
            part.targets = _several(self.name, self.shape, np.asarray(targets), self.task)
            return part
        values = int(np.prod(self.shape)) * len(targets)
        if self.task == REGRESSION and np.size(targets) == values:
            part.targets = np.asarray(targets, np.float64).reshape(-1, *self.shape)
            return part
        task, part.targets = _task(self.name, self.shape, targets)
        if task != self.task:
            raise DataError(
                f"targets of {self.name}: the first ones are those of a {self.task}, later ones of a "
                f"{task}; allowed: one kind"
            )
        return part

    def reference(self, cnn: np.ndarray) -> None:
        """Set the CNN's output for the samples and reset the sums; call it before `add`."""
        self.cnn = cnn.astype(np.float64)
        self.decisions = self.decide(cnn)
        self.sums = sums = Sums.zero(self.steps)
        sums.samples += len(cnn)
        sums.elements += cnn.size
        sums.spread += float((self.cnn**2).sum())
        if self.targets is None:
            return
        if self.task == REGRESSION:
            sums.cnn_squares += float(((self.cnn - self.targets) ** 2).sum())
        else:
            sums.cnn_right += float((self.decisions == self.targets).sum())

    def add(self, step: int, output: np.ndarray) -> None:
        """Add the network's output for the samples at one step."""
        sums = self.sums
        sums.difference[step] += float(((output - self.cnn) ** 2).sum())
        if self.task == REGRESSION:
            if self.targets is not None:
                sums.squares[step] += float(((output - self.targets) ** 2).sum())
            return
        decisions = self.decide(output)
        sums.equal[step] += same(decisions, self.decisions).sum()
        if self.targets is not None:
            sums.right[step] += (decisions == self.targets).sum()

    def decide(self, output: np.ndarray) -> np.ndarray:
        """Return the classes of a classification, (samples,), or the output of a regression.

        A sample with NaN or infinity is `UNDECIDED`, which is neither right nor equal to another
        decision.
        """
        if self.task == REGRESSION:
            return output
        if self.task in SEVERAL:
            return _decisions(output, self.task, self.threshold)
        classes = output[:, 0] > self.threshold if self.task == BINARY else output.argmax(1)
        return np.where(np.isfinite(output).all(axis=1), classes.astype(int), UNDECIDED)

    def result(self) -> OutputScore:
        """Return the course over the steps."""
        classes, known, sums = self.task != REGRESSION, self.targets is not None, self.sums
        samples = max(sums.samples, 1) * _decisions_each(self.shape, self.task)
        elements = max(sums.elements, 1)
        return OutputScore(
            name=self.name,
            task=self.task,
            accuracy=self._course(sums.right / samples) if classes and known else None,
            cnn_accuracy=sums.cnn_right / samples if classes and known else None,
            agreement=self._course(sums.equal / samples) if classes else None,
            error=self._course(np.sqrt(sums.squares / elements)) if known and not classes else None,
            cnn_error=(
                float(np.sqrt(sums.cnn_squares / elements)) if known and not classes else None
            ),
            deviation=self._course(np.sqrt(sums.difference / elements)),
            cnn_spread=float(np.sqrt(sums.spread / elements)),
            first=self.first,
        )

    def _course(self, values: Float64Array) -> Float64Array:
        """Return the values, with NaN at the steps before the read-out has received an input."""
        return np.where(np.arange(1, len(values) + 1) < self.first, np.nan, values)


def _decisions_each(shape: tuple[int, ...], task: str) -> int:
    """Return the number of decisions for one sample."""
    if task == LABELS:
        return shape[0]
    return int(np.prod(shape[:-1])) if task == SEGMENTATION else 1


def _decisions(output: np.ndarray, task: str, threshold: float) -> Int64Array:
    """Return the decisions of each sample, (samples, decisions)."""
    finite = np.isfinite(output)
    if task == LABELS or output.shape[-1] == 1:
        chosen = np.where(finite, output > threshold, UNDECIDED)
    else:
        chosen = np.where(finite.all(-1), output.argmax(-1), UNDECIDED)
    return chosen.reshape(len(output), -1).astype(np.int64)


def _several(name: str, shape: tuple[int, ...], y: np.ndarray, task: str) -> Int64Array:
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


def same(decisions: Int64Array, others: Int64Array) -> BoolArray:
    """Return where two decisions are equal; an undecided sample equals none."""
    equal: BoolArray = (decisions == others) & (decisions != UNDECIDED)
    return equal


def _task(
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
        return task, _several(name, shape, y, task)
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
