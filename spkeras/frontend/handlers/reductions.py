"""Means, sums, extremes, variances and norms over any axes except the batch."""

import math
from collections.abc import Sequence
from dataclasses import replace

from spkeras.frontend.handlers.activations import apply
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.functions import elementwise
from spkeras.frontend.handlers.layout import flat_at_end, inner_axes, others, permuted, reshaped
from spkeras.frontend.handlers.merging import merge
from spkeras.frontend.handlers.pooling import global_pool


def reduce(call: Call, reduction: str, axis: int | Sequence[int] | None, keepdims: bool) -> Port:
    """Add the mean, sum, maximum or minimum over any axes except the batch.

    Args:
        call: The call, of one tensor.
        reduction: "mean", "sum", "max" or "min".
        axis: Axes in Keras's count; None for all.
        keepdims: Whether reduced axes are kept with size one.
    """
    port = call.input
    axes = _axes(call, port, axis)
    return _shaped(call, pooled(call, port, reduction, axes), port, axes=axes, keepdims=keepdims)


def _axes(call: Call, port: Port, axis: int | Sequence[int] | None) -> list[int]:
    """Return the reduced axes, in the port's own shape."""
    if axis is None:
        axis = range(len(port.shape) + 1)
    return inner_axes(call, port, [axis] if isinstance(axis, int) else list(axis))


def pooled(call: Call, port: Port, reduction: str, axes: Sequence[int]) -> Port:
    """Reduce axes of the port's own shape; the others are joined into one."""
    kept = others(port, axes)
    count = math.prod(port.shape[axis] for axis in axes)
    port = Port(port.name, port.shape)
    if reduction == "min":
        port = call.affine(port, -1.0, piece="negative")
    if kept != [len(port.shape) - 1] or not axes:
        # Kept axes become the channels, reduced axes become a row of positions.
        port = permuted(call, port, [*axes, *kept])
        port = reshaped(call, port, (count, math.prod(port.shape) // count))
    op = "global_max_pool" if reduction in ("max", "min") else "global_average_pool"
    port = global_pool(call, op, port, keepdims=False)
    if reduction in ("min", "sum"):
        port = call.affine(port, -1.0 if reduction == "min" else float(count))
    return port


def _shaped(call: Call, port: Port, of: Port, axes: Sequence[int], keepdims: bool) -> Port:
    """Return a reduced tensor in the shape that Keras gives it."""
    shape = [1 if a in axes else size for a, size in enumerate(of.shape)]
    if keepdims:
        return replace(reshaped(call, port, shape), first=of.first)
    kept = others(of, axes)
    port = reshaped(call, port, [of.shape[axis] for axis in kept])
    # Kept channels next to other kept axes are still last where Keras has them first.
    behind = of.first and len(kept) > 1 and kept[-1] == len(of.shape) - 1
    return replace(port, first=behind)


def _reduction(reduction: str) -> Handler:
    def handler(call: Call) -> Port:
        operation = call.operation
        if getattr(operation, "initial", None) is not None:
            raise call.refuse(f"initial={operation.initial!r}", "leave initial out")
        return reduce(call, reduction, operation.axis, operation.keepdims)

    return handler


def _average(call: Call) -> Port:
    if call.given().get("weights") is not None:
        raise call.refuse("weights", "multiply by them and use keras.ops.sum")
    return reduce(call, "mean", call.operation.axis, False)


def _variance(call: Call, port: Port, axes: Sequence[int]) -> Port:
    """Return the mean square of the distance from the mean, with the kept axes joined."""
    call.need_floats()
    shape = [1 if a in axes else size for a, size in enumerate(port.shape)]
    port = Port(port.name, port.shape)
    mean = reshaped(call, pooled(call, port, "mean", axes), shape)
    distance = merge(call, "subtract", (port, mean))
    return pooled(call, elementwise(call, "square", distance), "mean", axes)


def _spread(root: bool) -> Handler:
    """Return the handler of the variance, or of its root."""

    def handler(call: Call) -> Port:
        port, operation = call.input, call.operation
        axes = _axes(call, port, operation.axis)
        result = _variance(call, port, axes)
        if root:
            result = elementwise(call, "sqrt", result)
        return _shaped(call, result, port, axes=axes, keepdims=operation.keepdims)

    return handler


def _moments(call: Call) -> list[Port]:
    port, operation = call.input, call.operation
    axes = _axes(call, port, operation.axes)
    results = (pooled(call, port, "mean", axes), _variance(call, port, axes))
    return [
        _shaped(call, result, port, axes=axes, keepdims=operation.keepdims) for result in results
    ]


def _length(call: Call) -> Port:
    """Add `keras.ops.norm`: Euclidean, or the sum or maximum of magnitudes along one axis."""
    port, operation = call.input, call.operation
    axes = _axes(call, port, operation.axis)
    euclidean = operation.ord in (None, "fro") or (operation.ord == 2 and len(axes) == 1)
    if not euclidean and (operation.ord not in (1, math.inf) or len(axes) != 1):
        raise call.refuse(
            f"ord={operation.ord} over {len(axes)} axes", "use the Euclidean norm, ord=None"
        )
    sizes = elementwise(call, "square" if euclidean else "abs", port)
    result = pooled(call, sizes, "max" if operation.ord == math.inf else "sum", axes)
    if euclidean:
        result = elementwise(call, "sqrt", result)
    return _shaped(call, result, port, axes=axes, keepdims=operation.keepdims)


def _log_sum_exp(call: Call) -> Port:
    """Add the logsumexp as x minus its log-softmax, which is the same number at every place."""
    port, operation = call.input, call.operation
    axes = _axes(call, port, operation.axis)
    flat = flat_at_end(call, Port(port.name, port.shape), axes)
    logs = apply(call, "log_softmax", {"axis": -1}, flat)
    same = merge(call, "subtract", (flat, logs))
    result = pooled(call, same, "mean", [len(flat.shape) - 1])
    return _shaped(call, result, port, axes=axes, keepdims=operation.keepdims)


OPERATORS: dict[str, Handler] = {
    "Amax": _reduction("max"),
    "Amin": _reduction("min"),
    "Average": _average,
    "Logsumexp": _log_sum_exp,
    "Max": _reduction("max"),
    "Mean": _reduction("mean"),
    "Min": _reduction("min"),
    "Moments": _moments,
    "Norm": _length,
    "Std": _spread(root=True),
    "Sum": _reduction("sum"),
    "Var": _spread(root=False),
}
