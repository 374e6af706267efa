"""Simulation of a first-spike network step by step: every spike, every threshold comparison.

It computes the same as `tests.ttfs.closed_form`, and also early firing, which has no closed
form over whole windows. It is slow: each step of each layer is one pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spkeras.ttfs.plan import EARLIEST, ENCODER, READOUT, FirstSpikePlan, Layer, by_port
from spkeras.ttfs.timing import Timing
from spkeras.ttfs.windows import gathered
from tests.ttfs.closed_form import answered, received, table


@dataclass(frozen=True, eq=False)
class FirstSpikeRun:
    """The results of a simulation.

    Attributes:
        times: First-spike times within each layer's window, uint8 (samples, positions, channels),
            T for silence.
        outputs: Potentials of the read-out, float64 (samples, *output shape); a tuple of them
            for several outputs.
        timing: The windows.
    """

    times: dict[str, np.ndarray]
    outputs: Any
    timing: Timing


def simulate(
    plan: FirstSpikePlan,
    inputs: Any,
    start: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    levels: Any = None,
) -> FirstSpikeRun:
    """Run a network step by step.

    At each step a layer first receives the spikes that the layers before it send at this step.
    In its window it then compares its potentials with the threshold; a neuron fires at most once.

    Args:
        plan: The network.
        inputs: Inputs of the Keras model, (samples, ...); a list of them for several inputs.
        start: S, steps between the beginnings of two windows; None for T, which waits for all
            spikes. Less is early firing.
        progress: Callback with (steps done, number of steps).
        levels: Thresholds by layer that replace the plan's base-2 kernels.

    Raises:
        OptionError: `start` is outside 1 ... T.
        DataError: the number of inputs is wrong, or they have different numbers of samples.
    """
    timing = Timing(plan.windows, plan.timesteps, plan.timesteps if start is None else start)
    given = by_port(plan.name, 1 + max(layer.port for layer in plan.layers), inputs)
    state = _State(plan, given, timing, levels)
    for step in range(timing.latency):
        state.advance(step)
        progress(step + 1, timing.latency)
    return FirstSpikeRun(state.times, answered(plan, state.potentials), timing)


class _State:
    """Potentials and spike times during a simulation."""

    def __init__(
        self, plan: FirstSpikePlan, inputs: Sequence[np.ndarray], timing: Timing, levels: Any
    ) -> None:
        self.plan, self.timing, self.levels = plan, timing, levels
        self.times: dict[str, np.ndarray] = {}
        self.potentials: dict[str, np.ndarray] = {}
        for layer in plan.layers:
            shape = (len(inputs[0]), layer.positions, layer.channels)
            if layer.kind == ENCODER:
                self.potentials[layer.name] = inputs[layer.port].astype(np.float64).reshape(shape)
            elif layer.kind != EARLIEST:
                bias = layer.bias.astype(np.float64)
                self.potentials[layer.name] = np.broadcast_to(bias, shape).copy()
            if layer.kind != READOUT:
                self.times[layer.name] = np.full(shape, plan.timesteps, np.uint8)

    def advance(self, step: int) -> None:
        """Compute one step of the whole network, layer by layer."""
        sent: dict[str, np.ndarray] = {}
        for layer in self.plan.layers:
            if layer.kind not in (ENCODER, EARLIEST):
                self._receive(layer, step, sent)
            first = layer.depth * self.timing.start
            if layer.kind != READOUT and first <= step < first + self.timing.duration:
                sent[layer.name] = self._fire(layer, step - first, sent)

    def _receive(self, layer: Layer, step: int, sent: dict[str, np.ndarray]) -> None:
        for branch in layer.branches:
            if branch.source in sent and sent[branch.source].any():
                source = self.plan.by_name[branch.source]
                size = table(self.plan, source, self.levels)[
                    step - source.depth * self.timing.start
                ]
                reached = slice(branch.first, branch.first + branch.kernel.shape[-1])
                arrived = received(branch, sent[branch.source] * size)
                self.potentials[layer.name][..., reached] += arrived

    def _fire(self, layer: Layer, step: int, sent: dict[str, np.ndarray]) -> np.ndarray:
        """Return which neurons fire at this step, float64 of 0 and 1."""
        if layer.kind == EARLIEST:
            (branch,) = layer.branches
            reached = gathered(sent[branch.source], branch.index).any(2)
        else:
            reached = self.potentials[layer.name] >= table(self.plan, layer, self.levels)[step]
        times = self.times[layer.name]
        fires = reached & (times == self.plan.timesteps)
        times[fires] = step
        return fires.astype(np.float64)
