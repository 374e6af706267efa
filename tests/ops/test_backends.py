"""The choice of the backend: what is asked for, else what is configured, else what is installed."""

import json
import os
import sys

import pytest

from spkeras.errors import OptionError
from spkeras.ops import backends
from tests.processes import python


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with these backends, this configuration of Keras and this KERAS_BACKEND."""

    def prepare(installed, configured=None, asked=None):
        monkeypatch.setattr(backends, "find_spec", lambda name: True if name in installed else None)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        if configured is not None:
            (tmp_path / "keras.json").write_text(configured)
        monkeypatch.setenv("KERAS_BACKEND", asked or "")

    return prepare


def config(backend):
    return json.dumps({"backend": backend})


@pytest.mark.parametrize(
    "installed, configured, asked, chosen",
    [
        (("jax", "tensorflow", "torch"), None, None, "tensorflow"),
        (("torch", "jax"), None, None, "jax"),
        (("torch",), None, None, "torch"),
        (("jax", "tensorflow"), config("jax"), None, "jax"),
        # Keras wrote it when it was first imported.
        (("torch",), config("tensorflow"), None, "torch"),
        (("jax", "tensorflow"), config("jax"), "tensorflow", "tensorflow"),
        (("jax",), "{", None, "jax"),
        (("jax",), "[]", None, "jax"),
        (("jax",), config(["torch"]), None, "jax"),
    ],
)
def test_choice(machine, monkeypatch, installed, configured, asked, chosen):
    machine(installed, configured, asked)
    assert backends.select_backend() == chosen
    assert os.environ["KERAS_BACKEND"] == chosen


@pytest.mark.parametrize(
    "installed, asked, chosen",
    [
        (("tensorflow", "torch", "jax"), None, "jax"),
        (("tensorflow", "torch"), None, "torch"),
        (("tensorflow",), None, "tensorflow"),
        (("tensorflow", "jax"), "tensorflow", "tensorflow"),
    ],
)
def test_what_computes_nothing_takes_the_soonest(machine, installed, asked, chosen):
    machine(installed, config("tensorflow"), asked)
    assert backends.select_backend(computes=False) == chosen


@pytest.mark.parametrize(
    "installed, asked, words",
    [
        ((), None, ["none is installed", '"spkeras[tensorflow]"', '"spkeras[torch]"']),
        (("jax",), "torch", ["KERAS_BACKEND=torch", '"spkeras[torch]"', "installed one: jax"]),
        (("jax",), "numpy", ["KERAS_BACKEND=numpy", "allowed: tensorflow, jax, torch"]),
    ],
)
def test_refusals(machine, installed, asked, words):
    machine(installed, None, asked)
    with pytest.raises(OptionError) as refused:
        backends.select_backend()
    assert all(word in str(refused.value) for word in words)


# A finder that hides every backend, as where none is installed.
BARE = """
import sys, importlib.util
real = importlib.util.find_spec
hidden = ("tensorflow", "jax", "torch")
importlib.util.find_spec = lambda name, *rest: None if name in hidden else real(name, *rest)
import spkeras
"""


def test_without_a_backend_each_use_is_one_message_and_records_stay():
    code = BARE + """
for name in ("convert", "convert", "load_model"):
    try:
        getattr(spkeras, name)
    except spkeras.SpkerasError as error:
        print(error)
print(spkeras.Simulation(timesteps=64).timesteps, "keras" in sys.modules)
"""
    *messages, last = python(code, KERAS_BACKEND="").splitlines()
    assert len(messages) == 3 and len(set(messages)) == 1 and "spkeras[jax]" in messages[0]
    assert last == "64 False"


def test_the_command_line_names_its_backend(tmp_path):
    code = f"""
import sys
from spkeras.cli import main
try:
    main(["inspect", {str(tmp_path / "a.keras")!r}])
except SystemExit as stop:
    print(stop.code, "keras" in sys.modules)
"""
    (tmp_path / "a.keras").write_bytes(b"PK")
    assert python(code, KERAS_BACKEND="cntk").split() == ["1", "False"]
    assert sys.executable
