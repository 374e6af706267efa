"""Layers that scale and shift, by constants (batch norm) or by statistics (layer norm)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from spkeras.frontend.handlers.call import Call, Handler, Port, weight
from spkeras.frontend.handlers.layout import inner_axes, others, permuted, restored


def _double(variable: object, default: float = 0.0) -> np.ndarray:
    """Return a weight in float64; the default if the layer does not have it."""
    return np.asarray(default) if variable is None else weight(variable).astype("float64")


def _batch_normalization(call: Call) -> Port:
    layer, port = call.operation, call.input
    if call.given().get("training") and layer.trainable:
        raise call.refuse(
            "training=True, so it uses the statistics of each batch",
            "call it without training=True",
        )
    mean, variance = _double(layer.moving_mean), _double(layer.moving_variance)
    scale = _double(layer.gamma, 1.0) / np.sqrt(variance + layer.epsilon)
    offset = _double(layer.beta) - mean * scale
    rank = len(port.shape)
    axis = layer.axis if layer.axis > 0 else layer.axis + rank + 1
    wide = (1,) * (axis - 1) + (-1,) + (1,) * (rank - axis)
    return call.affine(port, scale.reshape(wide), offset.reshape(wide))


def _rescaling(call: Call) -> Port:
    layer = call.operation
    scale, offset = np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")
    if scale.ndim and keras.config.image_data_format() == "channels_first":
        scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
    return call.affine(call.input, scale, offset)


def _normalization(call: Call) -> Port:
    layer = call.operation
    if layer.mean is None:
        raise call.refuse("no mean and variance yet", "call its adapt() first")
    mean, variance = _double(layer.mean), _double(layer.variance)
    spread = np.maximum(np.sqrt(variance), keras.config.epsilon())
    if layer.invert:
        return call.affine(call.input, spread, mean)
    return call.affine(call.input, 1.0 / spread, -mean / spread)


def _normalized(
    call: Call, port: Port, axes: int | Sequence[int], function: str, **numbers: float
) -> Port:
    """Add a normalization over axes in Keras's count."""
    call.need_floats()
    given = [axes] if isinstance(axes, int) else list(axes)
    own = tuple(sorted(axis + 1 for axis in inner_axes(call, port, given)))
    attributes = {"function": function, "axes": own, **numbers}
    return call.add("function", [port], port.shape, attributes, piece=function, first=port.first)


def _with_gain(
    call: Call,
    port: Port,
    gain: keras.Variable | None,
    bias: keras.Variable | None,
    axes: Sequence[int],
) -> Port:
    """Add gain and bias after a normalization; None for one that the layer does not have.

    Args:
        call: The call to add nodes to.
        port: The normalized tensor.
        gain: A weight with one axis for each of `axes`, or None.
        bias: A weight of the same shape, or None.
        axes: Axes in Keras's count.
    """
    if gain is None and bias is None:
        return port
    shape = (1, *port.keras_shape)
    kept = {int(axis) % len(shape) for axis in axes}
    wide = [size if axis in kept else 1 for axis, size in enumerate(shape)]
    offset = None if bias is None else _double(bias).reshape(wide)
    return call.affine(port, _double(gain, 1.0).reshape(wide if gain is not None else ()), offset)


def _layer_normalization(call: Call) -> Port:
    layer = call.operation
    function = "variance_normalization" if layer.rms_scaling else "layer_normalization"
    epsilon = float(layer.epsilon)
    port = _normalized(call, call.input, layer.axis, function, epsilon=epsilon)
    return _with_gain(call, port, layer.gamma, bias=layer.beta, axes=layer.axis)


def _rms_normalization(call: Call) -> Port:
    layer = call.operation
    port = call.input
    epsilon = float(layer.epsilon)
    port = _normalized(call, port, layer.axis, "rms_normalization", epsilon=epsilon)
    # Keras multiplies by the scale directly, regardless of the axes.
    return call.affine(port, weight(layer.scale))


def _group_normalization(call: Call) -> Port:
    layer, port = call.operation, call.input
    call.need_floats()
    (axis,) = inner_axes(call, port, [layer.axis])
    order = [*others(port, [axis]), axis]
    turned = permuted(call, port, order)
    numbers = {"groups": int(layer.groups), "epsilon": float(layer.epsilon)}
    attributes = {"function": "group_normalization", **numbers}
    turned = call.add("function", [turned], turned.shape, attributes, piece="normalized")
    port = replace(restored(call, turned, order), first=port.first)
    return _with_gain(call, port, layer.gamma, bias=layer.beta, axes=[layer.axis])


def unit_length(call: Call, axes: int | Sequence[int], least: float) -> Port:
    """Divide by the Euclidean length over these axes, or by `least` if that is larger."""
    return _normalized(call, call.input, axes, "unit_normalization", epsilon=least)


def _normalize(call: Call) -> Port:
    """Add `keras.ops.normalize`."""
    operation = call.operation
    if operation.order != 2 or operation.axis is None:
        raise call.refuse(
            f"order={operation.order}, axis={operation.axis}", "normalize with order=2 and an axis"
        )
    return unit_length(call, operation.axis, _epsilon(operation))


def _epsilon(operation: keras.Operation) -> float:
    return float(keras.config.epsilon() if operation.epsilon is None else operation.epsilon)


def _constants(call: Call, *names: str) -> list[Any]:
    """Return arguments after the tensor, by name; refuse tensors among them."""
    given = call.given()
    found = [given.get(name) for name in names]
    if any(isinstance(value, Port) for value in found):
        raise call.refuse("a gain or offset that is computed", "multiply by it afterwards")
    return found


def _layer_norm_operator(call: Call) -> Port:
    operation = call.operation
    function = "variance_normalization" if operation.rms_scaling else "layer_normalization"
    gain, bias = _constants(call, "gamma", "beta")
    axes = [operation.axis] if isinstance(operation.axis, int) else operation.axis
    epsilon = _epsilon(operation)
    port = _normalized(call, call.inputs[0], axes, function, epsilon=epsilon)
    return _with_gain(call, port, gain, bias=None if operation.rms_scaling else bias, axes=axes)


def _rms_norm_operator(call: Call) -> Port:
    operation = call.operation
    (gain,) = _constants(call, "scale")
    epsilon = _epsilon(operation)
    port = _normalized(call, call.inputs[0], operation.axis, "rms_normalization", epsilon=epsilon)
    return port if gain is None else call.affine(port, weight(gain))


LAYERS: dict[str, Handler] = {
    "BatchNormalization": _batch_normalization,
    "GroupNormalization": _group_normalization,
    "LayerNormalization": _layer_normalization,
    "Normalization": _normalization,
    "RMSNormalization": _rms_normalization,
    "Rescaling": _rescaling,
    "UnitNormalization": lambda call: unit_length(call, call.operation.axis, 1e-12),
}

OPERATORS: dict[str, Handler] = {
    "LayerNorm": _layer_norm_operator,
    "Normalize": _normalize,
    "RMSNorm": _rms_norm_operator,
}
