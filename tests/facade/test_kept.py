"""A second evaluation compiles nothing, and still sees every change of the network."""

import copy
import pickle

import numpy as np
import pytest

import spkeras
from spkeras.simulation import run
from spkeras.snn.model import build, loop_of
from tests import networks

ENGINES = ("events", "dense")


@pytest.fixture(scope="module")
def graph():
    return networks.spiking(networks.chain())


def outputs(snn, **settings):
    x = networks.samples(networks.chain(), 6)
    found = spkeras.evaluate(snn, x, any_range=True, predictions=True, **settings)
    return found.answers[0].outputs, found.answers[0].cnn, found.activity.spikes


@pytest.fixture
def traced(monkeypatch):
    """The functions that were compiled, one entry for each time that one is traced."""
    found = []
    real = run.compiled

    def noted(function, variables):
        def call(*arguments):
            found.append(function)
            return function(*arguments)

        return real(call, variables)

    monkeypatch.setattr(run, "compiled", noted)
    monkeypatch.setattr("spkeras.snn.steps.compiled", noted)
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_evaluation_traces_nothing(graph, traced, engine):
    snn = build(graph, timesteps=4)
    first = outputs(snn, engine=engine)
    assert traced
    traced.clear()
    again = outputs(snn, engine=engine)
    assert not traced
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    # Other settings run, and what was kept stays right.
    longer = outputs(snn, engine=engine, timesteps=6)
    assert traced and longer[2] > first[2]
    np.testing.assert_array_equal(outputs(snn, engine=engine)[0], first[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_changed_weights_are_seen(graph, engine):
    snn = build(graph, timesteps=4)
    before = outputs(snn, engine=engine)
    halved = {n.name: n.with_arrays(kernel=n.arrays["kernel"] / 2) for n in graph.of("conv")}
    changed = graph.updated(halved)
    loop_of(snn).load(changed)
    after, wanted = outputs(snn, engine=engine), outputs(build(changed, timesteps=4), engine=engine)
    assert before[2] != after[2]
    for one, other in zip(after, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_copies_begin_without(graph):
    snn = build(graph, timesteps=4)
    wanted = outputs(snn)
    for other in (copy.deepcopy(snn), pickle.loads(pickle.dumps(snn))):
        assert loop_of(other).kept is not loop_of(snn).kept
        np.testing.assert_array_equal(outputs(other)[0], wanted[0])


def test_few_are_kept(graph):
    snn = build(graph, timesteps=2)
    for timesteps in range(2, 6):
        outputs(snn, timesteps=timesteps, engine="events")
    assert len(loop_of(snn).kept._made) == 2
