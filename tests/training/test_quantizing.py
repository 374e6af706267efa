"""Quantising activations by hand, and what they reduce to."""

import keras
import numpy as np
import pytest
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers import (
    ChannelExpansion,
    Clamp,
    ClampQuantize,
    InputQuantizer,
    QCFSActivation,
    Staged,
    TrainablePooling2D,
    ValueRange,
)

X = np.linspace(-0.5, 1.5, 4001).astype("float32")


def values(layer, x=X):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))


@pytest.mark.parametrize("steps", [1, 8, 64, 600])
def test_value_range_with_t_levels_is_cq(steps):
    np.testing.assert_array_equal(values(ValueRange(steps, steps)), values(ClampQuantize(steps)))


@pytest.mark.parametrize("steps", [1, 8, 64, 600])
def test_qcfs_without_shift_is_cq(steps):
    plain = QCFSActivation(steps, initial=1.0, shift=0.0)
    np.testing.assert_array_equal(values(plain), values(ClampQuantize(steps)))


@pytest.mark.parametrize(("steps", "levels"), [(1, 4), (2, 3), (8, 10), (32, 40), (100, 25)])
def test_value_range_takes_whole_counts_up_to_t(steps, levels):
    found = values(ValueRange(steps, levels), 8 * X).astype("float64") * levels
    wanted = np.clip(np.floor(8 * X.astype("float64") * levels + 2.0**-10), 0, steps)
    np.testing.assert_allclose(found, wanted, atol=1e-5 * steps)
    assert len(np.unique(wanted)) == steps + 1


def test_a_level_is_reached_by_what_rounding_errors_leave_below_it():
    x = np.float32(3 / 10) * np.float32([1 - 3e-7, 1, 1 + 3e-7])
    np.testing.assert_allclose(values(ClampQuantize(10), x), 0.3, rtol=1e-6)


def test_the_input_encoding_stretches_by_its_threshold():
    count = np.clip(np.floor(X.astype("float64") * 8 / 0.5 + 2.0**-10), 0, 8)
    np.testing.assert_allclose(values(InputQuantizer(8, 0.5)) * 8, count, atol=1e-5)


def test_channel_expansion_by_its_three_formulas():
    x = np.random.default_rng(0).random((4, 5, 3)).astype("float32")
    found = values(ChannelExpansion(8, 10, (0, 1, -1)), x)
    wide = x.astype("float64")
    for index, m in enumerate((10, 11, 9, 10, 11, 9)):
        wanted = np.minimum(np.floor(wide * m + 2.0**-10), 8) / 10
        np.testing.assert_allclose(found[..., 3 * index : 3 * index + 3], wanted, atol=1e-6)


def test_trainable_pooling_starts_as_an_average():
    x = np.random.default_rng(0).random((2, 6, 6, 3)).astype("float32")
    layer = TrainablePooling2D(2)
    np.testing.assert_allclose(
        values(layer, x), values(keras.layers.AveragePooling2D(2), x), rtol=1e-6
    )
    assert len(layer.trainable_variables) == 1
    again = TrainablePooling2D.from_config(layer.get_config())
    np.testing.assert_allclose(values(again, x), values(layer, x))


def test_quantisers_compute_in_float32_under_any_policy():
    x = keras.Input((1,))
    for layer in (ClampQuantize(600), QCFSActivation(600, 1.0), Staged(ClampQuantize(600))):
        assert layer.compute_dtype == "float32"
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        y = ClampQuantize(600)(keras.layers.Dense(1)(x))
        assert y.dtype == "float32"
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Clamp(2.0),
        lambda: ClampQuantize(7, 1.5, 0.25),
        lambda: ValueRange(8, 10, 0.5),
        lambda: QCFSActivation(4, 2.0),
        lambda: InputQuantizer(9, 0.9),
        lambda: ChannelExpansion(8, 10, (1, 0, -1)),
        lambda: Staged(ValueRange(8, 10), "clamp", 6.0),
        lambda: Staged(QCFSActivation(4, 2.0)),
    ],
)
def test_configurations_round_trip(make):
    layer = make()
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    x = X.reshape(-1, 1)
    np.testing.assert_array_equal(values(layer, x), values(again, x))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ClampQuantize(0), "timesteps=0"),
        (lambda: ClampQuantize(2.5), "timesteps=2.5"),
        (lambda: ClampQuantize(2, scale=0.0), "scale=0.0"),
        (lambda: ClampQuantize(2, shift=1.0), "shift=1.0"),
        (lambda: ValueRange(2, -1.0), "levels=-1.0"),
        (lambda: QCFSActivation(2, initial=-1.0), "initial=-1.0"),
        (lambda: Clamp(0.0), "high=0.0"),
        (lambda: InputQuantizer(2, 0.0), "threshold=0.0"),
        (lambda: ChannelExpansion(2, 1.0), "levels=1.0"),
        (lambda: ChannelExpansion(2, 3.0, (1, 1, 0)), "order="),
        (lambda: Staged(ClampQuantize(2), "half"), "stage='half'"),
    ],
)
def test_bad_numbers_are_refused(make, words):
    with pytest.raises(OptionError, match=words):
        make()
