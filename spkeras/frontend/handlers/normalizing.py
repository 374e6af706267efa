"""Layers that scale and shift with constants: batch norm, Rescaling, Normalization."""

import keras
import numpy as np

from spkeras.frontend.handlers.call import Call, Handler, Port, weight


def _double(variable: object, default: float = 0.0) -> np.ndarray:
    """A weight in float64; the default where the layer does not have it."""
    return np.asarray(default) if variable is None else weight(variable).astype("float64")


def _batch_normalization(call: Call) -> Port:
    layer, port = call.operation, call.input
    if call.kwargs.get("training") and layer.trainable:
        raise call.refuse(
            "training=True, so it uses the statistics of each batch",
            "call it without training=True",
        )
    if call.kwargs.get("mask") is not None:
        raise call.refuse("a mask", "call it without a mask")
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


LAYERS: dict[str, Handler] = {
    "BatchNormalization": _batch_normalization,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
}
