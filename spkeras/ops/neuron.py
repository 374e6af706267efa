"""Spiking neurons as pure functions: (current, state) -> (spikes, state), on `keras.ops`.

A neuron sums its inputs, u = sum of w(t) z(t), and sends spikes so that the value at its
receivers follows its function:

    missing(t) = part of f(u) / V still to be sent, in spikes of this step,
    s(t) = part of missing(t) that one step can send,

where V is the threshold and f any function of the sums of one or several inputs. The *code*
(`spkeras.ops.code`) defines w(t) and missing(t). The *model* (`spkeras.ops.names.NEURON_MODELS`) defines the spikes of one
step: whole spikes or one graded spike. For whole spikes an initial potential alpha = 1/2 (fraction
of the threshold) turns rounding down into rounding to nearest (thresholding for residual
elimination, Wu et al. 2022). Models and codes are independent, except that `sigma_delta` names
the pair of graded spikes and the delta code.

For ReLU, one spike per step and the rate code this is the integrate-and-fire neuron with soft
reset: v = u + alpha V - n V fires when v >= V (n: spikes so far). Under the rate code u is a sum
of currents whose mean is the value: the target is tau f(u / tau) / V, with tau the number of
steps since the start. After a window of T steps its count is

    N = clip(floor(T f(u / T) / V + alpha), low T, high T),

which is also the exact count of a layer-synchronous network (`count`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras import ops

from spkeras.ops import activation
from spkeras.ops import code as coding
from spkeras.ops import function as functions
from spkeras.ops.names import NEURON_MODELS
from spkeras.ops.properties import is_homogeneous, is_partial, is_plain
from spkeras.ops.quantizer import rounded_float, whole
from spkeras.ops.types import Tensor

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class Constants:
    """The parameters of one layer of neurons.

    Attributes:
        threshold: V, broadcast against the current (after pooling), in the current's unit.
        model: Key of `NEURON_MODELS`.
        reset: Reset after a spike: "subtract" the threshold (soft), or set to "zero".
        initial_potential: Initial potential as a fraction of the threshold, in [0, 1]; for
            whole spikes.
        max_spikes_per_step: Largest number of spikes in one step.
        function: Function of the received sums.
        numbers: Parameters of the function.
        pool: Max pooling of the received sums, or None.
        ceiling: Bound of the real-valued rate, in the current's unit; spike counts stay below it.
        spike_code: Spike code, one of `spkeras.ops.code.CODES`.
        levels: Number of exponents of a graded spike: 0 .. levels - 1.
        mantissa_bits: Bits after the leading one of a graded spike; 0 for powers of two.
        constant_inputs: Constant input on each input, received before the first step (None: zero).
    """

    threshold: Tensor
    model: str = "binary"
    reset: str = "subtract"
    initial_potential: float = 0.5
    max_spikes_per_step: int = 1
    function: str = "relu"
    numbers: Mapping[str, Any] = field(default_factory=dict)
    pool: Callable[[Tensor], Tensor] | None = None
    ceiling: Tensor = None
    spike_code: str = "rate"
    levels: int = 8
    mantissa_bits: int = 0
    constant_inputs: tuple[Tensor, ...] = (None,)

    @property
    def low(self) -> int:
        """Smallest number of spikes in one step."""
        return -self.max_spikes_per_step if NEURON_MODELS[self.model].signed else 0

    @property
    def is_graded(self) -> bool:
        """Whether a spike has a sign and an exponent."""
        return NEURON_MODELS[self.model].graded

    @property
    def has_closed_form(self) -> bool:
        """Whether the spikes of a window are a number that follows from its input alone."""
        model = NEURON_MODELS[self.model]
        return self.spike_code == "rate" and not model.graded and model.emit is None

    @property
    def is_plain(self) -> bool:
        """Whether one potential per neuron is all the state it needs."""
        return is_plain(
            self.model,
            self.spike_code,
            function=self.function,
            parameters=self.numbers,
            pooled=self.pool is not None,
        )

    def response(self, received: Sequence[Tensor]) -> Tensor:
        """Return f of the received sums, after pooling: the current that the spikes represent."""
        values = list(received) if self.pool is None else [self.pool(x) for x in received]
        if activation.is_known(self.function):
            return activation.apply(self.function, values[0], self.numbers)
        return functions.apply(self.function, values, self.numbers)

    def target(self, received: Sequence[Tensor], elapsed: Tensor) -> Tensor:
        """Return the exact output (under the rate code its sum over the steps), in spikes."""
        homogeneous = is_homogeneous(self.function, self.numbers)
        if homogeneous or coding.keeps_values(self.spike_code):
            return self.response(received) / self.threshold
        steps = ops.maximum(elapsed, 1)
        return steps * self.response([x / steps for x in received]) / self.threshold

    def part(self, missing: Tensor) -> Tensor:
        """Return the part of `missing` that one step can send; 0 where f is undefined."""
        if is_partial(self.function, self.numbers):
            missing = ops.where(ops.isfinite(missing), missing, 0.0)
        emit = NEURON_MODELS[self.model].emit
        if emit is not None:
            return emit(missing, self)
        if self.is_graded:
            return rounded_float(missing, self.levels, self.mantissa_bits)
        return whole(missing + self.initial_potential, self.low, self.max_spikes_per_step)


def _listed(currents: Tensor) -> list[Tensor]:
    return list(currents) if isinstance(currents, (list, tuple)) else [currents]


def initial_state(zeros: Callable[[int | None], Tensor], constants: Constants) -> State:
    """Return the state before the first step.

    Args:
        zeros: Function that makes zeros in the shape of the input of an index, or of the spikes
            for None.
        constants: The layer's constants.
    """
    if constants.is_plain:
        (offset,) = constants.constant_inputs
        start = constants.initial_potential * constants.threshold
        return (zeros(None) + (start if offset is None else start + offset),)
    received = [
        zeros(index) if offset is None else zeros(index) + offset
        for index, offset in enumerate(constants.constant_inputs)
    ]
    return (*received, zeros(None))


def step(
    currents: Tensor, state: State, elapsed: Tensor, constants: Constants
) -> tuple[Tensor, State]:
    """Compute one time step of a layer of neurons.

    Args:
        currents: Input of this step, any shape with the batch first; a list for a neuron of
            several inputs.
        state: State, from `initial_state` or the step before.
        elapsed: Steps since the layer's start, this one included; below 1 it neither integrates
            nor fires.
        constants: The layer's constants.

    Returns:
        The spikes (0, 1, or whole numbers up to the limit, or graded values; in the current's
        dtype) and the new state.

    Invariants:
        Plain neuron, soft reset: sum of currents + alpha V = V * (sum of spikes) + v.
        Delta code: the sum of spikes is the value sent so far. A neuron that neither fires nor
        receives a spike in a step never fires again, until it receives one.
    """
    currents = _listed(currents)
    if constants.is_plain:
        gate = ops.cast(elapsed >= 1, currents[0].dtype)
        return _integrate_fire(gate * currents[0], state, gate, constants)
    *received, sent = state
    weigh = coding.weigh
    if coding.keeps_values(constants.spike_code):
        # No start delay: messages are differences, and a lost one is never corrected.
        code = constants.spike_code
        received = [r + weigh(code, z, elapsed) for r, z in zip(received, currents, strict=True)]
        missing = coding.missing(code, constants.target(received, elapsed), sent, elapsed)
        spikes = constants.part(missing)
        return spikes, (*received, sent + weigh(code, spikes, elapsed))
    gate = ops.cast(elapsed >= 1, currents[0].dtype)
    received = [r + gate * z for r, z in zip(received, currents, strict=True)]
    spikes = gate * constants.part(constants.target(received, elapsed) - sent)
    return spikes, (*received, sent + spikes)


def _integrate_fire(
    current: Tensor, state: State, gate: Tensor, constants: Constants
) -> tuple[Tensor, State]:
    potential = state[0] + current
    # With alpha = 1 the potential is at the threshold before the start: the gate prevents spikes.
    spikes = gate * ops.cast(potential >= constants.threshold, current.dtype)
    if constants.reset == "zero":
        return spikes, (potential * (1 - spikes),)
    return spikes, (potential - spikes * constants.threshold,)


def rate(currents: Tensor, constants: Constants) -> Tensor:
    """Return the real value that spikes represent, f(z) / V, beyond their range and resolution.

    It is cut at the ceiling, and rounded only where the function is a quantised ReLU.

    Args:
        currents: Mean current (rate code), or the value without the constant input; a list for
            a neuron of several inputs.
        constants: The layer's constants.
    """
    # Under the rate code an offset is an initial potential, whose part in the mean vanishes.
    kept = coding.keeps_values(constants.spike_code)
    pairs = zip(_listed(currents), constants.constant_inputs, strict=True)
    value = constants.response(
        [z + offset if kept and offset is not None else z for z, offset in pairs]
    )
    if constants.ceiling is not None:
        value = ops.minimum(value, constants.ceiling)
        if constants.function == "quantized_relu":
            # The levels of the training, not those of T steps.
            numbers = {**constants.numbers, "max_value": constants.ceiling}
            value = activation.quantized_relu(value, **numbers)
    return value / constants.threshold


def clipped_rate(currents: Tensor, timesteps: Tensor, constants: Constants) -> Tensor:
    """Return the rate, or value, cut to the range that T steps can send."""
    low, high = constants.low, constants.max_spikes_per_step
    reach = 1.0
    if constants.spike_code == "delta":
        reach = ops.cast(timesteps, "float32")
    elif constants.spike_code == "differential":
        # 1 + 1/2 + ... + 1/T to within 0.002 (Euler's constant and the next term of the series).
        middle = ops.cast(timesteps, "float32") + 0.5
        reach = ops.log(middle) + 0.5772157 + 1 / (24 * middle * middle)
    return ops.clip(rate(currents, constants), low * reach, high * reach)


def count(received: Tensor, timesteps: Tensor, constants: Constants) -> Tensor:
    """Return the output of a layer in a window of T steps after its inputs are complete.

    Args:
        received: For each input the sum of the currents over the window (rate code), or the
            value without the constant input. A mean would not do: n / T is rounded, and a count
            may lie on a tie.
        timesteps: T.
        constants: The layer's constants.

    Returns:
        The sum of w(t) s(t). For whole spikes under the rate code it is their number, in closed
        form.
    """
    pairs = zip(_listed(received), constants.constant_inputs, strict=True)
    sums = [z if offset is None else z + offset for z, offset in pairs]
    target = constants.target(sums, timesteps)
    if constants.has_closed_form:
        levels = ops.floor(target + constants.initial_potential)
        return ops.clip(
            levels, constants.low * timesteps, constants.max_spikes_per_step * timesteps
        )

    def body(index: Tensor, sent: Tensor) -> Tensor:
        elapsed = ops.cast(index, "float32") + 1.0
        missing = coding.missing(constants.spike_code, target, sent, elapsed)
        return sent + coding.weigh(constants.spike_code, constants.part(missing), elapsed)

    return ops.fori_loop(0, ops.cast(timesteps, "int32"), body, ops.zeros_like(target))
