"""A network of first spikes step by step: every spike at its time, every threshold compared.

What `spkeras.ttfs.closed_form` gives in one pass, and early firing, for which no closed form
over whole windows exists. Slow: each step of each layer is a pass of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spkeras.ttfs.closed_form import received
from spkeras.ttfs.plan import EARLIEST, ENCODER, READOUT, Layer, Plan
from spkeras.ttfs.timing import Timing
from spkeras.ttfs.windows import gathered


@dataclass(frozen=True, eq=False)
class Steps:
    """What a simulation leaves behind.

    Attributes:
        times: First-spike times within each layer's window, uint8 (samples, positions, channels),
            T for silence.
        outputs: Potentials of the read-out, float64 (samples, *output shape); a tuple of them
            for several outputs.
        timing: When the windows lay.
    """

    times: dict[str, np.ndarray]
    outputs: Any
    timing: Timing


def simulate(
    plan: Plan,
    inputs: Any,
    start: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Steps:
    """Run a network step by step.

    At each step a layer first receives the spikes that the layers before it send at this step,
    then compares with its threshold if its window is open; a neuron that has fired is silent.

    Args:
        plan: The network.
        inputs: (samples, ...) as the Keras model takes them; a list of them for several inputs.
        start: S, steps between the beginnings of two windows; None for T, which waits for all
            spikes. Less is early firing.
        progress: Told (steps done, steps).

    Raises:
        OptionError: a start outside 1 ... T.
    """
    timing = Timing(plan.windows, plan.timesteps, plan.timesteps if start is None else start)
    state = _State(plan, plan.given(inputs), timing)
    for step in range(timing.latency):
        state.advance(step)
        progress(step + 1, timing.latency)
    return Steps(state.times, plan.answered(state.potentials), timing)


class _State:
    """Potentials and spike times on the way."""

    def __init__(self, plan: Plan, inputs: Sequence[np.ndarray], timing: Timing) -> None:
        self.plan, self.timing = plan, timing
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
        """One step of the whole network, layer by layer."""
        sent: dict[str, np.ndarray] = {}
        for layer in self.plan.layers:
            if layer.kind not in (ENCODER, EARLIEST):
                self._receive(layer, step, sent)
            first, end = self.timing.window(layer.depth)
            if layer.kind != READOUT and first <= step < end:
                sent[layer.name] = self._fire(layer, step - first, sent)

    def _receive(self, layer: Layer, step: int, sent: dict[str, np.ndarray]) -> None:
        for branch in layer.branches:
            if branch.source in sent and sent[branch.source].any():
                source = self.plan.by_name[branch.source]
                size = self.plan.table(source)[step - self.timing.window(source.depth)[0]]
                reached = slice(branch.first, branch.first + branch.kernel.shape[-1])
                arrived = received(branch, sent[branch.source] * size)
                self.potentials[layer.name][..., reached] += arrived

    def _fire(self, layer: Layer, step: int, sent: dict[str, np.ndarray]) -> np.ndarray:
        """Which neurons fire now, float64 of 0 and 1."""
        if layer.kind == EARLIEST:
            (branch,) = layer.branches
            reached = gathered(sent[branch.source], branch.index).any(2)
        else:
            reached = self.potentials[layer.name] >= self.plan.table(layer)[step]
        times = self.times[layer.name]
        fires = reached & (times == self.plan.timesteps)
        times[fires] = step
        return fires.astype(np.float64)
