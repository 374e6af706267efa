"""Activation functions: as layers, as `activation=` arguments, and as operators."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import keras

from spkeras.frontend.handlers.call import Call, Handler, Port, weight
from spkeras.frontend.handlers.layout import (
    back_from_end,
    flat_at_end,
    inner_axes,
    others,
    permuted,
    restored,
)
from spkeras.frontend.handlers.tracing import UntraceableError, traced_function
from spkeras.graph.vocabulary import ACTIVATIONS
from spkeras.ops.types import Json

# Functions with a parameter that the vocabulary does not keep, its default, and the factor s with
# f(x; parameter) = s f(x / s; default).
_SCALED: dict[str, tuple[str, float, Callable[[float], float]]] = {
    "hard_shrink": ("threshold", 0.5, lambda threshold: 2 * threshold),
    "soft_shrink": ("threshold", 0.5, lambda threshold: 2 * threshold),
    "squareplus": ("b", 4, lambda b: math.sqrt(max(b, 0)) / 2),
}

# Functions of a whole axis, which the vocabulary has only for the last one.
_LAST_AXIS = ("glu", "sparsemax")

# Functions of a backend that equal the Keras functions of the same name.
_BACKEND = frozenset({"relu", "relu6", "sigmoid", "tanh", "softmax", "softplus", "selu"})

RELU: Mapping[str, Any] = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}

# Parameters of functions that do not have these arguments.
_PLAIN: Mapping[str, Mapping[str, Any]] = {"relu": RELU, "softmax": {"axis": -1}}

_USE = "use a function of keras.activations"


def activate(
    call: Call, function: Callable[..., Any] | keras.layers.Layer | None, port: Port
) -> Port:
    """Add the node of an `activation=` argument: a function, a layer, or nothing."""
    if function is None or function is keras.activations.linear:
        return port
    if isinstance(function, keras.layers.Layer):
        return _layer_as_function(call, function, port)
    known = _named(function)
    return _of_user(call, function, port) if known is None else apply(call, *known, port)


def as_record(call: Call, function: Callable[..., Any] | None) -> dict[str, Json]:
    """Return an activation inside another function as the attributes of its node.

    Args:
        call: The call, for refusals.
        function: A function; None for the identity.
    """
    if function is None:
        return {"function": "linear"}
    named = _named(function)
    if named is None:
        raise call.refuse(_what(function), _USE)
    name, parameters = named
    _, default, _ = _SCALED.get(name, ("", None, None))
    known = ACTIVATIONS.get(name)
    if known is None or name in ("glu", "prelu") or not set(known) <= set(parameters):
        raise call.refuse(f"activation {name!r}", _USE)
    further = [n for n, value in parameters.items() if n not in known and value != default]
    if further and name != "sparsemax":
        raise call.refuse(f"{name} with {further}", "leave these at their defaults")
    return {"function": name, **{key: _plain(parameters[key]) for key in known}}


def apply(call: Call, name: str, parameters: Mapping[str, Any], port: Port) -> Port:
    """Add an activation node of that function."""
    known = ACTIVATIONS.get(name)
    if known is None or name == "prelu":
        raise call.refuse(f"activation {name!r}", _USE)
    if name in _SCALED:
        return _scaled(call, name, parameters, port)
    if name in _LAST_AXIS:
        return _on_last_axis(call, name, parameters.get("axis", -1), port)
    unknown = {key: value for key, value in parameters.items() if key not in known}
    if unknown:
        raise call.refuse(f"{name} with {unknown}", "leave these at their defaults")
    missing = [key for key in known if key not in parameters]
    if missing:
        raise call.refuse(f"{name} without {', '.join(missing)}", f"use keras.ops.{name}")
    kept: dict[str, Any] = {key: _plain(parameters[key]) for key in known}
    if name == "relu" and kept["threshold"] < 0:
        raise call.refuse(f"ReLU threshold {kept['threshold']}", "use a threshold >= 0")
    if "axis" in kept:
        axes = inner_axes(call, port, _listed(kept["axis"], len(port.shape)))
        if len(axes) > 1:
            return _over_axes(call, name, axes, port)
        kept["axis"] = -1 if axes[0] == len(port.shape) - 1 else axes[0] + 1
    return _node(call, name, kept, port)


def _node(call: Call, name: str, numbers: Mapping[str, Any], port: Port) -> Port:
    attributes = {"function": name, **numbers}
    return call.add(
        "activation", [port], port.shape, attributes, piece="function", first=port.first
    )


def _scaled(call: Call, name: str, parameters: Mapping[str, Any], port: Port) -> Port:
    """Add a function with another parameter as a scaled one with the default."""
    key, default, factor = _SCALED[name]
    value = parameters.get(key, default)
    if value == default:
        return _node(call, name, {}, port)
    scale = factor(float(value))
    if scale <= 0:
        raise call.refuse(f"{name} with {key}={value!r}", f"use a positive {key}")
    port = call.affine(port, 1.0 / scale, piece="shrunk")
    return call.affine(_node(call, name, {}, port), scale)


def _on_last_axis(call: Call, name: str, axis: int, port: Port) -> Port:
    """Add a function of a whole axis, which is moved to the end and back."""
    (index,) = inner_axes(call, port, [axis])
    order = [*others(port, [index]), index]
    turned = permuted(call, port, order)
    shape = turned.shape
    if name == "glu":
        shape = (*shape[:-1], shape[-1] // 2)
    turned = call.add("activation", [turned], shape, {"function": name}, piece="function")
    result = replace(restored(call, turned, order), first=port.first)
    if result.keras_shape != call.shape:
        raise call.refuse(f"{name} as an activation argument", f"use keras.ops.{name} after it")
    return result


def _over_axes(call: Call, name: str, axes: Sequence[int], port: Port) -> Port:
    """Add a softmax over several axes, joined into one."""
    flat = _node(call, name, {"axis": -1}, flat_at_end(call, port, axes))
    return replace(back_from_end(call, flat, axes, port.shape), first=port.first)


def _listed(axis: int | Sequence[int] | None, rank: int) -> list[int]:
    """Return an axis, several, or None for all, as a list."""
    if axis is None:
        return list(range(rank + 1))
    return [axis] if isinstance(axis, int) else list(axis)


def _plain(value: Any) -> Json:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return [int(v) for v in value] if isinstance(value, (list, tuple)) else float(value)


def _layer_as_function(call: Call, layer: keras.layers.Layer, port: Port) -> Port:
    kind = type(layer).__name__
    handler = LAYERS.get(kind)
    if handler is None or getattr(keras.layers, kind, None) is not type(layer):
        raise call.refuse(f"activation {kind}", _USE)
    inner = call.of(layer)
    inner.inputs = (port,)
    result = handler(inner)
    return result if isinstance(result, Port) else result[0]


def _of_user(call: Call, function: Callable[..., Any], port: Port) -> Port:
    """Add what a function of the user computes."""
    what = _what(function)
    if call.walk is None:
        raise call.refuse(what, _USE)
    try:
        model = traced_function(function, port.keras_shape)
    except UntraceableError as error:
        raise call.refuse(f"{what}, which cannot be read ({error})", _USE) from None
    return call.walk(model, [port])[0]


def _what(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return f"activation {name!r} of module {getattr(function, '__module__', None)!r}"


def _named(function: Callable[..., Any]) -> tuple[str, dict[str, Any]] | None:
    """Return name and parameters of an activation of Keras or of a backend; None for others."""
    given = {}
    if isinstance(function, functools.partial) and not function.args:
        given, function = function.keywords, function.func
    name = getattr(function, "__name__", type(function).__name__)
    module = getattr(function, "__module__", None) or ""
    if name.startswith("hard_sigmoid") and module.startswith("spkeras."):
        return "hard_sigmoid_keras2", {}
    for home in (keras.activations, keras.ops):
        if getattr(home, name, None) is function or keras_name(home, name) is function:
            name = {"exp": "exponential"}.get(name, name)
            return name, {**_PLAIN.get(name, {}), **_defaults(function), **given}
    short = name.removesuffix("_v2")
    if short in _BACKEND and module.split(".")[0] in ("tensorflow", "jax", "jaxlib"):
        return short, dict(_PLAIN.get(short, {}))
    return None


def keras_name(home: ModuleType, name: str) -> Callable[..., Any] | None:
    """Return what `keras.activations.get` finds under a name not exported; else None."""
    if home is not keras.activations or name.startswith("<"):
        return None
    try:
        found: Callable[..., Any] = keras.activations.get(name)
        return found
    except ValueError:
        return None


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _activation(call: Call) -> Port:
    return activate(call, call.operation.activation, call.input)


def _relu(call: Call) -> Port:
    op = call.operation
    names = ("max_value", "negative_slope", "threshold")
    return apply(call, "relu", {name: getattr(op, name) for name in names}, call.input)


def _prelu(call: Call) -> Port:
    port = call.input
    slope = call.array(port, weight(call.operation.alpha))
    return call.add(
        "activation",
        [port],
        port.shape,
        attributes={"function": "prelu"},
        arrays={"slope": slope},
        piece="function",
        first=port.first,
    )


def _with(name: str, *parameters: str) -> Handler:
    """Return a handler for a class whose attributes are the function's parameters."""

    def handler(call: Call) -> Port:
        return apply(call, name, {p: getattr(call.operation, p) for p in parameters}, call.input)

    return handler


