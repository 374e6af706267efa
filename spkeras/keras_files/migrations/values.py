"""Values that older files store in another form: numbers, policies, data formats."""

from __future__ import annotations

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.trust import become_own
from spkeras.layers.legacy import CHANNEL_BIAS
from spkeras.ops.types import Json


def plain_numbers(node: LayerNode, context: Context) -> None:
    """Turn ``{"type": "ndarray", "value": 0.3}`` and tuple records into plain values."""
    node.config = {key: _plain(value) for key, value in node.config.items()}


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        if "value" in value and "type" in value and len(value) == 2:
            stored: Json = value["value"]
            return stored
        if value.get("class_name") == "__tuple__" and "items" in value:
            return [_plain(item) for item in value["items"]]
        if value.get("class_name") == "TensorShape" and "items" in value:
            return [_plain(item) for item in value["items"]]
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def plain_policy(node: LayerNode, context: Context) -> None:
    """Reduce the dtype policy of Keras 2 to its name, mixed precision included."""
    dtype = node.config.get("dtype")
    if not context.before_keras_3 or dtype is None:
        return
    if isinstance(dtype, dict):
        name = (dtype.get("config") or {}).get("name")
        context.changed(f"dtype policy record reduced to its name '{name}'", node)
        dtype = name
    # Keras 2 could take the dtype from the first input, which was float32.
    node.config["dtype"] = "float32" if dtype in {None, "_infer", "infer"} else dtype


SPATIAL = ("Conv", "Pool", "UpSampling", "ZeroPadding", "Cropping")


def name_data_format(node: LayerNode, context: Context) -> None:
    """Write the order of axes where the file does not state it, so that no user setting decides.

    Padding, cropping and upsampling of Keras 1 did not store it; they used the user's setting,
    which the other layers of the file state. Flatten of Keras 1 and 2.0 never moved the
    channels; the equal value is channels_last.
    """
    if not context.before_keras_3 or node.layers is not None:
        return
    spatial = any(word in node.class_name for word in SPATIAL) and "1D" not in node.class_name
    if node.config.get("data_format") is not None:
        return
    if spatial:
        node.config["data_format"] = context.silent_format
        if context.silent_format == "channels_first":
            context.changed("channels_first, as the other layers of the file state", node)
    elif node.class_name == "Flatten":
        node.config["data_format"] = "channels_last"


def keep_channel_bias(node: LayerNode, context: Context) -> None:
    """Keep the bias of convolutions with channels first on the channels.

    On TensorFlow, Keras 3.15 adds it along the width where both have the same size, as in
    ``Conv2D(32, 3, padding="same")`` on (3, 32, 32). Files of Keras 3 keep the result of Keras 3.
    """
    if not context.before_keras_3 or node.class_name not in CHANNEL_BIAS or node.layers is not None:
        return
    if node.config.get("data_format") == "channels_first" and node.config.get("use_bias", True):
        become_own(node, f"ChannelBias{node.class_name}")
        context.changed("bias of channels_first kept on the channels", node)
