"""Suppress the log lines of Keras and TensorFlow."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

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


def load_keras() -> None:
    """Import Keras on the selected backend, which is named; hold back the lines that it writes.

    Raises:
        OptionError: no backend is installed, or not the one that is asked for.
    """
    if "keras" in sys.modules:
        return
    backend = select_backend()
    click.echo(f"loading Keras on {NAMES[backend]} ...", err=True)
    with _hushed():
        import keras  # noqa: F401


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
