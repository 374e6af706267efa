"""Binary and ternary layers: those of Larq, and BinaryDense and TernaryDense of binary nets.

Reference:
    larq 0.13, ``quantizers.py``; Courbariaux et al. 2016 (BinaryNet), in the form of the Keras code
    by DingKe and Moons: sign and rounding of hard tanh, times H.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.quantized.plain import (
    Arrays,
    Config,
    Layer,
    Plain,
    UnreadableError,
    quantizer,
    rescaling,
)
from spkeras.keras_files.quantized.qkeras_activations import as_layers
from spkeras.keras_files.quantized.quantizer_records import Quantizer, read_quantizer

Array = np.ndarray
_CHANGE = "binary or ternary weights and activations read"
_DROPPED = (
    "_quantizer",
    "_initializer",
    "_regularizer",
    "_constraint",
    "_lr_multiplier",
    "metrics",
)
_FUNCTIONS = frozenset({"binary_sigmoid", "binary_tanh", "ternary_tanh"})
_SIGNS = frozenset({"ste_sign", "approx_sign", "swish_sign", "SteSign", "ApproxSign", "SwishSign"})


def _config(node: LayerNode) -> Config:
    dropped = ("H", "activation")
    return {
        key: value
        for key, value in node.config.items()
        if not key.endswith(_DROPPED) and key not in dropped
    }


def _rounded(values: Array, function: Quantizer | None) -> Array:
    """Return weights as a quantiser of Larq rounds them."""
    if function is None:
        return values
    signs = np.where(values >= 0, 1, -1).astype(np.float32)
    if function.name in _SIGNS:
        return signs
    if function.name in ("magnitude_aware_sign", "MagnitudeAwareSign"):
        axes = tuple(range(values.ndim - 1))
        return np.asarray(signs * np.abs(values).mean(axes), np.float32)
    threshold = function.number("threshold_value", 0.05)
    if function.name in ("ste_tern", "SteTern") and not function.flag("ternary_weight_networks"):
        both = np.sign(values + threshold) + np.sign(values - threshold)
        return np.asarray(np.sign(both), np.float32)
    raise UnreadableError(f"its weights are quantised by {function.name!r}, unknown here")


def _before(function: Quantizer | None) -> list[Layer]:
    """Return the layers that compute an input quantiser of Larq."""
    if function is None:
        return []
    step = quantizer(1.0, 0, 1, "next")
    if function.name in _SIGNS:
        return [step, *rescaling(2.0, -1.0)]
    if function.name in ("dorefa_quantizer", "DoReFa", "DoReFaQuantizer"):
        levels = 2 ** int(function.number("k_bit", 2)) - 1
        if function.given.get("mode", "activations") == "activations":
            return [quantizer(1.0 / levels, 0, levels, "even")]
    raise UnreadableError(f"its inputs are quantised by {function.name!r}, unknown here")


def _larq(class_name: str, *names: str) -> Callable[[LayerNode, Arrays], Plain]:
    """Return the reader of a layer of Larq with kernels of these names."""

    def read(node: LayerNode, arrays: Arrays) -> Plain:
        functions = [read_quantizer(node.config.get(f"{name}_quantizer")) for name in names]
        weights = list(arrays.own)
        for place, function in enumerate(functions):
            weights[place] = _rounded(weights[place], function)
        given = _before(read_quantizer(node.config.get("input_quantizer")))
        after = as_layers(read_quantizer(node.config.get("activation")))
        return Plain((class_name, _config(node)), weights, after, _CHANGE, before=given)

    return read


def _scaled(class_name: str, ternary: bool) -> Callable[[LayerNode, Arrays], Plain]:
    """Return the reader of a layer whose kernel is H times the rounded kernel over H."""

    def read(node: LayerNode, arrays: Arrays) -> Plain:
        scale = node.config.get("H", 1.0)
        if not isinstance(scale, int | float):
            raise UnreadableError(f"states its scale as H={scale!r}, not as a number")
        parts = np.clip(arrays.own[0] / np.float32(scale), -1, 1)
        counts = np.round(parts) if ternary else 2 * np.round(parts / 2 + np.float32(0.5)) - 1
        weights = [np.float32(scale) * counts, *arrays.own[1:]]
        after = as_layers(read_quantizer(node.config.get("activation")))
        return Plain((class_name, _config(node)), weights, after, _CHANGE)

    return read


def activation(node: LayerNode, arrays: Arrays) -> Plain:
    """Read an Activation whose function is binary or ternary."""
    layers = as_layers(read_quantizer(node.config.get("activation")))
    shape = {k: v for k, v in node.config.items() if k == "batch_input_shape"}
    return Plain((layers[0][0], {**shape, **layers[0][1]}), [], layers[1:], _CHANGE)


def is_activation(node: LayerNode) -> bool:
    """Return whether a plain Activation has one of the functions of binary nets."""
    name = node.config.get("activation")
    return node.class_name == "Activation" and isinstance(name, str) and name in _FUNCTIONS


READERS: dict[str, Callable[[LayerNode, Arrays], Plain]] = {
    "BinaryConv2D": _scaled("Conv2D", ternary=False),
    "BinaryDense": _scaled("Dense", ternary=False),
    "QuantConv1D": _larq("Conv1D", "kernel"),
    "QuantConv2D": _larq("Conv2D", "kernel"),
    "QuantConv2DTranspose": _larq("Conv2DTranspose", "kernel"),
    "QuantDense": _larq("Dense", "kernel"),
    "QuantDepthwiseConv2D": _larq("DepthwiseConv2D", "depthwise"),
    "QuantSeparableConv2D": _larq("SeparableConv2D", "depthwise", "pointwise"),
    "TernaryConv2D": _scaled("Conv2D", ternary=True),
    "TernaryDense": _scaled("Dense", ternary=True),
}
