"""Layers that are code: refused by name, or replaced by a layer that the user names.

A Lambda stores bytecode or the name of a function. Neither is ever run. The user can name a
replacement in a small grammar instead:

========================== ====================================================
``identity``               returns its input
``rescaling:DIVISOR,OFFSET`` x / DIVISOR + OFFSET; ``rescaling:127.5,-1`` is x/127.5 - 1
``normalization:MEAN,STD`` (x - MEAN) / STD, two numbers
``activation:NAME``        an activation of Keras, such as ``activation:relu``
========================== ====================================================
"""

from __future__ import annotations

from typing import Any

import keras

from spkeras.errors import ModelFileError
from spkeras.keras_files.calls import call_tensors, plain_call
from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode, is_own
from spkeras.keras_files.subclasses import refuse_own_call
from spkeras.ops.types import Json

GRAMMAR = (
    "identity, rescaling:DIVISOR,OFFSET (x / DIVISOR + OFFSET), "
    "normalization:MEAN,STD ((x - MEAN) / STD), activation:NAME"
)
FORMS = (
    "Common forms: x/255 is rescaling:255,0; x/127.5 - 1 is rescaling:127.5,-1; "
    "x - mean is rescaling:1,-MEAN; x/255 - 0.5 is rescaling:255,-0.5."
)
KERAS_ROOTS = frozenset({"keras", "tf_keras", "tensorflow", "builtins"})
# Layers of Keras 3 that run code from outside Keras: pickles, graphs, functions.
FOREIGN_CODE = frozenset({"TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
# Arguments of layers of Keras that may name a file of the machine.
FILES = frozenset({"vocabulary", "idf_weights", "filepath"})
# Modules that an argument's function may come from; keras.utils and others do more than compute.
FUNCTION_ROOMS = frozenset({"activations", "initializers", "regularizers", "constraints", "ops"})


def replacement_layer(name: str, written: str) -> tuple[str, dict[str, Any]]:
    """Read one replacement.

    Args:
        name: Name of the layer, for messages.
        written: The replacement in the grammar of this module.

    Returns:
        Keras class name and constructor arguments.

    Raises:
        ModelFileError: the text is not in the grammar, or a divisor is 0.
    """
    kind, _, rest = written.strip().partition(":")
    try:
        if kind == "identity" and not rest:
            return "Activation", {"activation": "linear"}
        if kind == "rescaling":
            divisor, offset = _two_numbers(rest, 0.0)
            return "Rescaling", {"scale": 1.0 / divisor, "offset": offset}
        if kind == "normalization":
            mean, std = _two_numbers(rest, 1.0)
            return "Rescaling", {"scale": 1.0 / std, "offset": -mean / std}
        if kind == "activation" and rest:
            keras.activations.get(rest)
            return "Activation", {"activation": rest}
    except (ValueError, ZeroDivisionError) as error:
        raise ModelFileError(
            f"Replacement '{written}' of layer '{name}' cannot be read: {error}. "
            f"Allowed: {GRAMMAR}."
        ) from error
    raise ModelFileError(
        f"Replacement '{written}' of layer '{name}' is unknown. Allowed: {GRAMMAR}."
    )


def _two_numbers(written: str, second: float) -> tuple[float, float]:
    """Read "A" or "A,B"; an absent B has a default."""
    parts = [float(part) for part in written.split(",")]
    if len(parts) > 2:
        raise ValueError(f"expected at most two numbers, received {len(parts)}")
    return parts[0], parts[1] if len(parts) == 2 else second


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
    counts = {len(call_tensors(call)) for call in node.calls} - {1}
    if counts:
        context.refuse(
            node,
            f"is called with {max(counts)} tensors; a replacement takes one. Rebuild this part "
            "from layers of Keras.",
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
        f"Allowed: {GRAMMAR}"
    )


def refuse_code(node: LayerNode, context: Context) -> None:
    """Refuse layers whose computation is code: Lambda, custom classes, custom functions."""
    if node.class_name == "Lambda":
        context.refuse(
            node,
            "is code inside the file, which is never run. Name what it computes with "
            f"replace={{'{node.stored_name}': REPLACEMENT}}. Allowed: {GRAMMAR}. {FORMS}",
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
            if _is_foreign(record):
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
