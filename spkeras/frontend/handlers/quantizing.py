"""Layers of training with quantized activations."""

from typing import Any

import keras

from spkeras.frontend.handlers import coded, convolutions
from spkeras.frontend.handlers.activations import RELU, apply
from spkeras.frontend.handlers.call import Call, Handler, Port


def _clamped(call: Call, high: float | None) -> Port:
    return apply(call, "relu", {**RELU, "max_value": high}, call.input)


def _steps(call: Call, port: Port, ceiling: float) -> Port:
    """Add the quantized ReLU of an activation with this ceiling, in its unit."""
    layer = call.operation
    numbers = {"max_value": ceiling, "steps": layer.timesteps, "shift": layer.initial_potential}
    return apply(call, "quantized_relu", numbers, port)


def _quantized(call: Call) -> Port:
    return _steps(call, call.input, call.operation.ceiling)


def _input(call: Call) -> Port:
    port = _quantized(call)
    threshold = call.operation.threshold
    return port if threshold == 1 else call.affine(port, 1 / threshold)


def _expanded(call: Call) -> Port:
    layer, port = call.operation, call.keras_order(call.input)
    parts = []
    for steps in layer.copies[:3]:
        part = _steps(call, port, layer.timesteps / steps)
        parts.append(part if steps == layer.levels else call.affine(part, steps / layer.levels))
    return call.add("concatenate", [*parts, *parts], call.shape, {"axis": -1})


def _staged(call: Call) -> Port:
    layer: Any = call.operation
    if layer.stage == "relu":
        return _clamped(call, layer.max_value)
    if layer.stage == "clamp":
        return _clamped(call, layer.ceiling)
    handler = {**LAYERS, **coded.LAYERS}[type(layer.activation).__name__]
    return _single(handler(call.of(layer.activation)))


def _pooling(call: Call) -> Port:
    return _single(convolutions.LAYERS[keras.layers.DepthwiseConv2D.__name__](call))


def _single(found: Port | list[Port]) -> Port:
    return found if isinstance(found, Port) else found[0]


LAYERS: dict[str, Handler] = {
    "ChannelExpansion": _expanded,
    "Clamp": lambda call: _clamped(call, call.operation.high),
    "ClampQuantize": _quantized,
    "InputQuantizer": _input,
    "QCFSActivation": _quantized,
    "Staged": _staged,
    "TrainablePooling2D": _pooling,
    "ValueRange": _quantized,
}
