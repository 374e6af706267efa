"""Values of the nodes of a graph on real inputs, with NumPy in float32."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from spkeras.graph import Node
from spkeras.graph.windows import NOWHERE, pool_tables
from spkeras.ops.arrays import Float32Array

Values = dict[str, Float32Array]
# Bytes of the windows of a convolution that are gathered at once.
_GATHERED = 1 << 25


def computed(nodes: Iterable[Node], values: Mapping[str, np.ndarray]) -> Values:
    """Return values with those of further nodes, by name.

    Args:
        nodes: Nodes that `is_known`, in the order in which they can be computed.
        values: Values (batch, ...) of what they read; nodes that are in it are not computed.
    """
    found: Values = dict(values)
    for node in nodes:
        if node.name not in found:
            found[node.name] = _KERNELS[node.op](node, [found[name] for name in node.inputs])
    return found


def is_known(node: Node) -> bool:
    """Return whether `computed` computes a node."""
    if node.op not in _KERNELS:
        return False
    if "strides" in node.attributes and len(node["strides"]) > 2:
        return False
    if node.op in ("activation", "neuron") and node["function"] not in _FUNCTIONS:
        return False
    if node.op == "activation":
        if node["function"] == "quantized_relu":
            return False
        last = node.attributes.get("axis", -1) in (-1, len(node.shape))
        return last and not node.arrays
    return node.op != "neuron" or _is_known_neuron(node)


def _is_known_neuron(node: Node) -> bool:
    arrays = set(node.arrays)
    # A bound keeps the levels of the training, which are left to Keras.
    levels = node["function"] == "quantized_relu"
    bounded = levels and (node["max_value"] is not None or "ceiling" in arrays)
    pool = node["pool"]
    return (
        not bounded
        and node["spike_code"] == "rate"
        and arrays <= {"threshold", "ceiling"}
        and (pool is None or len(pool.get("pool_size", ())) <= 2)
    )


def _biased(node: Node, value: np.ndarray, name: str = "bias") -> Float32Array:
    bias = node.array(name)
    found: Float32Array = value if bias is None else value + bias
    return found


def _input(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    raise KeyError(node.name)


def _padded(node: Node, x: np.ndarray, window: Sequence[int]) -> np.ndarray:
    """Return the input with the zeros that the windows of a convolution reach."""
    padding = node["padding"]
    if padding == "valid":
        return x
    amounts = [(0, 0)]
    axes = zip(x.shape[1:], node.shape, window, node["strides"], node["dilation"], strict=False)
    for size, out, taps, stride, dilation in axes:
        span = dilation * (taps - 1) + 1
        missing = max((out - 1) * stride + span - size, 0)
        before = span - 1 if padding == "causal" else missing // 2
        amounts.append((before, max(missing - before, 0)))
    return np.pad(x, [*amounts, (0, 0)])


def _windows(node: Node, x: np.ndarray, window: Sequence[int]) -> np.ndarray:
    """Return a view of the windows: (batch, *positions, channels, *taps)."""
    x = _padded(node, x, window)
    spans = [d * (taps - 1) + 1 for d, taps in zip(node["dilation"], window, strict=True)]
    axes = tuple(range(1, len(window) + 1))
    views = sliding_window_view(x, spans, axis=axes)
    moves = [slice(None, None, stride) for stride in node["strides"]]
    taps = [slice(None, None, dilation) for dilation in node["dilation"]]
    return views[(slice(None), *moves, slice(None), *taps)]


def _conv(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    kernel = node.arrays["kernel"]
    *window, channels, filters = kernel.shape
    groups = int(node["groups"])
    views = _windows(node, values[0], window)
    # Taps behind the channels, as the windows have them.
    matrices = np.moveaxis(kernel, -2, 0).reshape(channels * prod(window), groups, -1)
    found = np.empty((len(values[0]), *node.shape), np.float32)
    parts = found.reshape(len(found), -1, groups, filters // groups)
    step = max(1, _GATHERED // max(1, 4 * prod(views.shape[1:])))
    for first in range(0, len(found), step):
        some = views[first : first + step]
        rows = np.moveaxis(
            some.reshape(*some.shape[: len(window) + 1], groups, channels, *window),
            len(window) + 1,
            0,
        ).reshape(groups, len(some), -1, channels * prod(window))
        for group in range(groups):
            parts[first : first + step, :, group] = rows[group] @ matrices[:, group]
    return _biased(node, found)


def _depthwise(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    kernel = node.arrays["kernel"]
    window = kernel.shape[:-2]
    views = _windows(node, values[0], window)
    found = np.zeros((*views.shape[: len(window) + 2], kernel.shape[-1]), np.float32)
    for tap in np.ndindex(*window):
        found += views[(Ellipsis, *tap)][..., None] * kernel[tap]
    return _biased(node, found.reshape(-1, *node.shape))


def _dense(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    return _biased(node, values[0] @ node.arrays["kernel"])


def _affine(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    scale = node.array("scale")
    return _biased(node, values[0] if scale is None else values[0] * scale, "offset")


def _pooled(pool: Mapping[str, Any], x: np.ndarray, shape: Sequence[int], mean: bool) -> np.ndarray:
    """Return the mean or the maximum of each window, of the positions inside the map."""
    kept = x.reshape(len(x), *x.shape[1:])
    outside = 0.0 if mean else -np.inf
    count = np.ones((), np.float32)
    for axis, table in enumerate(pool_tables(pool, x.shape[1:], shape), start=1):
        inside = table != NOWHERE
        window = np.take(kept, np.where(inside, table, 0), axis=axis)
        mask = inside.reshape(*inside.shape, *[1] * (kept.ndim - axis - 1))
        window = np.where(mask, window, np.float32(outside))
        kept = window.sum(axis + 1) if mean else window.max(axis + 1)
        count = count[..., None] * inside.sum(1).astype(np.float32)
    return kept / count[..., None] if mean else kept


def _average(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    if node.op == "global_average_pool":
        axes = tuple(range(1, values[0].ndim - 1))
        means: Float32Array = values[0].mean(axes, dtype=np.float32)
        return means.reshape(-1, *node.shape)
    return _pooled(node.attributes, values[0], node.shape, mean=True)


def _maximum(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    pooled = _pooled(node.attributes, values[0], node.shape, mean=False)
    return pooled.reshape(-1, *node.shape)


def _neuron(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    (x,) = values
    if node["pool"] is not None:
        x = _pooled(node["pool"], x, node.shape, mean=False).reshape(-1, *node.shape)
    value = _FUNCTIONS[node["function"]](node, x)
    ceiling = node.array("ceiling")
    bounded = value if ceiling is None else np.minimum(value, ceiling)
    rates: Float32Array = bounded / node.arrays["threshold"]
    return rates


def _moved(sign: int) -> Callable[[Node, Sequence[np.ndarray]], Float32Array]:
    def kernel(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
        if sign > 0:
            return np.pad(values[0], [(0, 0), *node["amounts"], (0, 0)])
        ends = zip(node["amounts"], values[0].shape[1:], strict=False)
        parts = [slice(before, size - after) for (before, after), size in ends]
        return values[0][(slice(None), *parts)]

    return kernel


def _relu(node: Node, x: np.ndarray) -> Float32Array:
    low, slope = np.float32(node["threshold"]), np.float32(node["negative_slope"])
    found: Float32Array = np.where(x > low, x, slope * (x - low))
    return found if node["max_value"] is None else np.minimum(found, np.float32(node["max_value"]))


def _leaky_relu(node: Node, x: np.ndarray) -> Float32Array:
    return np.where(x > 0, x, np.float32(node["negative_slope"]) * x)


def _sigmoid(node: Node, x: np.ndarray) -> Float32Array:
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


def _softmax(node: Node, x: np.ndarray) -> Float32Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    shares: Float32Array = powers / powers.sum(-1, keepdims=True)
    return shares


def _activation(node: Node, values: Sequence[np.ndarray]) -> Float32Array:
    return _FUNCTIONS[node["function"]](node, values[0])


_FUNCTIONS: dict[str, Callable[[Node, np.ndarray], Float32Array]] = {
    "leaky_relu": _leaky_relu,
    "linear": lambda node, x: x,
    "quantized_relu": lambda node, x: np.maximum(x, np.float32(0)),
    "relu": _relu,
    "relu6": lambda node, x: np.clip(x, np.float32(0), np.float32(6)),
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "tanh": lambda node, x: np.tanh(x),
}
_KERNELS: dict[str, Callable[[Node, Sequence[np.ndarray]], Float32Array]] = {
    "activation": _activation,
    "add": lambda node, values: sum(values[1:], values[0]),
    "average_pool": _average,
    "concatenate": lambda node, values: np.concatenate(values, node["axis"]),
    "conv": _conv,
    "crop": _moved(-1),
    "dense": _dense,
    "depthwise_conv": _depthwise,
    "global_average_pool": _average,
    "global_max_pool": _maximum,
    "input": _input,
    "max_pool": _maximum,
    "neuron": _neuron,
    "pad": _moved(1),
    "permute": lambda node, values: values[0].transpose(0, *node["axes"]),
    "readout": _affine,
    "reshape": lambda node, values: values[0].reshape(-1, *node.shape),
    "scale": _affine,
    "subtract": lambda node, values: values[0] - values[1],
}
