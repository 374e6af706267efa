"""An independent, slow, float64 interpreter of graphs, for comparison.

It shares no code with the library: a graph is anything with `nodes` and `outputs`, a node
anything with `name`, `op`, `inputs`, `shape`, `attributes` and `arrays`. Every operation is
written straight from its definition, mostly as loops over kernel taps or windows.
`randomize` and `difference` put a Keras model beside it.
"""

import itertools
import math

import numpy as np

from tests import oracle_functions


def evaluate(graph, inputs):
    """Values of all nodes.

    Args:
        graph: A graph without neurons.
        inputs: Arrays with a batch axis, one per input node, in order.

    Returns:
        dict from node name to float64 array with a batch axis.
    """
    given = iter(inputs)
    values = {}
    for node in graph.nodes:
        if node.op == "input":
            value = np.asarray(next(given), "float64")
        else:
            value = OPERATIONS[node.op](node, *(values[name] for name in node.inputs))
        assert value.shape[1:] == node.shape, (node.name, node.op, value.shape, node.shape)
        values[node.name] = value
    return values


def outputs(graph, inputs):
    """Values of the graph's outputs, in order."""
    values = evaluate(graph, inputs)
    return [values[name] for name in graph.outputs]


def _kernel(node, name="kernel"):
    return np.asarray(node.arrays[name], "float64")


def _bias(node):
    return np.asarray(node.arrays["bias"], "float64") if "bias" in node.arrays else 0.0


def _padding(size, window, stride, padding):
    """Zeros before and after one axis; TensorFlow's "same": the odd one goes behind."""
    if padding == "causal":
        return window - 1, 0
    if padding == "valid":
        return 0, 0
    total = max((math.ceil(size / stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def _windows(x, sizes, strides, dilation, padding, fill=0.0):
    """Patches of shape (batch, *positions, *window, channels)."""
    rank = len(sizes)
    spans = [d * (k - 1) + 1 for k, d in zip(sizes, dilation)]
    borders = [_padding(n, k, s, padding) for n, k, s in zip(x.shape[1:], spans, strides)]
    x = np.pad(x, [(0, 0), *borders, (0, 0)], constant_values=fill)
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:], spans, strides)]
    out = np.empty((x.shape[0], *counts, *sizes, x.shape[-1]))
    for position in itertools.product(*map(range, counts)):
        for tap in itertools.product(*map(range, sizes)):
            where = tuple(p * s + t * d for p, s, t, d in zip(position, strides, tap, dilation))
            out[(slice(None), *position, *tap)] = x[(slice(None), *where)]
    return out, rank


def conv(node, x):
    kernel, a = _kernel(node), node.attributes
    groups = a["groups"]
    patches, rank = _windows(x, kernel.shape[:-2], a["strides"], a["dilation"], a["padding"])
    per_in, per_out = x.shape[-1] // groups, kernel.shape[-1] // groups
    results = []
    for g in range(groups):
        part = patches[..., g * per_in : (g + 1) * per_in]
        weights = kernel[..., g * per_out : (g + 1) * per_out]
        axes = (tuple(range(rank + 1, 2 * rank + 2)), tuple(range(rank + 1)))
        results.append(np.tensordot(part, weights, axes))
    return np.concatenate(results, -1) + _bias(node)


def depthwise_conv(node, x):
    kernel, a = _kernel(node), node.attributes
    patches, rank = _windows(x, kernel.shape[:-2], a["strides"], a["dilation"], a["padding"])
    axes = tuple(range(rank + 1, 2 * rank + 1))
    channels, multiplier = kernel.shape[-2:]
    out = np.empty((*patches.shape[: rank + 1], channels * multiplier))
    for c, m in itertools.product(range(channels), range(multiplier)):
        out[..., c * multiplier + m] = (patches[..., c] * kernel[..., c, m]).sum(axes)
    return out + _bias(node)


