"""Models of a user's class load where the file holds all layers, and not where it cannot."""

import logging
import sys

import keras
import numpy as np
import pytest
from keras import layers

from spkeras import load_model
from spkeras.errors import ModelFileError, UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import (
    dense,
    functional,
    input_layer,
    predict,
    values,
    write_h5,
    write_zip,
)

SUFFIXES = [".keras", ".h5"]


class Trained(keras.Model):
    """Adds a training step, a metric, and a layer for training."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.score = keras.metrics.Mean(name="score")
        self.critic = layers.Dense(2, name="critic")
        self.critic.build((None, 3))

    def train_step(self, data):
        return {}


@keras.saving.register_keras_serializable(package="mine")
class Registered(keras.Model):
    def test_step(self, data):
        return {}


class Chain(keras.Sequential):
    def train_step(self, data):
        return {}


class Doubled(keras.Model):
    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training)


class DoubledChain(keras.Sequential):
    def call(self, inputs):
        return 2 * super().call(inputs)


class Called(keras.Model):
    def __call__(self, inputs):
        return super().__call__(inputs)


class Built(keras.Model):
    def __init__(self, units):
        inputs = keras.Input((4,))
        super().__init__(inputs, layers.Dense(units)(inputs))


def made(kind):
    """A model of a class, and its kernels."""
    kernels = values(4, 3, seed=1), values(3, 3, seed=2)
    first, second = layers.Dense(3, "relu", use_bias=False), layers.Dense(3, use_bias=False)
    if issubclass(kind, keras.Sequential):
        model = kind([keras.Input((4,)), first, second])
    else:
        inputs = keras.Input((4,))
        model = kind(inputs, second(first(inputs)))
    for layer, kernel in zip((first, second), kernels, strict=True):
        layer.set_weights([kernel])
    return model, kernels


def outputs(x, kernels):
    return np.maximum(x @ kernels[0], 0) @ kernels[1]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", [Trained, Registered, Chain], ids=lambda kind: kind.__name__)
def test_class_that_only_trains(tmp_path, kind, suffix):
    model, kernels = made(kind)
    inputs = keras.Input((4,))
    around = keras.Model(inputs, model(inputs) + model(-inputs))
    rows = keras.Input((2, 4))
    each = keras.Model(rows, layers.TimeDistributed(made(Chain)[0])(rows))
    x = values(5, 4)
    for number, (net, given, right) in enumerate(
        [
            (model, x, outputs(x, kernels)),
            (around, x, outputs(x, kernels) + outputs(-x, kernels)),
            (each, np.stack([x, -x], 1), np.stack([outputs(s * x, kernels) for s in (1, -1)], 1)),
        ]
    ):
        path = tmp_path / f"{number}{suffix}"
        net.save(path)
        loaded = read_model(path)
        np.testing.assert_allclose(predict(loaded, given), right, atol=1e-5)
        assert len(loaded.changes) == 1 and "read as the layers" in loaded.changes[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", [Doubled, DoubledChain, Called], ids=lambda kind: kind.__name__)
def test_class_with_its_own_call(tmp_path, kind, suffix):
    model, _ = made(kind)
    inputs = keras.Input((4,))
    around = keras.Model(inputs, model(inputs))
    for name, net in (("m", model), ("around", around)):
        net.save(tmp_path / f"{name}{suffix}")
        with pytest.raises(UnsupportedLayerError, match=rf"'{model.name}' .*own call\(\)"):
            read_model(tmp_path / f"{name}{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_class_whose_layers_are_not_in_the_file(tmp_path, suffix):
    Built(3).save(tmp_path / f"m{suffix}")
    with pytest.raises(ModelFileError, match="'Built'.*custom class"):
        read_model(tmp_path / f"m{suffix}")


def unknown(calls=None):
    """A model of a class that no program knows, and a model around it if there are calls."""
    own = functional(
        [(input_layer("x", [2]), []), (dense("d", 2, use_bias=False), [[["x", 0, 0, {}]]])],
        [["x", 0, 0]],
        [["d", 0, 0]],
        name="own",
    )
    own = {**own, "class_name": "ClassOfAnotherProgram"}
    if calls is None:
        return own
    return functional([(input_layer("a", [2]), []), (own, calls)], ["a", 0, 0], ["own", 1, 0])


def record(**keywords):
    history = {"shape": [None, 2], "dtype": "float32", "keras_history": ["a", 0, 0]}
    return {"args": [{"class_name": "__keras_tensor__", "config": history}], "kwargs": keywords}


def test_class_that_the_program_does_not_have(tmp_path, caplog):
    kernel = values(2, 2)
    for version in ("2.12.0", "3.5.0"):
        path = write_h5(tmp_path / "m.h5", unknown(), {"d": [("d/kernel:0", kernel)]}, version)
        with caplog.at_level(logging.WARNING, logger="spkeras"):
            model = load_model(path)
        x = values(3, 2, seed=1)
        np.testing.assert_allclose(np.asarray(model(x)), x @ kernel, atol=1e-6)
        assert "ClassOfAnotherProgram" in caplog.text and "own call()" in caplog.text
        caplog.clear()


@pytest.mark.parametrize(
    ("version", "calls", "loads"),
    [
        ("2.12.0", [[["a", 0, 0, {}]]], True),
        ("2.12.0", [[["a", 0, 0, {"training": False}]]], True),
        ("2.12.0", [[["a", 0, 0, {"steps": 3}]]], False),
        ("3.5.0", [record(mask=None)], True),
        ("3.5.0", [record(mask=None, training=False)], True),
        ("3.5.0", [record(mask=None, steps=3)], False),
        ("3.5.0", [record()], False),
    ],
)
def test_arguments_of_an_inner_model_show_its_call(tmp_path, version, calls, loads):
    kernel = values(2, 2)
    path = tmp_path / "m.h5"
    write_h5(path, unknown(calls), {"a": [], "own": [("d/kernel:0", kernel)]}, version)
    if loads:
        x = values(3, 2, seed=1)
        np.testing.assert_allclose(predict(read_model(path), x), x @ kernel, atol=1e-6)
    else:
        with pytest.raises(UnsupportedLayerError, match=r"'own' .*own call\(\)"):
            read_model(path)


def test_a_module_that_the_file_names_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    config = {**unknown(), "module": "trap", "registered_name": "trap>Own"}
    path = write_zip(tmp_path / "m.keras", config, {"layers/dense/vars/0": values(2, 2)}, "3.5.0")
    assert read_model(path).model.name == "own"
    assert "trap" not in sys.modules
