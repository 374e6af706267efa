"""Functions of several values in float64 NumPy, mostly one sample and one position at a time.

Shares no code with the library; see `tests.oracle_layers`.
"""

import itertools
import math

import numpy as np


def _over(x, axes):
    """Each slice of x along the axes (1 is the first behind the batch), as a view."""
    x = np.array(x, "float64")
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    for place in itertools.product(*(range(x.shape[axis]) for axis in rest)):
        where = [slice(None)] * x.ndim
        for axis, index in zip(rest, place, strict=True):
            where[axis] = index
        yield x, tuple(where)


def _each(x, axes, change):
    """x with every slice along the axes changed."""
    result = np.array(x, "float64")
    for whole, where in _over(x, axes):
        result[where] = change(whole[where])
    return result


def layer_normalization(x, axes, epsilon):
    return _each(x, axes, lambda v: (v - v.mean()) / math.sqrt(v.var() + epsilon))


def variance_normalization(x, axes, epsilon):
    return _each(x, axes, lambda v: v / math.sqrt(v.var() + epsilon))


def rms_normalization(x, axes, epsilon):
    return _each(x, axes, lambda v: v / math.sqrt((v**2).mean() + epsilon))


def unit_normalization(x, axes, epsilon):
    return _each(x, axes, lambda v: v / max(math.sqrt((v**2).sum()), epsilon))


def group_normalization(x, groups, epsilon):
    width = x.shape[-1] // groups
    parts = [x[..., g * width : (g + 1) * width] for g in range(groups)]
    axes = tuple(range(1, x.ndim))
    return np.concatenate([layer_normalization(part, axes, epsilon) for part in parts], -1)


def _answers(query, key, value, score, seen):
    """For each query the average of the values it sees, weighed by exp(score)."""
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    query, key, value = (np.broadcast_to(a, lead + a.shape[-2:]) for a in (query, key, value))
    result = np.zeros((*lead, query.shape[-2], value.shape[-1]))
    for at in np.ndindex(*lead):
        for i, asked in enumerate(query[at]):
            places = [j for j in range(key.shape[-2]) if seen(i, j)]
            scores = np.array([score(asked, key[at][j]) for j in places])
            weights = np.exp(scores - scores.max())
            result[(*at, i)] = weights @ value[at][places] / weights.sum()
    return result


def attention(query, key, value, scale, causal, window):
    def seen(i, j):
        return (j <= i or not causal) and (window is None or abs(i - j) < window)

    return _answers(query, key, value, lambda q, k: scale * (q * k).sum(), seen)


def additive_attention(query, key, value, causal, weight=1.0):
    weight = np.asarray(weight, "float64")
    return _answers(
        query,
        key,
        value,
        lambda q, k: (weight * np.tanh(q + k)).sum(),
        lambda i, j: j <= i or not causal,
    )


def dot(x, y, axes, normalize):
    results = []
    for a, b in zip(x, y, strict=True):
        a, b = np.moveaxis(a, axes[0] - 1, -1), np.moveaxis(b, axes[1] - 1, -1)
        if normalize is not None:
            a, b = (
                v / np.maximum(np.sqrt((v**2).sum(-1, keepdims=True)), normalize) for v in (a, b)
            )
        out = np.zeros((*a.shape[:-1], *b.shape[:-1]))
        for i, j in itertools.product(np.ndindex(a.shape[:-1]), np.ndindex(b.shape[:-1])):
            out[(*i, *j)] = (a[i] * b[j]).sum()
        results.append(out.reshape(out.shape or (1,)))
    return np.array(results)


def _pointwise(function):
    return np.vectorize(function, otypes=["float64"])


def _inverse_error_function(y):
    """By bisection: erf rises."""
    low, high = -6.0, 6.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < y else (low, middle)
    return low


ELEMENTWISE = {
    "abs": np.abs,
    "arccos": np.arccos,
    "arccosh": np.arccosh,
    "arcsin": np.arcsin,
    "arcsinh": np.arcsinh,
    "arctan": np.arctan,
    "arctan2": np.arctan2,
    "arctanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "divide_no_nan": lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)),
    "erf": _pointwise(math.erf),
    "erfc": _pointwise(math.erfc),
    "erfinv": _pointwise(_inverse_error_function),
    "exp2": lambda x: 2.0**x,
    "expm1": np.expm1,
    "floor": np.floor,
    "i0": np.i0,
    "hypot": lambda x, y: np.sqrt(x**2 + y**2),
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "logaddexp": lambda x, y: np.log(np.exp(x) + np.exp(y)),
    "logaddexp2": lambda x, y: np.log2(2.0**x + 2.0**y),
    "power": lambda x, y: x**y,
    "reciprocal": lambda x: 1 / x,
    "round": np.rint,
    "rsqrt": lambda x: x**-0.5,
    "sign": np.sign,
    "sin": np.sin,
    "sinc": np.sinc,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": lambda x: x * x,
    "tan": np.tan,
    "trunc": np.trunc,
}

FUNCTIONS = {
    "additive_attention": additive_attention,
    "attention": attention,
    "divide": lambda x, y: x / y,
    "dot": dot,
    "elementwise": lambda *xs, name: ELEMENTWISE[name](*xs),
    "group_normalization": group_normalization,
    "layer_normalization": layer_normalization,
    "matmul": np.matmul,
    "power": lambda x, exponent: x**exponent,
    "rms_normalization": rms_normalization,
    "unit_normalization": unit_normalization,
    "variance_normalization": variance_normalization,
}
