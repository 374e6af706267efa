"""The cheaper engine by the graph alone."""

import keras
import pytest
from keras import layers

import spkeras
from spkeras.simulation.cost import costs, preferred
from spkeras.snn.model import loop_of
from tests import networks

# The networks that a CNN becomes.
KINDS = {
    "binary": {},
    "signed": {"neuron": "signed"},
    "burst": {"neuron": "burst", "max_spikes_per_step": 3},
    "graded": {"recipe": "sigma_delta"},
}


def graphs(cnn):
    """Graph of the CNN under each kind of neurons."""
    x = networks.samples(cnn, 8)
    found = {}
    for name, options in KINDS.items():
        given = {"recipe": "ecc", **options}
        found[name] = loop_of(spkeras.convert(cnn, x, timesteps=4, insist=True, **given)).graph
    return found


def ratio(graph):
    """Cost of events over that of dense steps."""
    events, dense = costs(graph)
    return events / dense


def dense_block():
    """A CNN whose layers read all layers before them."""
    inputs = keras.Input((16, 16, 3))
    x = layers.ReLU()(layers.Conv2D(8, 3, padding="same", name="stem")(inputs))
    for k in range(5):
        new = layers.ReLU()(layers.Conv2D(4, 3, padding="same", name=f"conv{k}")(x))
        x = layers.Concatenate()([x, new])
    x = layers.GlobalAveragePooling2D()(x)
    return networks.dyadic(keras.Model(inputs, layers.Dense(3, name="head")(x)))


@pytest.fixture(scope="module")
def chained():
    return graphs(networks.chain())


def test_more_neurons_that_send_cost_more(chained):
    found = {name: ratio(graph) for name, graph in chained.items()}
    assert found["binary"] < found["burst"] < found["signed"]
    assert found["binary"] < found["graded"]


def test_the_choice_follows_the_cost(chained):
    for graph in chained.values():
        engine, reason = preferred(graph)
        assert engine == ("events" if ratio(graph) <= 1 else "dense")
        assert f"{ratio(graph):.2f} dense steps" in reason


def test_spikes_that_move_between_layers_cost_events_only():
    """Concatenations copy every spike of all layers before them: graded ones are faster dense."""
    found = graphs(dense_block())
    assert preferred(found["binary"])[0] == "events"
    assert preferred(found["graded"])[0] == "dense"
    moved = [node for node in found["binary"].nodes if node.op == "concatenate"]
    sizes = sum(node.shape[-1] for node in moved)
    assert sizes == 12 + 16 + 20 + 24 + 28
    nodes = [node for node in found["binary"].nodes if node.op == "neuron"]
    assert len(nodes) == 6
