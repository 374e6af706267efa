"""Layers of conversion-aware training: activations that are a code, kernels in a logarithm."""

from spkeras.frontend.handlers import convolutions
from spkeras.frontend.handlers.activations import apply
from spkeras.frontend.handlers.call import Call, Handler, Port


def _ttfs(call: Call) -> Port:
    layer = call.operation
    kernel = {name: getattr(layer, name) for name in ("timesteps", "tau", "theta0")}
    return apply(call, "ttfs", kernel, call.input)


LAYERS: dict[str, Handler] = {
    "LogConv1D": convolutions.LAYERS["Conv1D"],
    "LogConv2D": convolutions.LAYERS["Conv2D"],
    "LogDense": convolutions.LAYERS["Dense"],
    "LogDepthwiseConv2D": convolutions.LAYERS["DepthwiseConv2D"],
    "TTFSActivation": _ttfs,
}
