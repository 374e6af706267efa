"""Layers of spkeras that replace layers of Keras 2 models."""

import numpy as np

from spkeras.frontend.handlers import convolutions
from spkeras.frontend.handlers.call import FIRST, Call, Handler, Port
from spkeras.frontend.handlers.operators import clip, reduce
from spkeras.frontend.handlers.slices import take
from spkeras.layers.legacy import CHANNEL_BIAS


def _slice(call: Call) -> Port:
    parts = {"...": Ellipsis, "newaxis": None}
    spec = call.operation.spec
    key = (slice(*p) if isinstance(p, list) else parts.get(p, p) for p in spec)
    return take(call, tuple(key))


def _reduce(call: Call) -> Port:
    layer = call.operation
    return reduce(call, layer.reduction, layer.axis, layer.keepdims)


def _bilinear_upsampling(call: Call) -> Port:
    layer = call.operation
    port = call.channels_last(call.input, layer.data_format)
    for axis, factor in enumerate(layer.size):
        port = _stretched(call, port, axis, factor)
    return Port(port.name, port.shape, layer.data_format == FIRST)


def _stretched(call: Call, port: Port, axis: int, factor: int) -> Port:
    """Enlarge one axis: row i * factor + r is (1 - r / factor) row i + (r / factor) row i + 1.

    The row after the last one is the last one again.
    """
    size, shape = port.shape[axis], list(port.shape)
    shape[axis] *= factor
    up = {"size": tuple(factor if a == axis else 1 for a in (0, 1)), "interpolation": "nearest"}
    wide = tuple(-1 if a == axis else 1 for a in range(3))
    part = (np.arange(shape[axis]) % factor / factor).reshape(wide)
    near = call.add("upsample", [port], shape, up, piece="near")
    following = _following(call, port, axis, size)
    far = call.add("upsample", [following], shape, up, piece="far")
    both = [call.affine(near, 1.0 - part), call.affine(far, part)]
    return call.add("add", both, shape)


def _following(call: Call, port: Port, axis: int, size: int) -> Port:
    """Replace each row by the next one, and the last one by itself."""
    if size == 1:
        return port
    parts = []
    for begin in (1, size - 1):
        amounts = tuple((begin, 0) if a == axis else (0, 0) for a in (0, 1))
        shape = [n - begin if a == axis else n for a, n in enumerate(port.shape)]
        parts.append(call.add("crop", [port], shape, {"amounts": amounts}))
    return call.add("concatenate", parts, port.shape, {"axis": axis + 1})


def _locally_connected(call: Call) -> Port:
    raise call.refuse(
        "a separate kernel at every position", "use a convolution, or Dense after Flatten"
    )


LAYERS: dict[str, Handler] = {
    **{f"ChannelBias{name}": convolutions.LAYERS[name] for name in CHANNEL_BIAS},
    "BilinearUpSampling": _bilinear_upsampling,
    "Clip": lambda call: clip(call, call.operation.minimum, call.operation.maximum),
    "LocallyConnected": _locally_connected,
    "Reduce": _reduce,
    "Slice": _slice,
}
