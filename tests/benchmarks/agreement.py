"""Whether a system simulated the network that spkeras simulates; NumPy only.

All systems compute in float32 and add in different orders. A potential within rounding of its
threshold then fires a step earlier or later, and the difference travels on. How far rounding goes
in this network is measured: the reference is repeated with each weight changed at random by at
most half a unit in its last place (`reference.rounded`). From these runs follow two bounds:

* a decision may differ where the two largest logits are closer than twice the largest change of a
  logit in these runs, since each of the two logits may move by that much;
* a share of the counts may differ, at most `TIMES` the largest share in these runs, and never more
  than `COUNTS`. Another start step or initial potential changes tens of percent.
"""

from dataclasses import dataclass

import numpy as np

# On trained networks two orders of addition change 0.01 to 0.65 % of the counts.
COUNTS, TIMES = 0.01, 10.0


@dataclass(frozen=True, eq=False)
class Answer:
    """What a system answers.

    Attributes:
        logits: (samples, classes).
        counts: Spikes of each image and neuron, (samples, neurons); None where the system gives
            none.
    """

    logits: np.ndarray
    counts: np.ndarray | None = None

    @property
    def spikes(self) -> int | None:
        """Number of spikes of all images."""
        return None if self.counts is None else int(self.counts.sum(dtype=np.int64))


@dataclass(frozen=True)
class Agreement:
    """How far an answer is from the reference.

    Attributes:
        decisions: Number of images with another decision.
        clear: Number of these whose decision rounding cannot change.
        logit: Largest difference of a logit.
        counts: Share of the counts that differ; None without counts.
        spikes: Number of spikes; None without counts.
        refusal: Why it is not the same network; empty if it is.
    """

    decisions: int
    clear: int
    logit: float
    counts: float | None
    spikes: int | None
    refusal: str


@dataclass(frozen=True, eq=False)
class Reference:
    """What the network answers, and how far rounding changes it.

    Attributes:
        answer: With the weights as they are.
        rounded: With weights changed by a rounding error; none if nothing may differ.
    """

    answer: Answer
    rounded: tuple[Answer, ...] = ()

    @property
    def lead(self) -> float:
        """Lead of the first class below which a decision may differ."""
        return 2 * max(
            (float(np.abs(self.answer.logits - run.logits).max()) for run in self.rounded),
            default=0.0,
        )

    @property
    def share(self) -> float:
        """Share of the counts that may differ."""
        shares = (different(self.answer.counts, run.counts) for run in self.rounded)
        return min(COUNTS, TIMES * max(shares, default=0.0))

    @property
    def open(self) -> int:
        """Number of images whose decision may differ."""
        second, first = np.sort(self.answer.logits, axis=1)[:, -2:].T
        return int((first - second <= self.lead).sum()) if self.rounded else 0

    def compare(self, found: Answer) -> Agreement:
        """Return how far an answer is from this one, and whether it is that of another network."""
        logits = self.answer.logits
        if found.logits.shape != logits.shape:
            return Agreement(
                len(logits),
                len(logits),
                np.inf,
                None,
                None,
                f"outputs {found.logits.shape}; expected {logits.shape}",
            )
        changed = found.logits.argmax(axis=1) != logits.argmax(axis=1)
        second, first = np.sort(logits, axis=1)[:, -2:].T
        clear = int((changed & (first - second > self.lead)).sum())
        counts = None if found.counts is None else different(self.answer.counts, found.counts)
        refusal = ""
        if clear:
            refusal = (
                f"{clear} decisions differ whose lead is above {self.lead:.3g}, "
                "the tolerance for rounding"
            )
        elif counts is not None and counts > self.share:
            refusal = (
                f"{100 * counts:.3g} % of the spike counts differ; allowed: "
                f"{100 * self.share:.3g} %, for rounding"
            )
        return Agreement(
            int(changed.sum()),
            clear,
            float(np.abs(found.logits - logits).max()),
            counts,
            found.spikes,
            refusal,
        )


def different(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """Return the share of the counts that differ."""
    if one is None or other is None or one.shape != other.shape:
        return 1.0
    return float((one != other).mean())
