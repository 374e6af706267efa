"""One batch of an evaluation: what runs, and what results."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spkeras.facade.networks import AnySimulator
from spkeras.metrics import ExitSums, Score, Sums, Watch
from spkeras.metrics.answers import Answers
from spkeras.simulation.record import Counts


@dataclass(frozen=True, eq=False)
class Shard:
    """One batch, with all that a process needs to run it.

    Attributes:
        samples: One array per input of the network.
        scores: One per output, with the batch's targets.
        watch: Follows early exit, or None.
        reference: Outputs of the converted CNN; None where the network holds it.
        first: Index of the first sample in the data.
        keeps: Whether the outputs of each sample are kept.
    """

    samples: list[np.ndarray]
    scores: tuple[Score, ...]
    watch: Watch | None
    reference: list[np.ndarray] | None = None
    first: int = 0
    keeps: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """Result of the run of one batch, or of several.

    Attributes:
        counts: Spikes and inputs.
        scores: One per output.
        exits: Early exit, or None.
        answers: For each batch, what each output answered; empty where it is not kept.
    """

    counts: Counts
    scores: tuple[Sums, ...]
    exits: ExitSums | None
    answers: tuple[tuple[Answers, ...], ...] = ()

    def __add__(self, other: "Part") -> "Part":
        """Return the sum of both; the other's batches follow these."""
        scores = tuple(a + b for a, b in zip(self.scores, other.scores, strict=True))
        exits = None
        if self.exits is not None and other.exits is not None:
            exits = self.exits + other.exits
        return Part(
            self.counts + other.counts, scores, exits=exits, answers=self.answers + other.answers
        )


def run_shard(
    simulation: AnySimulator, shard: Shard, progress: Callable[[int], None] = lambda steps: None
) -> Part:
    """Run one batch.

    Args:
        simulation: The network, with the settings of the run.
        shard: The batch.
        progress: Receives the number of steps done.
    """
    answers = shard.reference
    if answers is None:
        answers = simulation.reference(shard.samples)
    for score, answer in zip(shard.scores, answers, strict=True):
        score.reference(answer)
    last: list[np.ndarray] = []
    watch = shard.watch
    if watch is not None:
        watch.begin(len(shard.samples[0]))

    def observe(
        index: int, outputs: list[np.ndarray], sent: np.ndarray | None
    ) -> np.ndarray | None:
        last[:] = outputs
        for score, output in zip(shard.scores, outputs, strict=True):
            score.add(index, output)
        progress(index + 1)
        return None if watch is None or sent is None else watch.add(index, outputs[0], sent)

    stopping = watch.earliest if watch is not None and watch.policy.stop else None
    counts = simulation.batch(shard.samples, observe, stopping, shard.first)
    exits = None if watch is None else watch.sums()
    kept: tuple[tuple[Answers, ...], ...] = ()
    if shard.keeps:
        pairs = zip(shard.scores, last, answers, strict=True)
        kept = (tuple(Answers.of(*pair) for pair in pairs),)
    return Part(counts, tuple(score.sums for score in shard.scores), exits=exits, answers=kept)
