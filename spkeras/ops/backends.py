"""The backends that Keras runs on: which are installed, and which one runs. Imports none of them."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

from spkeras.errors import OptionError

# Module and name, in the order in which the command line takes what is installed.
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
BACKENDS = tuple(NAMES)
_VARIABLE = "KERAS_BACKEND"
# By the time that Keras takes to import.
_SOONEST = ("jax", "torch", "tensorflow")


def select_backend(computes: bool = True) -> str:
    """Set the backend that Keras will run on, before Keras is imported, and return its name.

    It is that of KERAS_BACKEND, else that of Keras's configuration if it is installed, else the
    first one that is installed. Keras writes its configuration itself when it is first imported,
    with TensorFlow in it: no user has chosen what is not installed.

    Args:
        computes: Whether tensors will be computed. Without, and without KERAS_BACKEND, it is the
            one that is imported soonest.

    Raises:
        OptionError: KERAS_BACKEND names a backend that is unknown or not installed, or none is
            installed.
    """
    given = os.environ.get(_VARIABLE)
    if given and given not in BACKENDS:
        raise OptionError(f"{_VARIABLE}={given}; allowed: {', '.join(BACKENDS)}")
    found = installed()
    if not found:
        raise OptionError(
            "Keras needs a backend, and none is installed; install one: "
            + ", ".join(f'pip install "spkeras[{name}]"' for name in BACKENDS)
        )
    if given and given not in found:
        raise OptionError(
            f'{_VARIABLE}={given}: is not installed; run `pip install "spkeras[{given}]"`, or set '
            f"{_VARIABLE} to an installed one: {', '.join(found)}"
        )
    if given or computes:
        wanted = given or _configured()
        chosen = wanted if wanted in found else found[0]
    else:
        chosen = min(found, key=_SOONEST.index)
    os.environ[_VARIABLE] = chosen
    return chosen


def installed() -> tuple[str, ...]:
    """Return the backends that are installed."""
    return tuple(name for name in BACKENDS if find_spec(name) is not None)


def _configured() -> str:
    """Return the backend in Keras's configuration file; empty without one."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return str(json.loads((home / "keras.json").read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
