"""Layers of conversion-aware training: coded activations and logarithmic kernels."""

from spkeras.frontend.handlers import convolutions
from spkeras.frontend.handlers.activations import apply
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.graph.vocabulary import ACTIVATIONS


def _coded(function: str) -> Handler:
    """Return the handler of a coded activation, with its parameters."""

    def handle(call: Call) -> Port:
        numbers = {name: getattr(call.operation, name) for name in ACTIVATIONS[function]}
        return apply(call, function, numbers, call.input)

    return handle


LAYERS: dict[str, Handler] = {
    "LogConv1D": convolutions.LAYERS["Conv1D"],
    "LogConv2D": convolutions.LAYERS["Conv2D"],
    "LogDense": convolutions.LAYERS["Dense"],
    "LogDepthwiseConv2D": convolutions.LAYERS["DepthwiseConv2D"],
    "BurstActivation": _coded("burst"),
    "PhaseActivation": _coded("phase"),
    "TTFSActivation": _coded("ttfs"),
}
