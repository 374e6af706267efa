"""A replacement takes the tensor of the replaced layer, not that layer's other arguments."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import spkeras
from spkeras.errors import ModelFileError, UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.keras_files import read_model
from spkeras.layers import AbsoluteDifference
from tests.keras_files.handmade import functional, input_layer, predict, values, write_h5
from tests.oracle_layers import difference


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


def distances(a, b):
    """What the forms of two tensors compute, in float64."""
    a, b = a.astype(float), b.astype(float)
    length = np.linalg.norm(a, axis=-1, keepdims=True) * np.linalg.norm(b, axis=-1, keepdims=True)
    return {
        "abs_difference": abs(a - b),
        "l2_distance": np.sqrt(((a - b) ** 2).sum(-1, keepdims=True)),
        "cosine_similarity": (a * b).sum(-1, keepdims=True) / length,
        "sampling": a,
        "subtract": a - b,
        "multiply": a * b,
        "concatenate": np.concatenate([a, b], -1),
    }


@pytest.mark.parametrize("form", distances(values(2, 3), values(2, 3)))
@pytest.mark.parametrize("version", ["2.4.0", "3.keras", "3.h5"])
def test_code_of_two_tensors(tmp_path, version, form):
    """Files of Keras 2 and 3, the stored function by its name or as bytecode."""
    left, right = inputs = [keras.Input((4,), name=name) for name in ("a", "b")]
    if version == "2.4.0":
        calls = [[["a", 0, 0, {}], ["b", 0, 0, {"mask": None}]]]
        config = {"name": "code", "function": "euclidean", "function_type": "function"}
        record = {"class_name": "Lambda", "config": config}
        layers_ = [(input_layer(name, (4,)), []) for name in ("a", "b")]
        net = functional([*layers_, (record, calls)], [["a", 0, 0], ["b", 0, 0]], [["code", 0, 0]])
        path = write_h5(tmp_path / "net.h5", net, {}, version, "tensorflow")
    else:
        joined = layers.Lambda(lambda pair: pair[0] - pair[1], name="code")([left, right])
        path = tmp_path / f"net{version[1:]}"
        keras.Model(inputs, joined).save(path)
    loaded = read_model(path, replace={"code": form})
    x = [values(5, 4, seed=seed) for seed in (1, 2)]
    np.testing.assert_allclose(predict(loaded, x), distances(*x)[form], atol=1e-5)
    loaded.model.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), distances(*x)[form], atol=1e-5)
    if form != "cosine_similarity":
        assert difference(read_graph(loaded.model), loaded.model, x) < 1e-5


def test_advice_fits_the_number_of_tensors(tmp_path):
    a, b = inputs = [keras.Input((4,), name=name) for name in ("a", "b")]
    both = layers.Lambda(lambda pair: abs(pair[0] - pair[1]), name="l1_distance_2")([a, b])
    net = keras.Model(inputs, layers.Lambda(lambda x: x / 2, name="half")(both))
    net.save(tmp_path / "net.keras")
    with pytest.raises(UnsupportedLayerError) as caught:
        read_model(tmp_path / "net.keras")
    pair, one = caught.value.problems
    assert "Its name suggests abs_difference." in pair and "rescaling" not in pair
    assert "rescaling:255,0" in one and "abs_difference" not in one
    for wrong in ({"half": "subtract"}, {"l1_distance_2": "activation:relu"}):
        right = {"l1_distance_2": "abs_difference", "half": "rescaling:2"}
        with pytest.raises(UnsupportedLayerError, match=r"tensors, and (subtract|activation:relu)"):
            read_model(tmp_path / "net.keras", replace=right | wrong)
    with pytest.raises(ModelFileError, match="is unknown.*of several tensors: abs_difference"):
        read_model(tmp_path / "net.keras", replace={"half": "halve"})


def test_rates_carry_an_absolute_difference():
    a, b = inputs = [keras.Input((4,), name=name) for name in ("a", "b")]
    distance = AbsoluteDifference()([layers.Dense(3, "relu")(x) for x in (a, b)])
    net = keras.Model(inputs, layers.Dense(2)(distance))
    assert {v.verdict for v in spkeras.inspect(net)} == {"supported"}
