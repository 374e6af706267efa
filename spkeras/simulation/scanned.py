"""Blocks of time steps as one compiled program each, without the host between steps.

The state is donated to each block, which writes the new one into the same memory. A block keeps
sums over the batch; outputs and spikes of each sample reach the host once, after it.
"""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from spkeras.ops.compiled import compiled
from spkeras.ops.types import Tensor
from spkeras.simulation.observe import observe
from spkeras.simulation.rows import StepBlock
from spkeras.snn.spike_loop import SpikeLoop
from spkeras.snn.steps import State, advance, first_state, values_of

# Maximum number of output values of a block, over all steps and samples (64 MB).
_BLOCK = 1 << 24
# Steps of a block under the delta code, whose runs end after the first silent step.
_SETTLING = 8


class Scanned(NamedTuple):
    """Results of a block of steps.

    Attributes:
        first: Index of the first step.
        outputs: Outputs of the network after each step, (steps, batch, ...) each.
        spikes: Spikes of each sample in each step and layer, (steps, samples, layers).
    """

    first: int
    outputs: list[np.ndarray]
    spikes: np.ndarray

    @property
    def taken(self) -> StepBlock:
        """The spikes in the form in which events are recorded."""
        return StepBlock(self.first, np.zeros(0), self.spikes.swapaxes(0, 1))


class Sums(NamedTuple):
    """Whole numbers that a block adds to, over steps and samples.

    Attributes:
        spikes: Spikes of each neuron, one array per layer.
        graded: Of the samples analysed, for each layer of graded neurons: spikes of each exponent,
            spikes of size 1 of each neuron, and bits of each neuron.
    """

    spikes: list[Tensor]
    graded: list[Tensor]


class Scan:
    """The steps of a network in blocks, each compiled for its number of steps.

    Args:
        loop: The spike loop; its settings are read when a run begins.

    Attributes:
        sums: What the neurons of the last batch have sent so far.
    """

    def __init__(self, loop: SpikeLoop) -> None:
        self.loop, self.network = loop, loop.network
        self.sums = self._zeros()
        self._variables = list(loop.variables)
        self._drive = compiled(loop.drive, self._variables)
        self._first = compiled(partial(first_state, loop), self._variables)
        self._steps = cache(self._compiled)

    def blocks(self, scaled: Sequence[Tensor], analysed: np.ndarray) -> Iterator[Scanned]:
        """Run one batch, and yield its blocks; under the delta code until no neuron fires.

        Args:
            scaled: Inputs in units of their scale.
            analysed: Indices of the samples whose graded spikes are analysed.
        """
        constant = self.loop.input_encoding == "constant"
        currents = self._drive(scaled, np.float32(0)) if constant else None
        carry = self._first(scaled, currents), self._zeros()
        last, length = self.loop.timesteps, self._length(len(scaled[0]))
        for first in range(0, last, length):
            run = self._steps(min(length, last - first))
            carry, (outputs, spikes) = run(carry, scaled, currents, analysed)
            self.sums = carry[1]
            sent = ops.convert_to_numpy(spikes)
            yield Scanned(first, [ops.convert_to_numpy(value) for value in outputs], sent)
            if self.loop.spike_code == "delta" and not sent[-1].any():
                return

    def counted(self) -> tuple[dict[str, np.ndarray], ...]:
        """Return spikes of each neuron; spikes of each exponent, of size 1, and bits, by layer."""
        neurons = self.network.neurons
        spikes = {
            node.name: ops.convert_to_numpy(total)
            for node, total in zip(neurons, self.sums.spikes, strict=True)
        }
        names = [node.name for node in neurons if node.neuron.graded]
        graded = [ops.convert_to_numpy(total) for total in self.sums.graded]
        return spikes, *(dict(zip(names, graded[k::3], strict=True)) for k in range(3))

    def _length(self, samples: int) -> int:
        """Return the number of steps of a block."""
        size = sum(int(np.prod(shape)) for shape in self._output_shapes()) * samples
        longest = _SETTLING if self.loop.spike_code == "delta" else self.loop.timesteps
        return max(1, min(self.loop.timesteps, longest, _BLOCK // max(size, 1)))

    def _output_shapes(self) -> list[tuple[int, ...]]:
        graph = self.network.graph
        return [graph[name].shape for name in graph.outputs]

    def _zeros(self) -> Sums:
        """Return the sums before the first step."""
        spikes, graded = [], []
        for node in self.network.neurons:
            spikes.append(ops.zeros(node.shape, "int32"))
            if node.neuron.graded:
                shapes = ((node["levels"],), node.shape, node.shape)
                graded += [ops.zeros(shape, "int32") for shape in shapes]
        return Sums(spikes, graded)

    def _compiled(self, steps: int) -> Any:
        """Return the compiled program of a block of that many steps."""
        return compiled(partial(self._block, steps), self._variables, donated=True)

    def _block(
        self, steps: int, carry: Tensor, scaled: Tensor, constant: Tensor, analysed: Tensor
    ) -> Tensor:
        def one(carry: tuple[State, Sums], _: None) -> tuple[tuple[State, Sums], Any]:
            state, sums = carry
            frontier = self.loop.frontier(scaled, constant, state.time)
            state, spikes = advance(self.loop, frontier, state)
            numbers, graded, sent = observe(self.network.neurons, spikes, analysed)
            outputs = self.network.decode(values_of(self.loop, state.sums, state.time))
            added = Sums(_added(sums.spikes, numbers), _added(sums.graded, graded))
            return (state, added), (outputs, sent)

        return ops.scan(one, carry, length=steps)


def _added(totals: Sequence[Tensor], values: Sequence[Tensor]) -> list[Tensor]:
    pairs = zip(totals, values, strict=True)
    return [total + ops.cast(value, "int32") for total, value in pairs]
