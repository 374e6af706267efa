"""Commands in processes of their own: no line of TensorFlow reaches the terminal."""

import re
import subprocess
import sys

import pytest


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
    assert done.returncode == 0 and re.fullmatch(r"loading Keras on \w+ \.\.\.\n", done.stderr)
