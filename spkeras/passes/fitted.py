"""Weight codes that give the currents of the real weights on calibration samples."""

from collections.abc import Mapping, Sequence

import numpy as np

from spkeras.graph import Node
from spkeras.graph.connections import kernel_of
from spkeras.ops.arrays import Float64Array

# Mean products of the inputs of a kernel. By node, for each channel group: matrices for successive
# blocks of its inputs, (1 + inputs, 1 + inputs), with the constant 1 of the bias first.
Moments = Mapping[str, Sequence[Sequence[Float64Array]]]

# Added to the diagonal, as a share of its mean, so that inputs that are always zero have codes.
_DAMPING = 0.01
# Rows whose errors are passed on together.
_TOGETHER = 64


def fitted_codes(
    node: Node,
    kernel: Float64Array,
    bias: np.ndarray | None = None,
    *,
    step: Float64Array,
    moments: Sequence[Sequence[Float64Array]],
    most: int,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the codes of a node's kernel, in the form of `kernel`, and its whole bias.

    Args:
        node: A node with a kernel.
        kernel: Its weights in units of a code, (*window, channels in / groups, channels out).
        bias: In units of a code; None for none, or for one that stays a real number.
        step: Divisor of the average pools on the way of each weight; shape () or as the stored kernel.
        moments: Of its inputs, by channel group.
        most: Largest weight code.
    """
    channels = kernel.shape[-1]
    steps = kernel_of(node.with_arrays(kernel=np.broadcast_to(step, node.arrays["kernel"].shape)))
    flat = steps.reshape(-1, channels)
    size, scaled = channels // len(moments), []
    for group, blocks in enumerate(moments):
        # A code adds to the sum of a window, which is its average times the step.
        factors = np.split(flat[:, group * size], np.cumsum([len(b) - 1 for b in blocks])[:-1])
        ones = [np.concatenate([np.ones(1), own]) for own in factors]
        scaled.append([b * np.outer(own, own) for b, own in zip(blocks, ones, strict=True)])
    wide = None if bias is None else np.broadcast_to(bias, (channels,)).astype(np.float64)
    codes, whole = fitted(kernel.reshape(-1, channels), wide, scaled, most)
    return (
        codes.reshape(kernel.shape).astype(np.float32),
        None if whole is None else whole.astype(np.float32),
    )


def fitted(
    kernel: Float64Array,
    bias: Float64Array | None,
    moments: Sequence[Sequence[Float64Array]],
    most: int,
) -> tuple[Float64Array, Float64Array | None]:
    """Return whole weights and biases whose currents have a small mean square error.

    Numbers are rounded one after the other: the bias, then the weights of the largest inputs. The
    numbers that follow change such that they give as much as they can of the current that the
    rounding takes.

    Args:
        kernel: Weights in units of a code, (inputs of a group, channels out).
        bias: In units of a code, (channels out,).
        moments: Of the inputs, times their divisors; by channel group.
        most: Largest weight code.

    Reference:
        Hassibi, Stork 1993, "Second order derivatives for network pruning: optimal brain surgeon".
        Frantar et al. 2023, "GPTQ", ICLR (order and Cholesky form; without bias).
    """
    codes, whole = np.zeros_like(kernel), None if bias is None else np.zeros_like(bias)
    size = kernel.shape[1] // len(moments)
    for place, blocks in enumerate(moments):
        columns, start = slice(place * size, (place + 1) * size), 0
        for index, block in enumerate(blocks):
            rows = slice(start, start + len(block) - 1)
            start = rows.stop
            if bias is None or whole is None or index:
                codes[rows, columns] = _rounded(kernel[rows, columns], block[1:, 1:], most, False)
                continue
            both = np.concatenate([bias[None, columns], kernel[rows, columns]])
            found = _rounded(both, block, most, True)
            whole[columns], codes[rows, columns] = found[0], found[1:]
    return codes, whole


def _rounded(weights: Float64Array, moments: Float64Array, most: int, biased: bool) -> Float64Array:
    """Return codes of the rows of a matrix; the first one is that of the bias, or of a weight."""
    sizes = moments.diagonal().copy()
    sizes[sizes.argmax()] = sizes.max() or 1.0
    damped = moments + np.diag(np.full(len(sizes), _DAMPING * sizes.mean()))
    if biased:
        sizes[0] = np.inf
    order = np.argsort(-sizes, kind="stable")
    factor = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    left, codes = weights[order], np.zeros_like(weights)
    for start in range(0, len(left), _TOGETHER):
        block = slice(start, min(start + _TOGETHER, len(left)))
        errors = np.zeros_like(left[block])
        for row in range(block.start, block.stop):
            limit = np.inf if biased and row == 0 else most
            codes[row] = np.clip(np.rint(left[row]), -limit, limit)
            error = errors[row - start] = (left[row] - codes[row]) / factor[row, row]
            after = slice(row + 1, block.stop)
            left[after] -= np.outer(factor[row, after], error)
        left[block.stop :] -= factor[block, block.stop :].T @ errors
    found = np.empty_like(codes)
    found[order] = codes
    return found
