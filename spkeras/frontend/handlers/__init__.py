"""Table of the functions that turn Keras layers and operators into nodes, by class name."""

import keras

from spkeras.errors import OptionError
from spkeras.frontend.handlers import (
    activations,
    applications,
    attention,
    coded,
    convolutions,
    distances,
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
    recurrent,
    reductions,
    resizing,
    shaping,
    slices,
)
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.refusals import reason
from spkeras.keras_files.trust import trust

__all__ = ["LAYERS", "OPERATORS", "Call", "Handler", "Port", "expand", "is_users", "register_layer"]

# Handlers of layers from outside Keras and spkeras, by class.
_REGISTERED: dict[type, Handler] = {}

LAYERS: dict[str, Handler] = {
    **activations.LAYERS,
    **attention.LAYERS,
    **convolutions.LAYERS,
    **merging.LAYERS,
    **normalizing.LAYERS,
    **passing.LAYERS,
    **pooling.LAYERS,
    **products.LAYERS,
    **recurrent.LAYERS,
    **resizing.LAYERS,
    **shaping.LAYERS,
}

# Layers of spkeras.
OWN_LAYERS: dict[str, Handler] = {
    **coded.LAYERS,
    **distances.LAYERS,
    **legacy.LAYERS,
    **quantizing.LAYERS,
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


def register_layer(layer: type[keras.layers.Layer], handler: Handler) -> None:
    """Add the handler of a layer class, which `convert`, `inspect` and `verify` then know.

    Files that contain the class load if Keras knows it, too
    (`keras.saving.register_keras_serializable`).

    Args:
        layer: The class; subclasses need handlers of their own.
        handler: Function of a `Call` that adds the nodes of one call of the layer to the graph and
            returns the `Port` of its output, or a list of them for several outputs.

    Raises:
        OptionError: no layer class, or one that has a handler.
    """
    if not (isinstance(layer, type) and issubclass(layer, keras.layers.Layer)):
        raise OptionError(f"layer={layer!r}; allowed: a class derived from keras.layers.Layer")
    if layer in _REGISTERED or layer.__module__.startswith(("keras.", "spkeras.")):
        raise OptionError(f"layer={layer.__name__}: it has a handler; allowed: a class of your own")
    _REGISTERED[layer] = handler
    trust(layer)


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


def is_users(operation: keras.Operation) -> bool:
    """Return whether an operation is code of the user, for which no handler is registered."""
    if not isinstance(operation, keras.layers.Layer) or isinstance(operation, keras.Model):
        return False
    foreign = not type(operation).__module__.startswith(("keras.", "spkeras."))
    return (foreign or type(operation) is keras.layers.Lambda) and handler_of(operation) is None


def handler_of(operation: keras.Operation) -> Handler | None:
    """Return the handler of a layer or operator; None if there is none.

    A user's class that only shares its name with a Keras class has none.
    """
    kind, module = type(operation).__name__, type(operation).__module__
    if type(operation) in _REGISTERED:
        return _REGISTERED[type(operation)]
    if isinstance(operation, keras.layers.Layer):
        if module.startswith("spkeras.layers."):
            return OWN_LAYERS.get(kind)
        if _is_keras_layer(operation):
            return LAYERS.get(kind)
        return applications.handler_of(operation)
    own = module.startswith("keras.")
    return OPERATORS.get(kind) if own else None


def _is_keras_layer(layer: keras.layers.Layer) -> bool:
    # By identity: the exported name of a Keras class can differ from the class's name.
    return any(value is type(layer) for value in vars(keras.layers).values())
