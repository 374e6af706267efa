"""Operators of Keras 3 load from .keras and HDF5, which has no module names, and convert."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers, ops

from spkeras.frontend.handlers import OPERATORS
from spkeras.frontend.walk import walk
from spkeras.keras_files import read_model
from spkeras.keras_files.operators import operator_classes
from tests.keras_files.handmade import predict, values
from tests.versions import has_keras

# Operators of later versions of Keras.
NEWER = {
    **dict.fromkeys(["Erfc", "Fabs", "Fmax", "Fmin"], "3.15"),
    **dict.fromkeys(["DepthToSpace", "I0", "Rad2deg", "Sinc", "SpaceToDepth"], "3.14"),
}
ROW = np.array([1.0, 2.0, 0.5], "float32")


def rooted(x):
    return np.sqrt(np.abs(x) + 1)


def sums(x):
    return 2 * x + np.maximum(x, 0)


def inner(x):
    a = keras.Input((4, 5, 3))
    model = keras.Model(a, ops.add(a / 2.0, a[:, ::-1]))
    return model(x) - 1.0


def each_row(x):
    a = keras.Input((5, 3))
    return layers.TimeDistributed(keras.Model(a, a * 3.0 - ROW))(x)


def scaled_rows(x):
    return 3 * x - ROW


# Operators, the same in NumPy, and whether spikes can follow.
CASES = {
    "arithmetic": (lambda x: 1 - x / 127.5 * 2.0, lambda x: 1 - x / 127.5 * 2, True),
    "rows": (lambda x: ops.subtract(ROW, x), lambda x: ROW - x, True),
    "tensor": (lambda x: x * ops.convert_to_tensor(ROW), lambda x: x * ROW, True),
    "powers": (lambda x: abs(-x) ** 3, lambda x: np.abs(x) ** 3, True),
    "root": (lambda x: ops.sqrt(ops.abs(x) + 1), rooted, True),
    "sum": (lambda x: ops.add(layers.Add()([x, x]), ops.relu(x)), sums, True),
    "maximum": (lambda x: ops.maximum(x, x * 0.5), lambda x: np.maximum(x, x / 2), True),
    "by keyword": (lambda x: ops.add(x1=x, x2=0.5), lambda x: x + 0.5, True),
    "part": (lambda x: x[:, 1:-1, ::2], lambda x: x[:, 1:-1, ::2], True),
    "backwards": (lambda x: x[..., ::-1], lambda x: x[..., ::-1], True),
    "index": (lambda x: x[:, 2, None], lambda x: x[:, 2, None], True),
    "mean": (lambda x: ops.mean(x, axis=(1, 2)), lambda x: x.mean((1, 2)), True),
    "largest": (lambda x: ops.max(x, -1, keepdims=True), lambda x: x.max(-1, keepdims=True), True),
    "reshape": (lambda x: ops.reshape(x, (-1, 60)), lambda x: x.reshape(-1, 60), True),
    "transpose": (
        lambda x: ops.transpose(x, (0, 3, 1, 2)),
        lambda x: x.transpose(0, 3, 1, 2),
        True,
    ),
    "halves": (lambda x: ops.split(x, 2, axis=1)[1], lambda x: x[:, 2:], True),
    "stack": (lambda x: ops.stack([x, x], axis=1), lambda x: np.stack([x, x], axis=1), True),
    "concatenate": (
        lambda x: ops.concatenate([x, -x], 2),
        lambda x: np.concatenate([x, -x], 2),
        True,
    ),
    "matrix": (lambda x: x @ np.diag(ROW), lambda x: x * ROW, True),
    "average": (lambda x: ops.average(x, axis=1), lambda x: x.mean(1), True),
    "clip": (lambda x: ops.clip(x, -1.0, 0.5), lambda x: np.clip(x, -1, 0.5), True),
    "caffe": (
        lambda x: keras.applications.imagenet_utils.preprocess_input(x, mode="caffe"),
        lambda x: x[..., ::-1] - [103.939, 116.779, 123.68],
        True,
    ),
    "capped": (
        lambda x: keras.activations.relu(x, negative_slope=0.5, max_value=1.0),
        lambda x: np.where(x > 0, np.minimum(x, 1), x / 2),
        True,
    ),
    "inner model": (inner, lambda x: x / 2 + x[:, ::-1] - 1, True),
    "each row": (each_row, scaled_rows, False),
    "decision": (lambda x: ops.where(x > 0, x, -x), np.abs, False),
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", CASES)
def test_operator(tmp_path, name, suffix):
    operator, expected, converts = CASES[name]
    inputs = keras.Input((4, 5, 3))
    model = keras.Model(inputs, operator(layers.Dense(3, use_bias=False, name="first")(inputs)))
    kernel = values(3, 3, seed=1)
    model.get_layer("first").set_weights([kernel])
    model.save(tmp_path / f"m{suffix}")
    loaded = read_model(tmp_path / f"m{suffix}")
    x = values(2, 4, 5, 3)
    np.testing.assert_allclose(predict(loaded, x), expected(x @ kernel), atol=1e-5)
    assert loaded.changes == ()
    assert not converts or walk(loaded.model).problems == ()


def test_every_operator_that_converts_is_found_by_name():
    missing = set(OPERATORS) - set(operator_classes())
    assert all(NEWER.get(name) and not has_keras(NEWER[name]) for name in missing)


def test_operators_beside_a_replaced_layer(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Lambda(lambda x: x / 4.0, name="code")(inputs + 1.0) * 2.0)
    x = values(2, 3)
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}")
        loaded = read_model(tmp_path / f"m{suffix}", replace={"code": "rescaling:4"})
        np.testing.assert_allclose(predict(loaded, x), (x + 1) / 2, atol=1e-6)


def rewritten(path, change):
    """A .keras file with another configuration, as an earlier Keras wrote it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config["config"]["layers"])
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_only_output_in_a_list_inside_a_sequential(tmp_path):
    a = keras.Input((4, 3))
    inner = keras.Model(a, ops.tanh(a) * 2.0)
    keras.Sequential([keras.Input((4, 3)), inner, layers.ReLU()]).save(tmp_path / "m.keras")

    def change(records):
        config = records[1]["config"]
        config["output_layers"] = [config["output_layers"]]

    x = values(2, 4, 3)
    loaded = read_model(rewritten(tmp_path / "m.keras", change))
    np.testing.assert_allclose(predict(loaded, x), np.maximum(2 * np.tanh(x), 0), atol=1e-6)


def test_arguments_that_an_earlier_keras_took_elsewhere(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, ops.threshold(inputs, 0.5, -1.0) + ops.zeros_like(inputs))
    model.save(tmp_path / "m.keras")

    def change(records):
        threshold, zeros = records[1], records[2]
        config = threshold["config"]
        config["threshold_value"], config["value"] = config.pop("threshold"), config.pop(
            "default_value"
        )
        zeros["config"].pop("dtype", None)
        zeros["inbound_nodes"][0]["kwargs"] = {"dtype": None}

    x = values(2, 4)
    loaded = read_model(rewritten(tmp_path / "m.keras", change))
    np.testing.assert_allclose(predict(loaded, x), np.where(x > 0.5, x, -1), atol=1e-6)
