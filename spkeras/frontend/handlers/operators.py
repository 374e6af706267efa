"""Operators of functional graphs: `x + y`, `2 * x`, and operations of `keras.ops`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spkeras.frontend.handlers.activations import RELU, apply
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.merging import concatenate, merge
from spkeras.frontend.handlers.reductions import reduce
from spkeras.frontend.handlers.shaping import permute, reshape
from spkeras.ops.arrays import Float64Array

__all__ = ["OPERATORS", "clip", "on_all_axes", "reduce"]


def _constant(value: ArrayLike) -> Float64Array:
    return np.asarray(value).astype(np.float64)


class _Operands(NamedTuple):
    """Two operands: two tensors, or a tensor and a constant in either order."""

    ports: tuple[Port, ...]
    constant: Float64Array | None
    constant_first: bool


def _operands(call: Call) -> _Operands:
    values = [*call.args, *call.kwargs.values()][:2]
    ports = tuple(value for value in values if isinstance(value, Port))
    constants = [_constant(value) for value in values if not isinstance(value, Port)]
    constant = constants[0] if constants else None
    return _Operands(ports, constant, not isinstance(values[0], Port))


def _add(call: Call) -> Port:
    ports, constant, _ = _operands(call)
    if constant is None:
        return merge(call, "add", ports)
    return call.affine(ports[0], 1.0, constant)


def _subtract(call: Call) -> Port:
    ports, constant, constant_first = _operands(call)
    if constant is None:
        return merge(call, "subtract", ports)
    if constant_first:
        return call.affine(ports[0], -1.0, constant)
    return call.affine(ports[0], 1.0, -constant)


def _multiply(call: Call) -> Port:
    ports, constant, _ = _operands(call)
    if constant is None:
        return merge(call, "multiply", ports)
    return call.affine(ports[0], constant)


def _extreme(op: str) -> Handler:
    """Return the handler of max(x, c) = relu(x - c) + c, or min(x, c) = c - relu(c - x)."""
    sign = 1.0 if op == "maximum" else -1.0

    def handler(call: Call) -> Port:
        ports, constant, _ = _operands(call)
        if constant is None:
            return merge(call, op, ports)
        if sign > 0 and not np.any(constant):
            return apply(call, "relu", RELU, ports[0])
        shifted = call.affine(ports[0], sign, -sign * constant, piece="shifted")
        return call.affine(apply(call, "relu", RELU, shifted), sign, constant)

    return handler


def clip(call: Call, low: ArrayLike, high: ArrayLike) -> Port:
    """Limit values to two numbers, with a shifted ReLU that has a maximum."""
    port = call.input
    low, high = _constant(low), _constant(high)
    if low.ndim or high.ndim or high <= low:
        raise call.refuse(f"limits {low} and {high}", "use two numbers, the lower one first")
    if low:
        port = call.affine(port, 1.0, -low, piece="shifted")
    port = apply(call, "relu", {**RELU, "max_value": float(high - low)}, port)
    return call.affine(port, 1.0, low) if low else port


def on_all_axes(call: Call, op: str, port: Port, amounts: Sequence[tuple[int, int]]) -> Port:
    """Pad or crop every axis, including the channels, with one more axis in between."""
    sign = 1 if op == "pad" else -1
    shape = tuple(
        size + sign * (before + after)
        for size, (before, after) in zip(port.shape, amounts, strict=True)
    )
    if not any(amounts[-1]) and len(port.shape) > 1:
        return call.add(op, [port], shape, {"amounts": tuple(amounts[:-1])})
    wide = call.add("reshape", [port], (*port.shape, 1), piece=f"{op}_in")
    wide = call.add(op, [wide], (*shape, 1), {"amounts": tuple(amounts)})
    return call.add("reshape", [wide], shape, piece=f"{op}_out")


def _pad(call: Call) -> Port:
    operation = call.operation
    port = call.keras_order(call.input)
    value = call.given().get("constant_values")
    widths = operation.pad_width
    widths = [(widths, widths)] if isinstance(widths, int) else [tuple(w) for w in widths]
    widths = widths * (len(port.shape) + 1) if len(widths) == 1 else widths
    if operation.mode != "constant" or value or any(widths[0]):
        raise call.refuse(
            f"mode {operation.mode!r}, value {value}, widths {widths}",
            "pad with zeros, and not along the batch axis",
        )
    return on_all_axes(call, "pad", port, [(int(a), int(b)) for a, b in widths[1:]])


def _transpose(call: Call) -> Port:
    rank = len(call.input.shape)
    axes = call.operation.axes or tuple(reversed(range(rank + 1)))
    return _permuted(call, [int(a) % (rank + 1) for a in axes])


def _swapaxes(call: Call) -> Port:
    rank = len(call.input.shape) + 1
    axes = list(range(rank))
    a, b = call.operation.axis1 % rank, call.operation.axis2 % rank
    axes[a], axes[b] = axes[b], axes[a]
    return _permuted(call, axes)


def _moveaxis(call: Call) -> Port:
    rank = len(call.input.shape) + 1
    source, target = (
        [v] if isinstance(v, int) else list(v)
        for v in (call.operation.source, call.operation.destination)
    )
    source, target = [s % rank for s in source], [t % rank for t in target]
    axes = [a for a in range(rank) if a not in source]
    for position, axis in sorted(zip(target, source, strict=True)):
        axes.insert(position, axis)
    return _permuted(call, axes)


def _permuted(call: Call, axes: Sequence[int]) -> Port:
    if axes[0] != 0:
        raise call.refuse(f"axes {tuple(axes)}", "keep the batch axis first")
    return permute(call, tuple(axes[1:]))


def _cast(call: Call) -> Port:
    dtype = str(call.operation.dtype)
    if "float" not in dtype:
        raise call.refuse(f"a cast to {dtype}", "leave the cast out")
    return call.input


def _same(call: Call) -> Port:
    return call.input


def _real(call: Call) -> Port:
    """Return the input: real numbers are their own real parts and conjugates."""
    call.need_floats()
    return call.input


OPERATORS: dict[str, Handler] = {
    "Add": _add,
    "Cast": _cast,
    "Conj": _real,
    "Conjugate": _real,
    "Clip": lambda call: clip(call, call.operation.x_min, call.operation.x_max),
    "Concatenate": concatenate,
    "ConvertToTensor": _same,
    "Copy": _same,
    "ExpandDims": reshape,
    "Fmax": _extreme("maximum"),
    "Fmin": _extreme("minimum"),
    "Maximum": _extreme("maximum"),
    "Minimum": _extreme("minimum"),
    "Moveaxis": _moveaxis,
    "Multiply": _multiply,
    "Negative": lambda call: call.affine(call.input, -1.0),
    "Pad": _pad,
    "Real": _real,
    "Reshape": reshape,
    "Squeeze": reshape,
    "StopGradient": _same,
    "Subtract": _subtract,
    "Swapaxes": _swapaxes,
    "Transpose": _transpose,
}
