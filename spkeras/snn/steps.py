"""Time steps of a clock-driven network, with an explicit state."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from keras import ops

from spkeras.ops.code import keeps_values, weigh
from spkeras.ops.compiled import compiled
from spkeras.ops.types import Tensor
from spkeras.snn.network import as_list

if TYPE_CHECKING:
    from spkeras.snn.spike_loop import SpikeLoop


# Distance of a shifted potential from the threshold, in thresholds, as published.
_MARGIN = 0.001


class State(NamedTuple):
    """Everything that a network keeps from one time step to the next.

    Attributes:
        time: Index of the next step, from 0.
        sums: What each read-out has received, (batch, ...), weighted by the spike code.
        neurons: The states of all neurons, in the order of `Network.state_shapes`.
    """

    time: Tensor
    sums: Sequence[Tensor]
    neurons: Sequence[Tensor]


class Step(NamedTuple):
    """One time step.

    Attributes:
        read: What the reader returned.
        state: The state after the step.
        carry: What the reader hands on to the next step.
    """

    read: Any
    state: State
    carry: Tensor


# From the state after a step, the spikes of each layer in it, and what the step before handed on:
# what to report of the step, and what to hand on. It is compiled together with the step.
Reader = Callable[[State, Sequence[Any], Any], tuple[Any, Any]]


def initial_state(loop: "SpikeLoop", batch: Tensor) -> State:
    """Return the state before the first step, for that many samples."""
    network = loop.network
    sums = [ops.zeros((batch, *node.shape)) for node in network.readouts]
    return State(ops.zeros((), "float32"), sums, network.initial_states(batch))


def first_state(loop: "SpikeLoop", scaled: Sequence[Tensor], constant: Tensor) -> State:
    """Return the state before the first step of a batch.

    Under offset-spike correction the potentials depend on the samples.

    Args:
        loop: The network and its settings.
        scaled: Inputs in units of their scale.
        constant: Currents of a constant input, or None under another input encoding.
    """
    state = initial_state(loop, ops.shape(scaled[0])[0])
    if loop.presteps:
        state = state._replace(neurons=_shifted(loop, scaled, constant, state))
    return state


def _shifted(
    loop: "SpikeLoop", scaled: Sequence[Tensor], constant: Tensor, begun: State
) -> Sequence[Tensor]:
    """Return initial potentials from which neurons send about one spike less, or more.

    One layer after the other runs a few steps, as the layers before it drive it from their new
    potentials. In units of the threshold, a neuron that fired although its potential v ends below
    0 has fired too often, one that ends at 1 or above too seldom:

        v < 0, fired:  v0 <- v0 - max(1, lowest potential at which it fired - 0.999),
        v >= 1:        v0 <- v0 + max(1, 1.001 - highest potential at which it did not).
    """
    network = loop.network
    tops = [network.layers[node.name].threshold for node in network.neurons]
    never = [ops.full_like(v, np.inf) for v in begun.neurons]

    def step(
        _: Tensor, carry: tuple[State, list[Tensor], list[Tensor]]
    ) -> tuple[State, list[Tensor], list[Tensor]]:
        state, lowest, highest = carry
        state, spikes = advance(loop, loop.frontier(scaled, constant, state.time), state)
        left = [v / top for v, top in zip(state.neurons, tops, strict=True)]
        fired = [spike > 0 for spike in spikes]
        lowest = [
            ops.minimum(low, ops.where(own, v + 1, np.inf))
            for low, own, v in zip(lowest, fired, left, strict=True)
        ]
        highest = [
            ops.maximum(high, ops.where(own, -np.inf, v))
            for high, own, v in zip(highest, fired, left, strict=True)
        ]
        return state, lowest, highest

    def layer(index: Tensor, potentials: Sequence[Tensor]) -> list[Tensor]:
        state = begun._replace(neurons=list(potentials))
        carry = (state, list(never), [-value for value in never])
        state, lowest, highest = ops.fori_loop(0, loop.presteps, step, carry)
        return [
            ops.where(ops.equal(index, own), v0 + top * _shift(v / top, low, high), v0)
            for own, (v0, top, v, low, high) in enumerate(
                zip(potentials, tops, state.neurons, lowest, highest, strict=True)
            )
        ]

    found: Sequence[Tensor] = ops.fori_loop(0, len(tops), layer, list(begun.neurons))
    return found


def _shift(left: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """Return by how much initial potentials change; all in thresholds.

    Args:
        left: Potential after the first steps.
        lowest: Lowest potential at which each neuron fired, before its reset; infinity for none.
        highest: Highest potential at which each did not fire; minus infinity for none.
    """
    none = ops.zeros_like(left)
    fewer = ops.logical_and(left < 0, ops.isfinite(lowest))
    more = ops.logical_and(left >= 1, ops.isfinite(highest))
    down = ops.where(fewer, ops.maximum(1.0, lowest - 1 + _MARGIN), none)
    return ops.where(more, ops.maximum(1.0, 1 + _MARGIN - highest), none) - down


def advance(
    loop: "SpikeLoop", frontier: Sequence[Tensor], state: State
) -> tuple[State, list[Tensor]]:
    """Compute one time step.

    Args:
        loop: The network and its settings.
        frontier: Currents of this step, from `SpikeLoop.frontier`.
        state: The state before the step.

    Returns:
        The state after the step, and the spikes of each layer of neurons.
    """
    answer = as_list(loop.network.step([*frontier, *state.neurons, loop.clock(state.time)]))
    outputs, states = len(state.sums), len(state.neurons)
    values, after = answer[:outputs], answer[outputs : outputs + states]
    sums = added(loop, state.sums, values, state.time)
    return State(state.time + 1, sums, after), answer[outputs + states :]


def added(
    loop: "SpikeLoop", sums: Sequence[Tensor], values: Sequence[Tensor], time: Tensor
) -> Sequence[Tensor]:
    """Return the sums of the read-outs after one more step; each counts from its own start."""
    if keeps_values(loop.spike_code):
        pairs = zip(sums, values, strict=True)
        return [total + weigh(loop.spike_code, value, time + 1) for total, value in pairs]
    starts = [loop.start(node) for node in loop.network.readouts]
    return [
        total + value * ops.cast(time >= start, "float32")
        for total, value, start in zip(sums, values, starts, strict=True)
    ]


def values_of(
    loop: "SpikeLoop", sums: Sequence[Tensor], steps: Tensor, since: Tensor = 0.0
) -> Sequence[Tensor]:
    """Return the value of each read-out.

    Args:
        loop: The network and its settings.
        sums: What the read-outs have received.
        steps: Number of steps since the first input.
        since: Number of steps after which the sums began, where that is not the start.

    Returns:
        Under the rate code means over the steps since the read-out started; else the sums.
    """
    if keeps_values(loop.spike_code):
        return list(sums)
    begun = [
        ops.maximum(since, ops.cast(loop.start(node), "float32")) for node in loop.network.readouts
    ]
    steps = ops.cast(steps, "float32")
    return [
        total / ops.maximum(steps - first, 1.0) for total, first in zip(sums, begun, strict=True)
    ]


class Steps:
    """The steps of a network, compiled once, and what a reader wants of each.

    Args:
        loop: The spike loop; its settings are read when a run begins.
        read: The reader.
    """

    def __init__(self, loop: "SpikeLoop", read: Reader) -> None:
        variables = list(loop.variables)
        self.loop, self.read = loop, read
        self._drive = compiled(loop.drive, variables)
        self._step = compiled(self._one, variables)
        self._first = compiled(partial(first_state, loop), variables)

    def over(self, scaled: Sequence[Tensor], carry: Tensor = None) -> Iterator[Step]:
        """Yield the T time steps of one batch.

        Args:
            scaled: Inputs in units of their scale.
            carry: What the reader gets in the first step.
        """
        loop = self.loop
        constant = loop.input_encoding == "constant"
        currents = self._drive(scaled, np.float32(0)) if constant else None
        state = initial_state(loop, len(scaled[0]))
        if loop.presteps:
            state = self._first(scaled, currents)
        for _ in range(loop.timesteps):
            step = Step(*self._step(scaled, currents, state, carry))
            state, carry = step.state, step.carry
            yield step

    def following(self, frames: Iterable[Sequence[Tensor]], carry: Tensor = None) -> Iterator[Step]:
        """Yield a time step for each frame; under a code that keeps values, for each change.

        Args:
            frames: Inputs of each step, in units of their scale.
            carry: What the reader gets in the first step.
        """
        state: State | None = None
        for scaled in frames:
            state = initial_state(self.loop, len(scaled[0])) if state is None else state
            step = Step(*self._step(scaled, None, state, carry))
            state, carry = step.state, step.carry
            yield step

    def _one(
        self, scaled: Tensor, constant: Tensor, state: State, carry: Tensor
    ) -> tuple[Tensor, ...]:
        frontier = self.loop.frontier(scaled, constant, state.time)
        after, spikes = advance(self.loop, frontier, state)
        read, carry = self.read(after, spikes, carry)
        return read, after, carry
