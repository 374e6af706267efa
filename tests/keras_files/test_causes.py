"""One small handmade file per cause: what old Keras wrote, and what it meant."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from spkeras import load_model
from spkeras.errors import ModelFileError, UnsupportedLayerError
from spkeras.keras_files import read, read_model
from spkeras.layers import legacy
from tests.keras_files.handmade import (
    ZEROS,
    dense,
    functional,
    input_layer,
    predict,
    sequential,
    values,
    write_h5,
    write_zip,
)


def test_hard_sigmoid_keeps_keras2_meaning(tmp_path):
    layer = dense("d", activation="hard_sigmoid", batch_input_shape=[None, 2])
    arrays = {"d": [("d/kernel:0", np.eye(2, dtype="float32")), ("d/bias:0", np.zeros(2))]}
    path = write_h5(tmp_path / "m.h5", sequential(layer), arrays, version="2.4.0")
    loaded = read_model(path)
    x = np.array([[-2.7, 1.0], [0.3, 2.9]], "float32")
    expected = [[0.0, 0.7], [0.56, 1.0]]  # Keras 3 would give 0.05 and 0.983
    np.testing.assert_allclose(predict(loaded, x), expected, atol=1e-6)
    saved = tmp_path / "again.keras"
    loaded.model.save(saved)
    again = read_model(saved)
    assert again.changes == ()
    np.testing.assert_allclose(predict(again, x), expected, atol=1e-6)


def nested_config(first, second):
    inner = functional(
        [(input_layer("i", [2]), []), (dense("d"), [[["i", 0, 0, {}]]])],
        [["i", 0, 0]],
        [["d", 0, 0]],
        name="inner",
    )
    subtract = {"class_name": "Subtract", "config": {"name": "s"}}
    calls = [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]
    return functional(
        [
            (input_layer("a", [2]), []),
            (input_layer("b", [2]), []),
            (inner, calls),
            (subtract, [[["inner", first, 0, {}], ["inner", second, 0, {}]]]),
        ],
        [["a", 0, 0], ["b", 0, 0]],
        [["s", 0, 0]],
    )


@pytest.mark.parametrize(("first", "second"), [(1, 2), (0, 1)])
def test_inner_model_called_twice(tmp_path, first, second):
    kernel = values(2, 2, seed=1)
    arrays = {"inner": [("d/kernel:0", kernel), ("d/bias:0", np.zeros(2))]}
    path = write_h5(tmp_path / "m.h5", nested_config(first, second), arrays, version="2.6.0")
    a, b = values(3, 2, seed=2), values(3, 2, seed=3)
    np.testing.assert_allclose(
        predict(read_model(path), [a, b]), a @ kernel - b @ kernel, atol=1e-5
    )


def test_layers_inside_an_inner_model_are_found_by_weight_name(tmp_path):
    inner = sequential(dense("first", batch_input_shape=[None, 2]), dense("second"))
    inner["config"]["name"] = "inner"
    config = sequential(inner)
    first, second = values(2, 2, seed=1), values(2, 2, seed=2)
    arrays = {
        "inner": [
            ("second/kernel:0", second),
            ("second/bias:0", np.zeros(2)),
            ("first/kernel:0", first),
            ("first/bias:0", np.ones(2)),
        ]
    }
    path = write_h5(tmp_path / "m.h5", config, arrays, version="2.9.0")
    x = values(3, 2, seed=3)
    np.testing.assert_allclose(predict(read_model(path), x), (x @ first + 1) @ second, atol=1e-5)


def test_depthwise_groups_and_policy_and_slash(tmp_path):
    config = {
        "name": "block/dw",
        "kernel_size": [1, 1],
        "groups": 1,
        "kernel_initializer": ZEROS,
        "dtype": {"class_name": "Policy", "config": {"name": "float32"}},
        "batch_input_shape": [None, 2, 2, 2],
    }
    model = sequential({"class_name": "DepthwiseConv2D", "config": config})
    kernel = np.array([2.0, 3.0], "float32").reshape(1, 1, 2, 1)
    names = [("block/dw/depthwise_kernel:0", kernel), ("block/dw/bias:0", np.zeros(2))]
    path = write_h5(tmp_path / "m.h5", model, {"block/dw": names}, version="2.4.0")
    loaded = read_model(path)
    x = values(1, 2, 2, 2)
    np.testing.assert_allclose(predict(loaded, x), x * [2.0, 3.0], atol=1e-6)
    text = " ".join(loaded.changes)
    assert "'groups' dropped" in text and "policy" in text and "'/'" in text
    assert loaded.model.layers[0].name == "block_dw"


def test_groups_with_a_meaning_are_refused_by_name(tmp_path):
    config = {"name": "up", "filters": 2, "kernel_size": [1, 1], "groups": 2}
    config["batch_input_shape"] = [None, 2, 2, 2]
    model = sequential({"class_name": "Conv2DTranspose", "config": config})
    path = write_h5(tmp_path / "m.h5", model, {"up": []}, version="2.4.0")
    with pytest.raises(UnsupportedLayerError, match=r"'up' \(Conv2DTranspose\).*groups=2"):
        read_model(path)


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_zip_of_keras2_with_windows_separators(tmp_path, separator):
    layers = [
        {"module": "keras.layers", "registered_name": None, **record}
        for record in (input_layer("i", [2]), dense("x"), dense("y"))
    ]
    config = {"module": "keras", "registered_name": None, **sequential(*layers)}
    first, second = values(2, 2, seed=1), values(2, 2, seed=2)
    variables = {
        "layers/dense/vars/0": first,
        "layers/dense/vars/1": np.zeros(2),
        "layers/dense_1/vars/0": second,
        "layers/dense_1/vars/1": np.ones(2),
    }
    inside = "folder\\" if separator == "\\" else ""
    path = write_zip(tmp_path / "m.keras", config, variables, "2.13.1", separator, inside)
    x = values(3, 2)
    loaded = read_model(path)
    np.testing.assert_allclose(predict(loaded, x), x @ first @ second + 1, atol=1e-5)
    assert loaded.writer == "Keras 2.13.1, zip"


def test_zip_without_the_weights_of_a_layer_is_refused(tmp_path):
    config = sequential(input_layer("i", [2]), dense("x"), dense("y"))
    variables = {"layers/dense/vars/0": values(2, 2), "layers/dense/vars/1": np.zeros(2)}
    path = write_zip(tmp_path / "m.keras", config, variables, "2.13.1")
    with pytest.raises(ModelFileError, match=r"no weights for 'y' \(Dense\)"):
        read_model(path)


@pytest.mark.parametrize("name", ["m.keras", "m.model", "m"])
def test_hdf5_is_told_by_content(tmp_path, name):
    kernel = values(2, 2)
    arrays = {"d": [("d/kernel:0", kernel), ("d/bias:0", np.zeros(2))]}
    config = sequential(dense("d", batch_input_shape=[None, 2]))
    path = write_h5(tmp_path / name, config, arrays, version="2.8.0")
    x = values(3, 2, seed=1)
    np.testing.assert_allclose(predict(read_model(path), x), x @ kernel, atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_current_file_is_loaded_plainly_whatever_its_suffix(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(read, "migrate", None)  # calling it would fail
    spec = [[None, None, None], [1, 3, None]]
    model = keras.Sequential(
        [keras.Input((4,)), legacy.Slice(spec), keras.layers.Dense(2, "hard_sigmoid")]
    )
    model.save(tmp_path / f"m{suffix}")
    (tmp_path / f"m{suffix}").rename(tmp_path / "m.dat")
    loaded = read_model(tmp_path / "m.dat")
    assert loaded.changes == ()
    assert isinstance(loaded.model.layers[0], legacy.Slice)
    x = values(3, 4)
    np.testing.assert_array_equal(predict(loaded, x), np.asarray(model(x)))
    assert isinstance(load_model(tmp_path / "m.dat"), keras.Sequential)


# Keras read from the corner up to 2.3; within TensorFlow up to 2.1.6-tf, which is TensorFlow 1.12.
CORNER, CENTRES = [1.0, 2.0, 3.0, 3.0], [1.0, 1.5, 2.5, 3.0]


@pytest.mark.parametrize(
    "version, expected, doubt",
    [
        ("2.1.6", CORNER, False),
        ("2.2.4", CORNER, False),
        ("2.3.1", CORNER, False),
        ("2.4.0", CENTRES, False),
        ("2.11.0", CENTRES, False),
        ("2.1.6-tf", CORNER, False),
        ("2.2.4-tf", CENTRES, True),
        ("2.3.0-tf", CENTRES, False),
    ],
)
def test_bilinear_upsampling_as_its_version_computed_it(tmp_path, version, expected, doubt):
    config = {"name": "u", "size": [2, 2], "interpolation": "bilinear"}
    config["batch_input_shape"] = [None, 2, 1, 1]
    model = sequential({"class_name": "UpSampling2D", "config": config})
    path = write_h5(tmp_path / "m.h5", model, {"u": []}, version=version)
    x = np.array([1.0, 3.0], "float32").reshape(1, 2, 1, 1)
    loaded = read_model(path)
    np.testing.assert_allclose(predict(loaded, x)[0, :, 0, 0], expected)
    assert any("warning, not changed" in change for change in loaded.changes) == doubt


def inner_and_outer():
    """A current functional model with an inner one, an operation and a slash-free name."""
    i = keras.Input((3,))
    inner = keras.Model(i, keras.layers.Dense(3, name="deep")(i), name="inner")
    x = keras.Input((3,), name="x")
    first, second = inner(x), inner(2 * x)
    return keras.Model(x, inner(keras.layers.Subtract()([first, second]) + 1.0), name="net")


def rewritten(path, change_config, separator):
    """Rewrites a current zip: its configuration, and the separator of its weight paths."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    variables = {}
    weights.visititems(
        lambda name, item: (
            variables.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    )
    change_config(config)
    return write_zip(path, config, variables, "3.15.1", separator)


def test_current_zip_with_backslashes_in_its_weight_paths(tmp_path):
    model = inner_and_outer()
    model.save(tmp_path / "m.keras")
    path = rewritten(tmp_path / "m.keras", lambda config: None, "\\")
    x = values(2, 3)
    np.testing.assert_allclose(predict(read_model(path), x), np.asarray(model(x)), atol=1e-5)


def test_empty_argument_of_a_newer_keras_is_dropped(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")])
    model.save(tmp_path / "m.keras")

    def add(config):
        config["config"]["layers"][1]["config"]["of_the_future"] = None

    x = values(2, 3)
    loaded = read_model(rewritten(tmp_path / "m.keras", add, "/"))
    np.testing.assert_allclose(predict(loaded, x), np.asarray(model(x)), atol=1e-5)


def test_two_weights_of_one_name_are_not_read_twice(tmp_path):
    layer = dense("d", batch_input_shape=[None, 2])
    arrays = {"d": [("d/kernel:0", np.eye(2, dtype="float32")), ("d/bias:0", np.zeros(2))]}
    path = write_h5(tmp_path / "m.h5", sequential(layer), arrays, version="2.4.0")
    with h5py.File(path, "r+") as file:
        file["model_weights/d"].attrs["weight_names"] = [b"d/kernel:0", b"d/kernel:0"]
    with pytest.raises(ModelFileError, match="layer 'd' have one name"):
        read_model(path)


def test_zip_that_holds_hdf5_at_a_place_where_hdf5_files_begin(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.save(tmp_path / "whole.keras")
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(tmp_path / "whole.keras") as whole, zipfile.ZipFile(path, "w") as moved:
        moved.writestr("pad", b" " * (512 - 33 - 30 - len("model.weights.h5")))
        for name in ("model.weights.h5", "config.json", "metadata.json"):
            moved.writestr(name, whole.read(name))
    assert path.read_bytes()[512:516] == b"\x89HDF" and h5py.is_hdf5(path)
    x = values(3, 2)
    np.testing.assert_allclose(predict(read_model(path), x), np.asarray(model(x)), atol=1e-6)
