"""Properties of activation functions that need no tensors to be known."""

from collections.abc import Mapping
from typing import Any

# Functions with f(c x) = c f(x) for every c > 0: a sum of currents may stand for their mean.
HOMOGENEOUS = frozenset({"linear", "prelu", "leaky_relu"})


def is_homogeneous(function: str, parameters: Mapping[str, Any]) -> bool:
    """Whether scaling the input by c > 0 scales the output by c."""
    if function == "relu":
        return parameters.get("max_value") is None and not parameters.get("threshold")
    return function in HOMOGENEOUS


def is_rectifier(function: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a plain integrate-and-fire neuron computes it: ReLU, cut at a maximum or not."""
    return (
        function in ("relu", "relu6")
        and not parameters.get("negative_slope")
        and not parameters.get("threshold")
    )
