"""Operators of Keras 3 equal to TensorFlow functions that compute: elementwise, over axes, products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spkeras.keras_files.migrations.tensor_calls import (
    NotMappedError,
    Result,
    Step,
    Steps,
    StepsMaker,
    TensorCall,
)
from spkeras.keras_files.references import is_reference
from spkeras.ops.types import Json

# TensorFlow function: class of the operator, both of one tensor and nothing else.
ONE = {
    **{
        f"math.{name}": name.capitalize()
        for name in "square sqrt rsqrt exp expm1 log log1p sin cos tan sinh cosh tanh floor ceil "
        "round sign erf erfc erfinv reciprocal negative sigmoid softplus real".split()
    },
    **{f"nn.{name}": name.capitalize() for name in "relu relu6 elu selu softsign tanh".split()},
    **{
        f"math.a{name}{end}": f"Arc{name}{end}"
        for name in ("sin", "cos", "tan")
        for end in ("", "h")
    },
    "math.abs": "Absolute",
    "math.bessel_i0": "I0",
    "math.conj": "Conjugate",
    "math.is_finite": "Isfinite",
    "math.is_inf": "Isinf",
    "math.is_nan": "Isnan",
    "math.log_sigmoid": "LogSigmoid",
    "math.logical_not": "LogicalNot",
    "math.rint": "Round",
    "nn.sigmoid": "Sigmoid",
    "nn.softplus": "Softplus",
    "ones_like": "OnesLike",
    "zeros_like": "ZerosLike",
}
# The same of two operands, x and y, one of which may be a constant.
TWO = {
    "__operators__.add": "Add",
    "__operators__.eq": "Equal",
    "__operators__.ne": "NotEqual",
    "floor_div": "FloorDivide",
    "math.add": "Add",
    "math.divide": "TrueDivide",
    "math.divide_no_nan": "DivideNoNan",
    "math.equal": "Equal",
    "math.floordiv": "FloorDivide",
    "math.floormod": "Mod",
    "math.greater": "Greater",
    "math.greater_equal": "GreaterEqual",
    "math.less": "Less",
    "math.less_equal": "LessEqual",
    "math.logical_and": "LogicalAnd",
    "math.logical_or": "LogicalOr",
    "math.logical_xor": "LogicalXor",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
    "math.mod": "Mod",
    "math.multiply": "Multiply",
    "math.not_equal": "NotEqual",
    "math.pow": "Power",
    "math.subtract": "Subtract",
    "math.truediv": "TrueDivide",
    "realdiv": "TrueDivide",
}
REDUCTIONS = {
    "math.reduce_all": "All",
    "math.reduce_any": "Any",
    "math.reduce_logsumexp": "Logsumexp",
    "math.reduce_max": "Max",
    "math.reduce_mean": "Mean",
    "math.reduce_min": "Min",
    "math.reduce_prod": "Prod",
    "math.reduce_std": "Std",
    "math.reduce_sum": "Sum",
    "math.reduce_variance": "Var",
}
NORMS: dict[Any, Any] = {"euclidean": None, 1: 1, 2: 2, math.inf: math.inf}


def _one(operator: str) -> StepsMaker:
    return lambda op: [Step(operator, op.bound("x|features|input|value"))]


def _two(operator: str, names: tuple[str, str] = ("x|self", "y|other")) -> StepsMaker:
    return lambda op: [Step(operator, op.bound(*names))]


def _axes(value: Json) -> Json:
    if value is None:
        raise NotMappedError("over the samples")
    return value


def _reduction(operator: str) -> StepsMaker:
    def make(op: TensorCall) -> Steps:
        tensor, axis, keep = op.bound(
            "input_tensor", "axis|reduction_indices", "keepdims|keep_dims"
        )
        return [Step(operator, [tensor], {"axis": _axes(axis), "keepdims": bool(keep)})]

    return make


def _norm(op: TensorCall) -> Steps:
    names = ("tensor|input_tensor", "ord", "axis", "keepdims|keep_dims")
    tensor, order, axis, keep = op.bound(*names)
    order = "euclidean" if order is None else order
    if order not in NORMS:
        raise NotMappedError(f"ord={order!r:.40}")
    config = {"ord": NORMS[order], "axis": _axes(axis), "keepdims": bool(keep)}
    return [Step("Norm", [tensor], config)]


def _moments(op: TensorCall) -> Steps:
    tensor, axes, _, keep = op.bound("x", "axes", "shift", "keepdims|keep_dims")
    return [Step("Moments", [tensor], {"axes": _axes(axes), "keepdims": bool(keep)})]


def _normalize(op: TensorCall) -> Steps:
    """Divide by the Euclidean norm; Keras limits the norm, TensorFlow its square."""
    tensor, axis, epsilon = op.bound("x", "axis|dim", "epsilon")
    least = math.sqrt(1e-12 if epsilon is None else epsilon)
    return [Step("Normalize", [tensor], {"axis": _axes(axis), "epsilon": least})]


def _softmax(operator: str) -> StepsMaker:
    def make(op: TensorCall) -> Steps:
        tensor, axis = op.bound("logits", "axis|dim")
        return [Step(operator, [tensor], {"axis": -1 if axis is None else axis})]

    return make


def _gelu(op: TensorCall) -> Steps:
    tensor, approximate = op.bound("features", "approximate")
    return [Step("Gelu", [tensor], {"approximate": bool(approximate)})]


def _leaky_relu(op: TensorCall) -> Steps:
    tensor, alpha = op.bound("features", "alpha")
    return [Step("LeakyRelu", [tensor], {"negative_slope": 0.2 if alpha is None else alpha})]


def _silu(op: TensorCall) -> Steps:
    """Return x * sigmoid(beta x)."""
    tensor, beta = op.bound("features", "beta")
    if beta in (None, 1.0):
        return [Step("Silu", [tensor])]
    scaled, gate = Step("Multiply", [tensor, beta]), Step("Sigmoid", [Result(0)])
    return [scaled, gate, Step("Multiply", [tensor, Result(1)])]


def _crelu(op: TensorCall) -> Steps:
    """Return relu(x) beside relu(-x)."""
    tensor, axis = op.bound("features", "axis")
    first, turned = Step("Relu", [tensor]), Step("Negative", [tensor])
    joined = Step("Concatenate", [[Result(0), Result(2)]], {"axis": -1 if axis is None else axis})
    return [first, turned, Step("Relu", [Result(1)]), joined]


def _squared_difference(op: TensorCall) -> Steps:
    return [Step("Subtract", op.bound("x", "y")), Step("Square", [Result(0)])]


def _reciprocal(op: TensorCall) -> Steps:
    return [Step("DivideNoNan", [1.0, *op.bound("x")])]


def _clip(op: TensorCall) -> Steps:
    tensor, low, high = op.bound("t", "clip_value_min", "clip_value_max")
    return [Step("Clip", [tensor], {"x_min": low, "x_max": high})]


def _bias_add(op: TensorCall) -> Steps:
    value, bias, order = op.bound("value", "bias", "data_format")
    if str(order or "N").startswith("NC"):
        bias = np.reshape(bias, (-1,) + (1,) * (len(order) - 2)).tolist()
    return [Step("Add", [value, bias])]


def _where(op: TensorCall) -> Steps:
    condition, x, y = op.bound("condition", "x", "y")
    if x is None or y is None:
        raise NotMappedError("without values to choose from")
    return [Step("Where", [condition, x, y])]


def _matmul(op: TensorCall) -> Steps:
    """Multiply matrices, each transposed before if the call says so."""
    steps: Steps = []
    operands = []
    for operand, letter in zip(op.bound("a|x", "b|y"), "ab", strict=True):
        if op.values.get(f"transpose_{letter}") or op.values.get(f"adjoint_{letter}"):
            if is_reference(operand):
                steps.append(Step("Swapaxes", [operand], {"axis1": -1, "axis2": -2}))
                operand = Result(len(steps) - 1)
            else:
                operand = np.swapaxes(operand, -1, -2).tolist()
        operands.append(operand)
    return [*steps, Step("Matmul", operands)]


def _tensordot(op: TensorCall) -> Steps:
    a, b, axes = op.bound("a", "b", "axes")
    return [Step("Tensordot", [a, b], {"axes": axes})]


def _matvec(op: TensorCall) -> Steps:
    equations = {False: "...ij,...j->...i", True: "...ji,...j->...i"}
    equation = equations[bool(op.values.get("transpose_a") or op.values.get("adjoint_a"))]
    return [Step("Einsum", op.bound("a", "b"), {"subscripts": equation})]


def _einsum(op: TensorCall) -> Steps:
    equation, operands = op.values.get("equation"), op.given
    if not equation:
        raise NotMappedError("Keras 2 did not store what it multiplies")
    return [Step("Einsum", operands, {"subscripts": equation})]


def _cumsum(op: TensorCall) -> Steps:
    """Add up along an axis: without the value itself if exclusive, from the end if reverse."""
    tensor, axis, exclusive, reverse = op.bound("x", "axis", "exclusive", "reverse")
    if not axis:
        raise NotMappedError(f"axis={axis}")
    flip = [Step("Flip", [tensor], {"axis": axis})] if reverse else []
    start = Result(0) if reverse else tensor
    steps = [*flip, Step("Cumsum", [start], {"axis": axis})]
    if exclusive:
        steps.append(Step("Subtract", [Result(len(steps) - 1), start]))
    if reverse:
        steps.append(Step("Flip", [Result(len(steps) - 1)], {"axis": axis}))
    return steps


def _grey(op: TensorCall) -> Steps:
    """Weigh red, green and blue as TensorFlow does."""
    return [Step("Matmul", [*op.bound("images"), [[0.2989], [0.5870], [0.1140]]])]


def _place(operator: str) -> StepsMaker:
    def make(op: TensorCall) -> Steps:
        tensor, axis = op.bound("input", "axis|dimension")
        return [Step(operator, [tensor], {"axis": axis or 0})]

    return make


VALUES: dict[str, StepsMaker] = {
    **{name: _one(operator) for name, operator in ONE.items()},
    **{name: _two(operator) for name, operator in TWO.items()},
    **{name: _reduction(operator) for name, operator in REDUCTIONS.items()},
    "clip_by_value": _clip,
    "einsum": _einsum,
    "image.rgb_to_grayscale": _grey,
    "linalg.einsum": _einsum,
    "linalg.matmul": _matmul,
    "linalg.matvec": _matvec,
    "math.argmax": _place("Argmax"),
    "math.argmin": _place("Argmin"),
    "math.atan2": _two("Arctan2", ("y", "x")),
    "math.cumsum": _cumsum,
    "math.l2_normalize": _normalize,
    "math.reciprocal_no_nan": _reciprocal,
    "math.reduce_euclidean_norm": _norm,
    "math.scalar_mul": _two("Multiply", ("scalar", "x")),
    "math.squared_difference": _squared_difference,
    "nn.bias_add": _bias_add,
    "nn.crelu": _crelu,
    "nn.gelu": _gelu,
    "nn.leaky_relu": _leaky_relu,
    "nn.log_softmax": _softmax("LogSoftmax"),
    "nn.moments": _moments,
    "nn.silu": _silu,
    "nn.softmax": _softmax("Softmax"),
    "norm": _norm,
    "tensordot": _tensordot,
    "where": _where,
}
