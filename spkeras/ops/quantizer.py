"""Quantisers: the part of a missing amount that the spikes of one step send, on `keras.ops`."""

from keras import ops

from spkeras.ops.compiled import is_unfused
from spkeras.ops.types import Tensor

_MANTISSA = 23  # bits of a float32


def whole(x: Tensor, low: int, high: int) -> Tensor:
    """Return whole numbers of unit spikes: floor(x), cut to [low, high]."""
    return ops.clip(ops.floor(x), low, high)


def rounded_float(x: Tensor, levels: int, mantissa_bits: int = 0) -> Tensor:
    """Return one graded spike: a sign, an exponent and a few bits after the leading one.

    It is the nearest of +-2^-k (1 + m / 2^mantissa_bits), k = 0, 1, ..., cut at 1, and 0 where
    the nearest is below 2^(1 - levels). Without mantissa bits these are powers of two, and each
    level begins at 3/4 of its value: sign(x) 2^floor(log2(|x| / 0.75)) (multi-threshold neuron,
    Huang et al., ICML 2025). A synapse shifts its weight and adds it once for each bit that is
    set.

    The result is exact on every backend: half of the last bit that is kept is added to the bits
    of the float32, and the bits after it are cleared; a tie goes up.

    Args:
        x: Amount still to be sent, in units of the threshold.
        levels: Number of exponents, 1 to 24.
        mantissa_bits: Bits after the leading one, 0 to 3.
    """
    if is_unfused():
        return _by_comparisons(x, levels, mantissa_bits)
    half = 1 << (_MANTISSA - mantissa_bits - 1)
    kept = 0x7FFFFFFF ^ (2 * half - 1)
    bits = ops.view(ops.cast(ops.abs(x), "float32"), "int32")
    size = ops.view((bits + half) & kept, "float32")
    size = ops.where(size >= 2.0 ** (1 - levels), ops.minimum(size, 1.0), 0.0)
    return ops.sign(x) * ops.cast(size, x.dtype)


def _by_comparisons(x: Tensor, levels: int, mantissa_bits: int) -> Tensor:
    """Return the same spike without operations on bits, which ONNX and LiteRT do not have.

    The size is the sum of the differences of all sizes whose lower bound |x| reaches. Partial sums are
    sizes, so that float32 holds them exactly.
    """
    parts = 1 << mantissa_bits
    sizes = [2.0**-k * (1 + m / parts) for k in range(levels - 1, 0, -1) for m in range(parts)]
    # Below the smallest size, that of a lower exponent would be next.
    before = 2.0**-levels * (2 - 1 / parts)
    magnitude, total, last = ops.abs(x), ops.zeros_like(x), 0.0
    for size in (*sizes, 1.0):
        reached = ops.cast(magnitude >= (before + size) / 2, x.dtype)
        total, last, before = total + reached * (size - last), size, size
    return ops.sign(x) * total
