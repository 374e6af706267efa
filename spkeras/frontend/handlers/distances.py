"""Layers of spkeras that join several tensors (`spkeras.layers.merging`)."""

import numpy as np

from spkeras.frontend.handlers.activations import RELU, apply
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.functions import elementwise
from spkeras.frontend.handlers.merging import merge


def _absolute(call: Call) -> Port:
    """Add |a - b| as two ReLUs, which rates can carry."""
    difference = merge(call, "subtract", call.inputs)
    above = apply(call, "relu", RELU, difference)
    below = apply(call, "relu", RELU, call.affine(difference, -1.0))
    return merge(call, "add", (above, below))


def _distance(call: Call) -> Port:
    """Add the root of the sum of squares, which is at least `epsilon`."""
    least = call.operation.epsilon
    difference = call.keras_order(merge(call, "subtract", call.inputs))
    squares = elementwise(call, "square", difference)
    shape, ones = (*squares.shape[:-1], 1), np.ones((squares.shape[-1], 1), "float32")
    total = call.add("dense", [squares], shape, arrays={"kernel": ones}, piece="sum")
    above = apply(call, "relu", RELU, call.affine(total, 1.0, -least))
    return elementwise(call, "sqrt", call.affine(above, 1.0, least))


LAYERS: dict[str, Handler] = {
    "AbsoluteDifference": _absolute,
    "EuclideanDistance": _distance,
    "FirstTensor": lambda call: call.inputs[0],
}
