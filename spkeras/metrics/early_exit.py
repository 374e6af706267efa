"""Early exit: samples stop once their decision is stable; its savings and costs."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from spkeras.errors import OptionError
from spkeras.metrics.score import Score, same
from spkeras.metrics.tasks import CLASSIFICATION
from spkeras.ops.arrays import BoolArray, Float64Array, Int64Array

# Margins of the table from which a user chooses, in addition to the policy's.
MARGINS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
# Spread relative to the logits below which it is a rounding error: all classes are equal.
_NOTHING = 1e-12


@dataclass(frozen=True)
class EarlyExit:
    """The policy by which a sample stops.

    A sample stops at the first step at which its decision has been the same, and its lead at
    least `margin`, for `patience` steps in a row. The lead after n steps of the read-out is

        n (y1 - y2) / s

    y1, y2: the largest and the second largest logit (means over the n steps); s: the standard
    deviation of the sample's logits over the classes. n y is the sum in the read-out; one step
    changes it by about s. The lead is the distance of the second class in such steps. A factor of
    the logits does not change it. Rounding to spikes changes the sum by a constant for any n, so
    that its relative effect falls during a run.

    Args:
        margin: Least lead, in steps; above 0. Choose it on calibration data, never on the data
            that the accuracy is measured on.
        patience: Number of steps in a row, from 1.
        stop: Whether to remove samples from the simulation when they stop. The curve to T and the
            cost of the exit are then unknown. Needs the events engine.

    Raises:
        OptionError: a value is out of its range.
    """

    margin: float
    patience: int = 2
    stop: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.margin < np.inf:
            raise OptionError(f"early_exit margin={self.margin!r}; allowed: numbers above 0")
        if int(self.patience) != self.patience or self.patience < 1:
            raise OptionError(
                f"early_exit patience={self.patience!r}; allowed: whole numbers from 1"
            )


@dataclass(frozen=True)
class ExitRow:
    """The results of one margin.

    Attributes:
        margin: The margin.
        steps: Mean step at which samples stop; T for those that do not.
        exits: Share of the samples that stop before T.
        accuracy: Share of right decisions at the exits; None without labels.
        cost: Accuracy at T minus `accuracy`; None without labels, or if the simulation stopped
            samples.
        changed: Share of the decisions that differ from those at T; None if the simulation
            stopped samples.
        spikes: Spikes per sample until it stops.
        saved: Share of the spikes to T that come after the exit; None if the simulation stopped
            samples.
    """

    margin: float
    steps: float
    exits: float
    accuracy: float | None
    cost: float | None
    changed: float | None
    spikes: float
    saved: float | None


@dataclass(frozen=True, eq=False)
class ExitCourse:
    """Early exit over a data set.

    Attributes:
        policy: The policy.
        chosen: Its results.
        rows: The results of several margins, increasing, including the policy's.
        within: Share of the samples that have stopped by each step, under the policy.
    """

    policy: EarlyExit
    chosen: ExitRow
    rows: tuple[ExitRow, ...]
    within: Float64Array

    def smallest(self, changed: float) -> EarlyExit:
        """Return the policy with the smallest margin of the table that changes few decisions.

        It needs no labels: decisions are compared with those of the run to T. Use it on an
        evaluation of calibration data.

        Args:
            changed: Largest share of the decisions that may change, such as 0.005.

        Raises:
            OptionError: no margin of the table satisfies it, or the simulation stopped samples.
        """
        least = None
        for row in reversed(self.rows):
            if row.changed is None or row.changed > changed:
                break
            least = row.margin
        if least is None:
            raise OptionError(
                f"early exit with at most {changed!r} of the decisions changed: no margin up to "
                f"{self.rows[-1].margin:g} does, or the simulation stopped samples; run all to T "
                "with a larger margin"
            )
        return replace(self.policy, margin=least)


@dataclass(frozen=True, eq=False)
class ExitSums:
    """Sums over samples, for each margin; whole numbers.

    Attributes:
        stopped: Samples that stop at each step, (margins, T).
        right: Samples decided right on stopping, (margins,).
        same: Samples decided as at T, (margins,).
        spikes: Spikes until samples stop, (margins,).
        last_right: Samples decided right at T.
        all_spikes: Spikes to T.
        samples: Number of samples.
    """

    stopped: Int64Array
    right: Int64Array
    same: Int64Array
    spikes: np.ndarray
    last_right: int
    all_spikes: int
    samples: int

    def __add__(self, other: "ExitSums") -> "ExitSums":
        """Return the sums of both."""
        names = [field.name for field in fields(self)]
        return ExitSums(*(getattr(self, name) + getattr(other, name) for name in names))


class Watch:
    """The record of one batch: at which step each sample stops under each margin.

    Args:
        policy: The policy.
        score: The score of the batch.
        steps: T.
        start: Steps before the read-out starts.
        margins: Margins of the table; default `MARGINS`. The policy's margin is added. With
            `policy.stop` the table has only that one.
    """

    def __init__(
        self,
        policy: EarlyExit,
        score: Score,
        steps: int,
        start: int,
        margins: Sequence[float] | None = None,
    ) -> None:
        self.policy, self.score, self.start, self.steps = policy, score, start, steps
        others = () if policy.stop else MARGINS if margins is None else margins
        self.margins = np.unique([*others, policy.margin])
        self.own = int(np.flatnonzero(self.margins == policy.margin)[0])

    def part(self, score: Score) -> "Watch":
        """Return a record for the batch of another score."""
        part = copy.copy(self)
        part.score = score
        return part

    @property
    def earliest(self) -> int:
        """Least number of steps after which a sample can stop."""
        return self.start + self.policy.patience

    def begin(self, samples: int) -> None:
        """Reset the state before the first step of a batch of `samples` samples."""
        shape = (len(self.margins), samples)
        # _held: steps in a row with enough lead. _exit: step of the exit, 0 before it. _decision,
        # _spikes: decision and spikes so far at the exit.
        self._held, self._exit = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self._decision, self._spikes = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._before: np.ndarray = np.full(samples, -1)
        self._sent = np.zeros(samples, np.int64)

    def add(self, step: int, output: np.ndarray, sent: np.ndarray) -> BoolArray:
        """Add a step's logits (samples, classes) and spikes (samples,).

        Returns:
            Whether each sample has stopped under the policy, (samples,) bool.
        """
        decision = self.score.decide(output)
        self._sent += np.round(sent).astype(np.int64)
        holds = lead(output, step + 1 - self.start) >= self.margins[:, None]
        kept = np.where(decision == self._before, self._held + 1, 1)
        self._held = np.where(holds, kept, 0).astype(np.int32)
        self._before = decision
        now = (self._held >= self.policy.patience) & (self._exit == 0)
        if step + 1 == self.steps:
            now = self._exit == 0
        self._exit[now] = step + 1
        self._decision[now] = np.broadcast_to(decision, now.shape)[now]
        self._spikes[now] = np.broadcast_to(self._sent, now.shape)[now]
        return np.asarray(self._exit[self.own] > 0)

    def sums(self) -> ExitSums:
        """Return the sums over the batch, after the last step."""
        targets, last = self.score.targets, self._before
        known = targets is not None
        stopped = [np.bincount(row - 1, minlength=self.steps) for row in self._exit]
        return ExitSums(
            stopped=np.stack(stopped),
            right=(self._decision == targets).sum(axis=1) if known else np.zeros(len(stopped), int),
            same=same(self._decision, last).sum(axis=1),
            spikes=self._spikes.sum(axis=1),
            last_right=int((last == targets).sum()) if known else 0,
            all_spikes=int(self._sent.sum()),
            samples=len(last),
        )

    def course(self, sums: ExitSums) -> ExitCourse:
        """Return sums over all batches as shares and means."""
        rows = tuple(self._row(sums, number) for number in range(len(self.margins)))
        within = sums.stopped[self.own].cumsum() / sums.samples
        return ExitCourse(self.policy, rows[self.own], rows, within)

    def _row(self, sums: ExitSums, number: int) -> ExitRow:
        count, full = sums.samples, not self.policy.stop
        stopped = sums.stopped[number]
        known = self.score.targets is not None
        right, spikes = int(sums.right[number]), int(sums.spikes[number])
        return ExitRow(
            margin=float(self.margins[number]),
            steps=float(stopped @ np.arange(1, self.steps + 1)) / count,
            exits=float(stopped[:-1].sum()) / count,
            accuracy=right / count if known else None,
            cost=(sums.last_right - right) / count if known and full else None,
            changed=(count - int(sums.same[number])) / count if full else None,
            spikes=spikes / count,
            saved=1 - spikes / max(sums.all_spikes, 1) if full else None,
        )


def lead(logits: np.ndarray, steps: int) -> Float64Array:
    """Return the lead of the first class over the second, in steps; see `EarlyExit`.

    Args:
        logits: Means over the steps of the read-out, (samples, classes).
        steps: Number of these steps.

    Returns:
        The lead (samples,); 0 if no class leads, or before the first step of the read-out.
    """
    second, first = np.partition(logits.astype(np.float64), -2, axis=1)[:, -2:].T
    spread = logits.astype(np.float64).std(axis=1)
    known = spread > _NOTHING * np.abs(logits).max(axis=1)
    none = np.zeros_like(spread)
    leads: Float64Array = np.divide(first - second, spread, out=none, where=known)
    return max(steps, 0) * leads


def check_exit(score: Score, outputs: int) -> None:
    """Refuse early exit where there is no decision that could be stable.

    Raises:
        OptionError: the network has several outputs, or its output has fewer than two classes.
    """
    if outputs > 1:
        raise OptionError(f"early_exit with {outputs} outputs; allowed: one, which decides")
    if score.task != CLASSIFICATION:
        raise OptionError(
            f"early_exit with the {score.task} {score.name}; allowed: two or more classes, whose "
            "logits can be compared; leave early_exit out"
        )
