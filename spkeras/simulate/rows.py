"""A batch under the events engine that tells its samples apart, and lets some of them go."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from spkeras.events.engine import Batch, Block
from spkeras.events.program import aligned


@dataclass(frozen=True, eq=False)
class Steps:
    """What happened in some steps.

    Attributes:
        first: Index of the first.
        outputs: The read-outs' means after each step, (samples, steps, values of all read-outs).
        spikes: Spikes of each sample in each step and layer, (samples, steps, layers).
    """

    first: int
    outputs: np.ndarray
    spikes: np.ndarray


class Rows(Batch):
    """A batch of samples of which each counts its own spikes.

    Args:
        As of `spkeras.events.engine.Batch`.
    """

    def taken(self, steps: int, together: int) -> Iterator[Steps]:
        """Run so many steps from the first one, for as long as there are samples.

        Args:
            steps: T.
            together: So many of them in blocks as large as memory likes, the others one by one,
                so that `keep` may take samples out between them. Blocks are faster: what a
                sample needs is at hand still.
        """
        for block in self.blocks(together):
            yield Steps(block.first, block.outputs, self._seen)
        with ThreadPoolExecutor(self.threads) as pool:
            for first in range(together, steps):
                if not len(self.own):
                    return
                block = self._block(pool, first, first + 1)
                yield Steps(first, block.outputs, self._seen)

    def keep(self, rows: np.ndarray) -> None:
        """Go on with these rows of the present ones only."""
        state = aligned((len(rows), self.program.state.size))
        state[:] = self.state[rows]
        self.own, self.state = np.ascontiguousarray(self.own[rows]), state

    def _block(self, pool: ThreadPoolExecutor, first: int, last: int) -> Block:
        layers = len(self.program.neurons)
        self._seen = np.zeros((len(self.own), last - first, layers), np.int64)
        block = super()._block(pool, first, last)
        return Block(first, block.outputs, self._seen.sum(axis=0))

    def _sample(
        self,
        sample: int,
        thread: int,
        first: int,
        last: int,
        outputs: np.ndarray,
        sums: np.ndarray,
    ) -> None:
        super()._sample(sample, thread, first, last, outputs, self._seen[sample])


class Answers:
    """What all samples of a batch answered last, while some have gone.

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
        """The answers after one more step, in which these rows gave these outputs."""
        self.number += 1
        if len(rows) == self.samples:
            self.last = list(outputs)
            return self.last
        # Copies: whoever was told the former answers may have kept them.
        self.last = [np.array(answer) for answer in self.last]
        for answer, output in zip(self.last, outputs, strict=True):
            answer[rows] = output
        return self.last
