"""Model files that would read other files: refused by name before a weight is read.

The files that they point at are FIFOs without a writer: a process that opened one would hang.
"""

import io
import json
import os
import stat
import zipfile

import h5py
import keras
import numpy as np
import pytest

from spkeras.errors import SpkerasError, UnsafeFileError
from spkeras.keras_files import read_model

SECRET = 16 * 2


@pytest.fixture()
def secret(tmp_path):
    path = tmp_path / "secret"
    os.mkfifo(path)
    return str(path)


def network():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")], name="net")


def external(group, name, secret):
    group.create_dataset(name, (4, 2), "float32", external=[(secret, 0, SECRET)])


def virtual(group, name, secret):
    layout = h5py.VirtualLayout((4, 2), "float32")
    layout[:] = h5py.VirtualSource(secret, "data", (4, 2), "float32")
    group.create_virtual_dataset(name, layout)


def growing(group, name, secret):
    """A virtual dataset whose extent its sources decide."""
    layout = h5py.VirtualLayout((4, 2), "float32", maxshape=(None, 2))
    source = h5py.VirtualSource(secret, "data", (4, 2), "float32", maxshape=(None, 2))
    layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
    group.create_virtual_dataset(name, layout)


def link(group, name, secret):
    group[name] = h5py.ExternalLink(secret, "/data")


def soft(group, name, secret):
    group["kept"] = np.zeros((4, 2), "float32")
    group[name] = h5py.SoftLink(group["kept"].name)


def far(group, name, secret):
    """A soft link through an external one."""
    group["away"] = h5py.ExternalLink(secret, "/")
    group[name] = h5py.SoftLink(f"{group.name}/away/data")


MEANS = {
    external: "has its data in '.*secret'",
    virtual: "is a virtual dataset",
    growing: "is a virtual dataset",
    link: "is an external link to '.*secret'",
    soft: "is a soft link to",
    far: "is an external link to|is a soft link to",
}


def write(path, place, change, version=None):
    """Writes a model file and changes one dataset of it, also inside a zip."""
    network().save(path)
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            alter(file, place, change)
            if version:
                file.attrs["keras_version"] = version
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO(members["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        alter(file, place, change)
    members["model.weights.h5"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def alter(file, place, change):
    group, name = file[place].parent, place.split("/")[-1]
    del group[name]
    change(group, name)


@pytest.mark.parametrize("means", MEANS)
@pytest.mark.parametrize("version", [None, "2.4.0"])
def test_h5(tmp_path, secret, means, version):
    path = tmp_path / "model.h5"
    place = "model_weights/out/net/out/kernel"
    write(path, place, lambda group, name: means(group, name, secret), version)
    with pytest.raises(UnsafeFileError, match=f"model.h5: '/model_weights/out/.*{MEANS[means]}"):
        read_model(path)


@pytest.mark.parametrize("means", MEANS)
def test_zip(tmp_path, secret, means):
    path = tmp_path / "model.keras"
    write(path, "layers/dense/vars/0", lambda group, name: means(group, name, secret))
    with pytest.raises(UnsafeFileError, match=f"model.weights.h5: '/layers.*{MEANS[means]}"):
        read_model(path)


@pytest.mark.parametrize("means", MEANS)
def test_weights_file(tmp_path, secret, means):
    path, plan = tmp_path / "model.weights.h5", tmp_path / "plan.json"
    network().save_weights(path)
    plan.write_text(network().to_json())
    with h5py.File(path, "r+") as file:
        alter(file, "layers/dense/vars/0", lambda group, name: means(group, name, secret))
    with pytest.raises(UnsafeFileError, match=MEANS[means]):
        read_model(path, architecture=plan)


def test_group_and_unused_data(tmp_path, secret):
    """A link in place of a whole group, or of data that no layer uses."""
    path = tmp_path / "model.h5"
    for place in ("model_weights/out/net", "model_weights/out", "model_weights"):
        write(path, place, lambda group, name: link(group, name, secret))
        with pytest.raises(UnsafeFileError, match=f"'/{place}' is an external link"):
            read_model(path)
    network().save(path)
    with h5py.File(path, "r+") as file:
        external(file.create_group("optimizer_weights/deep"), "unused", secret)
    with pytest.raises(UnsafeFileError, match="'/optimizer_weights/deep/unused' has its data in"):
        read_model(path)


def test_hard_links_are_allowed_also_in_circles(tmp_path):
    path = tmp_path / "model.h5"
    network().save(path)
    with h5py.File(path, "r+") as file:
        file["model_weights/again"] = file["model_weights"]
    assert read_model(path).model.count_params() == 10


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/config.json", "a/../../b", "..\\b", "\\b", "C:\\b", "C:/b"]
)
def test_member_names(tmp_path, name):
    path = tmp_path / "model.keras"
    network().save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"{}")
    with pytest.raises(UnsafeFileError, match="points outside the archive"):
        read_model(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_member_kinds(tmp_path, kind):
    path = tmp_path / "model.keras"
    network().save(path)
    info = zipfile.ZipInfo("assets/words")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeFileError, match="'assets/words' is a link or a device"):
        read_model(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_refusal_of_keras_is_final(tmp_path, monkeypatch, suffix):
    """Keras refuses a file for safety: no other reader tries it."""
    path = tmp_path / f"model{suffix}"
    network().save(path)
    calls = []

    def refuse(*_, **__):
        calls.append(1)
        raise ValueError("Not allowed: H5 file with virtual Dataset")

    monkeypatch.setattr(keras.models, "load_model", refuse)
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", refuse)
    with pytest.raises(UnsafeFileError, match="Keras refuses it for safety.*virtual Dataset"):
        read_model(path)
    assert len(calls) == 1


def test_vocabulary_from_a_file(tmp_path):
    """A layer of Keras that would read a file of the machine."""
    secret = tmp_path / "secret.txt"
    secret.write_text("canary\n")
    record = {
        "class_name": "StringLookup",
        "config": {"name": "words", "vocabulary": str(secret), "batch_input_shape": [None, 1]},
    }
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": [record]}}
    path = tmp_path / "model.h5"
    for version in ("2.4.0", "3.8.0"):
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = version
            file.create_group("model_weights").attrs["layer_names"] = [b"words"]
            file["model_weights"].create_group("words").attrs["weight_names"] = np.zeros(0, "S1")
        with pytest.raises(SpkerasError) as caught:
            read_model(path)
        assert "'words'" in str(caught.value) and "canary" not in str(caught.value)
