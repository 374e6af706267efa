"""Keras 1: different class names and argument names for the same layers."""

from __future__ import annotations

from typing import Any

from spkeras.keras_files.context import KERAS_2, Context
from spkeras.keras_files.graph import LayerNode
from spkeras.ops.types import Json

CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "TimeDistributedDense": "Dense",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "Convolution2DTranspose": "Conv2DTranspose",
    "DenseV2": "Dense",
}

ARGUMENTS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "stride": "strides",
    "dim_ordering": "data_format",
    "atrous_rate": "dilation_rate",
    "pool_length": "pool_size",
    "bias": "use_bias",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "forget_bias_init": "",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": "",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "U_constraint": "recurrent_constraint",
    "b_constraint": "bias_constraint",
    "p": "rate",
    "sigma": "stddev",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "input_dtype": "",
}

KERNEL_KEYS = (
    ("nb_row", "nb_col"),
    ("filter_length",),
    ("kernel_dim1", "kernel_dim2", "kernel_dim3"),
)
FORMATS = {"th": "channels_first", "tf": "channels_last", "default": "channels_last"}
PADDINGS = {"half": "same"}


def is_keras1(config: Json) -> bool:
    """Return whether a configuration without a version has keywords of Keras 1.

    Args:
        config: Json part of the decoded configuration.
    """
    if isinstance(config, list):
        return any(is_keras1(part) for part in config)
    if not isinstance(config, dict):
        return False
    marks = {"nb_filter", "border_mode", "dim_ordering", "W_regularizer", "init", "p"}
    marks |= {"pool_length", "W_constraint", "inner_activation", "nb_feature"}
    return bool(marks & config.keys()) or any(is_keras1(part) for part in config.values())


def stated_orders(config: Json) -> set[str]:
    """Return every value of dim_ordering in a configuration of Keras 1.

    Args:
        config: Json part of the decoded configuration.
    """
    if isinstance(config, list):
        return {order for part in config for order in stated_orders(part)}
    if not isinstance(config, dict):
        return set()
    own = {str(config["dim_ordering"])} if "dim_ordering" in config else set()
    return own | {order for part in config.values() for order in stated_orders(part)}


def rename_class(node: LayerNode, context: Context) -> None:
    """Give a layer its class name in Keras 3."""
    modern = CLASSES.get(node.class_name)
    if modern is not None:
        context.changed(f"old class {node.class_name} renamed to {modern}", node)
        node.class_name = modern


def rename_arguments(node: LayerNode, context: Context) -> None:
    """Give the arguments of a Keras 1 layer their names in Keras 3."""
    if context.version >= KERAS_2 or node.layers is not None:
        return
    config = node.config
    before = set(config)
    _join_kernel_size(config)
    for old, new in ARGUMENTS.items():
        if old in config:
            value = config.pop(old)
            if new:
                config[new] = value
    if "output_dim" in config and node.class_name != "Embedding":
        config["units"] = config.pop("output_dim")
    _special_arguments(node, context)
    _translate_values(node, context)
    if set(config) != before:
        context.changed("arguments of Keras 1 renamed to those of Keras 3", node)


def _join_kernel_size(config: dict[str, Any]) -> None:
    """Join nb_row and nb_col, or the equal keys of other layers, to kernel_size."""
    for keys in KERNEL_KEYS:
        if all(key in config for key in keys):
            config["kernel_size"] = [config.pop(key) for key in keys]


def _special_arguments(node: LayerNode, context: Context) -> None:
    """Rename arguments whose new name depends on the class."""
    config = node.config
    if node.class_name == "UpSampling1D" and "length" in config:
        config["size"] = config.pop("length")
    if node.class_name in {"Embedding", "PReLU"}:
        stem = "embeddings" if node.class_name == "Embedding" else "alpha"
        for key in ("initializer", "regularizer", "constraint"):
            if f"kernel_{key}" in config:
                config[f"{stem}_{key}"] = config.pop(f"kernel_{key}")
        config.pop("dropout", None)
    if node.class_name == "PReLU" and "shared_axes" not in config:
        _share_axes(node, context)
    if node.class_name.startswith("ZeroPadding"):
        config["padding"] = _sides(config.get("padding"), 1 if node.class_name[-2] == "1" else 2)


def _share_axes(node: LayerNode, context: Context) -> None:
    """Derive the shared axes from the shape of the slopes: Keras 1 did not store them."""
    shapes = context.shapes(node.stored_name)
    shared = [axis for axis, size in enumerate(shapes[0], start=1) if size == 1] if shapes else []
    if shared:
        node.config["shared_axes"] = shared


def _sides(padding: Json, rank: int) -> Json:
    """Turn {"top_pad": 1, ...} and (top, bottom, left, right) into pairs."""
    if isinstance(padding, dict):
        names = ("top_pad", "bottom_pad", "left_pad", "right_pad")[-2 * rank :]
        padding = [padding.get(name, 0) for name in names]
    if isinstance(padding, list) and len(padding) == 4:
        return [padding[:2], padding[2:]]
    return padding


def _pad_transposed(node: LayerNode, context: Context) -> None:
    """Replace the output shape that Keras 1 stored by the output padding that gives it."""
    config = node.config
    shape = config.pop("output_shape", None)
    if shape is None:
        return
    first = config.get("data_format") == "channels_first"
    wanted = shape[2:] if first else shape[1:-1]
    kernel, strides = config["kernel_size"], config.get("strides", [1, 1])
    same = config.get("padding") == "same"
    extra, usual = [], True
    for size, k, s in zip(wanted, kernel, strides, strict=True):
        length = -(-size // s) if same else -(-(size - k + 1) // s)
        extra.append(size - ((length - 1) * s + k - (2 * (k // 2) if same else 0)))
        usual &= size == (length * s if same else (length - 1) * s + max(k, s))
    if not usual:
        config["output_padding"] = extra
        context.changed("output_shape written as output_padding", node)


def _translate_values(node: LayerNode, context: Context) -> None:
    """Translate the values of data_format and padding; refuse padding "full"."""
    config = node.config
    if "data_format" in config:
        config["data_format"] = FORMATS.get(config["data_format"], config["data_format"])
    padding = config.get("padding")
    if isinstance(padding, str):
        config["padding"] = PADDINGS.get(padding, padding)
    if padding == "full":
        context.refuse(node, "border_mode 'full' of Theano has no equal in Keras 3.")
    if node.class_name == "Conv2DTranspose":
        _pad_transposed(node, context)
    mode = config.pop("mode", 0) if node.class_name == "BatchNormalization" else 0
    if mode == 1:
        context.refuse(node, "mode=1 normalizes each sample, which Keras 3 does not.")
    if mode == 2:
        context.refuse(
            node, "mode=2 normalizes by the statistics of each batch, which Keras 3 does not."
        )
