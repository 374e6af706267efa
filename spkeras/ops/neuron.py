"""Spiking neurons as pure functions: (current, state) -> (spikes, state), on `keras.ops`.

A neuron answers its input current z(t) with spikes s(t) so that their running sum n follows
the running target

    n*(t) = tau f(u / tau) / V + alpha,        u = sum of z since the neuron started,

where V is the threshold, f the activation it stands for, alpha the share of a level it is
given in advance (1/2 turns rounding down into rounding: thresholding for residual
elimination, Wu et al. 2022), and tau the number of steps since its start. At most `limit`
spikes leave per step. For ReLU and one spike this is the integrate-and-fire neuron with soft
reset: v = u + alpha V - n V fires when v >= V.

After a whole window of T steps the count is

    N = clip(floor(T f(u / T) / V + alpha), low T, high T),

which is also what a layer-synchronous network gives exactly (`count`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keras import ops

from spkeras.ops import activation
from spkeras.ops.properties import is_homogeneous, is_rectifier

State = tuple[Any, ...]


@dataclass(frozen=True)
class Model:
    """A kind of neuron: which spikes it may send.

    Attributes:
        signed: It may take spikes back by sending negative ones.
        burst: It may send several spikes in one step (`limit` of them).
        source: Where it was published.
    """

    signed: bool
    burst: bool
    source: str


MODELS: dict[str, Model] = {
    "binary": Model(False, False, "Cao et al. 2015; soft reset: Rueckauer et al. 2017"),
    "signed": Model(True, False, "Wang et al. 2022 (signed neuron with memory)"),
    "burst": Model(False, True, "Li & Zeng 2022 (burst spikes)"),
    "signed_burst": Model(True, True, "the two combined"),
}


@dataclass(frozen=True)
class Constants:
    """What one layer of neurons keeps the same over time.

    Attributes:
        threshold: V, broadcast against the current (after pooling), in its unit.
        model: Key of `MODELS`.
        reset: "subtract" (soft) or "zero".
        alpha: Share of a level given in advance, in [0, 1].
        limit: Largest number of spikes in one step.
        function: Activation that the count follows, and its numbers.
        pool: Max pooling of what was received, or None.
        ceiling: Bound of the analogue rate, in the current's unit; no spike count reaches it.
    """

    threshold: Any
    model: str = "binary"
    reset: str = "subtract"
    alpha: float = 0.5
    limit: int = 1
    function: str = "relu"
    numbers: Mapping[str, Any] = field(default_factory=dict)
    pool: Callable[[Any], Any] | None = None
    ceiling: Any = None

    @property
    def low(self) -> int:
        """Smallest number of spikes in one step."""
        return -self.limit if MODELS[self.model].signed else 0

    @property
    def is_plain(self) -> bool:
        """Whether one potential per neuron is all the state it needs."""
        return (
            self.model == "binary"
            and self.pool is None
            and is_rectifier(self.function, self.numbers)
        )

    @property
    def states(self) -> int:
        """Number of state tensors: the potential, or the sums received and sent."""
        return 1 if self.is_plain else 2

    def response(self, received: Any) -> Any:
        """f of what was received, after pooling: the current that the count stands for."""
        pooled = received if self.pool is None else self.pool(received)
        return activation.apply(self.function, pooled, self.numbers)

    def target(self, received: Any, steps: Any) -> Any:
        """n* of the module's formula, without alpha."""
        if is_homogeneous(self.function, self.numbers):
            return self.response(received) / self.threshold
        steps = ops.maximum(steps, 1)
        return steps * self.response(received / steps) / self.threshold


def initial_state(zeros: Callable[[bool], Any], constants: Constants) -> State:
    """The state before the first step.

    Args:
        zeros: Makes zeros, of the current's shape (False) or of the spikes' shape (True).
        constants: The layer's constants.
    """
    if constants.is_plain:
        return (zeros(True) + constants.alpha * constants.threshold,)
    return zeros(False), zeros(True)


def step(current: Any, state: State, elapsed: Any, constants: Constants) -> tuple[Any, State]:
    """One time step of a layer of neurons.

    Args:
        current: What arrives in this step; any shape with the batch first.
        state: From `initial_state` or the step before.
        elapsed: Steps since the layer's start, this one included; it integrates and sends
            nothing while this is below 1.
        constants: The layer's constants.

    Returns:
        The spikes (0, 1, or whole numbers up to the limit; in the current's dtype) and the
        new state.

    Invariants:
        Plain neuron, soft reset: sum of currents + alpha V = V * spikes + v, always.
    """
    started = elapsed >= 1
    gate = ops.cast(started, current.dtype)
    if constants.is_plain:
        return _integrate_fire(gate * current, state, gate, constants)
    received, sent = state
    received = received + gate * current
    missing = constants.target(received, elapsed) + constants.alpha - sent
    spikes = gate * ops.clip(ops.floor(missing), constants.low, constants.limit)
    return spikes, (received, sent + spikes)


def _integrate_fire(
    current: Any, state: State, gate: Any, constants: Constants
) -> tuple[Any, State]:
    potential = state[0] + current
    # alpha = 1 fills the potential up to the threshold: the start still has to come.
    spikes = gate * ops.cast(potential >= constants.threshold, current.dtype)
    if constants.reset == "zero":
        return spikes, (potential * (1 - spikes),)
    return spikes, (potential - spikes * constants.threshold,)


def rate(current: Any, constants: Constants) -> Any:
    """The analogue firing rate of a mean current: f(z) / V, neither cut nor rounded."""
    value = constants.response(current)
    if constants.ceiling is not None:
        value = ops.minimum(value, constants.ceiling)
    return value / constants.threshold


def clipped_rate(current: Any, constants: Constants) -> Any:
    """The rate cut to what one step can send."""
    return ops.clip(rate(current, constants), constants.low, constants.limit)


def count(received: Any, timesteps: Any, constants: Constants) -> Any:
    """Spikes in a window of T steps once all of it has been received (closed form).

    Args:
        received: Sum of the currents over the window; sums and not means, since n / T rounds
            in floating point and a count may lie on a tie.
        timesteps: T.
        constants: The layer's constants.
    """
    levels = ops.floor(constants.target(received, timesteps) + constants.alpha)
    return ops.clip(levels, constants.low * timesteps, constants.limit * timesteps)
