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


SQUASHING = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_sigmoid_keras2": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


def _of_state(state, weight):
    """A row times a matrix, or a convolution that keeps the size, of one sample."""
    window = weight.shape[:-2]
    if not window:
        return state @ weight
    before = [(size - 1) // 2 for size in window]
    pads = [(b, size - 1 - b) for b, size in zip(before, window, strict=True)]
    padded = np.pad(state, [*pads, (0, 0)])
    out = np.zeros((*state.shape[:-1], weight.shape[-1]))
    for place in np.ndindex(*state.shape[:-1]):
        for tap in np.ndindex(*window):
            out[place] += (
                padded[tuple(p + t for p, t in zip(place, tap, strict=True))] @ weight[tap]
            )
    return out


def _advance(cell, x, state, weight, function, gate):
    """The state after one step of one sample."""
    h = state[0]
    if cell == "simple":
        return [function(x + _of_state(h, weight))]
    if cell == "lstm":
        i, f, c, o = np.split(x + _of_state(h, weight), 4, -1)
        carry = gate(f) * state[1] + gate(i) * function(c)
        return [gate(o) * function(carry), carry]
    xz, xr, xh = np.split(x, 3, -1)
    if cell == "gru_reset_after":
        z, r, n = np.split(_of_state(h, weight[:-1]) + weight[-1], 3, -1)
        z, r = gate(xz + z), gate(xr + r)
        new = function(xh + r * n)
    else:
        wz, wr, wh = np.split(weight, 3, -1)
        z, r = gate(xz + _of_state(h, wz)), gate(xr + _of_state(h, wr))
        new = function(xh + _of_state(r * h, wh))
    return [z * h + (1 - z) * new]


def recurrent(x, *start, cell, activation, gate, backwards, result, weight):
    """One sequence after the other."""
    weight, x = np.asarray(weight, "float64"), np.asarray(x, "float64")
    rank = weight.ndim - 2
    axis = x.ndim - rank - 2
    units = weight.shape[-1] // {"simple": 1, "lstm": 4}.get(cell, 3)
    sequences = x.reshape(-1, *x.shape[axis:])
    shape = (*sequences.shape[2:-1], units)
    count = 2 if cell == "lstm" else 1
    begin = [np.asarray(s, "float64").reshape(-1, *shape) for s in start]
    begin = begin or [np.zeros((len(sequences), *shape))] * count
    function, squash = SQUASHING[activation["function"]], SQUASHING[gate["function"]]
    found = []
    for sample, sequence in enumerate(sequences):
        state = [part[sample] for part in begin]
        outputs = {}
        places = range(len(sequence))
        for place in reversed(places) if backwards else places:
            state = _advance(cell, sequence[place], state, weight, function, squash)
            outputs[place] = state[0]
        whole = np.stack([outputs[place] for place in places])
        found.append({"sequence": whole, "last": state[0], "carry": state[-1]}[result])
    return np.stack(found).reshape(*x.shape[:axis], *found[0].shape)


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
    "recurrent": recurrent,
    "rms_normalization": rms_normalization,
    "unit_normalization": unit_normalization,
    "variance_normalization": variance_normalization,
}
