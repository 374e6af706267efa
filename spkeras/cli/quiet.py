"""Suppress the log lines of Keras and TensorFlow."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import click

from spkeras.ops.backends import NAMES, select_backend


def quieten() -> None:
    """Set log levels before Keras is imported; a level in the environment has precedence."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # Commands print notes and warnings themselves.
    logging.getLogger("spkeras").addHandler(logging.NullHandler())
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module="keras|tensorflow")


def load_keras(computes: bool = True) -> None:
    """Import Keras on the selected backend, which is named; hold back the lines that it writes.

    Args:
        computes: Whether the command computes with tensors; else the backend that is imported
            soonest is enough.

    Raises:
        OptionError: no backend is installed, or not the one that is asked for.
    """
    if "keras" in sys.modules:
        return
    backend = select_backend(computes)
    click.echo(f"loading Keras on {NAMES[backend]} ...", err=True)
    with _hushed(), _lean():
        import keras  # noqa: F401


# Packages that Keras imports where they are installed, for functions that commands do not use:
# a third of the time until Keras on TensorFlow is ready, and half of it on JAX.
_UNUSED = frozenset({"matplotlib", "pandas", "sklearn"})


class _Unused(MetaPathFinder, Loader):
    """Import hook under which imports of these packages fail as if they were not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.partition(".")[0] in _UNUSED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name)


@contextmanager
def _lean() -> Iterator[None]:
    """Import Keras without packages that commands do not use; afterwards these can be imported."""
    hook = _Unused()
    sys.meta_path.insert(0, hook)
    try:
        yield
    finally:
        sys.meta_path.remove(hook)


@contextmanager
def _hushed() -> Iterator[None]:
    """Hold back the output on the process's stderr; show it if the block fails."""
    try:
        real = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
