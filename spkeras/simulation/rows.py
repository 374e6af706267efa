"""A batch under the events engine with counts per sample, from which samples can be removed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from spkeras.events.engine import Batch, EventBlock
from spkeras.events.program import aligned


@dataclass(frozen=True, eq=False)
class StepBlock:
    """Results of consecutive steps.

    Attributes:
        first: Index of the first step.
        outputs: Mean of each read-out after each step, (samples, steps, values of all read-outs).
        spikes: Spikes of each sample in each step and layer, (samples, steps, layers).
    """

    first: int
    outputs: np.ndarray
    spikes: np.ndarray


class Rows(Batch):
    """A batch whose spikes are counted separately for each sample.

    Args:
        As `spkeras.events.engine.Batch`.
    """

    def taken(self, steps: int, together: int) -> Iterator[StepBlock]:
        """Run `steps` steps from the first one, as long as samples are left.

        Args:
            steps: T.
            together: Number of first steps that run in blocks as large as memory allows. Later
                steps run one by one, so that `keep` can remove samples between them. Blocks are
                faster: the data of a sample stay in the cache.
        """
        for block in self.blocks(together, ends=together >= steps):
            yield StepBlock(block.first, block.outputs, self._seen)
        with ThreadPoolExecutor(self.threads) as pool:
            for first in range(together, steps):
                if not len(self.own):
                    return
                block = self._block(pool, first, first + 1)
                yield StepBlock(first, block.outputs, self._seen)

    def keep(self, rows: np.ndarray) -> None:
        """Continue only with these rows of the current ones."""
        assert self._held is not None
        held = aligned((len(rows), self.program.state.size), np.float32)
        held[:] = self._held[rows]
        self._held, self.own = held, np.ascontiguousarray(self.own[rows])
        self.analysed = self.analysed[rows]

    def _block(self, pool: ThreadPoolExecutor, first: int, last: int) -> EventBlock:
        layers = len(self.program.neurons)
        self._seen = np.zeros((len(self.own), last - first, layers), np.int64)
        block = super()._block(pool, first, last)
        return EventBlock(first, block.outputs, self._seen.sum(axis=0))

    def _sample(
        self, sample: int, thread: int, first: int, last: int, outputs: np.ndarray, sums: np.ndarray
    ) -> None:
        super()._sample(sample, thread, first, last=last, outputs=outputs, sums=self._seen[sample])


class Answers:
    """Latest answers of all samples of a batch, of which some have stopped.

    Args:
        samples: Number of samples in the batch.

    Attributes:
        last: One array (samples, ...) per output of the network.
        number: Number of steps so far.
    """

    def __init__(self, samples: int) -> None:
        self.samples, self.number = samples, 0
        self.last: list[np.ndarray] = []

    def after(self, rows: np.ndarray, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the answers after one more step, in which these rows gave these outputs."""
        self.number += 1
        if len(rows) == self.samples:
            self.last = list(outputs)
            return self.last
        # Copies: a callback may have kept the former answers.
        self.last = [np.array(answer) for answer in self.last]
        for answer, output in zip(self.last, outputs, strict=True):
            answer[rows] = output
        return self.last
