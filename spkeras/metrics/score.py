"""Scores of an output at every step: accuracy or error, and agreement with the CNN."""

import copy
from dataclasses import dataclass, fields

import numpy as np

from spkeras.errors import DataError
from spkeras.metrics.tasks import (
    BINARY,
    REGRESSION,
    SEVERAL,
    UNDECIDED,
    decisions_each,
    decisions_of,
    several_targets,
    task_of,
)
from spkeras.ops.arrays import BoolArray, Float64Array, Int64Array


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
        weighted: Whether samples have weights; all figures are weighted means, then.
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
    weighted: bool = False


@dataclass(eq=False)
class Sums:
    """Sums over batches; arrays have a value for each step.

    A sample counts by its weight, 1 where none is given.

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
    samples: float = 0.0
    elements: float = 0.0

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
        weights: Weight of each sample, (samples,); None where each counts once.
        weighted: Whether samples have weights.

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
        self.task, self.targets = task_of(name, shape, targets)
        self.steps, self.sums = steps, Sums.zero(steps)
        self.weights: Float64Array | None = None
        self.weighted = False

    def part(self, rows: slice) -> "Score":
        """Return a score of only these samples; `reference` starts it."""
        part = copy.copy(self)
        if self.targets is not None:
            targets = self.targets[rows]
            part.targets = targets.astype(np.float64) if self.task == REGRESSION else targets
        return part

    def given(self, targets: np.ndarray | None, weights: Float64Array | None = None) -> "Score":
        """Return a score of samples with these targets and weights, under the same task.

        Raises:
            DataError: targets that the task does not have; or none, where others have them.
        """
        part = copy.copy(self)
        part.weights = weights
        if (targets is None) != (self.targets is None):
            raise DataError(f"targets of {self.name}: some samples have targets, others have none")
        if targets is None:
            return part
        if self.task in SEVERAL:
            part.targets = several_targets(self.name, self.shape, np.asarray(targets), self.task)
            return part
        values = int(np.prod(self.shape)) * len(targets)
        if self.task == REGRESSION and np.size(targets) == values:
            part.targets = np.asarray(targets, np.float64).reshape(-1, *self.shape)
            return part
        task, part.targets = task_of(self.name, self.shape, targets)
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
        sums.samples += self._sum(np.ones(len(cnn)))
        sums.elements += self._sum(np.ones(cnn.shape))
        sums.spread += self._sum(self.cnn**2)
        if self.targets is None:
            return
        if self.task == REGRESSION:
            sums.cnn_squares += self._sum((self.cnn - self.targets) ** 2)
        else:
            sums.cnn_right += self._sum(self.decisions == self.targets)

    def _sum(self, values: np.ndarray) -> float:
        """Return the sum over all samples, (samples, ...), each by its weight."""
        if self.weights is None:
            return float(values.sum())
        return float(self.weights @ values.reshape(len(values), -1).sum(axis=1))

    def add(self, step: int, output: np.ndarray) -> None:
        """Add the network's output for the samples at one step."""
        sums = self.sums
        sums.difference[step] += self._sum((output - self.cnn) ** 2)
        if self.task == REGRESSION:
            if self.targets is not None:
                sums.squares[step] += self._sum((output - self.targets) ** 2)
            return
        decisions = self.decide(output)
        sums.equal[step] += self._sum(same(decisions, self.decisions))
        if self.targets is not None:
            sums.right[step] += self._sum(decisions == self.targets)

    def decide(self, output: np.ndarray) -> np.ndarray:
        """Return the classes of a classification, (samples,), or the output of a regression.

        A sample with NaN or infinity is `UNDECIDED`, which is neither right nor equal to another
        decision.
        """
        if self.task == REGRESSION:
            return output
        if self.task in SEVERAL:
            return decisions_of(output, self.task, self.threshold)
        classes = output[:, 0] > self.threshold if self.task == BINARY else output.argmax(1)
        return np.where(np.isfinite(output).all(axis=1), classes.astype(int), UNDECIDED)

    def result(self) -> OutputScore:
        """Return the course over the steps."""
        classes, known, sums = self.task != REGRESSION, self.targets is not None, self.sums
        samples = (sums.samples or 1) * decisions_each(self.shape, self.task)
        elements = sums.elements or 1
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
            weighted=self.weighted,
        )

    def _course(self, values: Float64Array) -> Float64Array:
        """Return the values, with NaN at the steps before the read-out has received an input."""
        return np.where(np.arange(1, len(values) + 1) < self.first, np.nan, values)


def same(decisions: Int64Array, others: Int64Array) -> BoolArray:
    """Return where two decisions are equal; an undecided sample equals none."""
    equal: BoolArray = (decisions == others) & (decisions != UNDECIDED)
    return equal
