"""Files of other programs, given by mistake: each is named, with what to do."""

import gzip
import json
import pickle
import zipfile

import pytest

from spkeras.errors import ModelFileError
from spkeras.keras_files import read_model

FILES = [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull"),
    (b"\x1c\0\0\0TFL3" + bytes(40), "TensorFlow Lite"),
    (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:", "ONNX"),
    (b"\x08\x08\x12\x08tf2onnx\x1a", "ONNX"),
    (b"\x08\x01\x12\x80\x01", "TensorFlow graph"),
    (pickle.dumps({"a": 1}), "pickle, which is code and never opened"),
    (gzip.compress(b"model", mtime=0), "gzip. Unpack it first"),
    (b"\n<!DOCTYPE html><html>", "web page"),
    (b"\x93NUMPY\x01", "NumPy array"),
    (b"backend: tensorflow\nclass_name: Sequential\n", "YAML"),
    (b"import keras\n", "Python source"),
    (b"", "is empty"),
    (bytes(600), "neither HDF5 nor zip"),
]
ZIPS = [
    ("archive/data.pkl", "PyTorch"),
    ("net\\saved_model.pb", "SavedModel"),
    ("models/net.h5", "around models/net.h5. Unpack it"),
    ("x.npy", ".npz file of arrays"),
    ("readme.txt", "without config.json"),
]
DOCUMENTS = [
    ({"format": "layers-model", "modelTopology": {}}, "tensorflowjs_converter"),
    ({"name": "Sequential", "layers": [{"name": "Dense"}]}, "Keras 0.x"),
    ({"a": 1}, "not the architecture of a Keras model"),
]


@pytest.mark.parametrize(("content", "named"), FILES)
def test_file(tmp_path, content, named):
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="model.h5: ") as caught:
        read_model(path)
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("member", "named"), ZIPS)
def test_zip(tmp_path, member, named):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, b"content")
    with pytest.raises(ModelFileError, match="model.keras: ") as caught:
        read_model(path)
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("document", "named"), DOCUMENTS)
def test_json(tmp_path, document, named):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match="model.json: ") as caught:
        read_model(path)
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.ckpt-1.index", "checkpoint"])
def test_folder_of_checkpoints(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelFileError, match="checkpoints"):
        read_model(tmp_path)
