"""Runs of networks of whole numbers, in the form in which events run."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from spkeras.integers.engine import IntegerBatch, IntegerProgram
from spkeras.ops.arrays import Int64Array
from spkeras.simulation.rows import StepBlock
from spkeras.snn.timing import Timed


class WholeNumbers:
    """A network of whole numbers, compiled with its current settings.

    Args:
        loop: A spike loop with such a network.
    """

    def __init__(self, loop: Timed) -> None:
        graph = loop.graph
        self.program = IntegerProgram(graph, loop.bias_currents(), loop.offset)
        self.shapes = [node.shape for node in graph.of("readout")]

    def batch(
        self, scaled: Sequence[np.ndarray], samples: int, analysed: ArrayLike = ()
    ) -> "WholeRows":
        """Return a batch of samples in its state before the first step.

        Args:
            scaled: Inputs in units of their scale.
            samples: Number of samples.
            analysed: Samples whose graded spikes are analysed; there are none.
        """
        return WholeRows(IntegerBatch(self.program, self.program.currents(scaled)))

    def readouts(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Split the values of all read-outs (..., values) into one array per read-out."""
        sizes = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        pairs = zip(np.split(outputs, sizes, axis=-1), self.shapes, strict=True)
        return [part.reshape(*part.shape[:-1], *shape) for part, shape in pairs]


class WholeRows:
    """A batch under whole numbers with counts per sample, from which samples can be removed."""

    def __init__(self, batch: IntegerBatch) -> None:
        self.batch = batch

    @property
    def graded(self) -> tuple[dict[str, Int64Array], ...]:
        """Counts of graded spikes, of which there are none."""
        return {}, {}, {}

    @property
    def counted(self) -> Mapping[str, Int64Array]:
        """Spikes of each neuron so far, over all samples, by layer."""
        return self.batch.counted

    def taken(self, steps: int, together: int) -> Iterator[StepBlock]:
        """Run `steps` steps, one by one.

        Args:
            steps: T.
            together: Number of first steps after which no sample is removed; not needed here.
        """
        for index in range(steps):
            spikes = self.batch.step(index)
            means = self.batch.means(index + 1)
            samples = len(means[0])
            sent = [np.abs(own).reshape(samples, -1).sum(axis=1) for own in spikes.values()]
            outputs = np.concatenate([mean.reshape(samples, -1) for mean in means], axis=1)
            yield StepBlock(index, outputs[:, None], np.stack(sent, axis=1)[:, None])

    def keep(self, rows: np.ndarray) -> None:
        """Continue only with these rows of the current ones."""
        self.batch.keep(rows)
