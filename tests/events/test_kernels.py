"""Compiled code is kept on disk by numba: it must not outlive what it was made of."""

import hashlib
import importlib
import os
import sys
from pathlib import Path

from spkeras.events import engine, kernels
from spkeras.ops.progress import announced
from spkeras.simulation import Simulator
from spkeras.snn.model import build, loop_of
from tests import networks, runs

FOLDER = Path(kernels.__file__).parent
MADE_OF = "table vectors sums jit channelwise receiving sending valuing".split()


def test_the_kernels_name_the_files_that_are_compiled_into_them():
    text = b"".join((FOLDER / f"{name}.py").read_bytes() for name in MADE_OF)
    digest = hashlib.sha256(text).hexdigest()[:16]
    assert kernels.SOURCES == digest, f'write SOURCES = "{digest}" into {kernels.__file__}'


def test_kernels_are_compiled_before_a_run_once_for_all_networks():
    for recipe in ({}, {"recipe": "sigma_delta"}):
        model = networks.residual()
        simulation = Simulator(loop_of(build(networks.spiking(model, **recipe), timesteps=2)))
        assert simulation.engine == "events"
        assert kernels.run.signatures == [kernels.SIGNATURE]
        runs.run(simulation, [networks.samples(model, 2)], 2, lambda *_: None)
        assert kernels.run.signatures == [kernels.SIGNATURE]


def test_a_compilation_is_announced_and_a_load_is_not(monkeypatch, tmp_path):
    shown, compiled = [], []

    class Run:
        signatures = []
        stats = type("Stats", (), {"cache_path": str(tmp_path)})
        compile = compiled.append

    monkeypatch.setattr(kernels, "run", Run)
    with announced(shown.append):
        engine.prepare()
        assert len(shown) == 1 and "once per installation" in shown[0]
        index = tmp_path / "kernels.run-1.py311.nbi"
        index.touch()
        engine.prepare()
        assert len(shown) == 1
        # An index older than the source is not used.
        os.utime(index, (0, 0))
        engine.prepare()
    assert len(shown) == 2 and compiled == [kernels.SIGNATURE] * 3
    Run.signatures = compiled
    engine.prepare()
    assert len(compiled) == 3


def test_why_the_kernels_cannot_run(monkeypatch):
    assert engine.missing() is None
    monkeypatch.setitem(sys.modules, kernels.__name__, None)
    assert "spkeras[events]" in engine.missing()

    def no_folder(name):
        raise RuntimeError(f"no locator available for {name}")

    monkeypatch.setattr(importlib, "import_module", no_folder)
    assert "no locator available for spkeras.events.kernels" in engine.missing()
    assert "NUMBA_CACHE_DIR" in engine.missing()
