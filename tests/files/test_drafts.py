"""Files written whole: on full disks, beside traps, with modes and long names."""

import os
import resource
import stat
import time
from contextlib import contextmanager
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.files.drafts import draft_of, old_drafts
from spkeras.files.models import save_model
from spkeras.training.backup import Backup, restore


@contextmanager
def full_after(size):
    """A limit on the size of files, which fails as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def model():
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((40,)), keras.layers.Dense(60), keras.layers.Dense(3)])
    net.compile(keras.optimizers.Adam(0.01), "mse")
    return net


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras"])
@pytest.mark.parametrize("size", [0, 512, 4096, 8192])
def test_models_on_a_full_disk(tmp_path, suffix, size):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"before")
    with full_after(size), pytest.raises(OSError), draft_of(path) as draft:
        save_model(model(), draft)
    assert path.read_bytes() == b"before" and names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_models_are_those_that_keras_writes(tmp_path, suffix):
    net, path = model(), tmp_path / f"net{suffix}"
    save_model(net, path)
    loaded = keras.models.load_model(path, compile=False)
    for one, other in zip(net.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    if suffix == ".h5":
        with h5py.File(path) as file:
            assert {"model_config", "keras_version", "training_config"} <= set(file.attrs)


def test_a_draft_is_private_and_not_to_be_guessed(tmp_path):
    path, seen = tmp_path / "net.H5", []
    for _ in range(2):
        with draft_of(path) as draft:
            assert stat.S_IMODE(os.stat(draft.parent).st_mode) == 0o700
            assert draft.suffix == ".h5" and draft.parent.parent == tmp_path
            seen.append(draft)
            draft.write_text("new")
    assert seen[0] != seen[1] and names(tmp_path) == ["net.H5"]


def test_links_are_replaced_and_not_followed(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "net.h5"
    victim.write_text("mine")
    path.symlink_to(victim)
    with draft_of(path) as draft:
        draft.write_text("new")
    assert victim.read_text() == "mine" and path.read_text() == "new" and not path.is_symlink()


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_modes(tmp_path, mask):
    path, before = tmp_path / "net.h5", os.umask(mask)
    try:
        with draft_of(path) as draft:
            draft.write_text("new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
        path.chmod(0o640)
        with draft_of(path) as draft:
            draft.write_text("newer")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_long_names(tmp_path):
    path = tmp_path / ("x" * 248 + ".keras")
    with draft_of(path) as draft:
        save_model(model(), draft)
    assert keras.models.load_model(path).count_params() == 2643


def test_errors_leave_nothing(tmp_path):
    with pytest.raises(KeyError), draft_of(tmp_path / "a.txt") as draft:
        draft.write_text("half")
        raise KeyError
    assert names(tmp_path) == []


def test_old_drafts_are_found(tmp_path):
    with draft_of(tmp_path / "a.txt") as draft:
        draft.write_text("x")
        assert old_drafts(tmp_path) == []
        old = time.time() - 25 * 3600
        os.utime(draft.parent, (old, old))
        assert old_drafts(tmp_path) == [draft.parent]


def train(net, folder, epochs):
    x = np.random.default_rng(0).normal(size=(32, 40))
    start = restore(net, folder)
    tools = [Backup(folder)]
    options = {"shuffle": False, "verbose": 0, "callbacks": tools}
    net.fit(x, x[:, :3], initial_epoch=start, epochs=epochs, **options)
    return start


def test_a_checkpoint_continues_bit_for_bit(tmp_path):
    once, twice = model(), model()
    assert train(once, tmp_path / "once", 4) == 0
    assert train(twice, tmp_path / "twice", 2) == 0
    other = model()
    assert train(other, tmp_path / "twice", 4) == 2
    for one, two in zip(once.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(once.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_checkpoint_on_a_full_disk_stays_the_one_before(tmp_path):
    train(model(), tmp_path, 1)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    with full_after(4096), pytest.raises(OptionError, match="checkpoint of the epoch before"):
        train(model(), tmp_path, 2)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before
    assert names(tmp_path) == ["checkpoint.npz"]
    assert train(model(), tmp_path, 3) == 1


def test_damaged_checkpoints(tmp_path):
    train(model(), tmp_path, 1)
    path = Path(tmp_path / "checkpoint.npz")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(OptionError, match="is damaged or of another model"):
        restore(model(), tmp_path)
    path.write_bytes(content)
    other = keras.Sequential([keras.Input((40,)), keras.layers.Dense(3)])
    other.compile("adam", "mse")
    with pytest.raises(OptionError, match="of another model"):
        restore(other, tmp_path)
