"""Files with classes and functions of the user, which the user gives by name."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.facade.loading import load_model
from spkeras.keras_files import read_model
from tests.keras_files.handmade import dense, input_layer, predict, sequential, values, write_h5


class Shift(layers.Layer):
    """x plus a weight, to a power."""

    def __init__(self, power=1, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def build(self, shape):
        self.offset = self.add_weight(shape=(shape[-1],), initializer="zeros", name="offset")

    def call(self, x):
        return (x + self.offset) ** self.power

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="lab")
class Registered(Shift):
    """Known to Keras, too."""


def cut(x):
    return ops.clip(x, -0.5, 0.5)


GIVEN = {"Shift": Shift, "Registered": Registered, "cut": cut}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_classes_and_functions_of_keras_3_files(tmp_path, suffix):
    inner = keras.Sequential([keras.Input((4,)), Shift(2)], name="inner")
    inputs = keras.Input((4,))
    x = layers.Dense(4, activation=cut)(Registered(name="own")(inputs))
    model = keras.Model(inputs, layers.Activation(cut)(inner(x)))
    for weight in model.weights:
        weight.assign(values(*weight.shape))
    model.save(tmp_path / f"m{suffix}")
    x = values(3, 4)
    loaded = load_model(tmp_path / f"m{suffix}", custom_objects=GIVEN)
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    with pytest.raises(UnsupportedLayerError):
        load_model(tmp_path / f"m{suffix}")
    for missing in GIVEN:
        part = {name: value for name, value in GIVEN.items() if name != missing}
        with pytest.raises(UnsupportedLayerError, match=missing):
            load_model(tmp_path / f"m{suffix}", custom_objects=part)


def test_classes_and_functions_of_keras_2_files(tmp_path):
    own = {"class_name": "Shift", "config": {"name": "s", "power": 2, "dtype": "float32"}}
    removed = {"class_name": "Highway", "config": {"name": "h", "power": 1}}
    config = sequential(input_layer("in", (3,)), dense("d", 3, activation="cut"), own, removed)
    kernel, bias, offset, last = (
        values(3, 3),
        values(3, seed=1),
        values(3, seed=2),
        values(3, seed=3),
    )
    weights = {
        "d": [("d/kernel:0", kernel), ("d/bias:0", bias)],
        "s": [("s/offset:0", offset)],
        "h": [("h/offset:0", last)],
    }
    path = write_h5(tmp_path / "m.h5", config, weights, "2.4.0", "tensorflow")
    given = {"Shift": Shift, "cut": cut, "Highway": Shift}
    x = values(2, 3, seed=9)
    wanted = (np.clip(x @ kernel + bias, -0.5, 0.5) + offset) ** 2 + last
    np.testing.assert_allclose(
        predict(read_model(path, custom_objects=given), x), wanted, atol=1e-5
    )


def test_what_is_no_dictionary_of_names_is_refused(tmp_path):
    for wrong in ([Shift], {"Shift": 3}, {Shift: Shift}):
        with pytest.raises(OptionError, match="custom_objects"):
            read_model(tmp_path / "none.h5", custom_objects=wrong)
