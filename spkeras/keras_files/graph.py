"""A stored configuration as a tree of layers, before any Keras object exists.

Each generation of Keras stores the same facts in another form: a Sequential as a bare list or
as a record, calls as flat lists or as ``args``/``kwargs`` records. ``parse_model`` reads all of
them into `LayerNode`, the migrations change that tree, and ``emit`` writes the form that Keras 3
reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from spkeras.errors import ModelFileError, shown
from spkeras.keras_files.names import numbered, snake_case
from spkeras.keras_files.schema import check_entry, check_levels, inside
from spkeras.keras_files.trust import is_own
from spkeras.ops.types import Json

FUNCTIONAL_CLASSES = frozenset({"Functional", "Model", "Container", "Network"})
WRAPPER_CLASSES = frozenset(
    {"TimeDistributed", "Bidirectional", "SpectralNormalization", "Wrapper", "RNN"}
)
PARTS = ("backward_layer", "cell", "cells")  # further arguments that hold layers

# A call as stored: a Keras 3 record, or [name, node, tensor, kwargs] items.
Call = dict[str, Any] | list[Any]


@dataclass
class LayerNode:
    """One layer or model of a stored configuration.

    Attributes:
        class_name: Class to build; a migration may change it.
        name: Name to build with; a migration may change it.
        config: Constructor arguments.
        stored_name: Name in the file, under which its weights are stored; as `name` by default.
        stored_class: Class in the file, after which newer files name the weights.
        module: Module that the file names, or None.
        registered_name: Registered name that the file gives, or None.
        calls: Calls of the layer (``inbound_nodes``), each a list of
            ``[name, node, tensor, kwargs]`` items or a Keras 3 record.
        layers: Layers inside, for a model; None for a plain layer.
        inputs: References to the input layers, in any nesting (functional models).
        outputs: References to the output tensors.
        wrapped: The layer inside a wrapper such as TimeDistributed.
        parts: Layers in further arguments, or lists of them.
        group: Name under which Keras zips store its weights, after class and position.
        shared: Number that Keras 3 gives to a layer in all places where it is stored.
        replaced_model: Whether it replaces a functional model.
        operator: Whether it is an operator of Keras 3; see `operators`.
        moved: Whether it has arguments that another version of Keras takes elsewhere.
        subclassed: Whether it is a model of a user's class, read as the layers that the file lists.
    """

    class_name: str
    name: str
    config: dict[str, Any]
    stored_name: str = ""
    stored_class: str = ""
    module: str | None = None
    registered_name: str | None = None
    calls: list[Any] = field(default_factory=list)
    layers: list[LayerNode] | None = None
    inputs: Json = None
    outputs: Json = None
    wrapped: LayerNode | None = None
    parts: dict[str, LayerNode | list[LayerNode]] = field(default_factory=dict)
    group: str = ""
    shared: int | None = None
    replaced_model: bool = False
    operator: bool = False
    moved: bool = False
    subclassed: bool = False

    def __post_init__(self) -> None:
        self.stored_name = self.stored_name or self.name
        self.stored_class = self.stored_class or self.class_name

    @property
    def is_sequential(self) -> bool:
        return self.layers is not None and self.class_name == "Sequential"

    @property
    def is_functional(self) -> bool:
        return self.layers is not None and not self.is_sequential

    @property
    def label(self) -> str:
        """Name and class in the file, as messages show them."""
        return f"'{shown(self.stored_name)}' ({shown(self.stored_class)})"

    def walk(self) -> Iterator[LayerNode]:
        """Yield this node and all nodes inside it, outer ones first."""
        yield self
        for child in self.layers or ():
            yield from child.walk()
        if self.wrapped is not None:
            yield from self.wrapped.walk()
        for part in self.parts.values():
            for inner in part if isinstance(part, list) else [part]:
                yield from inner.walk()


def parse_model(stored: dict[str, Any]) -> LayerNode:
    """Read the configuration of a whole model, as stored by any Keras version.

    Args:
        stored: The decoded JSON: ``class_name``, ``config`` and the other keys.

    Returns:
        The tree of its layers.

    Raises:
        ModelFileError: the configuration is neither Sequential nor functional.
    """
    if not isinstance(stored, dict) or "class_name" not in stored:
        raise ModelFileError(
            "The stored configuration has no 'class_name', so it is not a Keras model. "
            "Expected the JSON of model.to_json() or of a saved model."
        )
    check_levels(stored)
    node = parse_entry(stored, "model")
    if node.layers is None and not is_own(node):
        raise ModelFileError(
            f"The model is of class '{node.class_name}', which is a custom class: its "
            "computation is code, not in the file. Allowed are Sequential and functional "
            "models. Rebuild it as one of these and save again."
        )
    return node


def parse_entry(entry: dict[str, Any], fallback_name: str) -> LayerNode:
    """Read one layer record."""
    check_entry(entry, f"layer '{fallback_name}'")
    with inside(f"layer '{shown(entry.get('name') or fallback_name)}'"):
        return _parsed(entry, fallback_name)


def _parsed(entry: dict[str, Any], fallback_name: str) -> LayerNode:
    class_name = str(entry["class_name"])
    raw = entry.get("config")
    config: dict[str, Any] = {"layers": raw} if isinstance(raw, list) else dict(raw or {})
    name = str(entry.get("name") or config.get("name") or fallback_name)
    node = LayerNode(
        class_name=class_name,
        name=name,
        config=config,
        module=entry.get("module"),
        registered_name=entry.get("registered_name"),
        shared=entry.get("shared_object_id"),
        calls=[_normal_call(call) for call in entry.get("inbound_nodes") or ()],
    )
    _parse_inside(node)
    return node


def _parse_inside(node: LayerNode) -> None:
    """Read the layers of a model, or the layer of a wrapper."""
    config = node.config
    _name_model(node)
    if node.class_name == "Sequential" and isinstance(config.get("layers"), list):
        node.layers = _parse_list(config.pop("layers"))
    elif node.class_name in FUNCTIONAL_CLASSES and isinstance(config.get("layers"), list):
        node.layers = _parse_list(config.pop("layers"))
        node.inputs = config.pop("input_layers")
        node.outputs = config.pop("output_layers")
    elif node.class_name in WRAPPER_CLASSES and isinstance(config.get("layer"), dict):
        node.wrapped = parse_entry(config.pop("layer"), "layer")
    for key in PARTS:
        part = config.get(key)
        if isinstance(part, list) and part and all(map(_is_record, part)):
            node.parts[key] = [parse_entry(entry, key) for entry in config.pop(key)]
        elif _is_record(part):
            node.parts[key] = parse_entry(config.pop(key), key)


def _is_record(value: Json) -> bool:
    return isinstance(value, dict) and "class_name" in value and "config" in value


def _name_model(node: LayerNode) -> None:
    """Give a model of another class, with its layers in the file, the class of such models."""
    layers = node.config.get("layers")
    if not isinstance(layers, list) or not layers or is_own(node):
        return
    if node.class_name in FUNCTIONAL_CLASSES or node.class_name == "Sequential":
        return
    inside_keras = _is_keras_module(node.module)
    if {"input_layers", "output_layers"} <= node.config.keys():
        node.class_name, node.subclassed = "Functional", not inside_keras
    elif not inside_keras and _starts_with_input(layers):
        node.class_name, node.subclassed = "Sequential", True


def _starts_with_input(layers: list[Any]) -> bool:
    return isinstance(layers[0], dict) and layers[0].get("class_name") == "InputLayer"


def _parse_list(entries: list[dict[str, Any]]) -> list[LayerNode]:
    """Read the layers of a model; an unnamed one is named after its class and position."""
    nodes = [parse_entry(entry, _default_name(entry, index)) for index, entry in enumerate(entries)]
    layers = [node for node in nodes if ".ops." not in (node.module or "")]
    names = numbered(snake_case(node.stored_class.split(">")[-1]) for node in layers)
    for node, name in zip(layers, names, strict=True):
        node.group = name
    return nodes


def _default_name(entry: Json, index: int) -> str:
    kind = entry.get("class_name") if isinstance(entry, dict) else "layer"
    return f"{shown(kind).lower()}_{index}"


def _is_keras_module(module: str | None) -> bool:
    return bool(module) and str(module).split(".")[0] in {"keras", "tf_keras"}


def _normal_call(call: Call) -> Call:
    """Return a call as a list of ``[name, node, tensor, kwargs]`` items."""
    if isinstance(call, dict):
        return call
    items = [call] if call and isinstance(call[0], str) else call
    return [[*item, {}] if len(item) == 3 else list(item) for item in items]
