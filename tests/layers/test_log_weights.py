"""Weights with a sign and a whole exponent."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.layers import LogConv2D, LogDense
from spkeras.ops.log_tensors import straight_through
from spkeras.ops.log_weights import (
    LogFormat,
    full_scale_exponent,
    log_codes,
    log_quantize,
)
from tests.oracle_ttfs import nearest_level

FORMS = [
    LogFormat(bits, steps, zero, rounding, full_scale)
    for bits in (3, 5, 8)
    for steps in (1, 2, 4)
    for zero in (True, False)
    for rounding in ("log", "linear")
    for full_scale in ("ceil", "nearest", "mse")
]
WEIGHTS = np.random.default_rng(0).normal(0, 0.1, 300)


def levels(form, n):
    return [2 ** ((n - q) / form.steps) for q in range(2 ** (form.bits - 1) - form.zero)]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_no_other_code_is_nearer(form):
    codes = log_codes(WEIGHTS, form)
    sizes = levels(form, codes.full_scale)
    for weight, value in zip(WEIGHTS, codes.values(), strict=True):
        distances = nearest_level(weight, sizes, form.rounding == "log")
        if value == 0:
            # Half a step below the last level, or half of it, is where 0 begins.
            bound = 2 ** (-0.5 / form.steps) if form.rounding == "log" else 0.5
            assert form.zero and abs(weight) <= sizes[-1] * bound * (1 + 1e-9)
            continue
        assert np.sign(value) == np.sign(weight)
        assert distances[np.argmin(np.abs(np.array(sizes) - abs(value)))] <= min(distances) + 1e-9


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_levels_keep_their_values(form):
    once = log_quantize(WEIGHTS.astype("float32"), form)
    np.testing.assert_array_equal(log_quantize(once, form), once)
    assert once.dtype == np.float32


def test_full_scale_rules():
    weights = np.array([0.9, -0.1, 0.05])
    assert full_scale_exponent(weights, LogFormat(full_scale="ceil")) == 0
    assert full_scale_exponent(np.array([0.5, 1.1]), LogFormat(full_scale="nearest")) == 0
    assert full_scale_exponent(np.array([0.5, 1.1]), LogFormat(full_scale="ceil")) == 1
    assert full_scale_exponent(np.zeros(3), LogFormat()) == 0
    form = LogFormat(3, 1, full_scale="mse")
    weights = np.array([1.0, *[0.06] * 400])
    errors = {n: np.sum((log_quantize(weights, form, n) - weights) ** 2) for n in range(-4, 1)}
    assert full_scale_exponent(weights, form) == min(errors, key=errors.get) != 0


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=20), st.integers(3, 8))
def test_signs_and_order_are_kept(weights, bits):
    weights = np.sort(np.array(weights))
    values = log_quantize(weights, LogFormat(bits, 2))
    assert (np.diff(values) >= 0).all()
    np.testing.assert_array_equal(values, -log_quantize(-weights, LogFormat(bits, 2)))


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("zero", [True, False])
def test_training_sees_the_values_of_the_codes(steps, zero):
    form = LogFormat(5, steps, zero, full_scale="ceil")
    weights = WEIGHTS.astype("float32")
    found = ops.convert_to_numpy(straight_through(ops.convert_to_tensor(weights), form))
    np.testing.assert_array_equal(found, log_quantize(weights, form))
    fixed = ops.convert_to_numpy(straight_through(ops.convert_to_tensor(weights), form, -3))
    np.testing.assert_array_equal(fixed, log_quantize(weights, form, -3))


def test_a_weight_of_0_without_a_zero_code_is_the_smallest_level_in_training_too():
    form = LogFormat(4, 1, zero=False, full_scale="ceil")
    weights = np.float32([1.0, 0.0, -0.0, -1e-9, 1e-9])
    smallest = 2.0**-7
    found = ops.convert_to_numpy(straight_through(ops.convert_to_tensor(weights), form))
    assert found.tolist() == [1.0, smallest, smallest, -smallest, smallest]
    np.testing.assert_array_equal(log_quantize(weights, form), found)


def test_layers_train_the_stored_kernel_and_show_the_quantised_one(tmp_path):
    keras.utils.set_random_seed(0)
    form = {"bits": 5, "steps": 2, "full_scale": "ceil"}
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            LogConv2D(3, 3, log_format=form),
            keras.layers.Flatten(),
            LogDense(2, log_format=form, full_scale=-1),
        ]
    )
    before = model.layers[0].get_weights()[0]
    x = np.random.default_rng(0).random((8, 6, 6, 2))
    model.compile("sgd", "mse")
    model.fit(x, np.ones((8, 2)), verbose=0)
    after = model.layers[0].get_weights()[0]
    assert (before != after).mean() > 0.9
    kernel = read_graph(model).of("conv")[0].arrays["kernel"]
    np.testing.assert_array_equal(kernel, log_quantize(after, LogFormat(**form)))
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.layers[-1].full_scale == -1


@pytest.mark.parametrize(
    "options",
    [
        {"bits": 1},
        {"bits": 13},
        {"steps": 3},
        {"rounding": "up"},
        {"full_scale": "max"},
        {"bits": 2},
    ],
)
def test_formats_that_are_none_are_refused(options):
    with pytest.raises(OptionError):
        LogFormat(**options)


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(OptionError, match="NaN"):
        log_codes(np.array([1.0, np.nan]), LogFormat())
    with pytest.raises(OptionError, match="linear"):
        straight_through(ops.ones((2,)), LogFormat(rounding="linear"))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("small, octaves", [(-5, 3), (-6, 4), (-7, 0), (-9, 0)])
def test_the_range_of_least_error_lies_at_most_four_octaves_down(small, octaves, steps):
    """Three levels: many small weights are met where their level can be the last one."""
    weights = np.array([1.0, *[2.0**small] * 10**6])
    form = LogFormat(3, steps)
    found = full_scale_exponent(weights, form)
    if steps == 1:
        assert found == -octaves
    errors = {
        n: np.sum((log_quantize(weights, form, n) - weights) ** 2) for n in range(-4 * steps, 1)
    }
    assert errors[found] == min(errors.values()) and -4 * steps <= found <= 0


@pytest.mark.parametrize("steps", [1, 2])
def test_a_weight_in_the_middle_of_two_levels_takes_the_larger_one(steps):
    form = LogFormat(5, steps, rounding="linear", full_scale="ceil")
    below = 2.0 ** (-1 / steps)
    middle = (1 + below) / 2
    weights = np.array([1.0, middle, middle * (1 - 1e-9), -middle])
    assert log_quantize(weights, form).tolist() == [1.0, 1.0, below, -1.0]


def test_a_format_as_plain_values_is_the_format():
    form = LogFormat(7, 4, False, "linear", "nearest")
    assert LogFormat(**form.to_dict()) == form
    assert form.to_dict() == {
        "bits": 7,
        "steps": 4,
        "zero": False,
        "rounding": "linear",
        "full_scale": "nearest",
    }


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses TensorFlow's tape")
def test_the_gradient_is_that_of_the_weights_themselves():
    import tensorflow as tf

    weights = tf.Variable([0.9, -0.3, 0.01, 0.0])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(straight_through(weights, LogFormat()) * [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(tape.gradient(total, weights), [1, 2, 3, 4])


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize(
    "weights", [[0.0, -0.0], [3e-36, -1e-35, 0.0], [1e-30, 2e-30], [1e-30, 1.0]]
)
def test_weights_that_are_all_small_have_their_stored_values_in_training(weights, zero):
    form = LogFormat(5, 2, zero=zero, full_scale="ceil")
    weights = np.float32(weights)
    found = ops.convert_to_numpy(straight_through(ops.convert_to_tensor(weights), form))
    np.testing.assert_allclose(found, log_quantize(weights, form), rtol=1e-6)


@pytest.mark.parametrize("bits", [2, 12])
def test_the_fewest_and_the_most_bits(bits):
    form = LogFormat(bits, 1, zero=False, full_scale="ceil")
    assert form.largest == {2: 1, 12: 2047}[bits]
    assert log_quantize(np.array([1.0, 0.5, 1e-300]), form).tolist() == [
        1.0,
        0.5,
        2.0 ** -min(form.largest, 997),
    ]
