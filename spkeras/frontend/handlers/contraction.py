"""Products summed along freely chosen axes, as in einsum, built from plain nodes."""

import math
import string
from collections.abc import Sequence

import numpy as np

from spkeras.frontend.handlers.call import Call, Port
from spkeras.frontend.handlers.layout import permuted, reshaped

_LAYERS = "use Dense, Dot or MultiHeadAttention instead"


def parse(call: Call, equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the labels of the operands and of the result of an einsum, dots written out.

    Args:
        call: The call, for refusals.
        equation: Equation in the form of `numpy.einsum`.
        ranks: Number of axes of each operand, with the batch axis of tensors.
    """
    given, arrow, result = equation.replace(" ", "").partition("->")
    parts = given.split(",")
    if len(parts) != len(ranks):
        raise call.refuse(f"{equation!r} for {len(ranks)} operands", _LAYERS)
    if not arrow:
        # Keras's backends order the axes differently then.
        raise call.refuse(f"{equation!r} without a result", "write '->' and the result's axes")
    spare = [sign for sign in string.ascii_letters if sign not in equation]
    hidden = [
        rank - len(part.replace("...", "")) if "..." in part else 0
        for part, rank in zip(parts, ranks, strict=True)
    ]
    dots = "".join(spare[: max(hidden)])
    labels = [
        part.replace("...", dots[len(dots) - count :])
        for part, count in zip(parts, hidden, strict=True)
    ]
    result = result.replace("...", dots)
    if any(len(set(part)) != len(part) for part in (*labels, result)):
        raise call.refuse(f"{equation!r}, which takes a diagonal", _LAYERS)
    return labels, result


def without_batch(call: Call, equation: str, tensors: Sequence[str], result: str) -> list[str]:
    """Return the labels of tensors and result without the leading label of the batch."""
    first = {labels[:1] for labels in (*tensors, result)}
    if len(first) != 1 or "" in first:
        raise call.refuse(
            f"{equation!r}, which does not keep the batch axis in front", "keep it in front"
        )
    return [labels[1:] for labels in (*tensors, result)]


def with_constant(
    call: Call,
    port: Port,
    labels: str,
    constant: np.ndarray,
    of_constant: str,
    result: str,
    *,
    bias: np.ndarray | None = None,
    piece: str = "linear",
) -> Port:
    """Add the product of a tensor and a constant, summed over labels not in the result.

    Args:
        call: The call to add nodes to.
        port: The tensor, in Keras's order.
        labels: One letter per axis of the tensor, without the batch.
        constant: The other factor.
        of_constant: Letters of the constant.
        result: Letters of the result, in the order of its axes.
        bias: Array to add, broadcast against the result; None for none.
        piece: Name of the node that holds the constant.
    """
    sizes = dict(zip(of_constant, constant.shape, strict=True))
    sizes |= dict(zip(labels, port.shape, strict=True))
    if any(sizes[s] != size for s, size in zip(of_constant, constant.shape, strict=True)):
        raise call.refuse(f"a constant of shape {constant.shape} that is broadcast", _LAYERS)
    constant, of_constant = _completed(constant, of_constant, labels, result=result, sizes=sizes)
    kept = [s for s in labels if s not in of_constant]
    shared = [s for s in labels if s in of_constant and s in result]
    summed = [s for s in labels if s in of_constant and s not in result]
    free = [s for s in result if s not in labels]
    if not summed and not free:
        return _scaled(
            call, port, labels, constant=constant, of_constant=of_constant, result=result, bias=bias
        )
    order = [of_constant.index(s) for s in (*summed, *shared, *free)]
    kernel = constant.transpose(order).reshape(
        [math.prod(sizes[s] for s in part) for part in (summed, shared, free)]
    )
    own = None if shared else _fits(bias, result, free, sizes)
    port = permuted(call, port, [labels.index(s) for s in (*kept, *shared, *summed)])
    port = _product(call, port, len(kept), kernel=kernel, bias=own, piece=piece)
    wide = (*kept, *shared, *free)
    port = reshaped(call, port, [sizes[s] for s in wide])
    port = permuted(call, port, [wide.index(s) for s in result])
    return port if bias is None or own is not None else call.affine(port, 1.0, bias)


def _scaled(
    call: Call,
    port: Port,
    labels: str,
    constant: np.ndarray,
    of_constant: str,
    result: str,
    bias: np.ndarray | None,
) -> Port:
    """Add the product with a constant whose axes are all axes of the tensor and of the result."""
    port = permuted(call, port, [labels.index(s) for s in result])
    order = sorted(range(len(of_constant)), key=lambda i: result.index(of_constant[i]))
    wide = [size if s in of_constant else 1 for s, size in zip(result, port.shape, strict=True)]
    return call.affine(port, constant.transpose(order).reshape(wide), bias)


def _completed(
    constant: np.ndarray, of_constant: str, labels: str, result: str, sizes: dict[str, int]
) -> tuple[np.ndarray, str]:
    """Return the constant with its labels, completed for the product.

    It is summed over labels that only it has, and multiplied by ones along labels of the tensor
    that neither it nor the result has.
    """
    alone = tuple(i for i, s in enumerate(of_constant) if s not in labels + result)
    constant = constant.astype("float64").sum(alone)
    of_constant = "".join(s for s in of_constant if s in labels + result)
    missing = [s for s in labels if s not in result + of_constant]
    ones = np.ones([sizes[s] for s in missing])
    return np.multiply.outer(constant, ones), of_constant + "".join(missing)


def _fits(
    bias: np.ndarray | None, result: str, free: Sequence[str], sizes: dict[str, int]
) -> np.ndarray | None:
    """Return the bias as a row for the new axes; None if it differs along others, too."""
    if bias is None:
        return None
    bias = bias.reshape((1,) * (len(result) - bias.ndim) + bias.shape)
    if any(size != 1 for s, size in zip(result, bias.shape, strict=True) if s not in free):
        return None
    row = bias.reshape([size for s, size in zip(result, bias.shape, strict=True) if s in free])
    return np.broadcast_to(row, [sizes[s] for s in free]).reshape(-1)


def _product(
    call: Call, port: Port, kept: int, kernel: np.ndarray, bias: np.ndarray | None, piece: str
) -> Port:
    """Add kernel (summed, shared, free) on the axes after the kept ones: (*kept, shared * free)."""
    inner, groups, outer = kernel.shape
    rest = port.shape[:kept]
    if groups == 1:
        arrays = {"kernel": kernel[:, 0].astype("float32"), "bias": bias}
        port = reshaped(call, port, (*rest, inner))
        return call.add("dense", [port], (*rest, outer), arrays=arrays, piece=piece)
    port = reshaped(call, port, (math.prod(rest), groups * inner))
    attributes = {"strides": (1,), "padding": "valid", "dilation": (1,), "groups": groups}
    arrays = {"kernel": _side_by_side(kernel)}
    shape = (math.prod(rest), groups * outer)
    return call.add("conv", [port], shape, attributes=attributes, arrays=arrays, piece=piece)


def _side_by_side(kernel: np.ndarray) -> np.ndarray:
    """Return one kernel per group as the kernel of a grouped convolution of width one."""
    return kernel.reshape(1, len(kernel), -1).astype("float32")


def of_tensors(
    call: Call, ports: Sequence[Port], labels: Sequence[str], result: str, equation: str
) -> Port:
    """Add the product of two tensors as a matrix product: batch labels, rows, sums, columns."""
    call.need_floats(inputs=True)
    x, y = labels
    sizes = dict(zip(x + y, ports[0].shape + ports[1].shape, strict=True))
    alike = all(sizes[s] == n for s, n in zip(x, ports[0].shape, strict=True))
    if not alike or any(s not in result and not (s in x and s in y) for s in x + y):
        raise call.refuse(
            f"{equation!r}, which sums or widens only one tensor",
            "sum it with keras.ops.sum before",
        )
    both = [s for s in x if s in y and s in result]
    inner = [s for s in x if s in y and s not in result]
    rows, columns = ([s for s in part if s not in other] for part, other in ((x, y), (y, x)))
    size = {
        key: math.prod(sizes[s] for s in part)
        for key, part in (("rows", rows), ("inner", inner), ("columns", columns))
    }
    lead = tuple(sizes[s] for s in both)
    left = permuted(call, ports[0], [x.index(s) for s in (*both, *rows, *inner)])
    left = reshaped(call, left, (*lead, size["rows"], size["inner"]))
    right = permuted(call, ports[1], [y.index(s) for s in (*both, *inner, *columns)])
    right = reshaped(call, right, (*lead, size["inner"], size["columns"]))
    port = matrix_product(call, left, right)
    wide = (*both, *rows, *columns)
    port = reshaped(call, port, [sizes[s] for s in wide])
    return permuted(call, port, [wide.index(s) for s in result])


def matrix_product(call: Call, left: Port, right: Port) -> Port:
    """Add a matrix product of the last two axes; leading axes broadcast."""
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*lead, left.shape[-2], right.shape[-1])
    return call.add("function", [left, right], shape, {"function": "matmul"}, piece="matmul")
