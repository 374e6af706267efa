"""Layers that modules of `keras.applications` define."""

import sys

import keras

from spkeras.frontend.handlers.call import Call, Handler, Port, weight
from spkeras.frontend.handlers.merging import merge


def _layer_scale(call: Call) -> Port:
    return call.affine(call.input, weight(call.operation.gamma))


def _stochastic_depth(call: Call) -> Port:
    if call.given().get("training"):
        raise call.refuse("training=True, so it drops samples", "call it without training=True")
    return call.input


def _scaled_sum(call: Call) -> Port:
    """Add the sum of the first tensor and the scaled second one."""
    first, second = call.inputs
    return merge(call, "add", (first, call.affine(second, call.operation.scale)))


_CLASSES: dict[tuple[str, str], Handler] = {
    ("keras.src.applications.convnext", "LayerScale"): _layer_scale,
    ("keras.src.applications.convnext", "StochasticDepth"): _stochastic_depth,
    ("keras.src.applications.inception_resnet_v2", "CustomScaleLayer"): _scaled_sum,
}


def handler_of(layer: keras.layers.Layer) -> Handler | None:
    """Return the handler of a layer defined in one of these modules of Keras; else None.

    The class must be the one that the module holds: matching by name is not enough.
    """
    module, kind = type(layer).__module__, type(layer).__name__
    handler = _CLASSES.get((module, kind))
    held = getattr(sys.modules.get(module), kind, None)
    return handler if held is type(layer) else None
