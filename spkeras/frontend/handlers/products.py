"""Layers and operators that multiply along chosen axes: EinsumDense, Dot, matmul, einsum."""

import string
from typing import Any

import keras
import numpy as np

from spkeras.frontend.handlers.activations import activate
from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.contraction import (
    matrix_product,
    of_tensors,
    parse,
    with_constant,
    without_batch,
)
from spkeras.frontend.handlers.dequantized import einsum_weights


def project(call: Call, port: Port, *, piece: str = "linear") -> Port:
    """Apply an EinsumDense layer, the operation of `call`, and its activation to a tensor."""
    layer = call.operation
    kernel, divisor, bias = einsum_weights(call)
    ranks = (len(port.shape) + 1, kernel.ndim)
    (labels, of_kernel), result = parse(call, layer.equation, ranks)
    labels, result = without_batch(call, layer.equation, [labels], result)
    port = call.keras_order(port)
    port = with_constant(
        call,
        port,
        labels,
        constant=kernel,
        of_constant=of_kernel,
        result=result,
        bias=bias if divisor is None else None,
        piece=piece,
    )
    if divisor is not None:
        port = call.affine(port, 1.0 / divisor, bias)
    return activate(call, layer.activation, port)


def _dot(call: Call) -> Port:
    layer = call.operation
    if len(call.inputs) != 2:
        raise call.refuse(f"called with {len(call.inputs)} tensors", "call it with two")
    call.need_floats(inputs=True)
    ports = [call.keras_order(port) for port in call.inputs]
    given = (layer.axes,) * 2 if isinstance(layer.axes, int) else layer.axes
    axes = tuple(int(a) % (len(p.shape) + 1) for a, p in zip(given, ports, strict=True))
    if 0 in axes:
        raise call.refuse(f"axes {given}, with the batch axis", "use the other axes only")
    least = keras.config.epsilon() if layer.normalize else None
    attributes = {"function": "dot", "axes": axes, "normalize": least}
    return call.add("function", ports, call.shape, attributes)


def _operands(call: Call) -> tuple[Any, Any]:
    """Return the two operands, ports or constants, with axes in Keras's order."""
    values = [*call.args, *call.kwargs.values()]
    x, y = (
        call.keras_order(v) if isinstance(v, Port) else np.asarray(v).astype("float64")
        for v in values[:2]
    )
    return x, y


def _matmul(call: Call) -> Port:
    x, y = _operands(call)
    if isinstance(x, Port) and isinstance(y, Port):
        if len(x.shape) != len(y.shape) or len(x.shape) < 2:
            raise call.refuse(
                f"tensors of shapes {x.shape} and {y.shape}, batch left out",
                "give both the same number of axes, at least two after the batch axis",
            )
        call.need_floats(inputs=True)
        return matrix_product(call, x, y)
    call.need_floats()
    return _times_matrix(call, x, y) if isinstance(x, Port) else _matrix_times(call, x, y)


def _times_matrix(call: Call, port: Port, matrix: np.ndarray) -> Port:
    """Add x @ matrix; leading axes of the matrix broadcast against those of x."""
    labels = string.ascii_lowercase[: len(port.shape)]
    if matrix.ndim == 1:
        return with_constant(
            call, port, labels, constant=matrix, of_constant=labels[-1:], result=labels[:-1]
        )
    lead = _leading(call, port, matrix)
    kernel = matrix.reshape(*lead, *matrix.shape[-2:])
    of_matrix = labels[:-2][-len(lead) :] if lead else ""
    return with_constant(
        call,
        port,
        labels,
        constant=kernel,
        of_constant=of_matrix + labels[-1] + "Z",
        result=labels[:-1] + "Z",
    )


def _matrix_times(call: Call, matrix: np.ndarray, port: Port) -> Port:
    """Add matrix @ x; leading axes of the matrix broadcast against those of x."""
    labels = string.ascii_lowercase[: len(port.shape)]
    if len(port.shape) < 2:
        raise call.refuse("a matrix times rows of the batch", "multiply from the right")
    row, column = labels[-2], labels[-1]
    if matrix.ndim == 1:
        return with_constant(
            call, port, labels, constant=matrix, of_constant=row, result=labels[:-2] + column
        )
    lead = _leading(call, port, matrix)
    of_matrix = labels[:-2][-len(lead) :] if lead else ""
    kernel = matrix.reshape(*lead, *matrix.shape[-2:])
    result = labels[:-2] + "Z" + column
    return with_constant(
        call, port, labels, constant=kernel, of_constant=of_matrix + "Z" + row, result=result
    )


