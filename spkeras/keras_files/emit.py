"""Writer of a tree of layers in the form that Keras 3 reads."""

from __future__ import annotations

import inspect
from typing import Any

from spkeras.keras_files.graph import Call, LayerNode
from spkeras.keras_files.operators import operator_classes
from spkeras.keras_files.records import record, tensor
from spkeras.keras_files.references import is_reference, map_references
from spkeras.keras_files.trust import own_name
from spkeras.ops.types import Json


def emit(node: LayerNode) -> dict[str, Any]:
    """Return the record that `keras.saving.deserialize_keras_object` takes.

    Args:
        node: Root of a migrated tree.
    """
    if node.layers is None:
        return _emit_layer(node)
    config: dict[str, Any] = {"name": node.name, "trainable": node.config.get("trainable", True)}
    config["layers"] = [_emit_member(child, node.is_functional) for child in node.layers]
    if node.is_functional:
        functional = {child.name for child in node.layers if child.is_functional}
        config["input_layers"] = _unpacked(node.inputs)
        config["output_layers"] = _counted_from_one(_unpacked(node.outputs), functional)
    class_name = "Sequential" if node.is_sequential else "Model"
    return record("keras", class_name, config)


def _emit_layer(node: LayerNode) -> dict[str, Any]:
    """Return the record of a plain layer, an operation, or a layer of spkeras."""
    config = {**node.config, "name": node.name}
    if node.wrapped is not None:
        config["layer"] = emit(node.wrapped)
    for key, part in node.parts.items():
        config[key] = [emit(one) for one in part] if isinstance(part, list) else emit(part)
    name = own_name(node)
    if name is not None:
        own = record(node.module or "spkeras", node.class_name.split(">")[-1], config)
        own["registered_name"] = name
        return own
    if node.operator:
        return record(str(node.module), node.class_name, _operator_config(node))
    return record("keras.layers", node.class_name, config)


def _operator_config(node: LayerNode) -> dict[str, Any]:
    """Return the arguments of an operator; not every one takes a name."""
    parameters = inspect.signature(operator_classes()[node.class_name].__init__).parameters
    return {**node.config, "name": node.name} if "name" in parameters else node.config


def _emit_member(node: LayerNode, functional: bool) -> dict[str, Any]:
    member = emit(node)
    if functional:
        member["name"] = node.name
        member["inbound_nodes"] = [_emit_call(call) for call in node.calls]
    return member


def _emit_call(call: Call) -> dict[str, Any]:
    """Return the record of one call; only this form can pass tensors by keyword."""
    if isinstance(call, dict):
        return call
    keywords: dict[str, Any] = {}
    for item in call:
        keywords.update(item[3])
    tensors = [tensor(item) for item in call]
    return {
        "args": [tensors[0] if len(tensors) == 1 else tensors],
        "kwargs": {key: _keyword(value) for key, value in keywords.items()},
    }


def _keyword(value: Json) -> Json:
    return tensor(value) if is_reference(value) else value


def _unpacked(structure: Json) -> Json:
    """Return a single tensor without its list, so that the model returns an array."""
    if isinstance(structure, list) and len(structure) == 1 and is_reference(structure[0]):
        return structure[0]
    return structure


def _counted_from_one(structure: Json, functional: set[str]) -> Json:
    """Add 1 to the calls of inner functional models: in outputs, Keras 3 counts from 1."""
    return map_references(structure, lambda ref: (ref[0], ref[1] + (ref[0] in functional), ref[2]))
