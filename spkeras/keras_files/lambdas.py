"""Layers that are code: refused by name, or replaced by a layer that the user names.

A Lambda stores bytecode or the name of a function. Neither is ever run. The user can name a
replacement in a small grammar instead (`replacements`).
"""

from __future__ import annotations

from typing import Any

from spkeras.keras_files.calls import call_tensors, plain_call
from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.replacements import (
    FORMS,
    grammar,
    replacement_layer,
    suggestion,
    takes_several,
)
from spkeras.keras_files.subclasses import refuse_own_call
from spkeras.keras_files.trust import become_own, is_given, is_own
from spkeras.layers import merging
from spkeras.ops.types import Json

KERAS_ROOTS = frozenset({"keras", "tf_keras", "tensorflow", "builtins"})
# Layers of Keras 3 that run code from outside Keras: pickles, graphs, functions.
FOREIGN_CODE = frozenset({"TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
# Arguments of layers of Keras that may name a file of the machine.
FILES = frozenset({"vocabulary", "idf_weights", "filepath"})
# Modules that an argument's function may come from; keras.utils and others do more than compute.
FUNCTION_ROOMS = frozenset({"activations", "initializers", "regularizers", "constraints", "ops"})


def replace_named(node: LayerNode, context: Context) -> None:
    """Replace a layer by the user's replacement, if there is one."""
    written = context.replace.get(node.stored_name)
    if written is None:
        return
    shape = node.config.get("batch_input_shape")
    node.class_name, node.config = replacement_layer(node.stored_name, written)
    if shape is not None:
        node.config["batch_input_shape"] = shape
    node.replaced_model = node.is_functional
    node.module, node.registered_name, node.layers, node.wrapped = None, None, None, None
    node.parts = {}
    node.operator = node.subclassed = False
    context.replaced.add(node.stored_name)
    if hasattr(merging, node.class_name):
        become_own(node, node.class_name, merging.__name__)
    several = takes_several(written)
    counts = {len(call_tensors(call)) for call in node.calls} or {1}
    if any((count > 1) is not several for count in counts):
        context.refuse(
            node,
            f"is called with {max(counts)} tensors, and {written} takes "
            f"{'several' if several else 'one'}. Allowed: {grammar(not several)}.",
        )
    node.calls = [plain_call(call) for call in node.calls]
    left_out = ", without its weights" if context.has_weights(node) else ""
    node.group = ""
    context.changed(f"replaced by {written}, as asked{left_out}", node)


def or_replace(node: LayerNode, context: Context) -> str:
    """Return the advice to name a replacement, for a layer without weights; they would be lost."""
    if context.has_weights(node):
        return ""
    return (
        f"; or name a replacement: replace={{'{node.stored_name}': REPLACEMENT}}. "
        f"Allowed: {grammar(_takes_several(node))}"
    )


def refuse_code(node: LayerNode, context: Context) -> None:
    """Refuse layers whose computation is code: Lambda, custom classes, custom functions."""
    if node.class_name == "Lambda":
        context.refuse(
            node,
            "is code inside the file, which is never run. Name what it computes with "
            f"replace={{'{node.stored_name}': REPLACEMENT}}. Allowed: {_allowed(node)}",
        )
    elif node.class_name in FOREIGN_CODE:
        context.refuse(
            node,
            "runs code of another library, which is never run from a file. Rebuild it from "
            f"layers of Keras{or_replace(node, context)}.",
        )
    elif node.subclassed:
        refuse_own_call(node, context)
    elif is_custom(node):
        shown = node.registered_name or node.class_name
        context.refuse(
            node,
            f"is of the custom class '{shown}', whose code is not in the file. Use a layer "
            "of Keras, or register the class, which keeps its weights (spkeras.register_layer)"
            f"{or_replace(node, context)}.",
        )
    else:
        _refuse_functions(node, context)


def _takes_several(node: LayerNode) -> bool:
    return any(len(call_tensors(call)) > 1 for call in node.calls)


def _allowed(node: LayerNode) -> str:
    """Return the replacements that fit the calls of a layer, and the one that its name suggests."""
    several = _takes_several(node)
    function = node.config.get("function")
    name = function.get("config") if isinstance(function, dict) else function
    form = suggestion([part for part in (name, node.stored_name) if isinstance(part, str)])
    if not several:
        return f"{grammar(False)}. {FORMS}"
    called = f" Its name suggests {form}." if form else ""
    return f"{grammar(True)}.{called}"


def is_custom(node: LayerNode) -> bool:
    """Return whether a class is known neither to Keras nor to the program."""
    if is_own(node):
        return False
    root = (node.module or "keras").split(".")[0]
    return (
        ">" in node.class_name or ">" in (node.registered_name or "") or (root not in KERAS_ROOTS)
    )


def _refuse_functions(node: LayerNode, context: Context) -> None:
    """Refuse custom objects among the arguments of a layer, such as an activation."""
    for key, value in (*node.config.items(), ("call", node.calls)):
        if key in FILES and isinstance(value, str):
            context.refuse(
                node,
                f"its '{key}' names a file, and a model reads no other file. Store the values "
                "in the layer, or do this step before the model.",
            )
        if key.endswith(("_regularizer", "_constraint", "_initializer")):
            continue  # only for training; another migration drops the unknown ones
        for record in _records(value):
            if _is_foreign(record) and not _is_given(record):
                what = record["config"] if record["class_name"] == "function" else _shown(record)
                context.refuse(
                    node,
                    f"its '{key}' is the custom object '{what}', whose code is not in the "
                    "file. Use an activation of Keras, or name a replacement of the layer.",
                )


def _records(value: Json) -> list[dict[str, Any]]:
    """Return the object records inside an argument."""
    if isinstance(value, dict):
        inner = [record for part in value.values() for record in _records(part)]
        return [value, *inner] if "class_name" in value else inner
    if isinstance(value, list | tuple):
        return [record for part in value for record in _records(part)]
    return []


def _is_given(record: dict[str, Any]) -> bool:
    """Return whether the user gave the class or function that a record names."""
    names = (record.get("registered_name"), record.get("config"), record["class_name"])
    return any(is_given(name) for name in names if isinstance(name, str))


def _shown(record: dict[str, Any]) -> str:
    return str(record.get("registered_name") or record["class_name"])


def _is_foreign(record: dict[str, Any]) -> bool:
    registered = record.get("registered_name") or ""
    if registered.startswith("spkeras>") or str(record.get("config")).startswith("spkeras>"):
        return False
    module = str(record.get("module") or "keras")
    root = module.split(".")[0]
    if record["class_name"] == "function" and root in {"keras", "tf_keras"} and module != root:
        return not FUNCTION_ROOMS & set(module.split("."))
    return (
        record["class_name"] in {"__lambda__", "Lambda", *FOREIGN_CODE}
        or ">" in str(record["class_name"])
        or ">" in registered
        or root not in KERAS_ROOTS
        or (record["class_name"] == "function" and root == "builtins")
    )
