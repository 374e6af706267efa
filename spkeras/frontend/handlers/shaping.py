"""Layers that move values without changing them: padding, cropping, reshaping, upsampling."""

import math

from spkeras.frontend.handlers.call import FIRST, Call, Handler, Port


def _stored(call: Call, first: bool) -> tuple[int, ...]:
    return (*call.shape[1:], call.shape[0]) if first else call.shape


def _borders(op: str, attribute: str) -> Handler:
    """Return a handler for zero padding or cropping."""

    def handler(call: Call) -> Port:
        layer = call.operation
        data_format = getattr(layer, "data_format", None) or "channels_last"
        port = call.channels_last(call.input, data_format)
        given = getattr(layer, attribute)
        given = (given,) if len(port.shape) == 2 else given
        amounts = tuple((int(before), int(after)) for before, after in given)
        first = data_format == FIRST
        return call.add(op, [port], _stored(call, first), {"amounts": amounts}, first=first)

    return handler


def _upsampling(call: Call) -> Port:
    layer = call.operation
    data_format = getattr(layer, "data_format", None) or "channels_last"
    port = call.channels_last(call.input, data_format)
    size = (layer.size,) if isinstance(layer.size, int) else tuple(layer.size)
    attributes = {"size": size, "interpolation": getattr(layer, "interpolation", "nearest")}
    first = data_format == FIRST
    return call.add("upsample", [port], _stored(call, first), attributes, first=first)


def _flatten(call: Call) -> Port:
    data_format = call.operation.data_format
    return call.add("reshape", [call.channels_last(call.input, data_format)], call.shape)


def reshape(call: Call) -> Port:
    """Reshape the values to the output's shape, in Keras's order."""
    if math.prod(call.shape) != math.prod(call.input.shape):
        raise call.refuse("a reshape of the batch axis", "reshape the other axes only")
    return call.add("reshape", [call.keras_order(call.input)], call.shape)


def permute(call: Call, axes: tuple[int, ...]) -> Port:
    """Permute the axes of Keras's tensor (1 is the first after the batch)."""
    port = call.keras_order(call.input)
    shape = tuple(port.shape[axis - 1] for axis in axes)
    return call.add("permute", [port], shape, {"axes": tuple(axes)})


def _repeat_vector(call: Call) -> Port:
    port = call.input
    row = call.add("reshape", [port], (1, *port.shape))
    attributes = {"size": (int(call.operation.n),), "interpolation": "nearest"}
    return call.add("upsample", [row], call.shape, attributes)


def moved(call: Call, op: str, port: Port, amounts: tuple[tuple[int, int], ...]) -> Port:
    """Pad or crop an image with its channels last; nothing where all amounts are zero."""
    if not any(any(pair) for pair in amounts):
        return port
    sign = 1 if op == "pad" else -1
    sizes = [n + sign * sum(pair) for n, pair in zip(port.shape, amounts, strict=False)]
    return call.add(op, [port], (*sizes, port.shape[-1]), {"amounts": amounts})


LAYERS: dict[str, Handler] = {
    **{f"ZeroPadding{r}D": _borders("pad", "padding") for r in (1, 2, 3)},
    **{f"Cropping{r}D": _borders("crop", "cropping") for r in (1, 2, 3)},
    **{f"UpSampling{r}D": _upsampling for r in (1, 2, 3)},
    "Flatten": _flatten,
    "Permute": lambda call: permute(call, call.operation.dims),
    "RepeatVector": _repeat_vector,
    "Reshape": reshape,
}
