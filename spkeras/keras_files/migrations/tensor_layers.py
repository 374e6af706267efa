"""Layers equal to raw TensorFlow operations, one small function per operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spkeras.keras_files.migrations.tensor_calls import Layer, Maker, NotMappedError, TensorCall
from spkeras.keras_files.migrations.tensor_shapes import SHAPERS
from spkeras.keras_files.references import is_reference
from spkeras.ops.types import Json


def _operands(op: TensorCall) -> tuple[list[Any], Any, bool]:
    """Return the tensors, the constant operand, and whether the constant comes first."""
    other: Any = op.values.get("y", op.values.get("value", op.values.get("x")))
    if op.constant is not None:
        return [other[:3]], op.constant, True
    if is_reference(other):
        return [op.tensors[0], other[:3]], None, False
    if len(op.tensors) > 1:
        return op.tensors, None, False
    return op.tensors, _number(other), False


def _number(value: Json) -> Json:
    """Return a number, or a list of numbers along the last axis; refuse other operands."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        raise NotMappedError(f"operand {value!r:.40}")
    if isinstance(value, list) and not all(isinstance(part, int | float) for part in value):
        raise NotMappedError("operand of several axes")
    return value


def _each(value: float | list[float], change: Callable[[float], float]) -> float | list[float]:
    return [change(part) for part in value] if isinstance(value, list) else change(value)


def _add(op: TensorCall) -> Layer:
    tensors, number, _ = _operands(op)
    if number is None:
        return "Add", {}, tensors
    return "Rescaling", {"scale": 1.0, "offset": number}, tensors


def _bias_add(op: TensorCall) -> Layer:
    if str(op.values.get("data_format") or "N").startswith("NC"):
        raise NotMappedError(f"data_format={op.values['data_format']}")
    bias = _number(op.values["bias"])
    return "Rescaling", {"scale": 1.0, "offset": bias}, op.tensors


def _multiply(op: TensorCall) -> Layer:
    tensors, number, _ = _operands(op)
    if number is None:
        return "Multiply", {}, tensors
    return "Rescaling", {"scale": number, "offset": 0.0}, tensors


def _subtract(op: TensorCall) -> Layer:
    tensors, number, first = _operands(op)
    if number is None:
        return "Subtract", {}, tensors
    if first:
        return "Rescaling", {"scale": -1.0, "offset": number}, tensors
    return "Rescaling", {"scale": 1.0, "offset": _each(number, lambda x: -x)}, tensors


def _divide(op: TensorCall) -> Layer:
    tensors, number, first = _operands(op)
    if number is None or first:
        raise NotMappedError("division by a tensor")
    return "Rescaling", {"scale": _each(number, lambda x: 1.0 / x), "offset": 0.0}, tensors


def _negative(op: TensorCall) -> Layer:
    return "Rescaling", {"scale": -1.0, "offset": 0.0}, op.tensors


def _maximum(op: TensorCall) -> Layer:
    tensors, number, _ = _operands(op)
    if number is None:
        return "Maximum", {}, tensors
    if number != 0:
        raise NotMappedError("with a constant")
    return "ReLU", {}, tensors


def _minimum(op: TensorCall) -> Layer:
    tensors, number, _ = _operands(op)
    if number is not None:
        raise NotMappedError("with a constant")
    return "Minimum", {}, tensors


def _clip(op: TensorCall) -> Layer:
    return _clip_to(op.values["clip_value_min"], op.values["clip_value_max"], op.tensors)


def _clip_to(low: float, high: float, tensors: list[Any]) -> Layer:
    if isinstance(low, list) or isinstance(high, list):
        raise NotMappedError("limits along an axis")
    if low == 0 and high > 0:
        return "ReLU", {"max_value": high}, tensors
    return "Clip", {"minimum": low, "maximum": high}, tensors


