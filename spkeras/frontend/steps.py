"""Calls in a Keras model, from the records that Keras keeps."""

from collections.abc import Mapping
from typing import Any

import keras

from spkeras.frontend.handlers import Call, Port
from spkeras.keras_files.subclasses import computes_by_code


def fault(model: object) -> str:
    """Return why a model as a whole cannot be read; "" if it can.

    Args:
        model: Argument of the user, of any type.
    """
    if not isinstance(model, keras.Model):
        return f"received {type(model).__name__}, not a keras.Model; load or build one"
    title = f"{model.name} ({type(model).__name__})"
    if computes_by_code(type(model)) or not isinstance(model, (keras.Sequential, keras.Function)):
        return (
            f"{title}: a subclassed model, whose call() is Python code; rebuild it as a "
            "functional model, keras.Model(inputs, outputs), and copy the weights"
        )
    if isinstance(model, keras.Sequential) and not _has_tensors(model):
        return (
            f"{title}: no input shape yet; start the model with keras.Input(shape), or call "
            "model.build((None, height, width, channels)) with your own sizes"
        )
    return ""


def _has_tensors(model: keras.Sequential) -> bool:
    try:
        return bool(model.inputs and model.outputs)
    except (AttributeError, ValueError):
        return False


def maker(tensor: keras.KerasTensor) -> tuple[Any, Any]:
    """Return the layer or operator that made a tensor, and the record of that call."""
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index]


# Arguments in which Keras passes masks; it makes their operators itself.
_MASKS = frozenset({"mask", "query_mask", "value_mask", "key_mask"})
# In the place of a mask, in the arguments of a call.
MASK = object()


def read_by(step: Any) -> list[keras.KerasTensor]:
    """Return the tensors that a call reads, without the masks that come with them."""
    arguments = step.arguments
    kept = {key: value for key, value in arguments.kwargs.items() if key not in _MASKS}
    given = keras.tree.flatten((arguments.args, kept))
    return [value for value in given if isinstance(value, keras.KerasTensor)]


def steps(model: keras.Model) -> list[Any]:
    """Return the records of all calls in a model, each after those it depends on.

    Operators that only make masks are left out: the layers that receive the masks are refused.
    Walks back from the outputs with an explicit stack: deep models would exceed Python's.

    Args:
        model: A built functional or Sequential model.
    """
    given = {id(tensor) for tensor in model.inputs}
    placed: set[int] = set()
    order = []
    stack = [maker(t)[1] for t in reversed(model.outputs) if id(t) not in given]
    while stack:
        step = stack[-1]
        before = [maker(t)[1] for t in read_by(step) if id(t) not in given]
        waiting = [other for other in before if id(other) not in placed]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        if id(step) not in placed:
            placed.add(id(step))
            order.append(step)
    return order


def shapes(step: Any, values: Mapping[int, Port]) -> tuple[tuple[int, ...], ...]:
    """Return the output shapes of a call for the actual shapes of its inputs.

    An inner model can be called with other sizes than it was built for.

    Args:
        step: The record of the call.
        values: Port of each Keras tensor so far, by the tensor's id.

    Returns:
        One shape per output, without the batch axis, in Keras's order.
    """

    def spec(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor) or id(value) not in values:
            return value
        return keras.KerasTensor((None, *values[id(value)].keras_shape), value.dtype)

    tensors = read_by(step)
    outputs = step.outputs
    if any(tuple(t.shape[1:]) != values[id(t)].keras_shape for t in tensors):
        arguments = keras.tree.map_structure(spec, (step.arguments.args, step.arguments.kwargs))
        outputs = step.operation.compute_output_spec(*arguments[0], **arguments[1])
    return tuple(tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(outputs))


def layer_outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Return the output tensor of each layer that is called once and gives one tensor.

    Args:
        model: A built functional or Sequential model. Layers inside nested models are left
            out: they have no tensor in the outer one.

    Returns:
        Symbolic tensors by layer name; they depend on `model.inputs`.
    """
    found: dict[str, list[Any]] = {}
    for step in steps(model):
        if isinstance(step.operation, keras.layers.Layer):
            found.setdefault(step.operation.name, []).extend(step.outputs)
    return {name: outputs[0] for name, outputs in found.items() if len(outputs) == 1}


def by_name(call: Call) -> tuple[Port, ...]:
    """Return the inputs of a nested call in the model's order; dictionaries match by name."""
    given = call.args[0] if call.args else None
    names = [tensor.name for tensor in call.operation.inputs]
    if isinstance(given, dict) and set(names) <= set(given):
        return tuple(given[name] for name in names)
    return call.inputs


def cuts(dtype: str, wanted: str) -> bool:
    """Return whether an inner model turns its input into integers."""
    return "int" in wanted and dtype != wanted
