"""A fixed part of the faults: nothing is torn, nothing is lost."""

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_fixed_set_of_faults():
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--small"],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "0 failures" in done.stdout
