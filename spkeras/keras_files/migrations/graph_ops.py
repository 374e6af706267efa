"""Graph nodes of TensorFlow 1.15 to 2.3, read as calls of the equal functions.

A TensorFlowOpLayer holds one node: its operation, its attributes, and the constant inputs by
position. Later versions of Keras stored the function's name and arguments instead.
"""

from __future__ import annotations

import json
from typing import Any

from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.migrations.tensor_calls import NotMappedError, TensorCall
from spkeras.ops.types import Json

# Operation: function, keywords of the inputs after the first, keyword of each attribute.
READERS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "Add": ("math.add", ("y",), {}),
    "AddV2": ("math.add", ("y",), {}),
    "AddN": ("math.add_n", (), {}),
    "BiasAdd": ("nn.bias_add", ("bias",), {}),
    "Mul": ("math.multiply", ("y",), {}),
    "Sub": ("math.subtract", ("y",), {}),
    "RealDiv": ("math.truediv", ("y",), {}),
    "Maximum": ("math.maximum", ("y",), {}),
    "Minimum": ("math.minimum", ("y",), {}),
    "Neg": ("math.negative", (), {}),
    "Relu": ("nn.relu", (), {}),
    "Relu6": ("nn.relu6", (), {}),
    "LeakyRelu": ("nn.leaky_relu", (), {"alpha": "alpha"}),
    "Elu": ("nn.elu", (), {}),
    "Selu": ("nn.selu", (), {}),
    "Softplus": ("nn.softplus", (), {}),
    "Sigmoid": ("math.sigmoid", (), {}),
    "Tanh": ("math.tanh", (), {}),
    "Exp": ("math.exp", (), {}),
    "Softmax": ("nn.softmax", (), {}),
    "Identity": ("identity", (), {}),
    "StopGradient": ("stop_gradient", (), {}),
    "Mean": ("math.reduce_mean", ("axis",), {"keep_dims": "keepdims"}),
    "Max": ("math.reduce_max", ("axis",), {"keep_dims": "keepdims"}),
    "Min": ("math.reduce_min", ("axis",), {"keep_dims": "keepdims"}),
    "Sum": ("math.reduce_sum", ("axis",), {"keep_dims": "keepdims"}),
    "ClipByValue": ("clip_by_value", ("clip_value_min", "clip_value_max"), {}),
    "Pad": ("pad", ("paddings",), {}),
    "Reshape": ("reshape", ("shape",), {}),
    "Transpose": ("transpose", ("perm",), {}),
    "ExpandDims": ("expand_dims", ("axis",), {}),
    "Squeeze": ("squeeze", (), {"squeeze_dims": "axis"}),
}
MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def graph_operation(node: LayerNode) -> tuple[str, TensorCall]:
    """Read the graph node of a TensorFlowOpLayer.

    Args:
        node: The layer, called once.

    Returns:
        Name of the function and the call, as a TFOpLambda stores them.

    Raises:
        NotMappedError: the operation is not in the table.
    """
    stored = node.config["node_def"]
    definition = json.loads(stored) if isinstance(stored, str) else stored
    op = definition["op"]
    attributes = {key: _plain(value) for key, value in (definition.get("attr") or {}).items()}
    tensors = [item[:3] for item in node.calls[0]]
    constants = {int(place): value for place, value in (node.config["constants"] or {}).items()}
    if op == "StridedSlice":
        return "__operators__.getitem", TensorCall(tensors, _slice(attributes, constants))
    if op == "ConcatV2":
        return "concat", TensorCall(tensors, {"axis": constants[len(tensors)]})
    if op not in READERS:
        raise NotMappedError(f"graph operation {op}")
    function, keywords, wanted = READERS[op]
    if 0 in constants:
        return function, TensorCall([], {keywords[0]: tensors[0]}, constants[0])
    values = {keywords[place - 1]: value for place, value in constants.items()}
    values |= {wanted[key]: value for key, value in attributes.items() if key in wanted}
    return function, TensorCall(tensors, values)


def _plain(value: dict[str, Any]) -> Json:
    """Extract a value from its record: {"b": true}, {"i": "3"}, {"list": {"i": ["1"]}}."""
    if "list" in value:
        return [int(part) for part in value["list"].get("i", ())]
    if "i" in value:
        return int(value["i"])
    plain: Json = value.get("b", value.get("f", value.get("type")))
    return plain


def _slice(attributes: dict[str, Any], constants: dict[int, Any]) -> dict[str, Any]:
    """Turn begin, end, strides and five bit masks into one index per axis."""
    begin_mask, end_mask, ellipsis, new, shrink = (attributes.get(key) or 0 for key in MASKS)
    spec: list[Any] = []
    triples = zip(constants[1], constants[2], constants[3], strict=True)
    for place, (begin, end, step) in enumerate(triples):
        bit = 1 << place
        if ellipsis & bit:
            spec.append("...")
        elif new & bit:
            spec.append(None)
        elif shrink & bit:
            spec.append(begin)
        else:
            start, stop = None if begin_mask & bit else begin, None if end_mask & bit else end
            spec.append({"start": start, "stop": stop, "step": step})
    return {"slice_spec": spec}