def _softmax(call: Call) -> Port:
    call.without_mask()
    return apply(call, "softmax", {"axis": call.operation.axis}, call.input)


LAYERS: dict[str, Handler] = {
    "Activation": _activation,
    "ELU": _with("elu", "alpha"),
    "LeakyReLU": _with("leaky_relu", "negative_slope"),
    "PReLU": _prelu,
    "ReLU": _relu,
    "Softmax": _softmax,
}

OPERATORS: dict[str, Handler] = {
    "Celu": _with("celu", "alpha"),
    "Elu": _with("elu", "alpha"),
    "Exp": _with("exponential"),
    "Gelu": _with("gelu", "approximate"),
    "Glu": _with("glu", "axis"),
    "HardShrink": _with("hard_shrink", "threshold"),
    "HardSigmoid": _with("hard_sigmoid"),
    "HardSilu": _with("hard_silu"),
    "HardTanh": _with("hard_tanh"),
    "LeakyRelu": _with("leaky_relu", "negative_slope"),
    "LogSigmoid": _with("log_sigmoid"),
    "LogSoftmax": _with("log_softmax", "axis"),
    "ReLU": _relu,
    "Relu": lambda call: apply(call, "relu", RELU, call.input),
    "Relu6": _with("relu6"),
    "Selu": _with("selu"),
    "Sigmoid": _with("sigmoid"),
    "Silu": _with("silu"),
    "SoftShrink": _with("soft_shrink", "threshold"),
    "Softmax": _softmax,
    "Softplus": _with("softplus"),
    "Softsign": _with("softsign"),
    "Sparsemax": _with("sparsemax", "axis"),
    "SparsePlus": _with("sparse_plus"),
    "SparseSigmoid": _with("sparse_sigmoid"),
    "Squareplus": _with("squareplus", "b"),
    "Tanh": _with("tanh"),
    "TanhShrink": _with("tanh_shrink"),
    "Threshold": _with("threshold", "threshold", "default_value"),
}
