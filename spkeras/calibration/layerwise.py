"""Simulation of a clock-driven network layer by layer, each layer over all its steps."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.data.batches import equal_slices
from spkeras.graph import Node
from spkeras.ops.compiled import compiled
from spkeras.ops.types import Tensor
from spkeras.snn.spike_loop import SpikeLoop

State = list[Any]


class LayerwiseSimulation:
    """Spike trains of one layer after the other.

    Spikes depend on earlier layers alone, so that a layer may run over all T steps before the
    next one begins. Its spikes are kept, one bit for each neuron and step, until their last reader
    has run. A layer whose constants change therefore runs again without the layers before it.

    Args:
        loop: A clock-driven network of binary neurons under the rate code. Its weights are read
            when a layer runs; its settings must not change.
        arrays: Samples, one array (samples, ...) per input.
        batch_size: Samples at once.
    """

    def __init__(self, loop: SpikeLoop, arrays: Sequence[np.ndarray], batch_size: int) -> None:
        self.loop, self.network, self.batch_size = loop, loop.network, batch_size
        self._drive = compiled(self._driven, list(loop.variables))
        ends = [*self.network.neurons, *self.network.readouts]
        segments = {node.name: self.network.segment(node) for node in ends}
        self._sources = {name: sources for name, (_, sources) in segments.items()}
        self._steps = {node.name: self._compiled(node, segments[node.name][0]) for node in ends}
        self.arrays = arrays
        self.rows = list(equal_slices(len(arrays[0]), self.batch_size))
        # By layer and slice of the samples: (T, bytes), one bit a neuron and sample.
        self._sent: dict[str, list[np.ndarray]] = {}

    def run(self, index: int) -> np.ndarray:
        """Run a layer over all steps; all before it must have run.

        Args:
            index: Index of the layer of neurons.

        Returns:
            Mean rate of each neuron over the samples, in spikes per step since the layer's start.
        """
        node = self.network.neurons[index]
        first, total = self.loop.start(node), np.zeros(node.shape)
        self._sent[node.name] = []
        for turn, rows in enumerate(self.rows):
            size = rows.stop - rows.start
            state = list(self.network.layers[node.name].get_initial_state(size))
            sent = np.zeros((self.loop.timesteps, -(-size * total.size // 8)), np.uint8)
            for time, (spikes, _) in enumerate(self._from(node, turn, state), first):
                total += spikes.sum(axis=0)
                sent[time] = np.packbits(spikes.astype(bool))
            self._sent[node.name].append(sent)
        self._forget(index)
        return total / (len(self.arrays[0]) * max(self.loop.timesteps - first, 1))

    def _from(self, node: Node, turn: int, state: State) -> Iterator[tuple[np.ndarray, State]]:
        """Yield the spikes of a layer for a slice, and its state, for each step from its start."""
        fed = self._steady(node, turn)
        for time in range(self.loop.start(node), self.loop.timesteps):
            received = self._received(node, turn, time, fed)
            spikes, state = self._steps[node.name](received, state, np.float32(time))
            yield ops.convert_to_numpy(spikes), state

    def _received(
        self, node: Node, turn: int, time: int, fed: dict[str, Any] | None
    ) -> list[Tensor]:
        """Return the spikes of a node's sources in one step for a slice of the samples."""
        given = self._fed(node, turn, time) if fed is None else fed
        return [
            given[name] if name in given else self._unpacked(name, turn, time)
            for name in self._sources[node.name]
        ]

    def _steady(self, node: Node, turn: int) -> dict[str, Any] | None:
        """Return the currents of the inputs if they are equal in all steps; else None."""
        return self._fed(node, turn, 0) if self.loop.input_encoding == "constant" else None

    def _fed(self, node: Node, turn: int, time: int) -> dict[str, Any]:
        """Return the currents that reach a node from the inputs directly, by node."""
        names = [source.name for source in self.network.frontier]
        if not set(names).intersection(self._sources[node.name]):
            return {}
        inputs = [array[self.rows[turn]].astype("float32") for array in self.arrays]
        return dict(zip(names, self._drive(inputs, np.float32(time)), strict=True))

    def _unpacked(self, name: str, turn: int, time: int) -> np.ndarray:
        """Return the spikes (samples, ...) of an earlier layer in one step."""
        rows = self.rows[turn]
        shape = (rows.stop - rows.start, *self.network.graph[name].shape)
        bits = np.unpackbits(self._sent[name][turn][time], count=int(np.prod(shape)))
        return bits.reshape(shape).astype("float32")

    def _forget(self, index: int) -> None:
        """Drop the spikes that neither this layer nor a later one reads."""
        left = [*self.network.neurons[index:], *self.network.readouts]
        read = {name for node in left for name in self._sources[node.name]}
        read.add(self.network.neurons[index].name)
        self._sent = {name: sent for name, sent in self._sent.items() if name in read}

    def _driven(self, inputs: list[Tensor], time: Tensor) -> list[Tensor]:
        return self.loop.drive(self.loop.units(inputs), time)

    def _compiled(self, node: Node, segment: keras.Model) -> Callable[..., Any]:
        """Return the compiled step: to a read-out's value, or to a layer's spikes and state."""
        layer = self.network.layers[node.name]

        def current(received: list[Tensor]) -> Tensor:
            # As many tensors as inputs, in their order: one as itself.
            return segment(received if len(received) > 1 else received[0])

        def step(received: list[Tensor], state: State, time: Tensor) -> Tensor:
            spikes, *after = layer([current(received), *state, self.loop.clock(time)])
            return spikes, after

        variables = [*segment.variables, *layer.variables]
        return compiled(current if node.op == "readout" else step, variables)
