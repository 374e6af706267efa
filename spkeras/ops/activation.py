"""Activation functions by name, on `keras.ops`: the real-valued functions of neurons."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from spkeras.ops.phase_burst import burst_value, phase_value
from spkeras.ops.ttfs import kernel_table
from spkeras.ops.ttfs_tensors import rounded_down
from spkeras.ops.types import Tensor


def relu(
    x: Tensor, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0
) -> Tensor:
    """Compute Keras's ReLU: negative_slope * (x - threshold) below `threshold`, else x.

    The result is cut at `max_value`.
    """
    if threshold:
        y = ops.where(x > threshold, x, negative_slope * (x - threshold))
    elif negative_slope:
        y = ops.leaky_relu(x, negative_slope)
    else:
        y = ops.relu(x)
    return y if max_value is None else ops.minimum(y, max_value)


def quantized_relu(x: Tensor, max_value: Tensor, steps: int, shift: float) -> Tensor:
    """Compute a ReLU cut at `max_value` and rounded down to `steps` levels, after adding `shift`.

    Args:
        x: Tensor of any shape.
        max_value: Largest value; None for a plain ReLU.
        steps: Number of levels above 0.
        shift: Initial potential as a fraction of a level; 0.5 rounds to nearest.
    """
    if max_value is None:
        return ops.relu(x)
    level = max_value / steps
    return ops.floor(ops.minimum(ops.relu(x), max_value) / level + shift) * level


def quantized(x: Tensor, level: float, low: int, high: int, shift: float) -> Tensor:
    """Compute level * clip(floor(x / level + shift), low, high), the levels of both signs.

    Args:
        x: Tensor of any shape.
        level: Distance of two levels.
        low: Smallest number of levels.
        high: Largest number of levels.
        shift: Initial potential as a fraction of a level; 0.5 rounds to nearest.
    """
    return ops.clip(ops.floor(x / level + shift), low, high) * level


def hard_sigmoid_keras2(x: Tensor) -> Tensor:
    """Compute the hard sigmoid of Keras 1 and 2: 0.2 x + 0.5, cut to [0, 1]."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


_OWN = "linear relu quantized quantized_relu prelu hard_sigmoid_keras2 ttfs phase burst".split()


def is_known(function: str) -> bool:
    """Return whether `apply` computes the function of that name."""
    return function in _OWN or hasattr(keras.activations, function)


def apply(function: str, x: Tensor, parameters: Mapping[str, Any]) -> Tensor:
    """Compute an activation (see `spkeras.graph.vocabulary.ACTIVATIONS`) of x.

    Args:
        function: Name in the vocabulary.
        x: Tensor of any shape.
        parameters: Parameters of the function; for "prelu" the array "slope".
    """
    if function == "linear":
        return x
    if function == "relu":
        return relu(x, **parameters)
    if function == "quantized_relu":
        return quantized_relu(x, **parameters)
    if function == "quantized":
        return quantized(x, **parameters)
    if function == "prelu":
        return ops.relu(x) - parameters["slope"] * ops.relu(-x)
    if function == "hard_sigmoid_keras2":
        return hard_sigmoid_keras2(x)
    if function == "ttfs":
        return rounded_down(x, kernel_table(**parameters))
    if function == "phase":
        return phase_value(x, **parameters)
    if function == "burst":
        return burst_value(x, **parameters)
    return keras.activations.get(function)(x, **parameters)
