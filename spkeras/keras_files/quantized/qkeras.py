"""Layers of QKeras as layers of Keras with quantised weights and quantising activations.

Reference:
    QKeras 0.9.0: ``qlayers.py``, ``qconvolutional.py``, ``qnormalization.py``, ``qpooling.py``,
    ``qconv2d_batchnorm.py``, ``qdepthwiseconv2d_batchnorm.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.quantized.plain import (
    Arrays,
    Config,
    Layer,
    Plain,
    UnreadableError,
    rescaling,
)
from spkeras.keras_files.quantized.qkeras_activations import as_layers
from spkeras.keras_files.quantized.qkeras_weights import kernel_quantizer, quantized
from spkeras.keras_files.quantized.quantizer_records import read_quantizer

# Arguments that act in training only, or that are read here.
_DROPPED = (
    *("_quantizer", "_range", "_initializer", "_regularizer", "_constraint"),
    *("folding_mode", "ema_freeze_delay"),
)
_NORMALIZING = ("axis momentum epsilon center scale".split(), ("gamma", "beta"))
CHANGE = "quantised weights and activations of QKeras read"


def _config(node: LayerNode, *further: str) -> Config:
    """Return the arguments of the plain class."""
    dropped = {*further, "activation"}
    return {
        key: value
        for key, value in node.config.items()
        if not key.endswith(_DROPPED) and key not in dropped
    }


def _after(node: LayerNode) -> list[Layer]:
    return as_layers(read_quantizer(node.config.get("activation")))


def _weights(
    node: LayerNode, arrays: Sequence[np.ndarray], names: Sequence[str]
) -> list[np.ndarray]:
    """Return the arrays, each rounded by the quantiser of its name."""
    found = []
    for name, array in zip(names, arrays, strict=False):
        quantizer = read_quantizer(node.config.get(f"{name}_quantizer"))
        found.append(quantized(array, quantizer if name in _PLAIN else kernel_quantizer(quantizer)))
    return found


# Weights whose quantisers keep alpha as it is stored.
_PLAIN = frozenset({"bias", "beta", "mean"})


def _layer(class_name: str, *names: str) -> Callable[[LayerNode, Arrays], Plain]:
    """Return the reader of a class whose kernels have these names."""

    def read(node: LayerNode, arrays: Arrays) -> Plain:
        order = [*names, *(["bias"] if node.config.get("use_bias", True) else [])]
        weights = _weights(node, arrays.own, order)
        return Plain((class_name, _config(node)), weights, _after(node), CHANGE)

    return read


def _activation(node: LayerNode, arrays: Arrays) -> Plain:
    identity: Layer = ("Activation", {**_config(node), "activation": "linear"})
    layers = _after(node)
    # The first layer takes the place of the node, so that its name stays that of the activation.
    first, after = (layers[0], layers[1:]) if layers else (identity, [])
    shape = {k: v for k, v in node.config.items() if k == "batch_input_shape"}
    return Plain((first[0], {**shape, **first[1]}), [], after, CHANGE)


def _adaptive(node: LayerNode, arrays: Arrays) -> Plain:
    raise UnreadableError("has a range that QKeras does not save; use QActivation")


def _normalization(node: LayerNode, arrays: Arrays) -> Plain:
    scales = [
        name
        for name, flag in (("gamma", "scale"), ("beta", "center"))
        if node.config.get(flag, True)
    ]
    weights = _weights(node, arrays.own, [*scales, "mean", "variance"])
    return Plain(("BatchNormalization", _config(node)), weights, [], CHANGE)


def _pooling(class_name: str) -> Callable[[LayerNode, Arrays], Plain]:
    """Return the reader of an average pooling, whose factor 1 / area is quantised."""

    def read(node: LayerNode, arrays: Arrays) -> Plain:
        after = _after(node)
        quantizer = read_quantizer(node.config.get("average_quantizer"))
        if quantizer is not None:
            area = _area(node)
            factor = quantized(np.asarray([1 / area]), quantizer)
            after = [*rescaling(float(factor[0]) * area), *after]
        return Plain((class_name, _config(node, "keepdims")), [], after, CHANGE)

    return read


def _area(node: LayerNode) -> int:
    """Return the number of averaged positions."""
    size = node.config.get("pool_size")
    if size is None:
        raise UnreadableError(
            "quantises its factor 1 / area, and the file does not state the area; save the model "
            "with average_quantizer=None"
        )
    return int(size) ** 2 if isinstance(size, int) else math.prod(int(n) for n in size)


def _folded(class_name: str, kernel: str) -> Callable[[LayerNode, Arrays], Plain]:
    """Return the reader of a convolution that contains a batch normalization."""

    def read(node: LayerNode, arrays: Arrays) -> Plain:
        count = 2 if node.config.get("use_bias", True) else 1
        own, inner = arrays.own, arrays.inner.get("batchnorm", [])
        statistics = inner or [
            *arrays.named("gamma"),
            *arrays.named("beta"),
            *arrays.named("moving_mean"),
            *arrays.named("moving_variance"),
        ]
        if len(statistics) != 4:
            raise UnreadableError("its batch normalization has no gamma or no beta")
        gamma, beta, mean, variance = statistics
        stored = (arrays.named("kernel") or own)[0], (arrays.named("bias") or own[1:])[:1]
        bias = stored[1][0] if count == 2 else np.float32(0)
        factor = gamma / np.sqrt(variance + np.float32(node.config.get("epsilon", 1e-3)))
        turned = factor.reshape(stored[0].shape[2:]) if kernel == "depthwise" else factor
        pair = [stored[0] * turned, factor * (bias - mean) + beta]
        weights = _weights(node, pair, [kernel, "bias"])
        config = _config(node, *_NORMALIZING[0])
        return Plain((class_name, {**config, "use_bias": True}), weights, _after(node), CHANGE)

    return read


READERS: dict[str, Callable[[LayerNode, Arrays], Plain]] = {
    "QActivation": _activation,
    "QAdaptiveActivation": _adaptive,
    "QAveragePooling2D": _pooling("AveragePooling2D"),
    "QBatchNormalization": _normalization,
    "QConv1D": _layer("Conv1D", "kernel"),
    "QConv2D": _layer("Conv2D", "kernel"),
    "QConv2DBatchnorm": _folded("Conv2D", "kernel"),
    "QConv2DTranspose": _layer("Conv2DTranspose", "kernel"),
    "QDense": _layer("Dense", "kernel"),
    "QDepthwiseConv2D": _layer("DepthwiseConv2D", "depthwise"),
    "QDepthwiseConv2DBatchnorm": _folded("DepthwiseConv2D", "depthwise"),
    "QGlobalAveragePooling2D": _pooling("GlobalAveragePooling2D"),
    "QSeparableConv1D": _layer("SeparableConv1D", "depthwise", "pointwise"),
    "QSeparableConv2D": _layer("SeparableConv2D", "depthwise", "pointwise"),
}
