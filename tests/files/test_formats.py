"""Files of every format version load; those of a newer one are refused by name."""

import json
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import ModelFileError, OptionError, SpkerasError
from spkeras.facade.sweep_checkpoint import Checkpoint
from spkeras.hardware import log_ttfs
from spkeras.hardware.config import HardwareConfig
from spkeras.recipes import FinetunePlan, Simulation, ThresholdPlan
from spkeras.training.backup import restore

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def net():
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    net.compile(keras.optimizers.Adam(0.01), "mse")
    return net


def test_a_stored_program_loads_and_repeats_its_golden_run():
    program = log_ttfs.load_program(GOLDEN / "program.npz")
    assert len(program.golden) == 5
    log_ttfs.check_golden(program)


@pytest.mark.parametrize("version", [1, 2])
def test_checkpoints_of_trainings(net, version):
    folder = GOLDEN / f"training{version}"
    assert restore(net, folder, "digest of the work") == 2
    with np.load(folder / "checkpoint.npz") as stored:
        np.testing.assert_array_equal(net.get_weights()[0], stored["0"])
        np.testing.assert_array_equal(net.optimizer.variables[0], stored["2"])


def test_a_checkpoint_of_a_sweep():
    found = Checkpoint(GOLDEN / "sweep.checkpoint", [np.arange(3.0)], {"costs": "x"})
    assert found.find({"timesteps": 2, "recipe": "ecc"}) == {"refused": "stagger=3"}


def newer_network(folder):
    """A spiking network whose graph has a newer schema."""
    path = folder / "newer.keras"
    with zipfile.ZipFile(GOLDEN / "ecc.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "config.json":
                text = part.decode()
                assert text.count('"schema": ') == 1
                start = text.index('"schema": ') + len('"schema": ')
                part = (text[:start] + "99" + text[text.index(",", start) :]).encode()
            new.writestr(name, part)
    return path


def newer_program(folder):
    path = folder / "newer.npz"
    with np.load(GOLDEN / "program.npz") as stored:
        arrays = {name: stored[name] for name in stored.files if name != "sha256"}
    header = {**json.loads(arrays["header"].tobytes()), "schema": 99}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    arrays["sha256"] = np.frombuffer(log_ttfs.file._digest(arrays), np.uint8)
    np.savez(path, **arrays)
    return path


def test_a_newer_version_is_refused_by_name(net, tmp_path):
    with pytest.raises(ModelFileError, match="schema 99, of a newer version"):
        log_ttfs.load_program(newer_program(tmp_path))
    with pytest.raises(SpkerasError, match="schema 99, of a newer version"):
        spkeras.read_model(newer_network(tmp_path))
    shutil.copytree(GOLDEN / "training2", tmp_path / "training")
    with np.load(GOLDEN / "training2" / "checkpoint.npz") as stored:
        np.savez(tmp_path / "training" / "checkpoint.npz", **{**stored, "format": np.int64(99)})
    with pytest.raises(OptionError, match="format 99, which a newer version wrote"):
        restore(net, tmp_path / "training", "digest of the work")
    (tmp_path / "sweep").write_text('{"spkeras sweep": 99, "depends on": "x"}\n')
    with pytest.raises(OptionError, match="format 99, which another version"):
        Checkpoint(tmp_path / "sweep", [], {})


@pytest.mark.parametrize(
    "kind", [FinetunePlan, ThresholdPlan, HardwareConfig, Simulation, spkeras.recipes.ECC]
)
def test_options_of_a_newer_version_are_named(kind):
    config = kind().get_config()
    assert kind.from_config(json.loads(json.dumps(config))).get_config() == config
    with pytest.raises(OptionError, match="'?invented'?"):
        kind.from_config({**config, "invented": 1})
