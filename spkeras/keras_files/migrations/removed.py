"""Layers that Keras 3 lacks, and arguments whose default or effect changed."""

from __future__ import annotations

import keras

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.lambdas import or_replace
from spkeras.keras_files.references import references
from spkeras.keras_files.trust import become_own, is_own

REMOVED = {
    "MaxoutDense": "is a layer of Keras 1 that Keras 2 removed",
    "Highway": "is a layer of Keras 1 that Keras 2 removed",
    "SReLU": "is a layer of Keras 1 that Keras 2 removed",
    "ParametricSoftplus": "is a layer of Keras 1 that Keras 2 removed",
    "DenseFeatures": "reads feature columns, which Keras 3 does not have",
    "AddLoss": "adds a loss of TensorFlow",
    "AddMetric": "adds a metric of TensorFlow",
}


def refuse_removed(node: LayerNode, context: Context) -> None:
    """Refuse layers that no layer of Keras 3 equals."""
    reason = REMOVED.get(node.class_name)
    if reason is not None and node.layers is None and not is_own(node):
        context.refuse(
            node,
            f"{reason}. Rebuild the model without it{or_replace(node, context)}.",
        )


def refuse_several_outputs(node: LayerNode, context: Context) -> None:
    """Refuse a TimeDistributed around a model of several outputs, which Keras 3 cannot call."""
    inner = node.wrapped
    if node.class_name != "TimeDistributed" or inner is None or not inner.is_functional:
        return
    count = len(references(inner.outputs))
    if count > 1:
        context.refuse(
            node,
            f"returns {count} tensors for each step, which Keras {keras.__version__} cannot. Use a "
            "TimeDistributed for each output.",
        )


def keep_locally_connected(node: LayerNode, context: Context) -> None:
    """Keep the layers whose weights differ per position; Keras 3 has none."""
    if node.class_name not in {"LocallyConnected1D", "LocallyConnected2D"}:
        return
    if node.config.get("padding", "valid") != "valid":
        context.refuse(node, "padding 'same' with weights per position is not supported.")
        return
    rank = 1 if node.class_name == "LocallyConnected1D" else 2
    for key in ("kernel_size", "strides"):
        value = node.config.get(key, 1)
        node.config[key] = [value] * rank if isinstance(value, int) else list(value)
    kept = (
        "filters kernel_size strides data_format activation use_bias batch_input_shape dtype "
        "trainable".split()
    )
    node.config = {key: node.config[key] for key in kept if key in node.config}
    become_own(node, "LocallyConnected")
    context.changed("layer of Keras 2 kept, which Keras 3 lacks", node)


def replace_thresholded_relu(node: LayerNode, context: Context) -> None:
    """Turn ThresholdedReLU into a ReLU with a threshold, which is the same function."""
    if node.class_name != "ThresholdedReLU":
        return
    node.config["threshold"] = float(node.config.pop("theta", 1.0))
    node.class_name, node.module, node.registered_name = "ReLU", None, None
    context.changed("ThresholdedReLU replaced by ReLU(threshold=theta)", node)


def settle_random_sizes(node: LayerNode, context: Context) -> None:
    """Write what layers of random sizes do at inference, where Keras 3 lacks or changed it.

    RandomHeight and RandomWidth leave images alone. RandomCrop of Keras 2 cuts them to the
    proportions of its size and resizes; that of Keras 3 leaves them alone.
    """
    if node.class_name in {"RandomHeight", "RandomWidth"}:
        context.changed(f"{node.class_name} replaced by Identity, as at inference", node)
        node.class_name = "Identity"
        kept = ("name", "trainable", "dtype", "batch_input_shape")
        node.config = {key: node.config[key] for key in kept if key in node.config}
    elif node.class_name == "RandomCrop" and context.before_keras_3:
        context.changed("RandomCrop replaced by a Resizing in proportion, as at inference", node)
        node.class_name, node.config["crop_to_aspect_ratio"] = "Resizing", True
    else:
        return
    node.module = node.registered_name = None


def replace_cudnn(node: LayerNode, context: Context) -> None:
    """Turn a recurrent layer of the GPU library cuDNN into the plain layer of its equations."""
    if node.class_name not in {"CuDNNLSTM", "CuDNNGRU"}:
        return
    node.class_name, node.module, node.registered_name = node.class_name[5:], None, None
    node.config |= {"activation": "tanh", "recurrent_activation": "sigmoid"}
    if node.class_name == "GRU":
        node.config["reset_after"] = True
    context.changed(
        f"{node.stored_class} replaced by {node.class_name}, its weights reordered", node
    )


def settle_batch_normalization(node: LayerNode, context: Context) -> None:
    """Write the axis as one number; refuse batch normalization over several axes."""
    if node.class_name != "BatchNormalization":
        return
    axis = node.config.get("axis")
    if isinstance(axis, list):
        if len(axis) == 1:
            node.config["axis"] = axis[0]
        else:
            context.refuse(node, f"normalizes over the axes {axis}; Keras 3 takes one.")


def keep_gru_order(node: LayerNode, context: Context) -> None:
    """Write reset_after=False where the file is older than that argument.

    Keras 3 takes True when it is absent, which is another function.
    """
    if (
        node.class_name in {"GRU", "GRUCell"}
        and context.before_keras_3
        and "reset_after" not in node.config
    ):
        node.config["reset_after"] = False
        context.changed(f"{node.class_name} without reset_after keeps reset_after=False", node)
