"""Layers of spkeras that stand for what models of Keras 2 hold."""

from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.operators import clip, reduce
from spkeras.frontend.handlers.slices import take


def _slice(call: Call) -> Port:
    parts = {"...": Ellipsis}
    spec = call.operation.spec
    key = (slice(*p) if isinstance(p, list) else parts.get(p, p) for p in spec)
    return take(call, tuple(key))


def _reduce(call: Call) -> Port:
    layer = call.operation
    return reduce(call, layer.reduction, layer.axis, layer.keepdims)


LAYERS: dict[str, Handler] = {
    "Clip": lambda call: clip(call, call.operation.minimum, call.operation.maximum),
    "Reduce": _reduce,
    "Slice": _slice,
}
