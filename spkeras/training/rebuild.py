"""Rebuild a network from its layers, with some of them replaced."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.steps import fault, maker, steps

# From an operation and its path to its replacement: layers that are called in sequence.
Replace = Callable[[Any, str], "list[Any] | None"]


def rebuild(
    model: keras.Model, replace: Replace, policy: str | None = None, inputs: Replace | None = None
) -> keras.Model:
    """Return a functional model of copies of the layers, with their weights.

    Layers that are called several times stay one layer, models inside stay models, the order
    of calls and the names stay.

    Args:
        model: A built Sequential or functional model.
        replace: Given a layer or operator and its path (names joined by "/"): None to copy it,
            or the layers to use instead. The caller copies weights into these.
        policy: Keras dtype policy of the copies, except of layers that give the model's outputs;
            None keeps theirs.
        inputs: Given an input layer and its name: layers to insert after it, or None.

    Returns:
        The new model; `model` is not changed.

    Raises:
        UnsupportedLayerError: the model cannot be read.
    """
    problem = fault(model)
    if problem:
        raise UnsupportedLayerError([problem])
    return _Rebuilder(replace, policy, inputs).whole(model)


@dataclass
class _Rebuilder:
    """Copies made so far, by the identity of the original."""

    replace: Replace
    policy: str | None
    inputs: Replace | None
    made: dict[int, list[Any]] = field(default_factory=dict)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    last: set[int] = field(default_factory=set)

    def whole(self, model: keras.Model) -> keras.Model:
        self.last = {id(maker(tensor)[0]) for tensor in model.outputs}
        new = self.model(model, "", self.inputs)
        for old, copy in self.pairs:
            if old.weights:
                copy.set_weights(old.get_weights())
        return new

    def model(self, model: keras.Model, path: str, behind: Replace | None = None) -> keras.Model:
        given = [_input_like(tensor) for tensor in model.inputs]
        starts = list(given)
        for index, tensor in enumerate(model.inputs):
            operation = maker(tensor)[0]
            for layer in (behind and behind(operation, operation.name)) or ():
                starts[index] = layer(starts[index])
        values = {id(t): start for t, start in zip(model.inputs, starts, strict=True)}
        for step in steps(model):
            results = keras.tree.flatten(self.call(step, values, path))
            values.update({id(t): r for t, r in zip(step.outputs, results, strict=True)})
        outputs = [values[id(tensor)] for tensor in model.outputs]
        single = outputs[0] if len(outputs) == 1 else outputs
        return keras.Model(given if len(given) > 1 else given[0], single, name=model.name)

    def call(self, step: Any, values: dict[int, Any], path: str) -> Any:
        def mapped(value: Any) -> Any:
            # Keras makes the masks anew.
            return values.get(id(value)) if isinstance(value, keras.KerasTensor) else value

        first, *others = self.copies(step.operation, path)
        arguments = step.arguments
        args = keras.tree.map_structure(mapped, arguments.args)
        named = keras.tree.map_structure(mapped, arguments.kwargs)
        if type(first) is not type(step.operation):
            # Another type of layer may lack optional arguments such as mask=None.
            named = {key: value for key, value in named.items() if value is not None}
        result = first(*args, **named)
        for layer in others:
            result = layer(result)
        return result

    def copies(self, operation: keras.Operation, path: str) -> list[Any]:
        if id(operation) not in self.made:
            own = path + operation.name
            replaced = self.replace(operation, own)
            if replaced is not None:
                self.made[id(operation)] = replaced
            elif isinstance(operation, keras.Model):
                self.made[id(operation)] = [self.model(operation, f"{own}/")]
            elif type(operation) is keras.layers.TimeDistributed:
                self.made[id(operation)] = self.each_step(operation, own)
            else:
                self.made[id(operation)] = [self.copy(operation)]
        return self.made[id(operation)]

    def each_step(self, wrapper: keras.layers.TimeDistributed, path: str) -> list[Any]:
        """Copy a TimeDistributed: one around each layer in the place of the one inside."""
        inner = wrapper.layer
        if isinstance(inner, keras.Model):
            layers = [self.model(inner, f"{path}/")]
        else:
            layers = self.replace(inner, path) or [self.copy(inner)]
        names = [wrapper.name, *(f"{wrapper.name}_{layer.name}" for layer in layers[1:])]
        pairs = zip(layers, names, strict=True)
        return [keras.layers.TimeDistributed(layer, name=name) for layer, name in pairs]

    def copy(self, operation: keras.Operation) -> keras.Operation:
        if not isinstance(operation, keras.layers.Layer):
            return operation
        config = operation.get_config()
        if self.policy is not None and id(operation) not in self.last:
            config["dtype"] = self.policy
        layer = type(operation).from_config(config)
        self.pairs.append((operation, layer))
        return layer


def _input_like(tensor: keras.KerasTensor) -> keras.KerasTensor:
    name = maker(tensor)[0].name
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return every layer of a model and of the models inside it, each once."""
    found: dict[int, keras.layers.Layer] = {}
    for layer in model.layers:
        if type(layer) is keras.layers.TimeDistributed:
            layer = layer.layer
        inner = all_layers(layer) if isinstance(layer, keras.Model) else [layer]
        found.update({id(one): one for one in inner})
    return list(found.values())
