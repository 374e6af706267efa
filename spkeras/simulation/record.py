"""Counts of a run: sums over samples, extended step by step and batch by batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spkeras.ops.sampling import chosen
from spkeras.simulation.rows import StepBlock
from spkeras.snn.timing import Timed
from spkeras.trace import Trace

# Samples of each batch whose graded spikes are analysed: the analysis of one sample costs more
# than its simulation.
GRADED_SAMPLES = 8


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of the run of a batch, or of several.

    All fields except `beyond` are whole numbers, which float64 adds without rounding. The sums over
    all batches therefore do not depend on how batches are distributed.

    Attributes:
        samples: Number of samples.
        spikes: Spikes of each neuron over all samples and steps, by layer.
        layers: Spikes of each layer in each step, or in each window, over all samples.
        exponents: Graded spikes by exponent, by layer; of some samples, as the next two.
        units: Graded spikes of size 1 of each neuron, by layer.
        adds: Bits set in the graded spikes of each neuron, by layer.
        graded_samples: Number of samples whose graded spikes were analysed.
        settled: Last step with a spike of each sample.
        beyond: Largest magnitude of an input in units of its calibrated maximum.
        exceeded: Number of input values beyond 1 in these units.
        elements: Number of input values.
    """

    samples: int
    spikes: dict[str, np.ndarray]
    layers: dict[str, np.ndarray]
    exponents: dict[str, np.ndarray]
    units: dict[str, np.ndarray]
    adds: dict[str, np.ndarray]
    graded_samples: int
    settled: np.ndarray
    beyond: float
    exceeded: int
    elements: int

    def __add__(self, other: "Counts") -> "Counts":
        """Return the sum of both; the other's samples follow these."""
        return Counts(
            samples=self.samples + other.samples,
            spikes=_added(self.spikes, other.spikes),
            layers=_added(self.layers, other.layers),
            exponents=_added(self.exponents, other.exponents),
            units=_added(self.units, other.units),
            adds=_added(self.adds, other.adds),
            graded_samples=self.graded_samples + other.graded_samples,
            settled=np.concatenate([self.settled, other.settled]),
            beyond=max(self.beyond, other.beyond),
            exceeded=self.exceeded + other.exceeded,
            elements=self.elements + other.elements,
        )

    def trace(self, loop: Timed, steps: np.ndarray) -> Trace:
        """Return the record of a spike loop's run, evaluated after these numbers of steps."""
        running = loop.schedule == "clock_driven"
        layers = {
            name: (sums.cumsum() if running else sums) / max(self.samples, 1)
            for name, sums in self.layers.items()
        }
        ends = loop.network.graph.of("neuron", "readout")
        starts = {node.name: loop.start(node) for node in ends} if running else {}
        share = self.samples / max(self.graded_samples, 1)
        exponents, units, adds = (
            {name: share * counted for name, counted in record.items()}
            for record in (self.exponents, self.units, self.adds)
        )
        return Trace(
            schedule=loop.schedule,
            timesteps=loop.timesteps,
            steps=steps,
            samples=self.samples,
            spikes=self.spikes,
            layer_spikes=layers,
            range_exceeded=self.exceeded / max(self.elements, 1),
            inputs_beyond=self.beyond,
            exponents=exponents,
            unit_spikes=units,
            bits=adds,
            settled=self.settled if loop.spike_code == "delta" else None,
            starts=starts,
            input_encoding=loop.input_encoding,
        )


def _added(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array + other[name] for name, array in one.items()}


