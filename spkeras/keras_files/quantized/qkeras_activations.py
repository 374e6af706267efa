"""Quantisers of QKeras as activations: layers that compute the same function.

Reference:
    QKeras 0.9.0, ``qkeras/quantizers.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from spkeras.keras_files.quantized.plain import (
    Layer,
    UnreadableError,
    activation,
    quantizer,
    rescaling,
)
from spkeras.keras_files.quantized.quantizer_records import Quantizer


def as_layers(function: Quantizer | None) -> list[Layer]:
    """Return the layers that compute an activation of QKeras at inference.

    Raises:
        UnreadableError: a function that no layers of Keras and spkeras compute.
    """
    if function is None or function.name == "linear":
        return []
    if function.number("qnoise_factor", 1.0) != 1:
        raise UnreadableError("its activation was saved while it mixed in values without rounding")
    if function.name in _READERS:
        return _READERS[function.name](function)
    if function.name in FUNCTIONS:
        return FUNCTIONS[function.name]
    if not function.given and _in_keras(function.name):
        return activation(function.name)
    raise UnreadableError(f"its activation {function.name!r} has no layer that equals it")


def _in_keras(name: str) -> bool:
    try:
        return callable(keras.activations.get(name))
    except ValueError:
        return False


def _relu(function: Quantizer) -> list[Layer]:
    slope = function.number("negative_slope", 0)
    bits = int(function.number("bits", 8)) - (slope != 0)
    levels, largest = 2.0**bits, 2.0 ** function.number("integer", 0)
    bound = function.given.get("relu_upper_bound")
    cut = _bounded(bound) if bound and not function.flag("is_quantized_clip", True) else []
    if function.flag("use_sigmoid"):
        if slope:
            raise UnreadableError("its activation is a quantised sigmoid with a slope below zero")
        step = 2 * largest / levels
        top = _bounded(largest * (1 - 1 / levels))
        return [quantizer(step, 0, levels / 2, "even"), *top, *cut]
    leaky = [("LeakyReLU", {"negative_slope": slope})] if slope else []
    return [*leaky, quantizer(largest / levels, -slope * levels, levels - 1, "even"), *cut]


def _bounded(bound: Any) -> list[Layer]:
    return [("ReLU", {"max_value": float(bound)})]


def _constant(function: Quantizer) -> Any:
    """Return the scale of an activation, which must not follow from the data."""
    alpha = function.given.get("alpha")
    if isinstance(alpha, str):
        raise UnreadableError(f"its activation has alpha={alpha!r}, a scale that each batch sets")
    return 1.0 if alpha is None else alpha


def _bits(function: Quantizer) -> list[Layer]:
    bits, negative = int(function.number("bits", 8)), function.flag("keep_negative", True)
    levels = 2.0 ** (bits - negative)
    scale = _constant(function)
    if bits - negative <= 0:
        return _signs(scale, False)
    low = negative * (-levels + function.flag("symmetric"))
    step = 2.0 ** function.number("integer", 0) / levels
    return [quantizer(step, low, levels - 1, "even"), *rescaling(scale)]


def _signs(scale: Any, zero_and_one: bool) -> list[Layer]:
    """Return the layers of the sign of a value: 1 from 0 on, else -1, or 0 and 1."""
    step = quantizer(1.0, 0, 1, "next")
    if zero_and_one:
        return [step, *rescaling(scale)]
    if isinstance(scale, list):
        return [step, *rescaling(2.0, -1.0), *rescaling(scale)]
    return [step, *rescaling(2.0 * scale, -scale)]


def _ternary(function: Quantizer) -> list[Layer]:
    step = 2 * function.number("threshold", 0.33)
    signs = quantizer(step, -1, 1, "away")
    return [signs, *rescaling(1 / step), *rescaling(_constant(function))]


def _tanh(function: Quantizer) -> list[Layer]:
    levels = 2.0 ** (int(function.number("bits", 8)) - 1)
    real = activation("tanh") if function.flag("use_real_tanh") else []
    low = -levels + function.flag("symmetric")
    return [*real, quantizer(1 / levels, low, levels - 1, "even")]


def _sigmoid(function: Quantizer) -> list[Layer]:
    levels = 2.0 ** int(function.number("bits", 8))
    real = function.flag("use_real_sigmoid")
    before = activation("sigmoid") if real else rescaling(0.5, 0.5)
    low = function.flag("symmetric")
    return [*before, quantizer(1 / levels, low, levels - 1, "even")]


def _hswish(function: Quantizer) -> list[Layer]:
    ends = (function.number("relu_shift", 3), function.number("relu_upper_bound", 6))
    if ends != (3, 6):
        raise UnreadableError(f"its activation is a hard swish with the ends {ends}")
    return [*activation("hard_silu"), *_bits(function)]


_READERS: dict[str, Callable[[Quantizer], list[Layer]]] = {
    "quantized_relu": _relu,
    "quantized_bits": _bits,
    "quantized_tanh": _tanh,
    "quantized_sigmoid": _sigmoid,
    "quantized_hswish": _hswish,
    "binary": lambda function: _signs(_constant(function), function.flag("use_01")),
    "stochastic_binary": lambda function: _signs(_constant(function), False),
    "ternary": _ternary,
    "stochastic_ternary": _ternary,
}
# Functions of QKeras without arguments, which differ from those of the same name in Keras.
FUNCTIONS: dict[str, list[Layer]] = {
    "binary_sigmoid": [*rescaling(0.5, 0.5), quantizer(1, 0, 1, "even")],
    "binary_tanh": [*rescaling(0.5, 0.5), quantizer(1, 0, 1, "even"), *rescaling(2.0, -1.0)],
    "ternary_tanh": [quantizer(1, -1, 1, "even")],
    "hard_sigmoid": [*rescaling(0.5, 0.5), *_bounded(1)],
    "smooth_sigmoid": [*rescaling(0.1875, 0.5), *_bounded(1)],
    "hard_tanh": activation("hard_tanh"),
    "smooth_tanh": [*rescaling(0.1875, 0.5), *_bounded(1), *rescaling(2.0, -1.0)],
}
