"""The cheaper engine by the graph alone."""

import pytest

import spkeras
from spkeras.simulation.cost import costs, preferred
from spkeras.snn.model import loop_of
from tests import networks


@pytest.fixture(scope="module")
def ratios():
    """Cost of events over that of dense steps, of one CNN under several neurons."""
    cnn = networks.chain()
    x = networks.samples(cnn, 8)
    found = {}
    for name, options in {
        "binary": {},
        "signed": {"neuron": "signed"},
        "burst": {"neuron": "burst", "max_spikes_per_step": 3},
        "graded": {"recipe": "sigma_delta"},
    }.items():
        given = {"recipe": "ecc", **options}
        graph = loop_of(spkeras.convert(cnn, x, timesteps=4, insist=True, **given)).graph
        events, dense = costs(graph)
        found[name] = events / dense, preferred(graph)[0]
    return found


def test_neurons_that_are_updated_one_by_one_cost_more(ratios):
    binary, signed = ratios["binary"][0], ratios["signed"][0]
    assert binary < ratios["graded"][0] < signed
    assert ratios["burst"][0] > 2 * binary


def test_the_choice_follows_the_cost(ratios):
    for ratio, engine in ratios.values():
        assert engine == ("events" if ratio <= 1 else "dense")
    assert ratios["binary"][1] == ratios["graded"][1] == "events"
    assert ratios["signed"][1] == "dense"
