"""Fresh Python processes, as a user would start them."""

import os
import subprocess
import sys
from pathlib import Path

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
