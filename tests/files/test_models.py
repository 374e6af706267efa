"""Models as files: large weights are written from where they are, and nothing else differs."""

import io
import resource
import zipfile

import h5py
import keras
import numpy as np
import pytest

from spkeras.files.drafts import draft_of
from spkeras.files.models import save_model
from spkeras.files.pages import Pages
from tests import networks


@pytest.fixture(scope="module")
def model():
    """Two large weights, and small ones; an inner model."""
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((600,)), keras.layers.Dense(500)], name="inner")
    parts = [keras.layers.Dense(600), keras.layers.BatchNormalization(), inner]
    return keras.Sequential([keras.Input((700,)), *parts, keras.layers.Dense(3)])


def weights_file(path):
    if path.suffix == ".h5":
        return path
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return io.BytesIO(archive.read("model.weights.h5"))


def contents(path):
    """All groups, datasets and attributes."""
    found = {}

    def take(name, item):
        attributes = {key: repr(value) for key, value in item.attrs.items()}
        numbers = (item.dtype, item.shape, item.chunks) if isinstance(item, h5py.Dataset) else ()
        found[name] = (attributes, numbers, item[()].tobytes() if numbers else b"")

    with h5py.File(weights_file(path)) as file:
        found[""] = {key: repr(value) for key, value in file.attrs.items()}
        file.visititems(take)
    return found


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_is_that_of_keras(model, tmp_path, suffix, monkeypatch):
    plain, own = tmp_path / f"plain{suffix}", tmp_path / f"own{suffix}"
    model.save(plain)
    for kind in (h5py.Group, h5py.Dataset):  # Keras would copy large weights, to the same file
        monkeypatch.setattr(kind, "__setitem__", _small_only(kind.__setitem__))
    save_model(model, own)
    monkeypatch.undo()
    assert contents(own) == contents(plain)
    if suffix == ".keras":
        with zipfile.ZipFile(plain) as one, zipfile.ZipFile(own) as other:
            assert one.namelist() == other.namelist()
            assert one.read("config.json") == other.read("config.json")
    loaded = keras.saving.load_model(own)
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def _small_only(write):
    def checked(self, key, value):
        assert np.size(value) < 1 << 18
        write(self, key, value)

    return checked


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_weights_that_are_computed_as_they_are_saved(tmp_path, suffix):
    layer = keras.layers.Dense(600)
    model = keras.Sequential([keras.Input((600,)), layer])
    layer.enable_lora(4)
    layer.lora_kernel_b.assign(np.ones((4, 600)))
    save_model(model, tmp_path / f"net{suffix}")
    model.save(tmp_path / f"plain{suffix}")
    assert contents(tmp_path / f"net{suffix}") == contents(tmp_path / f"plain{suffix}")


def test_the_spiking_network_too(tmp_path):
    snn = networks.spiking(keras.Sequential([keras.Input((700,)), keras.layers.Dense(600)]))
    from spkeras.snn.model import build

    snn = build(snn, timesteps=2)
    save_model(snn, tmp_path / "own.keras")
    snn.save(tmp_path / "plain.keras")
    assert contents(tmp_path / "own.keras") == contents(tmp_path / "plain.keras")


def test_pages_are_a_file():
    random, pages, plain = np.random.default_rng(0), Pages(b"begin"), io.BytesIO(b"begin")
    for _ in range(200):
        place, data = int(random.integers(0, 20_000)), random.bytes(random.integers(0, 6000))
        for file in (pages, plain):
            file.seek(place)
            file.write(data)
        assert pages.tell() == plain.tell()
    assert pages.size == len(plain.getvalue())
    pages.seek(0)
    assert pages.read() == plain.getvalue()
    array = np.arange(1000, dtype="float32")
    found = b"".join(pages.pieces({100: lambda: array.data, 8000: lambda: array.data}))
    wanted = bytearray(plain.getvalue())
    wanted[100:4100] = wanted[8000:12000] = array.tobytes()
    assert found == wanted
    pages.truncate(50)
    assert b"".join(pages.pieces({})) == plain.getvalue()[:50]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("size", [512, 20_000, 1_000_000])
def test_a_disk_that_fills_while_a_large_weight_is_written(model, tmp_path, suffix, size):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"), draft_of(path) as draft:
            save_model(model, draft)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
