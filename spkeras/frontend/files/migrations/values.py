"""Values that older files write in another form: numbers, policies, data formats."""

from __future__ import annotations

from typing import Any

from spkeras.frontend.files.context import Context
from spkeras.frontend.files.graph import LayerNode


def plain_numbers(node: LayerNode, context: Context) -> None:
    """Makes ``{"type": "ndarray", "value": 0.3}`` and tuple records plain values."""
    node.config = {key: _plain(value) for key, value in node.config.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "value" in value and "type" in value and len(value) == 2:
            return value["value"]
        if value.get("class_name") == "__tuple__" and "items" in value:
            return [_plain(item) for item in value["items"]]
        if value.get("class_name") == "TensorShape" and "items" in value:
            return [_plain(item) for item in value["items"]]
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def plain_policy(node: LayerNode, context: Context) -> None:
    """Reduces the dtype policy of Keras 2 to its name, mixed precision included."""
    dtype = node.config.get("dtype")
    if not context.before_keras_3 or dtype is None:
        return
    if isinstance(dtype, dict):
        name = (dtype.get("config") or {}).get("name")
        context.changed(f"dtype policy record reduced to its name '{name}'", node)
        dtype = name
    # Keras 2 could leave the dtype to the first input, which was float32.
    node.config["dtype"] = "float32" if dtype in {None, "_infer", "infer"} else dtype


SPATIAL = ("Conv", "Pool", "UpSampling", "ZeroPadding", "Cropping")


def name_data_format(node: LayerNode, context: Context) -> None:
    """Writes channels_last where the file is silent, so that no user setting decides.

    Flatten of Keras 1 and 2.0 never moved the channels, which channels_last says today.
    """
    if not context.before_keras_3 or node.layers is not None:
        return
    spatial = any(word in node.class_name for word in SPATIAL) and "1D" not in node.class_name
    if (spatial or node.class_name == "Flatten") and node.config.get("data_format") is None:
        node.config["data_format"] = "channels_last"


def warn_of_theano_padding(node: LayerNode, context: Context) -> None:
    """Reports padding "same" of Theano where TensorFlow pads otherwise.

    Theano pads both sides evenly, TensorFlow the end first; with stride 1 and odd kernels
    both are the same.
    """
    strides = node.config.get("strides")
    moved = strides not in (None, 1, [1], [1, 1], [1, 1, 1])
    if context.backend == "theano" and node.config.get("padding") == "same" and moved:
        context.changed(
            "warning, not changed: with this stride Theano pads 'same' otherwise than "
            "TensorFlow, so that outputs may differ from the original ones",
            node,
        )
