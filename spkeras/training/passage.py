"""A clock-driven network run one layer of neurons after the other, each over all its steps."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from spkeras.ops.compiled import compiled
from spkeras.simulate import equal_slices
from spkeras.snn.spike_loop import SpikeLoop


class Passage:
    """Spike trains of one layer after the other.

    Spikes depend on earlier layers alone, so that a layer may run over all T steps before the
    next one begins. What it sent is kept, a bit for each neuron and step, until its last reader
    has run: a layer whose constants change runs again at the cost of itself, not of the network.

    Args:
        loop: A clock-driven network of binary neurons under the rate code; its weights count
            when a layer runs.
        arrays: Samples, one array (samples, ...) per input.
        batch_size: Samples at once.
    """

    def __init__(self, loop: SpikeLoop, arrays: Sequence[np.ndarray], batch_size: int) -> None:
        self.loop, self.network, self.arrays = loop, loop.network, arrays
        self.rows = list(equal_slices(len(arrays[0]), batch_size))
        self._drive = compiled(self._driven, list(loop.variables))
        segments = [self.network.segment(node) for node in self.network.neurons]
        self._segments = [segment for segment, _ in segments]
        self._sources = [names for _, names in segments]
        self._steps = [self._compiled(index) for index in range(len(segments))]
        # By layer and slice of the samples: (T, bytes), one bit a neuron and sample.
        self._sent: dict[str, list[np.ndarray]] = {}

    def run(self, index: int) -> np.ndarray:
        """Run a layer over all steps; all before it must have run.

        Args:
            index: Which of the network's layers of neurons.

        Returns:
            Its mean rate over the samples in spikes a step since its start, neuron by neuron.
        """
        node = self.network.neurons[index]
        start = self.loop.start(node)
        total = np.zeros(node.shape)
        self._sent[node.name] = []
        for turn, rows in enumerate(self.rows):
            sent, counted = self._batch(index, turn, rows, start)
            self._sent[node.name].append(sent)
            total += counted
        self._forget(index)
        return total / (len(self.arrays[0]) * max(self.loop.timesteps - start, 1))

    def _batch(
        self, index: int, turn: int, rows: slice, start: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the layer sends for a slice of the samples, packed, and its sum over them."""
        node, steps, size = self.network.neurons[index], self.loop.timesteps, rows.stop - rows.start
        state = self.network.layers[node.name].get_initial_state(size)
        sent = np.zeros((steps, -(-size * int(np.prod(node.shape)) // 8)), np.uint8)
        counted = np.zeros((size, *node.shape))
        inputs = [array[rows].astype("float32") for array in self.arrays]
        frontier = self._frontier(index, inputs, 0) if self.loop.coding == "constant" else None
        for time in range(start, steps):
            fed = self._frontier(index, inputs, time) if frontier is None else frontier
            received = [
                fed[name] if name in fed else self._unpacked(name, turn, time, size)
                for name in self._sources[index]
            ]
            spikes, state = self._steps[index](received, state, np.float32(time))
            spikes = ops.convert_to_numpy(spikes)
            counted += spikes
            sent[time] = np.packbits(spikes.astype(bool))
        return sent, counted.sum(axis=0)

    def _frontier(self, index: int, inputs: list[np.ndarray], time: int) -> dict[str, Any]:
        """What the inputs bring to a layer without a neuron between, by node."""
        names = [node.name for node in self.network.frontier]
        if not set(names).intersection(self._sources[index]):
            return {}
        return dict(zip(names, self._drive(inputs, np.float32(time)), strict=True))

    def _unpacked(self, name: str, turn: int, time: int, size: int) -> np.ndarray:
        """Spikes (samples, ...) of an earlier layer in one step."""
        shape = (size, *self.network.graph[name].shape)
        bits = np.unpackbits(self._sent[name][turn][time], count=int(np.prod(shape)))
        return bits.reshape(shape).astype("float32")

    def _forget(self, index: int) -> None:
        """Drop the trains that neither this layer, should it run again, nor a later one reads."""
        read = {name for names in self._sources[index:] for name in names}
        own = self.network.neurons[index].name
        self._sent = {n: sent for n, sent in self._sent.items() if n in read or n == own}

    def _driven(self, inputs: list[Any], time: Any) -> list[Any]:
        return self.loop.drive(self.loop.units(inputs), time)

    def _compiled(self, index: int) -> Callable[..., Any]:
        """One step of a layer: what its sources send, its state, the time to spikes and state."""
        layer = self.network.layers[self.network.neurons[index].name]
        segment = self._segments[index]

        def step(received: list[Any], state: list[Any], time: Any) -> Any:
            # As many tensors as inputs, in their order: one as itself.
            current = segment(received if len(received) > 1 else received[0])
            spikes, *after = layer([current, *state, self.loop.clock(time)])
            return spikes, after

        return compiled(step, [*segment.variables, *layer.variables])
