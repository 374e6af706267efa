"""Weights of n bits, with rescaled thresholds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.graph.connections import kernel_of, stored_kernel
from spkeras.graph.integers import Integers
from spkeras.graph.operations import WITH_KERNEL
from spkeras.ops.arrays import Float64Array
from spkeras.passes.fitted import Moments, fitted_codes


def quantize_weights(graph: Graph, bits: int, moments: Moments | None = None) -> Graph:
    """Round each layer's weights to n-bit whole numbers over 2^(n-1).

        W_q = round(W / c) / 2^m,   m = n - 1,   c = max|W| / (2^m - 1)

    so that the largest weight has the largest code; rounded to the nearest, or, where the inputs of
    the kernel are known, such that the currents stay (`spkeras.passes.fitted`). Biases stay. W_q is W in units of 2^m c. If a layer of
    plain neurons is the only reader, its threshold (V / (2^m c)) and the bias are in that unit,
    too. (The original SpKeras multiplied the threshold where it must be divided.) Any other layer
    keeps its unit: its weights are the codes times c. The graph's `integers` has the step of each
    kernel, 1/2^m or c: a stored weight divided by it is the code.

    Args:
        graph: Normalised graph.
        bits: n, 2 to 16, the sign included.
        moments: Mean products of the inputs of each kernel; None rounds to the nearest.

    Reference:
        Wu et al. 2022 (n-bit weights); scale for the largest weight: Yan et al. 2023.

    Raises:
        OptionError: `bits` is out of range.
    """
    if not 2 <= bits <= 16:
        raise OptionError(f"weight_bits={bits!r}; allowed: 2 to 16")
    known = moments or {}
    changed: dict[str, Node] = {}
    stored: dict[str, np.ndarray] = {}
    for node in graph.of(*WITH_KERNEL):
        kernel = node.arrays["kernel"].astype(np.float64)
        largest = float(np.abs(kernel).max(initial=0))
        if largest == 0:
            continue
        steps = 2 ** (bits - 1)
        unit = largest / (steps - 1)
        stored[node.name] = np.asarray(unit)
        codes = _codes(node, kernel / unit, known.get(node.name), steps - 1)
        reader = graph.sole_consumer(node.name)
        if reader is not None and reader.is_plain:
            changed[node.name] = _rescaled(node, codes / steps, unit * steps)
            stored[node.name] = np.asarray(1 / steps)
            threshold = reader.arrays["threshold"] / (unit * steps)
            ceiling = reader.array("ceiling")
            changed[reader.name] = reader.with_arrays(
                threshold=threshold.astype(np.float32),
                ceiling=None if ceiling is None else (ceiling / (unit * steps)).astype(np.float32),
            )
        else:
            changed[node.name] = _rescaled(node, codes * unit, 1.0)
    rounded = graph.updated(changed, notes=[f"weights rounded to {bits} bits"]).keeping(graph)
    return replace(rounded, integers=Integers(weight_bits=bits, per_channel=False, steps=stored))


def _codes(
    node: Node,
    kernel: Float64Array,
    moments: Sequence[Sequence[Float64Array]] | None,
    most: int,
) -> np.ndarray:
    """Return the codes of a stored kernel in units of a code."""
    if moments is None:
        return np.round(kernel)
    form = kernel_of(node.with_arrays(kernel=kernel))
    codes, _ = fitted_codes(node, form, step=np.ones(()), moments=moments, most=most)
    return stored_kernel(node, codes)


def _rescaled(node: Node, kernel: np.ndarray, unit: float) -> Node:
    bias = node.array("bias")
    return node.with_arrays(
        kernel=kernel.astype(np.float32),
        bias=None if bias is None else (bias / unit).astype(np.float32),
    )