def _activation(name: str) -> Maker:
    def make(op: TensorCall) -> Layer:
        if op.values.get("axis", -1) not in (-1, None):
            raise NotMappedError(f"axis={op.values['axis']}")
        if op.values.get("approximate") or op.values.get("beta", 1.0) != 1.0:
            raise NotMappedError("another form of the function")
        return "Activation", {"activation": name}, op.tensors

    return make


def _relu(op: TensorCall) -> Layer:
    known = {key: op.values[key] for key in ("max_value", "threshold") if op.values.get(key)}
    if op.values.get("alpha"):
        known["negative_slope"] = op.values["alpha"]
    return "ReLU", known, op.tensors


def _relu6(op: TensorCall) -> Layer:
    return "ReLU", {"max_value": 6.0}, op.tensors


def _leaky_relu(op: TensorCall) -> Layer:
    return "LeakyReLU", {"negative_slope": op.values.get("alpha", 0.2)}, op.tensors


def _identity(op: TensorCall) -> Layer:
    return "Activation", {"activation": "linear"}, op.tensors


def _cast(op: TensorCall) -> Layer:
    if op.values.get("dtype") not in ("float32", "float", None):
        raise NotMappedError(f"dtype={op.values['dtype']}")
    return _identity(op)


def _concat(op: TensorCall) -> Layer:
    if op.constant is not None:
        raise NotMappedError("a constant part")
    return "Concatenate", {"axis": op.values.get("axis", -1)}, op.tensors


def _add_n(op: TensorCall) -> Layer:
    return "Add", {}, op.tensors


def _reduce(reduction: str) -> Maker:
    def make(op: TensorCall) -> Layer:
        axis, keep = op.values.get("axis"), bool(op.values.get("keepdims", False))
        if axis is None:
            raise NotMappedError("reduction over the samples")
        pooling = {"mean": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}
        for spatial, order in (([1, 2], "channels_last"), ([2, 3], "channels_first")):
            if axis == spatial and reduction in pooling:
                config = {"keepdims": keep, "data_format": order}
                return pooling[reduction], config, op.tensors
        return "Reduce", {"reduction": reduction, "axis": axis, "keepdims": keep}, op.tensors

    return make


def _flatten(op: TensorCall) -> Layer:
    return "Flatten", {}, op.tensors


MAKERS: dict[str, Maker] = {
    **SHAPERS,
    "__operators__.add": _add,
    "math.add": _add,
    "math.add_n": _add_n,
    "nn.bias_add": _bias_add,
    "math.multiply": _multiply,
    "__operators__.multiply": _multiply,
    "math.subtract": _subtract,
    "__operators__.sub": _subtract,
    "math.divide": _divide,
    "math.truediv": _divide,
    "math.negative": _negative,
    "math.maximum": _maximum,
    "math.minimum": _minimum,
    "clip_by_value": _clip,
    "nn.relu": _relu,
    "keras.backend.batch_flatten": _flatten,
    "keras.backend.relu": _relu,
    "nn.relu6": _relu6,
    "nn.leaky_relu": _leaky_relu,
    "nn.elu": _activation("elu"),
    "nn.selu": _activation("selu"),
    "nn.gelu": _activation("gelu"),
    "nn.silu": _activation("silu"),
    "nn.swish": _activation("silu"),
    "nn.softmax": _activation("softmax"),
    "nn.softplus": _activation("softplus"),
    "math.softplus": _activation("softplus"),
    "math.sigmoid": _activation("sigmoid"),
    "nn.sigmoid": _activation("sigmoid"),
    "math.tanh": _activation("tanh"),
    "nn.tanh": _activation("tanh"),
    "math.exp": _activation("exponential"),
    "identity": _identity,
    "stop_gradient": _identity,
    "cast": _cast,
    "concat": _concat,
    "math.reduce_mean": _reduce("mean"),
    "math.reduce_max": _reduce("max"),
    "math.reduce_min": _reduce("min"),
    "math.reduce_sum": _reduce("sum"),
}
