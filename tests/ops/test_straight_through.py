"""Clamps and roundings with their gradients, element by element."""

import keras
import numpy as np
import pytest
from keras import ops

from spkeras.ops.straight_through import TOLERANCE, clamp, counted, rounded

TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="uses TensorFlow's tape"
)
UPSTREAM = np.float32([3.0, -2.0, 0.5, -0.5, 1.5, -4.0])


def values_and_gradients(function, x):
    """Of sum(function(x) * UPSTREAM)."""
    import tensorflow as tf

    variable = tf.Variable(np.float32(x))
    with tf.GradientTape() as tape:
        y = function(variable)
        total = tf.reduce_sum(y * UPSTREAM)
    return y.numpy().tolist(), tape.gradient(total, variable).numpy().tolist()


@TENSORFLOW
@pytest.mark.parametrize("high", [1.0, 2.0])
def test_the_clamp_passes_gradients_at_both_ends(high):
    x = [-0.5, 0.0, 0.25, high, high + 0.25, high / 2]
    values, gradients = values_and_gradients(lambda x: clamp(x, high), x)
    assert values == [0.0, 0.0, 0.25, high, high, high / 2]
    assert gradients == [0.0, -2.0, 0.5, -0.5, 0.0, -4.0]


@TENSORFLOW
@pytest.mark.parametrize("cut", [True, False])
def test_rounding_passes_gradients_cut_or_whole(cut):
    x = [0.0, 0.3, 0.5, 0.6, 0.99, 2.2]
    values, gradients = values_and_gradients(lambda x: rounded(x, 4, 0.5, cut), x)
    np.testing.assert_allclose(values, np.floor(np.array(x) * 4 + 0.5) / 4)
    assert gradients == (np.clip(UPSTREAM, -1, 1) if cut else UPSTREAM).tolist()


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("levels", [1, 8, 10])
def test_a_level_is_reached_a_tolerance_early(levels, shift):
    below = (3 - shift - 0.5 * TOLERANCE) / levels
    far = (3 - shift - 2 * TOLERANCE) / levels
    x = ops.convert_to_tensor(np.float32([below, far, 0.0]))
    found = ops.convert_to_numpy(rounded(x, levels, shift))
    np.testing.assert_allclose(found, np.array([3, 2, 0]) / levels, rtol=1e-6)


def test_clamps_and_roundings_by_default():
    x = ops.convert_to_tensor(np.float32([-1.0, 0.3, 0.6, 1.0, 1.5]))
    found = ops.convert_to_numpy(clamp(x)).tolist()
    assert found == np.float32([0.0, 0.3, 0.6, 1.0, 1.0]).tolist()
    assert ops.convert_to_numpy(rounded(x[1:], 2)).tolist() == [0.0, 0.5, 1.0, 1.5]
    assert TOLERANCE == 1 / 1024


@TENSORFLOW
def test_gradients_of_a_rounding_are_cut_by_default():
    x = [0.0, 0.3, 0.5, 0.6, 0.99, 2.2]
    assert values_and_gradients(lambda x: rounded(x, 4), x)[1] == np.clip(UPSTREAM, -1, 1).tolist()


@TENSORFLOW
@pytest.mark.parametrize("cut", [True, False])
def test_counts_are_clamped_and_rounded_with_one_gradient(cut):
    x = [-0.5, 0.0, 0.3, 1.5, 1.6, 0.9]
    values, gradients = values_and_gradients(lambda x: counted(x, 1.5, 4, 0.5, cut), x)
    assert values == [0.0, 0.0, 0.25, 1.5, 1.5, 1.0]
    passed = np.clip(UPSTREAM, -1, 1) if cut else UPSTREAM
    # Outside [0, 1.5] nothing passes; both ends do.
    assert gradients == (passed * np.float32([0, 1, 1, 1, 0, 1])).tolist()
