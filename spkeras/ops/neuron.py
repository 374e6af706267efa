"""Spiking neurons as pure functions: (current, state) -> (spikes, state), on `keras.ops`.

A neuron adds up what it receives, u = sum of w(t) z(t), and sends spikes so that what its
listeners hold follows the function it stands for:

    missing(t) = what listeners of f(u) / V still miss in this step's spikes,
    s(t) = the part of it that one step can send,

where V is the threshold and f any function of what was received on one or several inputs.
What "hold", w(t) and "miss" mean is the *code* (`spkeras.ops.code`); what one step can send is
the *model* (`MODELS`): whole spikes (alpha, the share of a level given in advance, 1/2, turns
rounding down into rounding: thresholding for residual elimination, Wu et al. 2022) or one
power of two. Any model goes with any code, but that `sigma_delta` names the pair of powers of
two and the delta code.

For ReLU, one spike and the rate code this is the integrate-and-fire neuron with soft reset:
v = u + alpha V - n V fires when v >= V. Under the rate code u is a sum of currents whose mean
is the value, so that its target is tau f(u / tau) / V, tau the number of steps since its
start. After a whole window of T steps its count is

    N = clip(floor(T f(u / T) / V + alpha), low T, high T),

which is also what a layer-synchronous network gives exactly (`count`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras import ops

from spkeras.ops import activation
from spkeras.ops import code as coding
from spkeras.ops import function as functions
from spkeras.ops.properties import is_homogeneous, is_partial, is_rectifier
from spkeras.ops.quantizer import rounded_float, whole

State = tuple[Any, ...]


@dataclass(frozen=True)
class Model:
    """A kind of neuron: which spikes it may send.

    Attributes:
        signed: It may take spikes back by sending negative ones.
        burst: It may send several spikes in one step (`limit` of them).
        source: Where it was published.
        graded: A spike carries a sign and an exponent (`levels` of them).
    """

    signed: bool
    burst: bool
    source: str
    graded: bool = False


MODELS: dict[str, Model] = {
    "binary": Model(False, False, "Cao et al. 2015; soft reset: Rueckauer et al. 2017"),
    "signed": Model(True, False, "Wang et al. 2022 (signed neuron with memory)"),
    "burst": Model(False, True, "Li & Zeng 2022 (burst spikes)"),
    "signed_burst": Model(True, True, "the two combined"),
    "multi_threshold": Model(True, False, "Huang et al. 2025 (multi-threshold neuron)", True),
    "sigma_delta": Model(True, False, "O'Connor & Welling 2016 (sigma-delta networks)", True),
}


@dataclass(frozen=True)
class Constants:
    """What one layer of neurons keeps the same over time.

    Attributes:
        threshold: V, broadcast against the current (after pooling), in its unit.
        model: Key of `MODELS`.
        reset: "subtract" (soft) or "zero".
        alpha: Share of a level given in advance, in [0, 1]; for whole spikes.
        limit: Largest number of spikes in one step.
        function: What the neuron computes of what it received, and its numbers.
        pool: Max pooling of what was received, or None.
        ceiling: Bound of the analogue rate, in the current's unit; no spike count reaches it.
        code: What its spikes mean, one of `spkeras.ops.code.CODES`.
        levels: Exponents 0 .. levels - 1 of a graded spike.
        mantissa_bits: Bits behind the leading one of a graded spike; 0 for powers of two.
        offsets: What it has received on each input before the first step (None: nothing).
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
    code: str = "rate"
    levels: int = 8
    mantissa_bits: int = 0
    offsets: tuple[Any, ...] = (None,)

    @property
    def low(self) -> int:
        """Smallest number of spikes in one step."""
        return -self.limit if MODELS[self.model].signed else 0

    @property
    def is_graded(self) -> bool:
        """Whether a spike carries a sign and an exponent."""
        return MODELS[self.model].graded

    @property
    def is_plain(self) -> bool:
        """Whether one potential per neuron is all the state it needs."""
        return (
            self.model == "binary"
            and self.code == "rate"
            and self.pool is None
            and is_rectifier(self.function, self.numbers)
        )

    @property
    def states(self) -> int:
        """Number of state tensors: the potential, or all that was received and what was sent."""
        return 1 if self.is_plain else len(self.offsets) + 1

    def response(self, received: Sequence[Any]) -> Any:
        """f of what was received, after pooling: the current that the spikes stand for."""
        values = list(received) if self.pool is None else [self.pool(x) for x in received]
        if activation.is_known(self.function):
            return activation.apply(self.function, values[0], self.numbers)
        return functions.apply(self.function, values, self.numbers)

    def target(self, received: Sequence[Any], elapsed: Any) -> Any:
        """What listeners should hold (under the rate code its sum over the steps), in spikes."""
        homogeneous = is_homogeneous(self.function, self.numbers)
        if homogeneous or coding.keeps_values(self.code):
            return self.response(received) / self.threshold
        steps = ops.maximum(elapsed, 1)
        return steps * self.response([x / steps for x in received]) / self.threshold

    def part(self, missing: Any) -> Any:
        """What of a missing amount one step can send; nothing where the function has no value."""
        if is_partial(self.function, self.numbers):
            missing = ops.where(ops.isfinite(missing), missing, 0.0)
        if self.is_graded:
            return rounded_float(missing, self.levels, self.mantissa_bits)
        return whole(missing + self.alpha, self.low, self.limit)


def _listed(currents: Any) -> list[Any]:
    return list(currents) if isinstance(currents, (list, tuple)) else [currents]


