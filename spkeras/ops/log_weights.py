"""Weights as a sign and a whole exponent, so that a shifter can multiply with them.

    w = s FSR 2^(-q / z),  q = 0 ... q_max,  FSR = 2^(n / z)

s: sign. z: steps per octave. n: whole exponent of the full-scale range, one per tensor. b bits
hold the sign and 2^(b - 1) exponents; the last one means the weight 0 where the format has a zero
code.

Reference: Miyashita, Lee & Murmann 2016 (arXiv:1603.01025), weights in the logarithmic domain;
Lew, Lee & Park 2022 (arXiv:2208.04494) use 5 bits. The base, the zero code, the rule for the
full-scale range and the rounding of the latter are not known: they are options.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.ops.arrays import BoolArray, Float64Array, UInt16Array
from spkeras.ops.names import FULL_SCALES, WEIGHT_ROUNDINGS

# Error of a float32 power, in steps: within it a value counts as a level.
SLACK = 1e-4


@dataclass(frozen=True)
class LogFormat:
    """The format of a logarithmic weight.

    Attributes:
        bits: Bits of a weight, sign included, 2 to 12.
        steps: z, levels per octave; the base is 2^(1 / z). A power of two, so that exponents
            can be added in binary.
        zero: Whether one exponent is reserved for the weight 0. Without it, the weight 0 becomes
            the smallest level.
        rounding: "log": to the level whose logarithm is nearest; "linear": to the nearest level.
        full_scale: "ceil": the smallest level that no weight exceeds; "nearest": the level nearest
            to the largest weight; "mse": the one with the least squared error.

    Raises:
        OptionError: a value is not allowed.
    """

    bits: int = 5
    steps: int = 2
    zero: bool = True
    rounding: str = "log"
    full_scale: str = "mse"

    def __post_init__(self) -> None:
        if self.bits not in range(2, 13):
            raise OptionError(f"weight bits={self.bits!r}; allowed: whole numbers 2 to 12")
        if self.steps not in (1, 2, 4, 8):
            raise OptionError(f"steps={self.steps!r} per octave; allowed: 1, 2, 4, 8")
        if self.zero and self.bits == 2:
            raise OptionError("bits=2 with a zero code leaves a single exponent; use 3 bits")
        if self.rounding not in WEIGHT_ROUNDINGS:
            raise OptionError(f"rounding={self.rounding!r}; allowed: {', '.join(WEIGHT_ROUNDINGS)}")
        if self.full_scale not in FULL_SCALES:
            raise OptionError(f"full_scale={self.full_scale!r}; allowed: {', '.join(FULL_SCALES)}")

    @property
    def largest(self) -> int:
        """q_max, the exponent of the smallest magnitude."""
        return (1 << (self.bits - 1)) - 1 - int(self.zero)

    @property
    def zero_exponent(self) -> int:
        """The exponent of the weight 0; without a zero code no weight has it."""
        return self.largest + 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class LogCodes:
    """A tensor of weights as the hardware stores it.

    Attributes:
        negative: Whether the weight is negative, bool.
        exponents: q, uint16 of the same shape; `format.zero_exponent` for 0.
        full_scale: n, the exponent of the full-scale range in steps of 1 / z octave.
        format: The format of the codes.
    """

    negative: BoolArray
    exponents: UInt16Array
    full_scale: int
    format: LogFormat

    def values(self) -> Float64Array:
        """Return the weights, float64."""
        steps, z = self.exponents.astype(np.float64), self.format.steps
        sizes = np.exp2((self.full_scale - steps) / z)
        sizes = np.where(self.exponents == self.format.zero_exponent, 0.0, sizes)
        return np.where(self.negative, -sizes, sizes)


def log_codes(weights: np.ndarray, form: LogFormat, full_scale: int | None = None) -> LogCodes:
    """Return the codes of weights in a logarithmic format.

    Args:
        weights: Finite weights, any shape.
        form: The format.
        full_scale: n; None for the format's rule.

    Returns:
        The codes; `.values()` are the quantised weights.

    Invariants:
        Weights that are levels keep their values; no other code is nearer to the weight (in the
        domain of the format's rounding).

    Raises:
        OptionError: a weight is NaN or infinite.
    """
    weights = np.asarray(weights, np.float64)
    if not np.isfinite(weights).all():
        raise OptionError("weights with NaN or infinity in a logarithmic format; allowed: finite")
    n = full_scale_exponent(weights, form) if full_scale is None else full_scale
    exponents = _exponents(np.abs(weights), n, form)
    return LogCodes(weights < 0, exponents.astype(np.uint16), n, form)


def log_quantize(weights: np.ndarray, form: LogFormat, full_scale: int | None = None) -> np.ndarray:
    """Return weights rounded to the values of their codes, in their float dtype; see `log_codes`.

    Example:
        >>> log_quantize(np.array([1.0, -0.3, 0.001]), LogFormat(bits=4, steps=1))
        array([ 1.  , -0.25,  0.  ])
    """
    weights = np.asarray(weights)
    dtype = weights.dtype if weights.dtype.kind == "f" else np.dtype(np.float64)
    return log_codes(weights, form, full_scale).values().astype(dtype)


def full_scale_exponent(weights: np.ndarray, form: LogFormat) -> int:
    """Return n of the full-scale range 2^(n / z) by the format's rule; 0 if all weights are 0."""
    sizes = np.abs(np.asarray(weights, np.float64))
    largest = float(sizes.max(initial=0.0))
    if largest == 0.0:
        return 0
    exact = form.steps * np.log2(largest)
    if form.full_scale == "nearest":
        return int(np.floor(exact + 0.5))
    top = int(np.ceil(exact - SLACK))
    if form.full_scale == "ceil":
        return top
    # Search up to four octaves down: cutting few large weights can resolve many small ones.
    return min(
        range(top, top - 4 * form.steps - 1, -1),
        key=lambda n: float(np.sum((_values(_exponents(sizes, n, form), n, form) - sizes) ** 2)),
    )


def _exponents(sizes: Float64Array, n: int, form: LogFormat) -> Float64Array:
    """Return q of magnitudes, zero codes included."""
    with np.errstate(divide="ignore"):
        down = np.minimum(n - form.steps * np.log2(sizes), form.zero_exponent + 1.0)
    if form.rounding == "log":
        q: Float64Array = np.floor(down + 0.5)
    else:
        # `upper` is the level above or at the magnitude; the next one (q + 1) is taken where the
        # magnitude is below their middle. An error of the logarithm shifts `upper` by one level
        # at most, and the comparison corrects it.
        upper = np.clip(np.floor(down), 0, form.largest)
        lower_is_nearer = sizes < _middle(upper, n, form)
        q = upper + lower_is_nearer
    q = np.clip(q, 0, form.zero_exponent)
    return q if form.zero else np.minimum(q, form.largest)


def _middle(q: Float64Array, n: int, form: LogFormat) -> Float64Array:
    """Return the linear middle of the level q and the next smaller one, which may be 0."""
    return (np.exp2((n - q) / form.steps) + _values(q + 1, n, form)) / 2


def _values(q: Float64Array, n: int, form: LogFormat) -> Float64Array:
    return np.where(q >= form.zero_exponent, 0.0, np.exp2((n - q) / form.steps))
