"""Weights of wrong types, or with sizes that no file holds: refused by name."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from spkeras.errors import ModelFileError, UnsafeFileError
from spkeras.files import limits
from spkeras.keras_files import read_model

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {
                "class_name": "Dense",
                "config": {"name": "out", "units": 2, "batch_input_shape": [None, 4]},
            }
        ],
    },
}


def write(path, change):
    """Writes a model of Keras 2 and lets `change` write its kernel."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(CONFIG)
        file.attrs["keras_version"] = "2.4.0"
        layers = file.create_group("model_weights")
        layers.attrs["layer_names"] = [b"out"]
        layer = layers.create_group("out")
        layer.attrs["weight_names"] = [b"kernel:0", b"bias:0"]
        layer["bias:0"] = np.zeros(2, "float32")
        change(layer)


def put(value, dtype=None):
    def change(layer):
        if value is None:
            layer.create_dataset("kernel:0", (4, 2), dtype)
        else:
            layer.create_dataset("kernel:0", data=value, dtype=dtype)

    return change


def reference(layer):
    layer.create_dataset("kernel:0", (4, 2), h5py.ref_dtype)[0, 0] = layer.ref


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put(None, h5py.vlen_dtype("float32")), "lists of variable length"),
        (put(None, h5py.string_dtype()), "text"),
        (put(np.full((4, 2), b"1.0")), "text"),
        (reference, "references"),
        (put(None, h5py.regionref_dtype), "references"),
        (put(np.zeros((4, 2), [("a", "f4")])), "compounds"),
        (put(np.zeros((4, 2), "complex64")), "complex numbers"),
        (put(h5py.Empty("float32")), "empty"),
    ],
)
def test_types(tmp_path, change, words):
    path = tmp_path / "model.h5"
    write(path, change)
    with pytest.raises(ModelFileError, match=f"kernel:0' is of type {words}; allowed: real num"):
        read_model(path)


def test_a_group_in_place_of_a_weight(tmp_path):
    path = tmp_path / "model.h5"
    write(path, lambda layer: layer.create_group("kernel:0"))
    with pytest.raises(ModelFileError, match="a group or a type where a weight should be"):
        read_model(path)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "bool", ">f4"])
def test_numbers_of_any_type(tmp_path, dtype):
    path = tmp_path / "model.h5"
    write(path, put(np.eye(4, 2).astype(dtype)))
    np.testing.assert_array_equal(read_model(path).model.get_weights()[0], np.eye(4, 2))


@pytest.mark.parametrize("shape", [(1 << 40, 2), (1 << 32, 1 << 32), (1 << 20, 1 << 20, 2)])
def test_terabytes_that_are_not_there(tmp_path, shape):
    """HDF5 stores no chunk that was never written."""
    path = tmp_path / "model.h5"
    chunks = (1,) * len(shape)
    write(path, lambda layer: layer.create_dataset("kernel:0", shape, "float32", chunks=chunks))
    with pytest.raises(UnsafeFileError, match="kernel:0' needs .* bytes.*allowed: 1.07e"):
        read_model(path)


def test_many_that_are_too_much_together(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LEAST", 1 << 20)
    monkeypatch.setattr(limits, "MULTIPLE", 1)
    keras.Sequential([keras.Input((400,)), *(keras.layers.Dense(400) for _ in range(3))]).save(
        tmp_path / "model.keras"
    )
    assert read_model(tmp_path / "model.keras").model.count_params() == 481200
    path = tmp_path / "packed.keras"
    with zipfile.ZipFile(tmp_path / "model.keras") as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "model.weights.h5":
                content = packed(content)
            copy.writestr(name, content)
    with pytest.raises(UnsafeFileError, match="layers/dense_2/.*needs 640000 bytes|6.4e"):
        read_model(path)


def packed(content):
    """The same weights file, with zeros that are compressed."""
    into = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(into, "w") as target:

        def take(name, item):
            if isinstance(item, h5py.Dataset):
                target.create_dataset(name, data=np.zeros(item.shape, "f4"), compression="gzip")

        source.visititems(take)
    return into.getvalue()


def test_a_small_zip_of_much(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LEAST", 1 << 20)
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/zeros", bytes(8 << 20))
    with pytest.raises(UnsafeFileError, match="'assets/zeros' needs 8.39e.06 bytes"):
        read_model(path)
