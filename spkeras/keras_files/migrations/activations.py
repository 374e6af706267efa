"""Activations whose name, form or function changed between Keras 2 and 3."""

from __future__ import annotations

from typing import Any

import keras

from spkeras.keras_files.context import WARNING, Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.trust import become_own, is_given
from spkeras.ops.types import Json

KEYS = ("activation", "recurrent_activation")
RENAMED = {
    "softmax_v2": "softmax",
    "swish_v2": "silu",
    "sigmoid_v2": "sigmoid",
    "tanh_v2": "tanh",
    "relu_v2": "relu",
    "leaky_relu_v2": "leaky_relu",
    "elu_v2": "elu",
    "hard_swish": "hard_silu",
}
# Activation layers given as an activation, with the argument that Keras 2 named differently.
LAYERS = frozenset({"ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "ThresholdedReLU"})
OLD_HARD_SIGMOID = {
    "module": "builtins",
    "class_name": "function",
    "config": "spkeras>hard_sigmoid_keras2",
    "registered_name": "function",
}


def name_activations(node: LayerNode, context: Context) -> None:
    """Write activations as names that Keras 3 has; refuse unknown ones by name."""
    if not context.before_keras_3 or node.layers is not None:
        return
    for key in KEYS:
        if node.config.get(key) is not None:
            node.config[key] = _named(node, key, node.config[key], context)


def _named(node: LayerNode, key: str, value: Json, context: Context) -> Json:
    """Return the activation in its Keras 3 form, or record a refusal."""
    if isinstance(value, dict):
        class_name = str(value.get("class_name"))
        if class_name in LAYERS:
            return _layer_activation(class_name, dict(value.get("config") or {}))
        value = value.get("config") if class_name == "function" else class_name
    if is_given(str(value)):
        return {**OLD_HARD_SIGMOID, "config": value, "registered_name": value}
    name = RENAMED.get(str(value), str(value))
    if name != value:
        context.changed(f"activation '{value}' renamed to '{name}'", node)
    if not _known(name):
        context.refuse(
            node,
            f"its {key} '{name}' is a custom function, whose code is not in the file. Use "
            f"an activation of Keras, or name a replacement of the layer.",
        )
    return name


def _known(name: str) -> bool:
    try:
        keras.activations.get(name)
    except ValueError:
        return False
    return True


def _layer_activation(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an activation given as a layer, such as LeakyReLU(0.1)."""
    if class_name == "ThresholdedReLU":
        class_name, config["threshold"] = "ReLU", config.pop("theta", 1.0)
    if class_name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    dtype = config.get("dtype")
    if isinstance(dtype, dict):
        config["dtype"] = "float32"
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def keep_hard_sigmoid(node: LayerNode, context: Context) -> None:
    """Keep clip(0.2 x + 0.5, 0, 1); under the same name Keras 3 has x / 6 + 0.5."""
    if not context.before_keras_3:
        return
    for key in KEYS:
        if node.config.get(key) == "hard_sigmoid":
            node.config[key] = dict(OLD_HARD_SIGMOID)
            context.changed("hard_sigmoid keeps its Keras 2 meaning, clip(0.2x + 0.5)", node)


def keep_bilinear(node: LayerNode, context: Context) -> None:
    """Keep the bilinear upsampling of TensorFlow 1, aligned at the corner.

    Keras outside TensorFlow used it up to 2.3, TensorFlow up to 1.14. TensorFlow 1.13 to 2.1 all
    state the Keras version "2.2.4-tf", so that their files are ambiguous.
    """
    if node.class_name != "UpSampling2D" or node.config.get("interpolation") != "bilinear":
        return
    if context.tag and context.version[:3] == (2, 2, 4):
        context.changed(
            f"{WARNING}, not changed: bilinear upsampling read from the corner in TensorFlow 1.13 "
            "and 1.14, from pixel centres in later ones; the file does not state which wrote it",
            node,
        )
    elif context.version < ((2, 2, 4) if context.tag else (2, 4)):
        kept = ("size", "data_format", "batch_input_shape")
        node.config = {key: node.config[key] for key in kept if key in node.config}
        become_own(node, "BilinearUpSampling")
        context.changed("bilinear upsampling keeps its TensorFlow 1 meaning", node)
