"""Commands in processes of their own: no line of TensorFlow reaches the terminal."""

import json
import re
import subprocess
import sys

import pytest

from tests.processes import BACKENDS, python, require


@pytest.mark.slow
@pytest.mark.parametrize("command", ["convert", "evaluate", "info"])
def test_nothing_of_the_backend_is_written(cnn, snn, data, tmp_path, command):
    words = {
        "convert": ("convert", cnn, "-o", tmp_path / "a.keras", "--data", data, "--timesteps", "4"),
        "evaluate": ("evaluate", snn, "--data", data),
        "info": ("info", snn),
    }
    done = subprocess.run(
        [sys.executable, "-m", "spkeras", *map(str, words[command])],
        capture_output=True,
        text=True,
        timeout=120,
    )
    waits = {"convert": r"loading Keras on \w+ \.\.\.\n", "info": ""}
    own = waits.get(command, r"running by events, without Keras \.\.\.\n")
    assert done.returncode == 0 and re.fullmatch(own, done.stderr)


# Runs commands until they import Keras, and prints who does. A command that reads a file, as all do
# that take one, has to load Keras by `load_keras`, which holds back the lines of the backend.
FIRST_IMPORT = """
import json, os, sys
import click
from spkeras.cli import main, quiet

class Reached(BaseException): pass

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("keras", "tensorflow"):
            frame, inside = sys._getframe(), False
            while frame:
                inside |= frame.f_code is quiet.load_keras.__code__
                frame = frame.f_back
            raise Reached("load_keras" if inside else "another import")

sys.meta_path.insert(0, Watch())
found = {}
for words in json.loads(sys.argv[1]):
    try:
        main(words, standalone_mode=False)
        found[" ".join(words[:2])] = "ended"
    except Reached as how:
        found[" ".join(words[:2])] = str(how)
    except (click.ClickException, SystemExit) as stop:
        found[" ".join(words[:2])] = str(stop)
print(json.dumps(found))
"""


def test_every_command_loads_keras_behind_the_hush(cnn, snn, data, tmp_path):
    words = [
        ["convert", cnn, "--data", data],
        ["evaluate", snn, "--data", data, "--engine", "dense"],
        ["finetune", cnn, "--data", data],
        ["info", cnn],
        ["inspect", cnn],
        ["report", cnn, "--data", data],
        ["sweep", cnn, "--data", data],
        ["thresholds", snn, "--data", data],
        ["tune", cnn, "--data", data],
        ["verify", cnn, snn, "--data", data],
        ["hardware", "compile", cnn, "-o", "a.npz"],
    ]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            FIRST_IMPORT,
            json.dumps([[str(w) for w in line] for line in words]),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    found = {" ".join(line.split()[:1]): how for line, how in found.items()}
    assert found == dict.fromkeys([line[0] for line in words], "load_keras"), done.stderr


HIDDEN = """
import sys
from spkeras.cli.quiet import load_keras
load_keras()
early = [name for name in ("matplotlib", "pandas", "sklearn") if name in sys.modules]
import matplotlib, pandas, sklearn
import keras
print(early, keras.backend.backend())
"""


@pytest.mark.backend
@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_keras_is_loaded_without_packages_that_no_command_uses(backend):
    require(backend)
    for name in ("matplotlib", "pandas", "sklearn"):
        pytest.importorskip(name)
    assert python(HIDDEN, KERAS_BACKEND=backend).split() == ["[]", backend]
