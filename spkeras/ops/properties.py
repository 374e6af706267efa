"""Properties of functions that are known without tensors."""

from collections.abc import Mapping
from typing import Any

from spkeras.ops.names import NEURON_MODELS

# Functions with f(c x) = c f(x) for every c > 0: a sum of currents can replace their mean.
HOMOGENEOUS = frozenset({"linear", "prelu", "leaky_relu"})


def is_homogeneous(function: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether scaling the input by c > 0 scales the output by c."""
    if function == "relu":
        return parameters.get("max_value") is None and not parameters.get("threshold")
    if function == "quantized_relu":
        return parameters.get("max_value") is None
    return function in HOMOGENEOUS


def is_rectifier(function: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether a plain integrate-and-fire neuron computes it: ReLU, bounded or not."""
    return (
        function in ("relu", "relu6", "quantized_relu")
        and not parameters.get("negative_slope")
        and not parameters.get("threshold")
    )


def is_plain(
    model: str, spike_code: str, *, function: str, parameters: Mapping[str, Any], pooled: bool
) -> bool:
    """Return whether one potential per neuron is all the state it needs.

    It is then the binary integrate-and-fire neuron of ReLU under the rate code.
    """
    counts = NEURON_MODELS[model].one_bit and spike_code == "rate"
    return counts and not pooled and is_rectifier(function, parameters)


# Functions with a jump: next to it the smallest error of the input changes the output.
_JUMPS = frozenset(
    "burst ceil floor hard_shrink phase quantized quantized_relu round sign threshold trunc ttfs".split()
)


def jumps(function: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether a function has a jump.

    Args:
        function: Name of an activation, a function or a merging operation of the vocabulary.
        parameters: Its parameters; they include the name of an elementwise function.
    """
    if function == "relu":
        return bool(parameters.get("threshold"))
    return parameters.get("name", function) in _JUMPS


# Elementwise functions that are undefined for some inputs: a root below zero, 0 / 0.
_PARTIAL = frozenset(
    "arccos arccosh arcsin arctanh erfinv log log10 log1p log2 power rsqrt sqrt".split()
)


def is_partial(function: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether a function is undefined (NaN or infinite) for some finite inputs.

    While its inputs accumulate, a neuron passes through values that do not occur in the
    real-valued network. Where the function is undefined, it sends nothing.

    Args:
        function: As for `jumps`.
        parameters: As for `jumps`.
    """
    return function == "divide" or parameters.get("name", function) in _PARTIAL


# Advice for a function that a rate-coded network cannot compute, or not exactly.
VALUES_REMEDY = 'use --recipe sigma_delta (in Python recipe="sigma_delta")'

# Descriptions of the operations and functions that need the values of their inputs. A rate-coded
# neuron has only running means of its inputs, and computes one function of one of them.
_OF_VALUES: dict[str, str] = {
    "multiply": "a product of two branches",
    "maximum": "a maximum of two branches",
    "minimum": "a minimum of two branches",
    "softmax": "softmax inside the network",
    "log_softmax": "log-softmax inside the network",
    "glu": "a gated linear unit",
    "sparsemax": "sparsemax",
    "layer_normalization": "a normalisation by the values themselves",
    "variance_normalization": "a normalisation by the values themselves",
    "rms_normalization": "a normalisation by the values themselves",
    "group_normalization": "a normalisation by the values themselves",
    "unit_normalization": "a normalisation by the values themselves",
    "attention": "attention",
    "additive_attention": "attention",
    "matmul": "a matrix product of two branches",
    "dot": "a dot product of two branches",
    "divide": "a quotient of two branches",
    "elementwise": "an elementwise function that is no activation",
    "power": "a power",
    "recurrent": "a recurrent layer",
}


def needs_values(op: str, function: str = "") -> str | None:
    """Describe a node that a rate-coded neuron cannot compute; None for one that it can.

    Args:
        op: The node's operation.
        function: Its function, where the operation is "activation", "function" or "neuron".

    Returns:
        A description that can begin a sentence: "a product of two branches".
    """
    if op in ("activation", "neuron"):
        return _OF_VALUES.get(function)
    if op == "function":
        return _OF_VALUES.get(function, f"the function {function!r}")
    return _OF_VALUES.get(op)
