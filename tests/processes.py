"""Fresh Python processes, as a user would start them, on each backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = Path(__file__).resolve().parents[1]


def python(code, *arguments, **environment):
    """Runs code in a new interpreter that finds the library and the tests; its output.

    Args:
        code: What to run; `sys.argv[1:]` are the arguments.
        arguments: Turned into text.
        environment: Added to this one's.
    """
    found = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=found,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def require(backend):
    """Skips the test where a backend is not installed, and fails it where REQUIRE_BACKENDS is set."""
    if importlib.util.find_spec(backend) is None:
        refuse = pytest.fail if os.environ.get("REQUIRE_BACKENDS") else pytest.skip
        refuse(f"{backend} is not installed")
