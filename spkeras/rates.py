"""What the spikes of all layers come to for one batch, in four ways that may be compared.

That is a firing rate (spikes per step) or, under a code that keeps values, the value that
listeners hold; in units of a spike of size 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from spkeras.ops.code import keeps_values, weigh
from spkeras.ops.compiled import compiled
from spkeras.snn.network import as_list
from spkeras.snn.spike_loop import SpikeLoop

# (outputs of the network, rates or values of each layer of neurons)
Rates = tuple[list[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Run:
    """The schedule in force over one batch.

    Attributes:
        outputs: Of the network.
        rates: Rates, or values, of each layer of neurons.
        silent: How many neurons (of all samples) sent nothing, by layer.
        squares: Sum of the squared errors of each layer after each step, (layers, T); (layers,
            0) for a layer-synchronous network.
        last: Last step at which each layer sent a spike for each sample, (layers, batch).
    """

    outputs: list[np.ndarray]
    rates: list[np.ndarray]
    silent: np.ndarray
    squares: np.ndarray
    last: np.ndarray


class Stages:
    """The same network as it was converted, exact, clipped, quantised and simulated.

    Args:
        loop: Its settings count when a stage is asked for.
    """

    def __init__(self, loop: SpikeLoop) -> None:
        self.loop, self.network = loop, loop.network
        variables = list(loop.variables)
        self._models = {mode: self.network.rates(mode) for mode in ("analogue", "clipped")}
        self._modes = {mode: compiled(self._call(mode), variables) for mode in self._models}
        self._modes["count"] = compiled(self._counts, variables)
        self._reference = loop.reference()
        everything = [*variables, *self._reference.variables]
        self._modes["reference"] = compiled(self._former, everything)
        self._step = compiled(self._advance, variables)
        self._count_step = compiled(self._add_spikes, variables)

    def _call(self, mode: str) -> Any:
        def call(scaled: Any, window: Any) -> Any:
            loop, exact = self.loop, mode == "analogue"
            frontier = loop.drive_of(scaled) if exact else loop.mean_drive(scaled, window)
            length = ops.reshape(ops.cast(window, "float32"), (1,))
            return self._decoded(as_list(self._models[mode]([*frontier, length])))

        return call

    def _counts(self, scaled: Any, window: Any) -> Any:
        return self._decoded(self.loop.counts(scaled, window))

    def _former(self, scaled: Any, window: Any) -> Any:
        return self._reference(scaled, ops.reshape(ops.cast(window, "float32"), (1,)))

    def _decoded(self, answer: list[Any]) -> Any:
        cut = len(self.network.readouts)
        return self.network.decode(answer[:cut]), answer[cut:]

    def rates(self, mode: str, batch: Sequence[np.ndarray]) -> Rates:
        """Rates, or values, of the whole network, without a loop.

        Args:
            mode: "analogue" or "clipped", as `spkeras.layers.FiringRate`; "count": each
                layer coded once its inputs are final; under the rate code the closed form of
                the layer-synchronous network; or "reference": the net that was converted, with
                its own weights, on real values.
            batch: One array per input.
        """
        scaled = self.loop.units([np.asarray(array, "float32") for array in batch])
        outputs, rates = self._modes[mode](scaled, np.float32(self.loop.timesteps))
        return _arrays(outputs), _arrays(rates)

    def simulated(self, batch: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> Run:
        """The schedule in force, step by step; rates count from each layer's own start.

        Args:
            batch: One array per input.
            exact: The rates, or values, of each layer to tell errors from.
        """
        network, loop, size = self.network, self.loop, len(batch[0])
        if loop.schedule == "layer_synchronous":
            outputs, rates = self.rates("count", batch)
            silent, none = [(rate == 0).sum() for rate in rates], np.zeros((len(rates), 0))
            return Run(outputs, rates, np.array(silent), none, np.zeros((len(rates), size)))
        scaled = loop.units([np.asarray(array, "float32") for array in batch])
        states = network.initial_states(size)
        sums = [ops.zeros((size, *node.shape)) for node in network.readouts]
        zeros = [ops.zeros((size, *node.shape)) for node in network.neurons]
        constant = loop.drive(scaled, np.float32(0)) if loop.coding == "constant" else None
        held, sent = zeros, zeros
        squares, last = [], np.zeros((len(zeros), size))
        for index in range(loop.timesteps):
            time = np.float32(index)
            sums, states, held, sent, errors, active = self._step(
                scaled, constant, exact, sums, states, held, sent, time
            )
            squares.append(ops.convert_to_numpy(errors))
            last[ops.convert_to_numpy(active) > 0] = index + 1
        outputs = network.decode(loop.means(sums, loop.timesteps))
        rates = [count / self._span(index, loop.timesteps) for index, count in enumerate(held)]
        silent = [(array == 0).sum() for array in _arrays(sent)]
        return Run(_arrays(outputs), _arrays(rates), np.array(silent), np.array(squares).T, last)

    def sent(self, batch: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The rates of `simulated` alone: without errors and outputs in less than half the time.

        Args:
            batch: One array per input; the schedule is clock-driven.
        """
        network, loop, size = self.network, self.loop, len(batch[0])
        scaled = loop.units([np.asarray(array, "float32") for array in batch])
        states = network.initial_states(size)
        sums = [ops.zeros((size, *node.shape)) for node in network.readouts]
        held = [ops.zeros((size, *node.shape)) for node in network.neurons]
        constant = loop.drive(scaled, np.float32(0)) if loop.coding == "constant" else None
        for index in range(loop.timesteps):
            sums, states, held = self._count_step(
                scaled, constant, sums, states, held, np.float32(index)
            )
        return _arrays(
            [count / self._span(index, loop.timesteps) for index, count in enumerate(held)]
        )

    def _add_spikes(
        self, scaled: Any, constant: Any, sums: Any, states: Any, held: Any, time: Any
    ) -> Any:
        loop = self.loop
        frontier = loop.frontier(scaled, constant, time)
        sums, states, spikes = loop.advance(frontier, sums, states, time)
        pairs = zip(held, spikes, strict=True)
        return sums, states, [total + weigh(loop.code, s, time + 1) for total, s in pairs]

    def _span(self, index: int, steps: Any) -> Any:
        """What the sum of a layer's spikes is divided by after so many steps."""
        if keeps_values(self.loop.code):
            return 1.0
        start = self.loop.start(self.network.neurons[index])
        return ops.maximum(ops.cast(steps, "float32") - start, 1.0)

    def _advance(
        self,
        scaled: Any,
        constant: Any,
        exact: Any,
        sums: Any,
        states: Any,
        held: Any,
        sent: Any,
        time: Any,
    ) -> Any:
        loop, squares, active = self.loop, [], []
        frontier = loop.frontier(scaled, constant, time)
        sums, states, spikes = loop.advance(frontier, sums, states, time)
        pairs = zip(held, spikes, strict=True)
        held = [total + weigh(loop.code, spike, time + 1) for total, spike in pairs]
        some = [ops.cast(spike != 0, "float32") for spike in spikes]
        sent = [ops.maximum(before, now) for before, now in zip(sent, some, strict=True)]
        for index, (total, wanted, now) in enumerate(zip(held, exact, some, strict=True)):
            squares.append(ops.sum(ops.square(total / self._span(index, time + 1) - wanted)))
            active.append(ops.max(now, axis=tuple(range(1, len(now.shape)))))
        return sums, states, held, sent, _stacked(squares), _stacked(active)

    def layer_synchronous_loop(self, batch: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Spike counts of the layer-synchronous network by an explicit loop: the check of the closed form.

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


def _stacked(values: Sequence[Any]) -> Any:
    return ops.stack(values) if values else ops.zeros((0,))
