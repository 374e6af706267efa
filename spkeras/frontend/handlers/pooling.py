"""Pooling layers and pooling operators."""

import numpy as np

from spkeras.frontend.handlers.call import FIRST, Call, Handler, Port
from spkeras.frontend.handlers.layout import along


def _tuple(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(int(v) for v in value)


def _window(op: str) -> Handler:
    """Return a handler for pooling windows; layers and operators share the attributes."""

    def handler(call: Call) -> Port:
        layer = call.operation
        first = (layer.data_format or "channels_last") == FIRST
        port = call.channels_last(call.input, FIRST if first else "channels_last")
        rank = len(port.shape) - 1
        size = _tuple(layer.pool_size, rank)
        strides = size if layer.strides is None else _tuple(layer.strides, rank)
        attributes = {"pool_size": size, "strides": strides, "padding": layer.padding}
        shape = (*call.shape[1:], call.shape[0]) if first else call.shape
        return call.add(op, [port], shape, attributes, first=first)

    return handler


def _global(op: str) -> Handler:
    def handler(call: Call) -> Port:
        layer = call.operation
        call.without_mask()
        port = call.channels_last(call.input, layer.data_format)
        keepdims = bool(layer.keepdims)
        return global_pool(
            call, op, port, keepdims=keepdims, first=keepdims and layer.data_format == FIRST
        )

    return handler


def global_pool(call: Call, op: str, port: Port, keepdims: bool, first: bool = False) -> Port:
    """Add a pooling over all axes but the last."""
    ones = (1,) * (len(port.shape) - 1) if keepdims else ()
    shape = (*ones, port.shape[-1])
    return call.add(op, [port], shape, {"keepdims": keepdims}, first=first)


def _adaptive(op: str) -> Handler:
    """Return the handler of adaptive pooling, plain where the output size divides the input size.

    Elsewhere windows overlap and differ in size: their means become one matrix per axis.
    """

    def handler(call: Call) -> Port:
        layer = call.operation
        first = layer.data_format == FIRST
        port = call.channels_last(call.input, layer.data_format)
        wanted = (*call.shape[1:], call.shape[0]) if first else call.shape
        pairs = list(zip(port.shape[:-1], wanted[:-1], strict=True))
        uneven = any(size % out for size, out in pairs)
        if uneven and op == "average_pool":
            for axis, (length, out) in enumerate(pairs):
                port = along(call, port, axis, _adaptive_means(length, out), piece="means")
            return Port(port.name, port.shape, first)
        if uneven:
            raise call.refuse(
                f"output size {wanted[:-1]} for an input of {port.shape[:-1]}",
                "use an output size that divides the input size, or a plain pooling layer",
            )
        size = tuple(size // out for size, out in pairs)
        attributes = {"pool_size": size, "strides": size, "padding": "valid"}
        return call.add(op, [port], wanted, attributes, first=first)

    return handler


def _adaptive_means(size: int, out: int) -> np.ndarray:
    """Return the matrix (size, out) of the mean over each window of adaptive pooling."""
    matrix = np.zeros((size, out))
    for place in range(out):
        start, stop = place * size // out, -((place + 1) * size // -out)
        matrix[start:stop, place] = 1 / (stop - start)
    return matrix


LAYERS: dict[str, Handler] = {
    **{f"AveragePooling{r}D": _window("average_pool") for r in (1, 2, 3)},
    **{f"MaxPooling{r}D": _window("max_pool") for r in (1, 2, 3)},
    **{f"GlobalAveragePooling{r}D": _global("global_average_pool") for r in (1, 2, 3)},
    **{f"GlobalMaxPooling{r}D": _global("global_max_pool") for r in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{r}D": _adaptive("average_pool") for r in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{r}D": _adaptive("max_pool") for r in (1, 2, 3)},
}

OPERATORS: dict[str, Handler] = {
    "AveragePool": _window("average_pool"),
    "MaxPool": _window("max_pool"),
}
