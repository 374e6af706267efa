"""A replacement takes the tensor of the replaced layer, not that layer's other arguments."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import functional, input_layer, predict, values, write_h5


class Quarter(layers.Layer):
    def call(self, x, other=None, training=None, mask=None, flag=1):
        return x / 4.0


def code():
    return layers.Lambda(lambda x: x / 4.0, name="code")


def as_model(x):
    inputs = keras.Input((3, 2))
    return keras.Model(inputs, inputs / 4.0, name="code")(x)


CALLS = {
    "lambda": lambda x: code()(x),
    "twice": lambda x: (lambda layer: layer(layer(x)) * 4.0)(code()),
    "list": lambda x: layers.Lambda(lambda x: x[0] / 4.0, name="code")([x]),
    "mask": lambda x: code()(x, mask=ops.any(x > 0, axis=-1)),
    "mask of the input": lambda x: code()(layers.Masking(100.0)(x)),
    "own": lambda x: Quarter(name="code")(x),
    "own arguments": lambda x: Quarter(name="code")(x, training=True, flag=2),
    "by keyword": lambda x: Quarter(name="code")(x=x),
    "model": as_model,
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", CALLS)
def test_replaced_call_of_keras_3(tmp_path, name, suffix):
    inputs = keras.Input((3, 2))
    keras.Model(inputs, CALLS[name](inputs)).save(tmp_path / f"m{suffix}")
    loaded = read_model(tmp_path / f"m{suffix}", replace={"code": "rescaling:4"})
    x = values(2, 3, 2)
    np.testing.assert_allclose(predict(loaded, x), x / 4, atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"mask": None, "training": True, "flag": 3},
        {"mask": ["x", 0, 0]},
        {"arguments": {"k": [1, 2]}},
    ],
)
def test_replaced_call_of_keras_2(tmp_path, arguments):
    record = {"class_name": "Lambda", "config": {"name": "code", "function": "f"}}
    model = functional(
        [(input_layer("x", [3]), []), (record, [[["x", 0, 0, arguments]]])],
        [["x", 0, 0]],
        [["code", 0, 0]],
    )
    path = write_h5(tmp_path / "m.h5", model, {"x": []}, version="2.9.0")
    x = values(2, 3)
    loaded = read_model(path, replace={"code": "rescaling:4"})
    np.testing.assert_allclose(predict(loaded, x), x / 4, atol=1e-6)


def test_replaced_inner_model_of_keras_2(tmp_path):
    own = functional([(input_layer("y", [3]), [])], [["y", 0, 0]], [["y", 0, 0]], name="code")
    model = functional(
        [(input_layer("x", [3]), []), (own, [[["x", 0, 0, {}]]])], [["x", 0, 0]], [["code", 1, 0]]
    )
    path = write_h5(tmp_path / "m.h5", model, {"x": []}, version="2.9.0")
    x = values(2, 3)
    loaded = read_model(path, replace={"code": "rescaling:4"})
    np.testing.assert_allclose(predict(loaded, x), x / 4, atol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    "several",
    [
        lambda x: layers.Lambda(lambda x: x[0] / x[1], name="code")([x, x]),
        lambda x: Quarter(name="code")(x, other=x * 2.0),
    ],
)
def test_replaced_call_with_several_tensors(tmp_path, several, suffix):
    inputs = keras.Input((3, 2))
    keras.Model(inputs, several(inputs)).save(tmp_path / f"m{suffix}")
    with pytest.raises(UnsupportedLayerError, match="'code' .*called with 2 tensors"):
        read_model(tmp_path / f"m{suffix}", replace={"code": "identity"})
