"""Memory of an evaluation depends on neither T nor the number of samples."""

import json

import pytest

from tests.processes import python

pytestmark = pytest.mark.slow

# The module as a user would run it; a fresh process each, so that peaks are of one run.
RUN = "import runpy, sys; runpy.run_module('tests.memory', run_name='__main__', alter_sys=False)"
ALLOWED = 1.05


def peak(engine, samples, timesteps):
    """Peak resident memory of one evaluation, in MiB."""
    told = python(RUN, "--engine", engine, "--samples", samples, "--timesteps", timesteps)
    return json.loads(told.splitlines()[-1])["peak"]


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_peak_memory_is_flat(engine):
    if engine == "events":
        pytest.importorskip("numba", reason="events need numba")
    short = peak(engine, 500, 16)
    assert peak(engine, 500, 256) < ALLOWED * short
    assert peak(engine, 5000, 16) < ALLOWED * short