def conv_transpose(node, x):
    """Every input value adds its kernel to the output, at its stride; then cut to size."""
    kernel, a = _kernel(node), node.attributes
    rank = kernel.ndim - 2
    out = np.zeros((x.shape[0], *node.shape))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel.shape, a["dilation"])]
    shifts = [0] * rank
    if a["padding"] == "same":
        full = [(n - 1) * s + k for n, s, k in zip(x.shape[1:], a["strides"], spans)]
        shifts = [max(f - n, 0) // 2 for f, n in zip(full, node.shape)]
    for position in itertools.product(*map(range, x.shape[1:-1])):
        for tap in itertools.product(*map(range, kernel.shape[:-2])):
            where = tuple(
                p * s + t * d - b
                for p, s, t, d, b in zip(position, a["strides"], tap, a["dilation"], shifts)
            )
            if all(0 <= w < n for w, n in zip(where, node.shape)):
                at = (slice(None), *where)
                out[at] += x[(slice(None), *position)] @ kernel[tap].T
    return out + _bias(node)


def average_pool(node, x):
    a = node.attributes
    ones = (1,) * len(a["pool_size"])
    args = (a["pool_size"], a["strides"], ones, a["padding"])
    patches, rank = _windows(x, *args, fill=np.nan)
    return np.nanmean(patches, tuple(range(rank + 1, 2 * rank + 1)))


def max_pool(node, x):
    a = node.attributes
    ones = (1,) * len(a["pool_size"])
    args = (a["pool_size"], a["strides"], ones, a["padding"])
    patches, rank = _windows(x, *args, fill=-np.inf)
    return patches.max(tuple(range(rank + 1, 2 * rank + 1)))


def _global(reduce):
    def run(node, x):
        axes = tuple(range(1, x.ndim - 1))
        return reduce(x, axis=axes, keepdims=node.attributes["keepdims"])

    return run


def scale(node, x):
    offset = node.arrays.get("offset", 0.0)
    return x * np.asarray(node.arrays["scale"], "float64") + np.asarray(offset, "float64")


def crop(node, x):
    for axis, (before, after) in enumerate(node.attributes["amounts"], 1):
        x = x.take(range(before, x.shape[axis] - after), axis)
    return x


def pad(node, x):
    return np.pad(x, [(0, 0), *node.attributes["amounts"], (0, 0)])


def _cubic(t):
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


KERNELS = {"bilinear": lambda t: max(1 - abs(t), 0.0), "bicubic": _cubic}


def upsample(node, x):
    for axis, factor in enumerate(node.attributes["size"], 1):
        kind, size = node.attributes["interpolation"], x.shape[axis]
        if kind == "nearest":
            x = x.take([i // factor for i in range(size * factor)], axis)
            continue
        matrix = np.zeros((size * factor, size))
        for row, column in itertools.product(range(size * factor), range(size)):
            matrix[row, column] = KERNELS[kind]((row + 0.5) / factor - 0.5 - column)
        matrix /= matrix.sum(1, keepdims=True)
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


def resample(node, x):
    axis, matrix = node.attributes["axis"], np.asarray(node.arrays["matrix"], "float64")
    return np.moveaxis(np.tensordot(x, matrix, (axis, 0)), -1, axis)


def concatenate(node, *xs):
    return np.concatenate(xs, node.attributes["axis"])


def relu(x, max_value=None, negative_slope=0.0, threshold=0.0):
    y = np.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else np.minimum(y, max_value)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sparsemax(x):
    """As Keras has it: tau comes from the sum of the cumulative sums, not from the last one."""
    s = -np.sort(-x, -1)
    k = np.arange(1, x.shape[-1] + 1)
    support = 1 + k * s > np.cumsum(s, -1)
    count = support.sum(-1, keepdims=True)
    tau = (np.where(support, np.cumsum(s, -1), 0).sum(-1, keepdims=True) - 1) / count
    return np.maximum(x - tau, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def _erf(x):
    return np.vectorize(math.erf)(x)


def gelu(x, approximate):
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def elu(x, alpha):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def glu(x):
    a, b = np.split(x, 2, -1)
    return a * sigmoid(b)


FUNCTIONS = {
    "celu": lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0) / alpha) - 1)),
    "elu": elu,
    "exponential": np.exp,
    "gelu": gelu,
    "glu": glu,
    "hard_shrink": lambda x: np.where(abs(x) > 0.5, x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_sigmoid_keras2": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "linear": lambda x: x,
    "leaky_relu": lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
    "log_sigmoid": lambda x: -softplus(-x),
    "log_softmax": lambda x, axis: np.log(softmax(x, axis)),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "quantized": lambda x, level, low, high, shift: (
        np.clip(np.floor(x / level + shift), low, high) * level
    ),
    "quantized_relu": lambda x, max_value, steps, shift: (
        np.floor(np.clip(x / max_value, 0, 1) * steps + shift) / steps * max_value
    ),
    "relu": relu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: 1.05070098 * elu(x, 1.67326324),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
    "softmax": softmax,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "sparse_sigmoid": lambda x: np.clip(0.5 * (x + 1), 0, 1),
    "sparsemax": sparsemax,
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
    "threshold": lambda x, threshold, default_value: np.where(x > threshold, x, default_value),
}


def activation(node, x):
    parameters = dict(node.attributes)
    function = parameters.pop("function")
    if function == "prelu":
        slope = np.asarray(node.arrays["slope"], "float64")
        return np.where(x > 0, x, slope * x)
    if parameters.get("axis", -1) == 0:
        raise ValueError("axis 0 is the batch")
    return FUNCTIONS[function](x, **parameters)


def function(node, *xs):
    parameters = dict(node.attributes)
    compute = oracle_functions.FUNCTIONS[parameters.pop("function")]
    return compute(*xs, **parameters, **node.arrays)


def _fold(function):
    def run(node, *xs):
        result = xs[0]
        for x in xs[1:]:
            result = function(result, x)
        return result

    return run


OPERATIONS = {
    "activation": activation,
    "add": _fold(np.add),
    "average_pool": average_pool,
    "concatenate": concatenate,
    "conv": conv,
    "conv_transpose": conv_transpose,
    "crop": crop,
    "dense": lambda node, x: x @ _kernel(node) + _bias(node),
    "depthwise_conv": depthwise_conv,
    "function": function,
    "global_average_pool": _global(np.mean),
    "global_max_pool": _global(np.max),
    "max_pool": max_pool,
    "maximum": _fold(np.maximum),
    "minimum": _fold(np.minimum),
    "multiply": _fold(np.multiply),
    "pad": pad,
    "permute": lambda node, x: x.transpose(0, *node.attributes["axes"]),
    "reshape": lambda node, x: x.reshape(x.shape[0], *node.shape),
    "scale": scale,
    "subtract": _fold(np.subtract),
    "resample": resample,
    "upsample": upsample,
}


def randomize(model, seed=0):
    """Give every weight of a Keras model a value that no default has."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "seed_generator" in variable.path or variable.path.endswith("count"):
            continue
        low, high = (0.3, 2.0) if "variance" in variable.path else (-0.8, 0.8)
        variable.assign(rng.uniform(low, high, variable.shape))
    return model


def samples(model, batch=2, seed=1, spread=1.5):
    """Random values of both signs for each input of a Keras model."""
    rng = np.random.default_rng(seed)
    return [rng.normal(0, spread, (batch, *t.shape[1:])).astype(t.dtype) for t in model.inputs]


def _array(tensor):
    """A tensor of any backend in float64; those of PyTorch have to be cut from their graph."""
    tensor = tensor.detach() if hasattr(tensor, "detach") else tensor
    return np.asarray(tensor, "float64")


def difference(graph, model, xs=None):
    """Largest difference between graph and model, relative to the model's largest value."""
    xs = samples(model) if xs is None else xs
    wanted = model([x for x in xs] if len(xs) > 1 else xs[0], training=False)
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    found = outputs(graph, xs)
    assert len(found) == len(wanted)
    worst = 0.0
    for ours, theirs in zip(found, (_array(w) for w in wanted)):
        assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
        assert np.isfinite(theirs).all()
        worst = max(worst, np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-3))
    return worst
