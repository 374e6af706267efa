"""Firing rates of all layers for one batch, obtained in four ways that may be compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from spkeras.ops.code import keeps_values, weigh
from spkeras.ops.compiled import compiled
from spkeras.snn.network import as_list
from spkeras.snn.spike_loop import SpikeLoop

# (outputs of the network, spikes per step of each layer of neurons)
Rates = tuple[list[np.ndarray], list[np.ndarray]]


class Stages:
    """The same network exact, clipped, quantised and simulated.

    Args:
        loop: Its settings count when a stage is asked for.
    """

    def __init__(self, loop: SpikeLoop) -> None:
        self.loop, self.network = loop, loop.network
        variables = list(loop.variables)
        self._models = {mode: self.network.rates(mode) for mode in ("analogue", "clipped")}
        self._modes = {mode: compiled(self._call(mode), variables) for mode in self._models}
        self._modes["count"] = compiled(self._counts, variables)
        self._step = compiled(self._advance, variables)

    def _call(self, mode: str) -> Any:
        def call(scaled: Any, window: Any) -> Any:
            loop, exact = self.loop, mode == "analogue"
            frontier = loop.drive_of(scaled) if exact else loop.mean_drive(scaled, window)
            length = ops.reshape(ops.cast(window, "float32"), (1,))
            return self._decoded(as_list(self._models[mode]([*frontier, length])))

        return call

    def _counts(self, scaled: Any, window: Any) -> Any:
        return self._decoded(self.loop.counts(scaled, window))

    def _decoded(self, answer: list[Any]) -> Any:
        cut = len(self.network.readouts)
        return self.network.decode(answer[:cut]), answer[cut:]

    def rates(self, mode: str, batch: Sequence[np.ndarray]) -> Rates:
        """Spikes per step of the whole network, without a loop.

        Args:
            mode: "analogue" or "clipped", as `spkeras.layers.FiringRate`, or "count": the
                closed form of the layer-synchronous network.
            batch: One array per input.
        """
        scaled = self.loop.units([np.asarray(array, "float32") for array in batch])
        outputs, rates = self._modes[mode](scaled, np.float32(self.loop.timesteps))
        return _arrays(outputs), _arrays(rates)

    def simulated(self, batch: Sequence[np.ndarray]) -> Rates:
        """The schedule in force, step by step; rates count from each layer's own start."""
        if self.loop.schedule == "layer_synchronous":
            return self.rates("count", batch)
        network, loop = self.network, self.loop
        scaled = loop.units([np.asarray(array, "float32") for array in batch])
        size = len(batch[0])
        states = network.initial_states(size)
        sums = [ops.zeros((size, *node.shape)) for node in network.readouts]
        counts = [ops.zeros((size, *node.shape)) for node in network.neurons]
        constant = loop.drive(scaled, np.float32(0)) if loop.coding == "constant" else None
        for index in range(loop.timesteps):
            time = np.float32(index)
            sums, states, counts = self._step(scaled, constant, sums, states, counts, time)
        outputs = network.decode(loop.means(sums, loop.timesteps))
        if keeps_values(loop.code):
            return _arrays(outputs), _arrays(counts)
        spans = [max(loop.timesteps - node["depth"] * loop.offset, 1) for node in network.neurons]
        return _arrays(outputs), [c / s for c, s in zip(_arrays(counts), spans, strict=True)]

    def _advance(
        self, scaled: Any, constant: Any, sums: Any, states: Any, counts: Any, time: Any
    ) -> Any:
        loop = self.loop
        frontier = loop.frontier(scaled, constant, time)
        sums, states, spikes = loop.advance(frontier, sums, states, time)
        pairs = zip(counts, spikes, strict=True)
        counts = [count + weigh(loop.code, spike, time + 1) for count, spike in pairs]
        return sums, states, counts

    def layer_synchronous_loop(self, batch: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Spike counts of the layer-synchronous network by an explicit loop, for proof.

        Layer by layer, each first receives the T steps of its inputs, one by one, and then
        fires for T steps: a spike whenever the potential has reached the threshold. Slow;
        binary, plain neurons alone. Its counts equal the closed form's.
        """
        loop, network, window = self.loop, self.network, self.loop.timesteps
        scaled = loop.units([np.asarray(array, "float32") for array in batch])
        size = len(batch[0])
        counts: dict[str, Any] = {}
        drives = [
            dict(zip([n.name for n in network.frontier], loop.drive(scaled, np.float32(t)),
                     strict=True))
            for t in range(window)
        ]  # fmt: skip
        for node in network.neurons:
            segment, sources = network.segment(node)
            constants = network.layers[node.name].constants
            received = ops.zeros((size, *network.graph[node.inputs[0]].shape))
            for t in range(window):
                # Fired without a pause from the start of its window: spike t is the t-th.
                now = [
                    drives[t][name] if name in drives[t]
                    else ops.cast(counts[name] > t, "float32")
                    for name in sources
                ]  # fmt: skip
                received = received + segment(now if len(now) > 1 else now[0])
            potential = ops.relu(received) + constants.alpha * constants.threshold
            fired = ops.zeros((size, *node.shape))
            for _ in range(window):
                spike = ops.cast(potential >= constants.threshold, "float32")
                potential = potential - spike * constants.threshold
                fired = fired + spike
            counts[node.name] = fired
        return [ops.convert_to_numpy(counts[node.name]) for node in network.neurons]


def _arrays(values: Sequence[Any]) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in values]