class Recorder:
    """Counter of the spikes of one batch.

    Args:
        loop: Network with the settings of the run.
        steps: Numbers of steps at which the run is evaluated.
        samples: Number of samples in the batch.
        first: Index of the batch's first sample in the data. It seeds the choice of the samples
            whose graded spikes are analysed, so that every engine and worker chooses the same.

    Attributes:
        analysed: Indices of the chosen samples.
        settled: Whether the last step sent no spike under the delta code; no later step will.
    """

    def __init__(self, loop: Timed, steps: np.ndarray, samples: int, first: int = 0) -> None:
        self.loop, self.steps, self.samples = loop, steps, samples
        self.analysed = chosen(samples, GRADED_SAMPLES, first).astype("int32")
        neurons = loop.network.graph.of("neuron")
        self.totals = {node.name: np.zeros(node.shape) for node in neurons}
        self.layers = {node.name: np.zeros(len(steps)) for node in neurons}
        graded = [node for node in neurons if node.neuron.graded]
        self.exponents = {node.name: np.zeros(node["levels"]) for node in graded}
        self.units = {node.name: np.zeros(node.shape) for node in graded}
        self.adds = {node.name: np.zeros(node.shape) for node in graded}
        self.active = np.zeros(samples, np.int64)
        self.beyond, self.exceeded, self.elements = 0.0, 0, 0
        self.settled = False

    def inputs(self, scaled: Sequence[np.ndarray]) -> None:
        """Add the range of the inputs, in units of the calibrated maximum."""
        for value in scaled:
            magnitude = np.abs(value)
            self.beyond = max(self.beyond, float(magnitude.max(initial=0)))
            self.exceeded += int((magnitude > 1 + 1e-6).sum())
            self.elements += magnitude.size

    def step(
        self,
        index: int,
        numbers: Sequence[np.ndarray],
        graded: Sequence[np.ndarray],
        active: np.ndarray,
    ) -> np.ndarray:
        """Add the counts of `observe` for one step; return the spikes of each sample."""
        self._count(index, numbers, True)
        counted = iter(graded)
        for name in self.exponents:
            for record in (self.exponents, self.units, self.adds):
                record[name] += next(counted)
        # A network without neurons gives one number for all samples.
        sent = np.broadcast_to(active.sum(axis=1, dtype="float64"), self.samples)
        sending = sent > 0
        self.active[sending] = index + 1
        self.settled = self.loop.spike_code == "delta" and not sending.any()
        return sent

    def events(self, taken: StepBlock, sent: np.ndarray) -> None:
        """Add the spikes of some steps, counted by events; sent: those of each sample and step."""
        for number, name in enumerate(self.layers):
            steps = slice(taken.first, taken.first + taken.spikes.shape[1])
            self.layers[name][steps] += taken.spikes[:, :, number].sum(axis=0)
        for step in range(sent.shape[1]):
            self.active[sent[:, step] > 0] = taken.first + step + 1

    def neurons(self, counted: Mapping[str, np.ndarray], *graded: Mapping[str, np.ndarray]) -> None:
        """Add the spikes of each neuron over all steps of the batch, counted by events.

        graded: those of each exponent; of each neuron spikes of size 1, and bits.
        """
        for name, spikes in counted.items():
            self.totals[name] += spikes
        for record, found in zip((self.exponents, self.units, self.adds), graded, strict=True):
            for name in record:
                record[name] += found[name]

    def window(self, index: int, spikes: Sequence[np.ndarray]) -> None:
        """Add the spikes of each neuron in one whole window, summed over the batch."""
        self._count(index, spikes, index == len(self.steps) - 1)

    def _count(self, index: int, spikes: Sequence[np.ndarray], counts: bool) -> None:
        for name, counted in zip(self.totals, spikes, strict=True):
            self.layers[name][index] += counted.sum(dtype="float64")
            if counts:
                self.totals[name] += counted

    def counts(self) -> Counts:
        """Return the counts so far."""
        return Counts(
            samples=self.samples,
            spikes=self.totals,
            layers=self.layers,
            exponents=self.exponents,
            units=self.units,
            adds=self.adds,
            graded_samples=len(self.analysed),
            settled=self.active,
            beyond=self.beyond,
            exceeded=self.exceeded,
            elements=self.elements,
        )