def initial_state(zeros: Callable[[int | None], Any], constants: Constants) -> State:
    """The state before the first step.

    Args:
        zeros: Makes zeros, of the shape of the input of that index or (None) of the spikes.
        constants: The layer's constants.
    """
    if constants.is_plain:
        (offset,) = constants.offsets
        start = constants.alpha * constants.threshold
        return (zeros(None) + (start if offset is None else start + offset),)
    received = [
        zeros(index) if offset is None else zeros(index) + offset
        for index, offset in enumerate(constants.offsets)
    ]
    return (*received, zeros(None))


def step(currents: Any, state: State, elapsed: Any, constants: Constants) -> tuple[Any, State]:
    """One time step of a layer of neurons.

    Args:
        currents: What arrives in this step, any shape with the batch first; a list for a
            neuron of several inputs.
        state: From `initial_state` or the step before.
        elapsed: Steps since the layer's start, this one included; it integrates and sends
            nothing while this is below 1.
        constants: The layer's constants.

    Returns:
        The spikes (0, 1, or whole numbers up to the limit, or powers of two; in the current's
        dtype) and the new state.

    Invariants:
        Plain neuron, soft reset: sum of currents + alpha V = V * spikes + v, always.
        Delta code: sum of spikes = what was sent, so that nothing is left to send as soon as
        a step sends nothing and nothing arrives.
    """
    currents = _listed(currents)
    if constants.is_plain:
        gate = ops.cast(elapsed >= 1, currents[0].dtype)
        return _integrate_fire(gate * currents[0], state, gate, constants)
    *received, sent = state
    weigh = coding.weigh
    if coding.keeps_values(constants.code):
        # It starts with the input: what a listener has missed once it would miss for ever.
        code = constants.code
        received = [r + weigh(code, z, elapsed) for r, z in zip(received, currents, strict=True)]
        missing = coding.missing(code, constants.target(received, elapsed), sent, elapsed)
        spikes = constants.part(missing)
        return spikes, (*received, sent + weigh(code, spikes, elapsed))
    gate = ops.cast(elapsed >= 1, currents[0].dtype)
    received = [r + gate * z for r, z in zip(received, currents, strict=True)]
    spikes = gate * constants.part(constants.target(received, elapsed) - sent)
    return spikes, (*received, sent + spikes)


def _integrate_fire(
    current: Any, state: State, gate: Any, constants: Constants
) -> tuple[Any, State]:
    potential = state[0] + current
    # alpha = 1 fills the potential up to the threshold: the start still has to come.
    spikes = gate * ops.cast(potential >= constants.threshold, current.dtype)
    if constants.reset == "zero":
        return spikes, (potential * (1 - spikes),)
    return spikes, (potential - spikes * constants.threshold,)


def rate(currents: Any, constants: Constants) -> Any:
    """The analogue value that spikes stand for: f(z) / V, neither cut nor rounded.

    Args:
        currents: Mean current (rate code), or its value without the offset; a list for a
            neuron of several inputs.
        constants: The layer's constants.
    """
    # Under a rate an offset is a potential to begin with, of which time leaves nothing.
    kept = coding.keeps_values(constants.code)
    pairs = zip(_listed(currents), constants.offsets, strict=True)
    value = constants.response([z + offset if kept and offset is not None else z
                                for z, offset in pairs])  # fmt: skip
    if constants.ceiling is not None:
        value = ops.minimum(value, constants.ceiling)
        if constants.function == "quantized_relu":
            # The levels it was trained with; T steps have their own.
            numbers = {**constants.numbers, "max_value": constants.ceiling}
            value = activation.quantized_relu(value, **numbers)
    return value / constants.threshold


def clipped_rate(currents: Any, timesteps: Any, constants: Constants) -> Any:
    """The rate, or value, cut to what T steps can send."""
    low, high = constants.low, constants.limit
    reach = 1.0
    if constants.code == "delta":
        reach = ops.cast(timesteps, "float32")
    elif constants.code == "differential":
        # 1 + 1/2 + ... + 1/T, to within 0.002 (Euler's constant; the next term of the series).
        middle = ops.cast(timesteps, "float32") + 0.5
        reach = ops.log(middle) + 0.5772157 + 1 / (24 * middle * middle)
    return ops.clip(rate(currents, constants), low * reach, high * reach)


def count(received: Any, timesteps: Any, constants: Constants) -> Any:
    """What a layer sends in a window of T steps once all of it has been received.

    Args:
        received: Of each input the sum of the currents over the window (rate code; sums and
            not means, since n / T rounds in floating point and a count may lie on a tie), or
            the value without the offset.
        timesteps: T.
        constants: The layer's constants.

    Returns:
        The sum of w(t) s(t): for whole spikes under the rate code their number, in closed form.
    """
    pairs = zip(_listed(received), constants.offsets, strict=True)
    sums = [z if offset is None else z + offset for z, offset in pairs]
    target = constants.target(sums, timesteps)
    if not constants.is_graded and constants.code == "rate":
        levels = ops.floor(target + constants.alpha)
        return ops.clip(levels, constants.low * timesteps, constants.limit * timesteps)

    def body(index: Any, sent: Any) -> Any:
        elapsed = ops.cast(index, "float32") + 1.0
        missing = coding.missing(constants.code, target, sent, elapsed)
        return sent + coding.weigh(constants.code, constants.part(missing), elapsed)

    return ops.fori_loop(0, ops.cast(timesteps, "int32"), body, ops.zeros_like(target))
