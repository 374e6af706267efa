"""Layers and recipes from outside the package."""

from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError
from spkeras.recipes import ECC
from tests import networks


@keras.saving.register_keras_serializable(package="elsewhere")
class Gain(keras.layers.Layer):
    """x times a factor per channel."""

    def build(self, shape):
        self.factor = self.add_weight((shape[-1],), "ones", name="factor")

    def call(self, x):
        return x * self.factor


def of_gain(call):
    return call.affine(call.input, np.asarray(call.operation.factor))


@pytest.fixture()
def known(registries):
    spkeras.register_layer(Gain, of_gain)


@pytest.fixture()
def model():
    net = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="relu"),
            Gain(name="gain"),
            keras.layers.Dense(3),
        ]
    )
    networks.dyadic(net)
    net.layers[1].factor.assign([0.5, 2, 1, 0.25, 1, 4, 1, 0.5])
    return net


def test_a_layer_of_the_user_converts(model, known):
    x = networks.samples(model, 5)
    snn = spkeras.convert(model, x, recipe="sigma_delta", timesteps=12)
    expected = model.predict(x, verbose=0)
    assert np.abs(snn.predict(x, verbose=0) - expected).max() < 1e-2 * np.abs(expected).max()
    assert spkeras.verify(model, snn, x).neurons
    assert [v.verdict for v in spkeras.inspect(model) if v.name == "gain"] != ["refused"]


def test_without_a_handler_its_operators_convert(model):
    x = networks.samples(model, 5)
    names = [v.name for v in spkeras.inspect(model)]
    assert [name for name in names if name.startswith("gain")][0].startswith("gain/multiply")
    snn = spkeras.convert(model, x, recipe="sigma_delta", timesteps=12)
    expected = model.predict(x, verbose=0)
    assert np.abs(snn.predict(x, verbose=0) - expected).max() < 1e-2 * np.abs(expected).max()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_its_files_are_read(model, known, tmp_path, suffix):
    model.save(tmp_path / f"net{suffix}")
    again = spkeras.load_model(tmp_path / f"net{suffix}")
    x = networks.samples(model, 5)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert spkeras.convert(again, x).predict(x, verbose=0).shape == (5, 3)


def test_what_is_no_layer_of_ones_own_is_refused(known):
    for layer, words in ((Gain, "Gain"), (keras.layers.Dense, "Dense"), (print, "print")):
        with pytest.raises(OptionError, match=words):
            spkeras.register_layer(layer, of_gain)


@dataclass(frozen=True, kw_only=True)
class Halves(ECC):
    """ECC with thresholds at the median."""

    name: ClassVar[str] = "halves"
    summary: ClassVar[str] = "thresholds at the median"

    def _complete(self):
        self._default(percentile=50.0)
        super()._complete()


def test_a_recipe_of_the_user_converts_by_its_name(tmp_path, registries):
    spkeras.register_recipe(Halves)
    cnn = networks.chain()
    x = networks.samples(cnn, 20)
    snn = spkeras.convert(cnn, x, recipe="halves", timesteps=8)
    same = spkeras.convert(cnn, x, ECC(percentile=50.0), timesteps=8)
    other = spkeras.convert(cnn, x, timesteps=8)
    answers = [net.predict(x, verbose=0) for net in (snn, same, other)]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert (answers[0] != answers[2]).any()
    snn.save(tmp_path / "snn.keras")
    settings = spkeras.evaluate(spkeras.load_model(tmp_path / "snn.keras"), x).settings
    assert settings["recipe"] == "halves"
    with pytest.raises(OptionError, match="'halves' has no option 'lvels'"):
        spkeras.convert(cnn, x, recipe="halves", lvels=3)
    for wrong in (Halves, int, ECC):
        with pytest.raises(OptionError):
            spkeras.register_recipe(wrong)
