"""How good an output is at every step: accuracy or error, and closeness to the CNN."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spkeras.errors import DataError

CLASSIFICATION, BINARY, REGRESSION = "classification", "binary classification", "regression"


@dataclass(frozen=True, eq=False)
class OutputScore:
    """The course of one output over the steps.

    Attributes:
        name: The output's name.
        task: "classification", "binary classification" or "regression".
        accuracy: Share of right decisions at each step; None without labels or for regression.
        cnn_accuracy: The same of the CNN on the same samples.
        agreement: Share of decisions equal to the CNN's at each step; None for regression.
        error: Root mean square difference to the targets at each step, in the output's unit;
            None for classification or without targets.
        cnn_error: The same of the CNN.
        deviation: Root mean square difference to the CNN's output at each step.
        cnn_spread: Root mean square of the CNN's output, to compare `deviation` with.
    """

    name: str
    task: str
    accuracy: np.ndarray | None
    cnn_accuracy: float | None
    agreement: np.ndarray | None
    error: np.ndarray | None
    cnn_error: float | None
    deviation: np.ndarray
    cnn_spread: float


class Score:
    """Sums that grow batch by batch, for one output.

    Args:
        name: The output's name.
        shape: Its shape without the batch.
        targets: Labels (samples,), (samples, 1) or one-hot; real values of the output's
            shape; or None.
        steps: Number of steps that will be told.
        threshold: Where a single output decides: 0.5 behind a sigmoid, else 0.

    Raises:
        DataError: targets fit neither classes nor values.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        targets: np.ndarray | None,
        steps: int,
        threshold: float = 0.0,
    ) -> None:
        self.name, self.threshold = name, threshold
        self.task, self.targets = _task(name, shape, targets)
        self.right = np.zeros(steps)
        self.equal = np.zeros(steps)
        self.squares = np.zeros(steps)
        self.difference = np.zeros(steps)
        self.cnn_right = self.cnn_squares = self.spread = 0.0
        self.samples, self.elements = 0, 0

    def reference(self, rows: slice, cnn: np.ndarray) -> None:
        """Tell what the CNN gives for these samples, before their steps."""
        self.cnn = cnn.astype(np.float64)
        self.decisions = self._decide(cnn)
        self.samples += len(cnn)
        self.elements += cnn.size
        self.spread += float((self.cnn**2).sum())
        if self.targets is None:
            return
        if self.task == REGRESSION:
            self.cnn_squares += float(((self.cnn - self.targets[rows]) ** 2).sum())
        else:
            self.cnn_right += float((self.decisions == self.targets[rows]).sum())

    def add(self, rows: slice, step: int, output: np.ndarray) -> None:
        """Tell what the network gives at one step for the samples last told."""
        self.difference[step] += float(((output - self.cnn) ** 2).sum())
        if self.task == REGRESSION:
            if self.targets is not None:
                self.squares[step] += float(((output - self.targets[rows]) ** 2).sum())
            return
        decisions = self._decide(output)
        self.equal[step] += (decisions == self.decisions).sum()
        if self.targets is not None:
            self.right[step] += (decisions == self.targets[rows]).sum()

    def _decide(self, output: np.ndarray) -> np.ndarray:
        if self.task == BINARY:
            return (output[:, 0] > self.threshold).astype(int)
        return output.argmax(-1) if self.task == CLASSIFICATION else output

    def result(self) -> OutputScore:
        """The course over the steps."""
        classes, known = self.task != REGRESSION, self.targets is not None
        samples, elements = max(self.samples, 1), max(self.elements, 1)
        return OutputScore(
            self.name,
            self.task,
            self.right / samples if classes and known else None,
            self.cnn_right / samples if classes and known else None,
            self.equal / samples if classes else None,
            np.sqrt(self.squares / elements) if known and not classes else None,
            float(np.sqrt(self.cnn_squares / elements)) if known and not classes else None,
            np.sqrt(self.difference / elements),
            float(np.sqrt(self.spread / elements)),
        )


def _task(
    name: str, shape: tuple[int, ...], targets: np.ndarray | None
) -> tuple[str, np.ndarray | None]:
    flat = len(shape) == 1
    if targets is None:
        return (CLASSIFICATION if flat and shape[0] > 1 else REGRESSION), None
    y = np.asarray(targets)
    if flat and shape[0] > 1 and y.ndim == 2 and y.shape[1] == shape[0] and _one_hot(y):
        return CLASSIFICATION, y.argmax(1)
    labels = y.reshape(len(y)) if y.size == len(y) else y
    whole = labels.ndim == 1 and np.issubdtype(y.dtype, np.integer)
    if flat and shape[0] > 1 and whole:
        _check_labels(name, labels, shape[0])
        return CLASSIFICATION, labels
    if flat and shape[0] == 1 and whole and set(np.unique(labels)) <= {0, 1}:
        return BINARY, labels
    values = y.reshape(len(y), *shape) if y.size == len(y) * int(np.prod(shape)) else None
    if values is None:
        raise DataError(
            f"targets of {name}: received shape {y.shape[1:]} of {y.dtype} a sample, the output "
            f"has {shape}; give whole-number labels, one-hot rows, or values of that shape"
        )
    return REGRESSION, values.astype(np.float64)


def _one_hot(y: np.ndarray) -> bool:
    return bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())


def _check_labels(name: str, labels: Any, classes: int) -> None:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"labels of {name}: received {low} to {high}, the network tells {classes} classes "
            f"apart (0 to {classes - 1})"
        )
