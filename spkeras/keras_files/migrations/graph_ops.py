"""Graph nodes of TensorFlow 1.15 to 2.3, read as calls of the equal functions.

A TensorFlowOpLayer holds one node: its operation, its attributes, and the constant inputs by
position. Later versions of Keras stored the function's name and arguments instead.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.migrations.tensor_calls import NotMappedError, TensorCall
from spkeras.keras_files.migrations.tensor_shapes import slice_values
from spkeras.ops.types import Json

# Operations of one tensor without attributes, and the function that each is.
ONE = {
    "Abs": "math.abs",
    "Acos": "math.acos",
    "Acosh": "math.acosh",
    "Asin": "math.asin",
    "Asinh": "math.asinh",
    "Atan": "math.atan",
    "Atanh": "math.atanh",
    "Ceil": "math.ceil",
    "Cos": "math.cos",
    "Cosh": "math.cosh",
    "Elu": "nn.elu",
    "Erf": "math.erf",
    "Erfc": "math.erfc",
    "Erfinv": "math.erfinv",
    "Exp": "math.exp",
    "Expm1": "math.expm1",
    "Floor": "math.floor",
    "Identity": "identity",
    "Inv": "math.reciprocal",
    "IsNan": "math.is_nan",
    "Log": "math.log",
    "Log1p": "math.log1p",
    "LogSoftmax": "nn.log_softmax",
    "LogicalNot": "math.logical_not",
    "Neg": "math.negative",
    "OnesLike": "ones_like",
    "Reciprocal": "math.reciprocal",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Rint": "math.rint",
    "Round": "math.round",
    "Rsqrt": "math.rsqrt",
    "Selu": "nn.selu",
    "Sigmoid": "math.sigmoid",
    "Sign": "math.sign",
    "Sin": "math.sin",
    "Sinh": "math.sinh",
    "Softmax": "nn.softmax",
    "Softplus": "nn.softplus",
    "Softsign": "nn.softsign",
    "Sqrt": "math.sqrt",
    "Square": "math.square",
    "StopGradient": "stop_gradient",
    "Tan": "math.tan",
    "Tanh": "math.tanh",
    "ZerosLike": "zeros_like",
}
# Operations of two operands, x and y.
TWO = {
    "Add": "math.add",
    "AddV2": "math.add",
    "Div": "math.truediv",
    "DivNoNan": "math.divide_no_nan",
    "Equal": "math.equal",
    "FloorDiv": "math.floordiv",
    "FloorMod": "math.floormod",
    "Greater": "math.greater",
    "GreaterEqual": "math.greater_equal",
    "Less": "math.less",
    "LessEqual": "math.less_equal",
    "LogicalAnd": "math.logical_and",
    "LogicalOr": "math.logical_or",
    "Maximum": "math.maximum",
    "Minimum": "math.minimum",
    "Mul": "math.multiply",
    "NotEqual": "math.not_equal",
    "Pow": "math.pow",
    "RealDiv": "math.truediv",
    "SquaredDifference": "math.squared_difference",
    "Sub": "math.subtract",
}
AXES: dict[str, str] = {"keep_dims": "keepdims"}
WINDOW = {
    "ksize": "ksize",
    "strides": "strides",
    "padding": "padding",
    "data_format": "data_format",
}
BLOCK = {"block_size": "block_size", "data_format": "data_format"}
TRANSPOSED = {"transpose_a": "transpose_a", "transpose_b": "transpose_b"}
ADJOINT = {"adj_x": "adjoint_a", "adj_y": "adjoint_b"}
Reader = tuple[str, tuple[str, ...], dict[str, str]]
# Operation: function, keywords of the inputs after the first, keyword of each attribute.
READERS: dict[str, Reader] = {
    **{op: (function, (), {}) for op, function in ONE.items()},
    **{op: (function, ("y",), {}) for op, function in TWO.items()},
    **{
        op: (f"math.reduce_{op.lower()}", ("axis",), AXES)
        for op in ("All", "Any", "Max", "Mean", "Min", "Prod", "Sum")
    },
    **{op: ("linalg.matmul", ("b",), ADJOINT) for op in ("BatchMatMul", "BatchMatMulV2")},
    "AddN": ("math.add_n", (), {}),
    "ArgMax": ("math.argmax", ("axis",), {}),
    "ArgMin": ("math.argmin", ("axis",), {}),
    "Atan2": ("math.atan2", ("x",), {}),
    "AvgPool": ("nn.avg_pool", (), WINDOW),
    "BiasAdd": ("nn.bias_add", ("bias",), {"data_format": "data_format"}),
    "Cast": ("cast", (), {"DstT": "dtype"}),
    "ClipByValue": ("clip_by_value", ("clip_value_min", "clip_value_max"), {}),
    "Cumsum": ("math.cumsum", ("axis",), {"exclusive": "exclusive", "reverse": "reverse"}),
    "DepthToSpace": ("nn.depth_to_space", (), BLOCK),
    "Einsum": ("einsum", (), {"equation": "equation"}),
    "ExpandDims": ("expand_dims", ("axis",), {}),
    "GatherV2": ("gather", ("indices", "axis"), {"batch_dims": "batch_dims"}),
    "LeakyRelu": ("nn.leaky_relu", (), {"alpha": "alpha"}),
    "MatMul": ("linalg.matmul", ("b",), TRANSPOSED),
    "MaxPool": ("nn.max_pool", (), WINDOW),
    "MirrorPad": ("pad", ("paddings",), {"mode": "mode"}),
    "OneHot": ("one_hot", ("depth", "on_value", "off_value"), {"axis": "axis"}),
    "Pack": ("stack", (), {"axis": "axis"}),
    "Pad": ("pad", ("paddings",), {}),
    "PadV2": ("pad", ("paddings", "constant_values"), {}),
    "Reshape": ("reshape", ("shape",), {}),
    "ReverseV2": ("reverse", ("axis",), {}),
    "Roll": ("roll", ("shift", "axis"), {}),
    "Select": ("where", ("x", "y"), {}),
    "SelectV2": ("where", ("x", "y"), {}),
    "Slice": ("slice", ("begin", "size"), {}),
    "SpaceToDepth": ("nn.space_to_depth", (), BLOCK),
    "SplitV": ("split", ("num_or_size_splits", "axis"), {}),
    "Squeeze": ("squeeze", (), {"squeeze_dims": "axis"}),
    "Tile": ("tile", ("multiples",), {}),
    "TopKV2": ("math.top_k", ("k",), {"sorted": "sorted"}),
    "Transpose": ("transpose", ("perm",), {}),
    "Unpack": ("unstack", (), {"num": "num", "axis": "axis"}),
}
DTYPES = {"DT_FLOAT": "float32", "DT_HALF": "float16", "DT_DOUBLE": "float64", "DT_BOOL": "bool"}


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
        ends = slice_values(attributes, constants[1], end=constants[2], strides=constants[3])
        return "__operators__.getitem", TensorCall(tensors, ends)
    if op == "Split":  # the axis comes before the tensor
        values = {"num_or_size_splits": attributes["num_split"], "axis": constants[0]}
        return "split", TensorCall(tensors, values)
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
    if "s" in value:
        return base64.b64decode(value["s"]).decode()
    if "type" in value:
        return DTYPES.get(value["type"], str(value["type"]).removeprefix("DT_").lower())
    plain: Json = value.get("b", value.get("f"))
    return plain