def _leading(call: Call, port: Port, matrix: np.ndarray) -> tuple[int, ...]:
    """Return the sizes of a matrix's axes before the last two, without leading ones.

    Raises:
        UnsupportedLayerError: the sizes differ from those of the tensor.
    """
    lead = list(matrix.shape[:-2])
    while lead and lead[0] == 1:
        lead.pop(0)
    own = port.shape[:-2]
    if tuple(lead) != own[len(own) - len(lead) :]:
        raise call.refuse(
            f"a constant of shape {matrix.shape} for values of shape {port.shape}",
            "use one matrix, or one for each position",
        )
    return tuple(lead)


def _einsum(call: Call) -> Port:
    operands = [
        call.keras_order(v) if isinstance(v, Port) else np.asarray(v).astype("float64")
        for v in call.args
    ]
    equation = call.operation.subscripts
    tensors = [v for v in operands if isinstance(v, Port)]
    constants = [v for v in operands if not isinstance(v, Port)]
    if len(operands) > 2 or not tensors:
        raise call.refuse(f"{equation!r} of {len(operands)} operands", "multiply two at a time")
    ranks = [len(v.shape) + 1 if isinstance(v, Port) else v.ndim for v in operands]
    labels, result = parse(call, equation, ranks)
    of_tensor = [s for s, v in zip(labels, operands, strict=True) if isinstance(v, Port)]
    of_constant = [s for s, v in zip(labels, operands, strict=True) if not isinstance(v, Port)]
    *of_tensor, result = without_batch(call, equation, of_tensor, result)
    if len(tensors) == 2:
        return of_tensors(call, tensors, of_tensor, result=result, equation=equation)
    call.need_floats()
    if not constants:
        constants, of_constant = [np.ones(())], [""]
    return with_constant(
        call,
        tensors[0],
        of_tensor[0],
        constant=constants[0],
        of_constant=of_constant[0],
        result=result,
    )


def _tensordot(call: Call) -> Port:
    x, y = _operands(call)
    axes = call.operation.axes
    if not isinstance(x, Port) or isinstance(y, Port):
        raise call.refuse("two tensors, or a constant first", "use keras.ops.einsum")
    rank = len(x.shape) + 1
    if isinstance(axes, int):
        axes = [list(range(rank - axes, rank)), list(range(axes))]
    pairs = zip(*([a] if isinstance(a, int) else a for a in axes), strict=True)
    joined = {int(b) % y.ndim: int(a) % rank for a, b in pairs}
    if 0 in joined.values():
        raise call.refuse("a sum over the batch axis", "use the other axes only")
    call.need_floats()
    labels = string.ascii_lowercase[:rank]
    own = string.ascii_uppercase[: y.ndim]
    of_y = "".join(labels[joined[i]] if i in joined else own[i] for i in range(y.ndim))
    result = "".join(s for i, s in enumerate(labels) if i and i not in joined.values())
    result += "".join(own[i] for i in range(y.ndim) if i not in joined)
    return with_constant(call, x, labels[1:], constant=y, of_constant=of_y, result=result)


def _inner_product(call: Call) -> Port:
    """Add `keras.ops.dot`; with a matrix or a row it equals the matrix product."""
    x, y = _operands(call)
    if not isinstance(x, Port) or isinstance(y, Port) or y.ndim not in (1, 2):
        raise call.refuse("operands other than a tensor and a matrix", "use keras.ops.einsum")
    return _matmul(call)


LAYERS: dict[str, Handler] = {"Dot": _dot, "EinsumDense": lambda call: project(call, call.input)}

OPERATORS: dict[str, Handler] = {
    "Dot": _inner_product,
    "Einsum": _einsum,
    "Matmul": _matmul,
    "Tensordot": _tensordot,
}
