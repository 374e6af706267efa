"""What is known of functions by their names and numbers."""

import numpy as np
import pytest

from spkeras.graph.vocabulary import ACTIVATIONS, FUNCTIONS, MERGING
from spkeras.ops import activation
from spkeras.ops.properties import (
    VALUES_REMEDY,
    is_homogeneous,
    is_partial,
    is_rectifier,
    jumps,
    needs_values,
)

RELU = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}
QUANTIZED = {"max_value": None, "steps": 4, "shift": 0.5}


@pytest.mark.parametrize(
    "function, numbers, homogeneous, rectifier, jumping",
    [
        ("linear", {}, True, False, False),
        ("prelu", {}, True, False, False),
        ("leaky_relu", {"negative_slope": 0.1}, True, False, False),
        ("relu", RELU, True, True, False),
        ("relu", {**RELU, "negative_slope": 0.1}, True, False, False),
        ("relu", {**RELU, "max_value": 6.0}, False, True, False),
        ("relu", {**RELU, "threshold": 1.0}, False, False, True),
        ("relu", {**RELU, "max_value": 6.0, "threshold": 1.0}, False, False, True),
        ("relu6", {}, False, True, False),
        ("quantized_relu", QUANTIZED, True, True, True),
        ("quantized_relu", {**QUANTIZED, "max_value": 2.0}, False, True, True),
        ("sigmoid", {}, False, False, False),
        ("tanh", {}, False, False, False),
        ("hard_shrink", {}, False, False, True),
        ("threshold", {"threshold": 1.0, "default_value": 0.0}, False, False, True),
        ("ttfs", {"timesteps": 4, "tau": 1, "theta0": 1.0}, False, False, True),
        ("elementwise", {"name": "floor"}, False, False, True),
        ("elementwise", {"name": "exp"}, False, False, False),
        ("maximum", {}, False, False, False),
    ],
)
def test_functions_by_hand(function, numbers, homogeneous, rectifier, jumping):
    assert is_homogeneous(function, numbers) is homogeneous
    assert is_rectifier(function, numbers) is rectifier
    assert jumps(function, numbers) is jumping


@pytest.mark.parametrize("function", ["linear", "leaky_relu", "relu", "sigmoid", "elu", "relu6"])
def test_homogeneous_is_what_scales_with_its_input(function):
    numbers = {"relu": RELU, "leaky_relu": {"negative_slope": 0.1}}.get(function, {})
    x = np.float32([-4.0, -0.5, 0.0, 0.25, 3.0, 5.0])
    once, twice = (np.asarray(activation.apply(function, c * x, numbers)) for c in (1, 2))
    assert np.allclose(twice, 2 * once) == is_homogeneous(function, numbers)


@pytest.mark.parametrize(
    "function, numbers, partial",
    [
        ("divide", {}, True),
        ("power", {}, True),
        ("elementwise", {"name": "log"}, True),
        ("elementwise", {"name": "exp"}, False),
        ("multiply", {}, False),
        ("relu", RELU, False),
    ],
)
def test_functions_that_are_undefined_somewhere(function, numbers, partial):
    assert is_partial(function, numbers) is partial


def test_what_a_rate_cannot_compute():
    assert needs_values("multiply") == "a product of two branches"
    assert needs_values("activation", "softmax") == "softmax inside the network"
    assert needs_values("neuron", "glu") == "a gated linear unit"
    assert needs_values("function", "attention") == "attention"
    assert needs_values("function", "unheard_of") == "the function 'unheard_of'"
    for op, function in (("conv", ""), ("add", ""), ("activation", "relu"), ("neuron", "relu")):
        assert needs_values(op, function) is None
    assert all(needs_values(op) for op in MERGING)
    assert all(needs_values("function", function) for function in FUNCTIONS)
    counted = [name for name in ACTIVATIONS if needs_values("activation", name) is None]
    assert {"relu", "sigmoid", "tanh", "linear", "prelu"} <= set(counted)
    assert "sigma_delta" in VALUES_REMEDY
