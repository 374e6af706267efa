"""How each Keras layer and operator becomes nodes: one table from class name to function."""

from typing import Any

import keras

from spkeras.frontend.handlers import (
    activations,
    convolutions,
    legacy,
    merging,
    normalizing,
    operators,
    passing,
    pooling,
    shaping,
    slices,
)
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.refusals import reason

__all__ = ["LAYERS", "OPERATORS", "Call", "Handler", "Port", "expand"]

LAYERS: dict[str, Handler] = {
    **activations.LAYERS,
    **convolutions.LAYERS,
    **merging.LAYERS,
    **normalizing.LAYERS,
    **passing.LAYERS,
    **pooling.LAYERS,
    **shaping.LAYERS,
}

OPERATORS: dict[str, Handler] = {
    **activations.OPERATORS,
    **operators.OPERATORS,
    **pooling.OPERATORS,
    **slices.OPERATORS,
}


def expand(call: Call) -> list[Port]:
    """Add the nodes of one call and return a port for each of its outputs.

    Raises:
        UnsupportedLayerError: the layer, or one of its options, cannot be converted.
    """
    if call.kind == "TimeDistributed" and _is_keras_layer(call.operation):
        call = call.of(passing.stepwise(call))
    found = handler_of(call.operation)
    if found is None:
        raise call.refuse(*reason(call.kind, type(call.operation).__module__))
    result = found(call)
    return [result] if isinstance(result, Port) else result


def handler_of(operation: Any) -> Handler | None:
    """The handler of a layer or operator; None where there is none.

    A class of the user's own that only has the name of a Keras class has none.
    """
    kind, module = type(operation).__name__, type(operation).__module__
    if isinstance(operation, keras.layers.Layer):
        if module == "spkeras.layers.legacy":
            return legacy.LAYERS.get(kind)
        return LAYERS.get(kind) if _is_keras_layer(operation) else None
    own = module.startswith("keras.")
    return OPERATORS.get(kind) if own else None


def _is_keras_layer(layer: keras.layers.Layer) -> bool:
    return getattr(keras.layers, type(layer).__name__, None) is type(layer)
