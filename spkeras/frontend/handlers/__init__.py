"""Table of the functions that turn Keras layers and operators into nodes, by class name."""

from typing import Any

import keras

from spkeras.frontend.handlers import (
    activations,
    applications,
    attention,
    coded,
    convolutions,
    functions,
    legacy,
    merging,
    moving,
    normalizing,
    operators,
    passing,
    pooling,
    products,
    quantizing,
    reductions,
    shaping,
    slices,
)
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.refusals import reason

__all__ = ["LAYERS", "OPERATORS", "Call", "Handler", "Port", "expand"]

LAYERS: dict[str, Handler] = {
    **activations.LAYERS,
    **attention.LAYERS,
    **convolutions.LAYERS,
    **merging.LAYERS,
    **normalizing.LAYERS,
    **passing.LAYERS,
    **pooling.LAYERS,
    **products.LAYERS,
    **shaping.LAYERS,
}

OPERATORS: dict[str, Handler] = {
    **activations.OPERATORS,
    **attention.OPERATORS,
    **functions.OPERATORS,
    **moving.OPERATORS,
    **normalizing.OPERATORS,
    **operators.OPERATORS,
    **pooling.OPERATORS,
    **products.OPERATORS,
    **reductions.OPERATORS,
    **slices.OPERATORS,
}


def expand(call: Call) -> list[Port]:
    """Add the nodes of one call and return a port for each of its outputs.

    Raises:
        UnsupportedLayerError: the layer, or one of its options, cannot be converted.
    """
    if _is_keras_layer(call.operation) and call.kind in passing.WRAPPERS:
        call = call.of(passing.WRAPPERS[call.kind](call))
    found = handler_of(call.operation)
    if found is None:
        raise call.refuse(*reason(call.kind, type(call.operation).__module__))
    result = found(call)
    return [result] if isinstance(result, Port) else result


def handler_of(operation: Any) -> Handler | None:
    """Return the handler of a layer or operator; None if there is none.

    A user's class that only shares its name with a Keras class has none.
    """
    kind, module = type(operation).__name__, type(operation).__module__
    if isinstance(operation, keras.layers.Layer):
        if module.startswith("spkeras.layers."):
            return {**legacy.LAYERS, **coded.LAYERS, **quantizing.LAYERS}.get(kind)
        if _is_keras_layer(operation):
            return LAYERS.get(kind)
        return applications.handler_of(operation)
    own = module.startswith("keras.")
    return OPERATORS.get(kind) if own else None


def _is_keras_layer(layer: keras.layers.Layer) -> bool:
    # By identity: the exported name of a Keras class can differ from the class's name.
    return any(value is type(layer) for value in vars(keras.layers).values())
