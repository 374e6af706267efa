"""Raw TensorFlow operations in a functional model, replaced by layers.

Keras 2.4 and later stored ``x * 2`` or ``tf.nn.relu6(x)`` as a TFOpLambda that names the
operation. Keras of TensorFlow 2.0 to 2.3 stored it as a TensorFlowOpLayer that holds a graph
node. The common ones are layers of Keras, the others small layers of spkeras.
"""

from __future__ import annotations

from typing import Any

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode, become_own
from spkeras.keras_files.migrations.graph_ops import graph_operation
from spkeras.keras_files.migrations.tensor_calls import NotMappedError, TensorCall
from spkeras.keras_files.migrations.tensor_layers import MAKERS
from spkeras.keras_files.references import CONSTANT

OWN = frozenset({"Slice", "Reduce", "Clip"})


def map_tensor_op(node: LayerNode, context: Context) -> None:
    """Replace a raw operation by a layer that computes the same."""
    if node.class_name not in {"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"}:
        return
    function = str(
        node.config.get("function")
        or node.stored_name.removeprefix("tf.").removeprefix("tf_op_layer_")
    )
    try:
        if len(node.calls) != 1:
            raise NotMappedError("called more than once")
        if node.class_name == "TensorFlowOpLayer":
            function, operation = graph_operation(node)
        else:
            operation = _operation(node.calls[0])
        if function not in MAKERS:
            raise NotMappedError("not in the list")
        class_name, config, tensors = MAKERS[function](operation)
    except (NotMappedError, KeyError, TypeError, ValueError, IndexError) as error:
        context.refuse(
            node,
            f"is the raw TensorFlow operation tf.{function}, which has no equal layer with "
            f"these arguments ({error}). Allowed are: {', '.join(sorted(MAKERS))}. Write it "
            "as a layer and save again.",
        )
        return
    _become(node, class_name, config)
    node.calls = [[[*tensor[:3], {}] for tensor in tensors]]
    context.changed(f"tf.{function} replaced by the layer {class_name}", node)


def _become(node: LayerNode, class_name: str, config: dict[str, Any]) -> None:
    node.class_name, node.config = class_name, config
    node.module, node.registered_name = None, None
    if class_name in OWN:
        become_own(node, class_name)


def _operation(call: list[list[Any]]) -> TensorCall:
    """Read the flat form of a stored call."""
    values: dict[str, Any] = {}
    for item in call:
        values.update(item[3])
    tensors = [item[:3] for item in call if item[0] != CONSTANT]
    constants = [item[2] for item in call if item[0] == CONSTANT]
    return TensorCall(tensors, values, constants[0] if constants else None)
