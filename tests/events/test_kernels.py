"""Compiled code is kept on disk by numba: it must not outlive what it was made of."""

import hashlib
import importlib
import sys
from pathlib import Path

import pytest

from spkeras.events import engine, kernels, receiving, sending, valuing

FOLDER = Path(kernels.__file__).parent
_FIRST = ("table", "vectors", "sums")
MADE_OF = {
    receiving: _FIRST,
    sending: (*_FIRST, "receiving"),
    valuing: (*_FIRST, "receiving"),
    kernels: (*_FIRST, "receiving", "sending", "valuing"),
}


@pytest.mark.parametrize("module", MADE_OF, ids=lambda module: module.__name__)
def test_a_file_names_the_files_that_are_compiled_into_it(module):
    text = b"".join((FOLDER / f"{name}.py").read_bytes() for name in MADE_OF[module])
    digest = hashlib.sha256(text).hexdigest()[:16]
    assert module.SOURCES == digest, f'write SOURCES = "{digest}" into {module.__file__}'


def test_why_the_kernels_cannot_run(monkeypatch):
    assert engine.missing() is None
    monkeypatch.setitem(sys.modules, kernels.__name__, None)
    assert "spkeras[events]" in engine.missing()

    def no_folder(name):
        raise RuntimeError(f"no locator available for {name}")

    monkeypatch.setattr(importlib, "import_module", no_folder)
    assert "no locator available for spkeras.events.kernels" in engine.missing()
    assert "NUMBA_CACHE_DIR" in engine.missing()
