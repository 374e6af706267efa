"""One neuron node of a graph over time: its attributes and arrays as `tests.oracle_neurons`
takes them. Imports nothing from the library."""

import numpy as np

from tests import oracle_functions
from tests.oracle_layers import FUNCTIONS, OPERATIONS, _windows
from tests.oracle_neurons import Graded, Whole, delta, differential, integrate_fire, rate


def pool(window, x):
    if window is None:
        return x
    if "keepdims" in window:
        return x.max(tuple(range(1, x.ndim - 1)), keepdims=window["keepdims"])
    size, ones = window["pool_size"], (1,) * len(window["pool_size"])
    patches, rank = _windows(x, size, window["strides"], ones, window["padding"], fill=-np.inf)
    return patches.max(tuple(range(rank + 1, 2 * rank + 1)))


_OWN = (
    "model",
    "reset",
    "initial_potential",
    "max_spikes_per_step",
    "depth",
    "pool",
    "function",
    "spike_code",
    "levels",
    "mantissa_bits",
)
_MERGING = ("multiply", "maximum", "minimum")
GRADED = ("multi_threshold", "sigma_delta")


def response(node):
    """(sum on each input ..., steps) to the sum it stands for, of one neuron node."""
    a = dict(node.attributes)
    function = a["function"]
    numbers = {key: value for key, value in a.items() if key not in _OWN}

    def respond(*totals):
        *totals, steps = totals
        pooled = [pool(a["pool"], total) for total in totals]
        if function == "linear":
            return pooled[0]
        if function == "prelu":
            slope = np.asarray(node.arrays["slope"], float)
            return np.where(pooled[0] > 0, pooled[0], slope * pooled[0])
        if function == "quantized_relu" and numbers["max_value"] is None:
            return np.maximum(pooled[0], 0)  # its bound is its threshold
        if function in ("relu", "leaky_relu") and not numbers.get("threshold"):
            slope, bound = numbers["negative_slope"], numbers.get("max_value")
            value = np.where(pooled[0] > 0, pooled[0], slope * pooled[0])
            return value if bound is None else np.minimum(value, steps * bound)
        means = [x / steps for x in pooled]
        if function in _MERGING:
            return steps * OPERATIONS[function](node, *means)
        if function in FUNCTIONS:
            return steps * FUNCTIONS[function](*means, **numbers)
        weight = {key: node.arrays[key] for key in ("weight",) if key in node.arrays}
        return steps * oracle_functions.FUNCTIONS[function](*means, **numbers, **weight)

    return respond


def threshold(node):
    return np.asarray(node.arrays["threshold"], "float64")


def offsets(node):
    """What a neuron has received on each input before the first step."""
    return [
        np.asarray(node.arrays.get(f"constant_input{index}", 0.0), "float64")
        for index in range(len(node.inputs))
    ]


def sender(node):
    a = node.attributes
    if a["model"] in GRADED:
        return Graded(a["levels"], a["mantissa_bits"])
    return Whole(
        a["initial_potential"],
        -a["max_spikes_per_step"] if "signed" in a["model"] else 0,
        a["max_spikes_per_step"],
    )


def spike(node, currents):
    """Spikes (T, batch, ...) of a neuron node for the currents (T, batch, ...) of each input,
    and how close it came to a tie."""
    a, respond, send = node.attributes, response(node), sender(node)
    plain = (a["model"], a["spike_code"], a["function"], a["pool"]) == (
        "binary",
        "rate",
        "relu",
        None,
    )
    if plain and a["max_value"] is None and not (a["negative_slope"] or a["threshold"]):
        fired, _ = integrate_fire(currents[0], threshold(node), a["initial_potential"], a["reset"])
        return fired, np.inf
    if a["spike_code"] == "rate":
        return rate(currents, send, respond, threshold(node)), send.closest
    code = {"delta": delta, "differential": differential}[a["spike_code"]]
    fired = code(currents, send, lambda *x: respond(*x, 1), threshold(node), offsets(node))
    return fired, send.closest
