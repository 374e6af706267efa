"""Quantisers of QKeras applied to weights, in NumPy.

Reference:
    QKeras 0.9.0, ``qkeras/quantizers.py``; Coelho et al. 2021, "Automatic heterogeneous
    quantization of deep neural networks for low-latency inference on the edge for particle
    detectors", Nature Machine Intelligence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from spkeras.keras_files.quantized.plain import UnreadableError
from spkeras.keras_files.quantized.quantizer_records import Quantizer
from spkeras.ops.arrays import Float32Array as Array

_EPSILON = np.float32(1e-7)
_TRAINED = frozenset(
    {"quantized_bits", "ternary", "stochastic_ternary", "binary", "stochastic_binary"}
)


def kernel_quantizer(quantizer: Quantizer | None) -> Quantizer | None:
    """Return the quantiser as the layers of QKeras use it for kernels: alpha None is "auto_po2"."""
    if quantizer is None or quantizer.name not in _TRAINED:
        return quantizer
    if quantizer.given.get("alpha") is not None:
        return quantizer
    return replace(quantizer, given={**quantizer.given, "alpha": "auto_po2", "symmetric": True})


def quantized(values: Array, quantizer: Quantizer | None) -> Array:
    """Return weights as a quantiser of QKeras rounds them at inference.

    Args:
        values: The stored weights.
        quantizer: The quantiser; None leaves the weights as they are.

    Raises:
        UnreadableError: a quantiser that is not in the table.
    """
    if quantizer is None or quantizer.name == "linear":
        return values
    if quantizer.name not in _FORMULAS:
        raise UnreadableError(f"its weights are quantised by {quantizer.name!r}, unknown here")
    values = np.asarray(values, np.float32)
    found = np.asarray(_FORMULAS[quantizer.name](values, quantizer), np.float32)
    noise = np.float32(quantizer.number("qnoise_factor", 1.0))
    return found if noise == 1 else values + noise * (found - values)


def _single(values: ArrayLike) -> Array:
    return np.asarray(values, np.float32)


def _sign(x: Array) -> Array:
    return np.where(x >= 0, np.float32(1), np.float32(-1))


def _power_of_two(x: Array) -> Array:
    """Return the power of two that is nearest on a logarithmic scale."""
    return _single(np.float32(2) ** np.round(np.log(x + _EPSILON) / np.float32(np.log(2.0))))


def _channels(x: Array, scale_axis: int | None = None) -> tuple[int, ...]:
    """Return the axes over which one scale is shared: all but the last, or but the given one."""
    kept = x.ndim - 1 if scale_axis is None else int(scale_axis)
    return tuple(axis for axis in range(x.ndim) if axis != kept)


def _best_scale(alpha: object, x: Array, q: Array, scale_axis: int | None = None) -> Array:
    """Return the scale with the least square error of scale * q, or the given one."""
    if not isinstance(alpha, str):
        return np.asarray(1.0 if alpha is None else alpha, np.float32)
    if x.ndim > 1:
        axes = _channels(x, scale_axis)
        found = (x * q).mean(axes, keepdims=True) / ((q * q).mean(axes, keepdims=True) + _EPSILON)
    else:
        found = x * q / (q * q + _EPSILON)
    return _power_of_two(found) if alpha == "auto_po2" else found


def _bits(x: Array, quantizer: Quantizer) -> Array:
    """quantized_bits: whole numbers of bits over 2^(bits - integer), times a scale."""
    bits, negative = int(quantizer.number("bits", 8)), quantizer.flag("keep_negative", True)
    alpha = quantizer.given.get("alpha")
    levels = np.float32(2.0 ** (bits - negative))
    range_ = np.float32(2.0 ** quantizer.number("integer", 0))
    if isinstance(alpha, str):
        return _bits_auto(x / range_, alpha, bits, quantizer.given.get("scale_axis")) * range_
    scale = _best_scale(alpha, x, x)
    if bits - negative <= 0:
        return _single(scale * (_sign(x) if negative else (_sign(x) + 1) / 2))
    low = negative * (-levels + quantizer.flag("symmetric"))
    counts = np.clip(np.round(x * levels / range_), low, levels - 1)
    return _single(scale * range_ * counts / levels)


def _bits_auto(x: Array, alpha: str, bits: int, scale_axis: int | None) -> Array:
    """Return symmetric levels with a scale of their own for each channel."""
    half = np.float32(2 ** (bits - 1) - 1)
    if not half:
        raise UnreadableError("its weights have one bit and a scale from the weights")
    axes = _channels(x, scale_axis) if x.ndim > 1 else (0,)

    def rounded(scale: Array) -> Array:
        counts = np.minimum(np.floor(np.abs(x) / scale + np.float32(0.5)), half)
        return _single(np.sign(x) * counts)

    scale = np.abs(x).max(axes, keepdims=True) / half
    if alpha == "auto":
        return _single(scale * rounded(np.where(scale > 0, scale, np.float32(1))))
    scale = _power_of_two(scale)
    for _ in range(5):
        counts = rounded(scale)
        scale = _best_scale(alpha, x, counts, scale_axis)
    return scale * counts


def _ternary(x: Array, quantizer: Quantizer) -> Array:
    """ternary: -scale, 0 or scale."""
    alpha = quantizer.given.get("alpha")
    if not isinstance(alpha, str):
        threshold = quantizer.number("threshold", 0.33)
        return _best_scale(alpha, x, x) * _single((np.abs(x) >= np.float32(threshold)) * np.sign(x))
    axes = None if x.ndim == 1 else _channels(x)
    scale = 2 * np.abs(x).max(axis=axes, keepdims=True) / np.float32(3)
    scale = _power_of_two(scale) if alpha == "auto_po2" else scale
    for _ in range(int(quantizer.number("number_of_unrolls", 5))):
        with np.errstate(divide="ignore", invalid="ignore"):
            near = np.where(scale == 0, 0, scale * np.round(x / scale))
        q = _single((np.abs(near) >= scale / 2) * np.sign(x))
        scale = _best_scale(alpha, x, q)
    return _single(scale * q)


def _binary(x: Array, quantizer: Quantizer) -> Array:
    """binary: -scale or scale; 0 or scale with use_01."""
    q = _single((_sign(x) + 1) / 2 if quantizer.flag("use_01") else _sign(x))
    return _best_scale(quantizer.given.get("alpha"), x, q) * q


def _exponents(quantizer: Quantizer, signs: int) -> tuple[float, float]:
    """Return the smallest and largest exponent of a power of two."""
    largest = quantizer.given.get("max_value")
    own_sign = 1 if largest is None or float(largest) > 1 else 0
    reach = 2 ** (int(quantizer.number("bits", 8)) - signs - own_sign)
    high = reach - 1
    return -reach, 2 * (high // 2) if quantizer.flag("quadratic_approximation") else high


def _exponent(x: Array, quantizer: Quantizer, signs: int) -> Array:
    """Return the exponent of the power of two that replaces each magnitude."""
    low, high = _exponents(quantizer, signs)
    squared = quantizer.flag("quadratic_approximation")
    bounded = np.maximum(x, _EPSILON)
    largest = quantizer.given.get("max_value")
    if largest is not None:
        bounded = np.minimum(bounded, np.float32(largest))
    logarithm = np.log(np.sqrt(bounded) if squared else bounded) / np.float32(np.log(2.0))
    floors = quantizer.given.get("log2_rounding") == "floor"
    exponent = (1 + squared) * np.clip((np.floor if floors else np.round)(logarithm), low, high)
    return np.where(x < _EPSILON, np.float32(low), exponent)


def _po2(x: Array, quantizer: Quantizer) -> Array:
    """quantized_po2: a sign times a power of two."""
    return _sign(x) * np.float32(2) ** _exponent(np.abs(x), quantizer, 1)


def _relu_po2(x: Array, quantizer: Quantizer) -> Array:
    """quantized_relu_po2: a power of two."""
    slope = np.float32(quantizer.number("negative_slope", 0))
    above = np.float32(2) ** _exponent(np.maximum(x, 0), quantizer, 0)
    if not slope:
        return above
    return np.where(x >= 0, above, -(2 ** _exponent(np.maximum(-x, 0) * slope, quantizer, 0)))


_FORMULAS: dict[str, Callable[[Array, Quantizer], Array]] = {
    "quantized_bits": _bits,
    "ternary": _ternary,
    "stochastic_ternary": _ternary,
    "binary": _binary,
    "stochastic_binary": _binary,
    "quantized_po2": _po2,
    "quantized_relu_po2": _relu_po2,
}
