"""Layers of training with quantized activations."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from spkeras.frontend.handlers import coded, convolutions
from spkeras.frontend.handlers.activations import RELU, apply
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.graph.vocabulary import MERGING
from spkeras.ops.straight_through import TOLERANCE

# Levels from which on a quantised input counts as the values themselves, a constant current: the
# rounding of a sensor of 7 bits or more.
FINE_INPUT = 126
# Functions without negative values.
_RECTIFIERS = ("relu", "relu6", "quantized_relu", "sigmoid", "softmax", "exponential", "softplus")
# Initial potential that rounds as a layer does, as a fraction of a step.
_SHIFTS = {"even": 0.5, "up": 0.5, "away": 0.5}


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


def _uniform(call: Call) -> Port:
    """Add a uniform quantiser: a quantised ReLU where no value is negative."""
    layer, port = call.operation, call.input
    step, low, high = layer.step, layer.low, layer.high
    if any(isinstance(levels, list) for levels in (step, low, high)):
        return _each_element(call, call.keras_order(port))
    if call.known[port.name].op == "input" and high - low >= FINE_INPUT:
        return port
    if layer.rounding == "next":
        port = call.affine(port, 1.0, step, piece="next")
    if low > 0:
        port = call.affine(port, 1.0, -low * step, piece="lowered")
        return call.affine(_levels(call, port, step, high - low), 1.0, low * step)
    if low == 0 or _never_negative(call, port.name):
        return _levels(call, port, step, high)
    numbers = {"level": step, "low": low, "high": high, "shift": _shift(call)}
    return apply(call, "quantized", numbers, port)


def _each_element(call: Call, port: Port) -> Port:
    """Add a quantiser with levels of its own for each element, as the grid of the finest element.

    Every element is scaled to the range of one neuron; where it has fewer levels, counts lie
    between them.
    """
    layer = call.operation
    step, low, high = (np.asarray(v, float) for v in (layer.step, layer.low, layer.high))
    most = np.maximum(high, -low)
    count, reach = int(most.max()), most * step
    if call.known[port.name].op == "input" and count >= FINE_INPUT / 2:
        return call.affine(port, most > 0)
    inverse = np.divide(1.0, reach, out=np.zeros_like(reach), where=reach > 0)
    signed = np.any(low < 0) and not _never_negative(call, port.name)
    port = call.affine(port if signed else _without_relu(call, port), inverse, piece="unit")
    if signed:
        numbers = {"level": 1 / count, "low": -count, "high": count, "shift": _shift(call)}
        port = apply(call, "quantized", numbers, port)
    else:
        port = _levels(call, port, 1 / count, count)
    return call.affine(port, reach)


def _shift(call: Call) -> float:
    return _SHIFTS.get(call.operation.rounding, 0.0) + TOLERANCE


def _levels(call: Call, port: Port, step: float, count: int) -> Port:
    """Add a quantised ReLU of `count` steps."""
    port = _without_relu(call, port)
    numbers = {"max_value": count * step, "steps": count, "shift": _shift(call)}
    return apply(call, "quantized_relu", numbers, port)


def _without_relu(call: Call, port: Port) -> Port:
    """Return the input of a ReLU that a quantised ReLU follows: one neuron computes both."""
    node = call.known[port.name]
    if node.op != "activation" or node["function"] != "relu" or node["max_value"] is not None:
        return port
    plain = not (node["negative_slope"] or node["threshold"])
    return replace(port, name=node.inputs[0]) if plain else port


def _never_negative(call: Call, name: str) -> bool:
    """Return whether the values of a node have no negative sign, as behind a ReLU."""
    node = call.known[name]
    if node.op == "activation":
        plain = not (node.attributes.get("negative_slope") or node.attributes.get("threshold"))
        return node["function"] in _RECTIFIERS and plain
    keeps = node.op in MERGING or (node.op != "input" and node.operation.keeps_sign(node))
    return keeps and all(_never_negative(call, before) for before in node.inputs)


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
    "UniformQuantizer": _uniform,
    "ValueRange": _quantized,
}
