"""Counts of a run: sums over samples, extended step by step and batch by batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from spkeras.graph import Node
from spkeras.ops.sampling import chosen
from spkeras.ops.types import Tensor
from spkeras.simulation.rows import StepBlock
from spkeras.snn.network import Network
from spkeras.snn.spike_loop import SpikeLoop
from spkeras.trace import Trace

# Layout of the float32 of a graded spike: exponent of 1, and bits of the mantissa.
_ONE, _MANTISSA = 127, 23


# Samples of each batch whose graded spikes are analysed: the analysis of one sample costs more
# than its simulation.
GRADED_SAMPLES = 8


def observe(
    neurons: Sequence[Node], spikes: Sequence[Tensor], analysed: Tensor
) -> tuple[list[Any], list[Any], Any]:
    """Return the counts of one step's spikes (batch, ...) of each layer, to compile with the step.

    Args:
        neurons: Layers of neurons.
        spikes: Spikes of each layer.
        analysed: Indices of the samples whose graded spikes are analysed.

    Returns:
        Number of spikes of each neuron, summed over the batch. Then, for each layer of graded
        neurons and only in the analysed samples: spikes of each exponent (levels,), spikes of
        size 1 of each neuron, and bits set of each neuron. Last the number of spikes of each
        sample, (batch, 1), or 0 where there are no neurons.
    """
    numbers, graded, anywhere = [], [], 0.0
    for node, spike in zip(neurons, spikes, strict=True):
        size = spike.shape[0]
        is_graded = node.neuron.graded
        sent = ops.cast(spike != 0, "float32") if is_graded else ops.abs(spike)
        # Products with ones: both sums run at memory speed.
        flat = ops.reshape(sent, (size, -1))
        total = ops.matmul(ops.ones((1, size)), flat)
        numbers.append(ops.reshape(total, node.shape))
        anywhere = anywhere + ops.matmul(flat, ops.ones((flat.shape[1], 1)))
        if is_graded:
            some = ops.abs(ops.take(spike, analysed, axis=0))
            graded += _grades(some, node["levels"], node["mantissa_bits"])
    return numbers, graded, anywhere


def _grades(size: Tensor, levels: int, mantissa_bits: int) -> list[Tensor]:
    """Return spikes by exponent (levels,), and of each neuron spikes of size 1 and bits set."""
    bits = ops.view(size, "int32")
    exponent = _ONE - ops.right_shift(bits, _MANTISSA)
    by_exponent = [ops.sum(ops.cast(exponent == k, "float32")) for k in range(levels)]
    ones = ops.cast(exponent == 0, "float32")
    adds = ops.cast(size > 0, "float32")
    for position in range(1, mantissa_bits + 1):
        bit = ops.bitwise_and(ops.right_shift(bits, _MANTISSA - position), 1)
        adds = adds + ops.cast(bit, "float32")
    return [ops.stack(by_exponent), ops.sum(ones, axis=0), ops.sum(adds, axis=0)]


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

    def trace(self, loop: SpikeLoop, steps: np.ndarray) -> Trace:
        """Return the record of a spike loop's run, evaluated after these numbers of steps."""
        running = loop.schedule == "clock_driven"
        layers = {
            name: (sums.cumsum() if running else sums) / max(self.samples, 1)
            for name, sums in self.layers.items()
        }
        ends = (*loop.network.neurons, *loop.network.readouts)
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
        network: Network whose neurons are counted.
        loop: Spike loop with the settings of the run.
        steps: Numbers of steps at which the run is evaluated.
        samples: Number of samples in the batch.
        first: Index of the batch's first sample in the data. It seeds the choice of the samples
            whose graded spikes are analysed, so that every engine and worker chooses the same.

    Attributes:
        analysed: Indices of the chosen samples.
        settled: Whether the last step sent no spike under the delta code; no later step will.
    """

    def __init__(
        self, network: Network, loop: SpikeLoop, steps: np.ndarray, samples: int, first: int = 0
    ) -> None:
        self.loop, self.steps, self.samples = loop, steps, samples
        self.analysed = chosen(samples, GRADED_SAMPLES, first).astype("int32")
        self.totals = {node.name: np.zeros(node.shape) for node in network.neurons}
        self.layers = {node.name: np.zeros(len(steps)) for node in network.neurons}
        graded = [node for node in network.neurons if node.neuron.graded]
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

    def step(self, index: int, seen: tuple[Sequence[Any], Sequence[Any], Any]) -> np.ndarray:
        """Add the result of `observe` for one step; return the spikes of each sample."""
        numbers, graded, active = seen
        self._count(index, [ops.convert_to_numpy(value) for value in numbers], True)
        counted = iter(ops.convert_to_numpy(value) for value in graded)
        for name in self.exponents:
            for record in (self.exponents, self.units, self.adds):
                record[name] += next(counted)
        # A network without neurons gives one number for all samples.
        sent = np.broadcast_to(np.ravel(ops.convert_to_numpy(active)), self.samples)
        sending = sent > 0
        self.active[sending] = index + 1
        self.settled = self.loop.spike_code == "delta" and not sending.any()
        return sent

    def events(self, taken: StepBlock) -> None:
        """Add the spikes of some steps, counted by events."""
        for number, name in enumerate(self.layers):
            steps = slice(taken.first, taken.first + taken.spikes.shape[1])
            self.layers[name][steps] += taken.spikes[:, :, number].sum(axis=0)

    def neurons(self, counted: Mapping[str, np.ndarray]) -> None:
        """Add the spikes of each neuron over all steps of the batch, counted by events."""
        for name, spikes in counted.items():
            self.totals[name] += spikes

    def window(self, index: int, spikes: Sequence[np.ndarray]) -> None:
        """Add the spikes of each neuron in one whole window, summed over the batch."""
        self._count(index, spikes, index == len(self.steps) - 1)

    def _count(self, index: int, spikes: Sequence[np.ndarray], counts: bool) -> None:
        for name, counted in zip(self.totals, spikes, strict=True):
            self.layers[name][index] += counted.sum()
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
