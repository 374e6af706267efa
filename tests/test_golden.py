"""Files that earlier versions wrote load, and answer as they did."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

import spkeras
from spkeras.hardware import log_ttfs
from spkeras.snn.model import loop_of

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(path.name for path in FOLDER.glob("*.*") if path.suffix in (".keras", ".h5"))
# The arithmetic is the same; another processor may add in another order.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
# Files of later versions, by `tests/golden_files.py`: a folder for each.
LATER = sorted(
    (path.parent.name, path.name)
    for path in FOLDER.glob("*/*.*")
    if path.suffix in (".keras", ".h5")
)


@pytest.mark.parametrize(("version", "name"), LATER)
def test_a_network_of_a_later_version_answers_as_before(version, name):
    with np.load(FOLDER / version / "answers.npz") as stored:
        x, wanted = stored["inputs"], stored[name]
    snn = keras.models.load_model(FOLDER / version / name, compile=False)
    np.testing.assert_allclose(snn.predict(x, verbose=0), wanted, **CLOSE)


@pytest.mark.parametrize("name", ["whole.h5", "wrapped.h5"])
def test_a_network_of_whole_numbers_gives_the_same_bits(name):
    with np.load(FOLDER / "0.2.0" / "answers.npz") as stored:
        x, wanted = stored["inputs"], stored[f"{name}:spikes"]
    snn = keras.models.load_model(FOLDER / "0.2.0" / name, compile=False)
    result = spkeras.evaluate(snn, x, engine="integers", verbose=0)
    np.testing.assert_array_equal(np.concatenate(list(result.layer_spikes.values())), wanted)


@pytest.mark.parametrize(
    ("version", "name"),
    sorted((path.parent.name, path.name) for path in FOLDER.glob("*/*.nir")),
)
def test_a_nir_file_of_a_later_version_answers_as_before(version, name):
    with np.load(FOLDER / version / "answers.npz") as stored:
        x, wanted = stored["inputs"], stored[name]
    snn = spkeras.from_nir(FOLDER / version / name)
    np.testing.assert_allclose(snn.predict(x, verbose=0), wanted, **CLOSE)
    integers = loop_of(snn).graph.integers
    assert (integers is not None and integers.threshold_bits == 10) == (name == "whole.nir")


@pytest.mark.parametrize(
    "version", sorted(path.parent.name for path in FOLDER.glob("*/delayed.npz"))
)
def test_plain_arrays_of_a_later_version_are_read_as_before(version):
    """By the reader of docs/export.md."""
    page = (FOLDER.parents[1] / "docs/export.md").read_text()
    (reader,) = re.findall(r"```python\n(import json\n.*?)```", page, re.DOTALL)
    names = {"np": np}
    exec(reader, names)
    with np.load(FOLDER / version / "answers.npz") as stored:
        x, wanted = stored["inputs"], stored["delayed.npz"]
    path = str(FOLDER / version / "delayed.npz")
    found = [names["run"](path, np.moveaxis(sample, -1, 0)) for sample in x]
    np.testing.assert_allclose(found, wanted, **CLOSE)


@pytest.mark.parametrize("version", sorted({version for version, _ in LATER}))
def test_a_program_gives_the_same_bits(version):
    with np.load(FOLDER / version / "answers.npz") as stored:
        x, wanted = stored["inputs"], stored["program.npz"]
    program = log_ttfs.load_program(FOLDER / version / "program.npz")
    np.testing.assert_array_equal(log_ttfs.run(program, x).answers[0].potentials, wanted)


@pytest.mark.parametrize("name", FILES)
def test_a_stored_network_answers_as_before(name):
    with np.load(FOLDER / "outputs.npz") as stored:
        x, wanted = stored["inputs"], stored[Path(name).stem]
    snn = keras.models.load_model(FOLDER / name, compile=False)
    np.testing.assert_allclose(snn.predict(x, verbose=0), wanted, **CLOSE)
    assert spkeras.evaluate(snn, x).timesteps == loop_of(snn).timesteps


def test_former_names_of_settings_become_todays():
    loop = loop_of(keras.models.load_model(FOLDER / "burst.keras", compile=False))
    settings = loop.graph.settings
    assert loop.input_encoding == "regular"
    assert settings["max_spikes_per_step"] == 3 and settings["initial_potential"] == 0.25
    assert settings["spike_code"] == "rate" and not {"limit", "alpha", "code"} & set(settings)


def test_a_stored_network_is_stored_again(tmp_path):
    old = keras.models.load_model(FOLDER / "sigma_delta.keras", compile=False)
    old.save(tmp_path / "new.keras")
    new = keras.models.load_model(tmp_path / "new.keras", compile=False)
    x = np.random.default_rng(0).random((3, 6, 6, 2)).astype("float32")
    np.testing.assert_array_equal(old.predict(x, verbose=0), new.predict(x, verbose=0))
    assert loop_of(new).graph.settings["levels_above_scale"] == 3
