"""Firing rates of each layer for one batch, computed in four ways.

A rate is in spikes per step. Under a code that keeps values, it is instead the value that
receiving neurons hold, in units of a spike of size 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from spkeras.ops.code import keeps_values, weigh
from spkeras.ops.compiled import compiled
from spkeras.ops.types import Tensor
from spkeras.snn.network import as_list
from spkeras.snn.spike_loop import SpikeLoop
from spkeras.snn.steps import State, Steps, values_of

# (outputs of the network, rates or values of each layer of neurons)
Rates = tuple[list[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Run:
    """Result of simulating one batch under the network's schedule.

    Attributes:
        outputs: Outputs of the network.
        rates: Rates, or values, of each layer of neurons.
        silent: Number of neurons (over all samples) without a spike, by layer.
        squares: Sum of the squared errors of each layer after each step, (layers, T); (layers,
            0) for a layer-synchronous network.
        last: Last step at which each layer sent a spike for each sample, (layers, batch).
    """

    outputs: list[np.ndarray]
    rates: list[np.ndarray]
    silent: np.ndarray
    squares: np.ndarray
    last: np.ndarray


class LayerRates:
    """The same network in stages: as converted, exact, clipped, quantized and simulated.

    Args:
        loop: The spike loop; its settings are read at each call.
    """

    def __init__(self, loop: SpikeLoop) -> None:
        self.loop, self.network = loop, loop.network
        variables = list(loop.variables)
        self._models = {mode: self.network.rates(mode) for mode in ("ann", "clipped")}
        self._modes = {mode: compiled(self._call(mode), variables) for mode in self._models}
        self._modes["count"] = compiled(self._counts, variables)
        self._reference = loop.reference()
        everything = [*variables, *self._reference.variables]
        self._modes["reference"] = compiled(self._former, everything)
        self._steps = Steps(loop, self._compared)
        self._counting = Steps(loop, self._added)

    def _call(self, mode: str) -> Callable[[Tensor, Tensor], Tensor]:
        def call(scaled: Tensor, window: Tensor) -> Tensor:
            loop, exact = self.loop, mode == "ann"
            frontier = loop.drive_of(scaled) if exact else loop.mean_drive(scaled, window)
            length = ops.reshape(ops.cast(window, "float32"), (1,))
            return self._decoded(as_list(self._models[mode]([*frontier, length])))

        return call

    def _counts(self, scaled: Tensor, window: Tensor) -> Tensor:
        return self._decoded(self.loop.counts(scaled, window))

    def _former(self, scaled: Tensor, window: Tensor) -> Tensor:
        return self._reference(scaled, ops.reshape(ops.cast(window, "float32"), (1,)))

    def _decoded(self, answer: list[Tensor]) -> Tensor:
        cut = len(self.network.readouts)
        return self.network.decode(answer[:cut]), answer[cut:]

    def rates(self, mode: str, batch: Sequence[np.ndarray]) -> Rates:
        """Return rates, or values, of the whole network, without a loop over steps.

        Args:
            mode: "ann" or "clipped", as in `spkeras.layers.FiringRate`. "count": each layer
                coded once its inputs are final, which under the rate code is the closed form of
                the layer-synchronous network. "reference": the network that was converted, with
                its weights, on real values.
            batch: One array per input.
        """
        outputs, rates = self._modes[mode](self._scaled(batch), np.float32(self.loop.timesteps))
        return _arrays(outputs), _arrays(rates)

    def simulated(self, batch: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> Run:
        """Simulate the schedule step by step; rates count from each layer's own start.

        Args:
            batch: One array per input.
            exact: Rates, or values, of each layer that errors are measured against.
        """
        network, loop, size = self.network, self.loop, len(batch[0])
        if loop.schedule == "layer_synchronous":
            outputs, rates = self.rates("count", batch)
            silent, none = [(rate == 0).sum() for rate in rates], np.zeros((len(rates), 0))
            return Run(
                outputs=outputs,
                rates=rates,
                silent=np.array(silent),
                squares=none,
                last=np.zeros((len(rates), size)),
            )
        zeros = [ops.zeros((size, *node.shape)) for node in network.neurons]
        squares, last = [], np.zeros((len(zeros), size))
        held = fired = zeros
        for index, step in enumerate(
            self._steps.over(self._scaled(batch), (exact, held, fired)), 1
        ):
            errors, active = step.read
            _, held, fired = step.carry
            squares.append(ops.convert_to_numpy(errors))
            last[ops.convert_to_numpy(active) > 0] = index
        outputs = network.decode(values_of(loop, step.state.sums, loop.timesteps))
        silent = [(array == 0).sum() for array in _arrays(fired)]
        return Run(
            outputs=_arrays(outputs),
            rates=self._rates(held),
            silent=np.array(silent),
            squares=np.array(squares).T,
            last=last,
        )

    def sent(self, batch: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return only the rates of `simulated`: less than half the time without errors and outputs.

        Args:
            batch: One array per input; the schedule must be clock-driven.
        """
        held = [ops.zeros((len(batch[0]), *node.shape)) for node in self.network.neurons]
        for step in self._counting.over(self._scaled(batch), held):
            held = step.carry
        return self._rates(held)

    def _scaled(self, batch: Sequence[np.ndarray]) -> list[Tensor]:
        return self.loop.units([np.asarray(array, "float32") for array in batch])

    def _rates(self, held: Sequence[Tensor]) -> list[np.ndarray]:
        steps = self.loop.timesteps
        return _arrays([total / self._span(index, steps) for index, total in enumerate(held)])

    def _added(self, state: State, spikes: Sequence[Tensor], held: Sequence[Tensor]) -> Tensor:
        pairs = zip(held, spikes, strict=True)
        return (), [
            total + weigh(self.loop.spike_code, spike, state.time) for total, spike in pairs
        ]

    def _span(self, index: int, steps: Tensor) -> Tensor:
        """Return the divisor that turns a layer's sum of spikes after `steps` into a rate."""
        if keeps_values(self.loop.spike_code):
            return 1.0
        start = self.loop.start(self.network.neurons[index])
        return ops.maximum(ops.cast(steps, "float32") - start, 1.0)

    def _compared(self, state: State, spikes: Sequence[Tensor], carry: Tensor) -> Tensor:
        exact, held, fired = carry
        _, held = self._added(state, spikes, held)
        some = [ops.cast(spike != 0, "float32") for spike in spikes]
        fired = [ops.maximum(before, now) for before, now in zip(fired, some, strict=True)]
        squares, active = [], []
        for index, (total, wanted, now) in enumerate(zip(held, exact, some, strict=True)):
            squares.append(ops.sum(ops.square(total / self._span(index, state.time) - wanted)))
            active.append(ops.max(now, axis=tuple(range(1, len(now.shape)))))
        return (_stacked(squares), _stacked(active)), (exact, held, fired)


def _arrays(values: Sequence[Tensor]) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in values]


def _stacked(values: Sequence[Tensor]) -> Tensor:
    return ops.stack(values) if values else ops.zeros((0,))
