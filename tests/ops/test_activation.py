"""Activations at the places where they bend, by Keras's own and by hand."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from spkeras.ops import activation

EDGES = np.array([-3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0], "float32")


def applied(function, x, **numbers):
    tensor = ops.convert_to_tensor(np.asarray(x, "float32"))
    return ops.convert_to_numpy(activation.apply(function, tensor, numbers))


@pytest.mark.parametrize(
    "slope, threshold, bound", itertools.product((0.0, 0.25), (0.0, 0.5, 1.0), (None, 2.0))
)
def test_relu_with_every_pair_of_numbers(slope, threshold, bound):
    """At its threshold, below it and at its bound."""
    wanted = [
        min(x if x > threshold else slope * (x - threshold), np.inf if bound is None else bound)
        for x in EDGES.tolist()
    ]
    numbers = {"negative_slope": slope, "max_value": bound, "threshold": threshold}
    np.testing.assert_array_equal(applied("relu", EDGES, **numbers), wanted)
    keras_own = keras.activations.relu(EDGES, **numbers)
    np.testing.assert_array_equal(ops.convert_to_numpy(keras_own), wanted)


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("steps, bound", [(1, 2.0), (4, 2.0), (8, 1.0)])
def test_quantized_relu_counts_levels(steps, bound, shift):
    wanted = [
        np.floor(min(max(x, 0.0), bound) * steps / bound + shift) * bound / steps
        for x in EDGES.tolist()
    ]
    found = applied("quantized_relu", EDGES, max_value=bound, steps=steps, shift=shift)
    np.testing.assert_array_equal(found, wanted)


def test_quantized_relu_without_a_bound_is_a_relu():
    found = applied("quantized_relu", EDGES, max_value=None, steps=4, shift=0.5)
    np.testing.assert_array_equal(found, np.maximum(EDGES, 0))


def test_prelu_and_the_old_hard_sigmoid_by_hand():
    found = applied("prelu", [[-2.0, -2.0, 3.0]], slope=np.float32([0.5, 0.25, 0.5]))
    np.testing.assert_array_equal(found, [[-1.0, -0.5, 3.0]])
    found = applied("hard_sigmoid_keras2", [-3.0, -2.5, -1.0, 0.0, 2.0, 2.5, 9.0])
    np.testing.assert_allclose(found, [0, 0, 0.3, 0.5, 0.9, 1, 1], rtol=1e-6)


def test_what_time_coded_spikes_carry_by_hand():
    x = [-1.0, 0.0, 0.24, 0.25, 0.7, 1.0, 1.9, 2.0, 3.4, 4.0, 9.0]
    found = applied("ttfs", x, timesteps=3, tau=1, theta0=1.0)
    np.testing.assert_array_equal(found, [0, 0, 0, 0.25, 0.5, 1, 1, 1, 1, 1, 1])
    found = applied("phase", x, bits=3, theta0=4.0)
    np.testing.assert_array_equal(found, [0, 0, 0, 0, 0.5, 1, 1.5, 2, 3, 3.5, 3.5])
    found = applied("burst", x, timesteps=3, theta=0.5)
    # Spikes of a burst are worth 0.5, 1 and 2; one that is not reached ends it.
    np.testing.assert_array_equal(found, [0, 0, 0, 0, 0.5, 1, 1.5, 1.5, 1.5, 3.5, 3.5])


def test_a_period_of_many_bits():
    """All of its spikes together are one step below theta0."""
    found = applied("phase", [0.5, 1.0, 7.0], bits=16, theta0=1.0)
    np.testing.assert_array_equal(found, [0.5, 1 - 2.0**-16, 1 - 2.0**-16])


def test_names_that_are_known():
    for name in (
        "linear",
        "relu",
        "quantized_relu",
        "prelu",
        "ttfs",
        "phase",
        "burst",
        "hard_sigmoid_keras2",
        "tanh",
    ):
        assert activation.is_known(name)
    assert not activation.is_known("unheard_of")
    assert applied("linear", EDGES).tolist() == EDGES.tolist()
