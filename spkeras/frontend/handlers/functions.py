"""Operators that are one function of their inputs: sqrt, powers, quotients."""

import math
from typing import Any

import numpy as np

from spkeras.frontend.handlers.activations import apply
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.merging import aligned
from spkeras.graph.vocabulary import ELEMENTWISE


def elementwise(call: Call, name: str, *ports: Port) -> Port:
    """Add an elementwise function of `keras.ops`, of one tensor or of two that broadcast."""
    call.need_floats()
    return _function(call, {"function": "elementwise", "name": name}, *ports)


def _function(call: Call, attributes: dict[str, Any], *ports: Port) -> Port:
    same = aligned(call, ports)
    shape = np.broadcast_shapes(*(port.shape for port in same))
    return call.add("function", same, shape, attributes, piece="function", first=same[0].first)


def power(call: Call, port: Port, exponent: float) -> Port:
    """Add x to the power of a number; x squared is a separate function."""
    call.need_floats()
    if exponent == 1.0:
        return port
    if exponent == 2.0:
        return elementwise(call, "square", port)
    return _function(call, {"function": "power", "exponent": exponent}, port)


def divide(call: Call, x: Any, y: Any, *, zeros: bool = False) -> Port:
    """Add a quotient; one of the two operands may be a constant.

    Args:
        call: The call to add nodes to.
        x: A port, or an array.
        y: A port, or an array.
        zeros: Whether x / 0 is 0, as in `keras.ops.divide_no_nan`.
    """
    if not isinstance(y, Port):
        if not zeros and not np.all(y):
            raise call.refuse("a division by zero", "divide by other numbers")
        return call.affine(x, np.divide(1.0, y, out=np.zeros_like(y), where=y != 0))
    if not isinstance(x, Port):
        if zeros:
            raise call.refuse("divide_no_nan of a constant", "use divide")
        inverse = elementwise(call, "reciprocal", y)
        return inverse if np.all(x == 1) and x.ndim == 0 else call.affine(inverse, x)
    call.need_floats()
    if zeros:
        return elementwise(call, "divide_no_nan", x, y)
    return _function(call, {"function": "divide"}, x, y)


def _operands(call: Call) -> list[Any]:
    values = [*call.args, *call.kwargs.values()][:2]
    return [v if isinstance(v, Port) else np.asarray(v).astype("float64") for v in values]


def _divide(call: Call) -> Port:
    return divide(call, *_operands(call))


def _power(call: Call) -> Port:
    x, y = _operands(call)
    if isinstance(x, Port) and isinstance(y, Port):
        return elementwise(call, "power", x, y)
    if isinstance(x, Port):
        if y.size != 1:
            raise call.refuse(f"exponents of shape {y.shape}", "use one exponent")
        return power(call, x, float(y.reshape(())))
    if np.any(x <= 0):
        raise call.refuse("a base that is not positive", "use a positive base")
    return apply(call, "exponential", {}, call.affine(y, np.log(x)))


def _one(name: str) -> Handler:
    return lambda call: elementwise(call, name, call.input)


def _pair(name: str) -> Handler:
    def handler(call: Call) -> Port:
        x, y = _operands(call)
        if not (isinstance(x, Port) and isinstance(y, Port)):
            raise call.refuse(f"{name} with a constant", "give it two tensors")
        return elementwise(call, name, x, y)

    return handler


def _round(call: Call) -> Port:
    if call.operation.decimals:
        raise call.refuse(f"decimals={call.operation.decimals}", "round to whole numbers")
    return elementwise(call, "round", call.input)


# Classes of operators by the names of their functions; rounding is handled separately.
_ONE = {name.capitalize(): name for name in ELEMENTWISE if name != "round"}
_ONE |= {"Absolute": "abs", "Fabs": "abs"}

OPERATORS: dict[str, Handler] = {
    **{kind: _one(name) for kind, name in _ONE.items()},
    "Arctan2": _pair("arctan2"),
    "Deg2rad": lambda call: call.affine(call.input, math.pi / 180),
    "Divide": _divide,
    "DivideNoNan": lambda call: divide(call, *_operands(call), zeros=True),
    "Hypot": _pair("hypot"),
    "Logaddexp": _pair("logaddexp"),
    "Logaddexp2": _pair("logaddexp2"),
    "Power": _power,
    "Rad2deg": lambda call: call.affine(call.input, 180 / math.pi),
    "Round": _round,
    "TrueDivide": _divide,
}
