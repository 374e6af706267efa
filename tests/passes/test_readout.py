"""Where answers are decoded: before the closing activations, once per output."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.frontend.walk import read_graph
from spkeras.passes.readout import attach_readouts, read_from_spikes
from tests import networks, oracle_layers


def attached(model):
    graph = read_graph(model)
    before = networks.fingerprint(graph)
    changed = attach_readouts(graph)
    assert networks.fingerprint(graph) == before
    return changed


def closed_by(*closing):
    net = keras.Sequential([keras.Input((4,)), layers.Dense(6, name="dense"), *closing])
    return networks.dyadic(net)


def values(graph, x):
    """Output values, read-outs passing theirs on."""
    operations = {**oracle_layers.OPERATIONS, "readout": lambda node, value: value}
    found = {}
    for node in graph.nodes:
        read = [found[name] for name in node.inputs]
        found[node.name] = (
            np.asarray(x, float) if node.op == "input" else (operations[node.op](node, *read))
        )
    return [found[name] for name in graph.outputs]


@pytest.mark.parametrize("function", ["sigmoid", "relu", "tanh", None])
def test_the_answer_is_the_models(function):
    model = closed_by(layers.Activation(function, name="end")) if function else closed_by()
    graph = attached(model)
    x = networks.samples(model)
    np.testing.assert_allclose(values(graph, x)[0], model(x), atol=1e-6)
    (readout,) = graph.of("readout")
    assert graph[readout.inputs[0]].op == "dense"
    assert [n.op for n in graph.nodes] == ["input", "dense", "readout"] + (
        ["activation"] if function else []
    )
    assert not graph.notes


@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
def test_probabilities_are_left_out_and_a_note_tells(function):
    model = closed_by(layers.Activation(function, name="end"))
    graph = attached(model)
    x = networks.samples(model)
    logits = x.astype(float) @ model.get_layer("dense").get_weights()[0]
    np.testing.assert_allclose(values(graph, x)[0], logits + model.weights[1].numpy())
    assert not graph.of("activation")
    assert [note for note in graph.notes if "end" in note and "logits" in note]


def test_shaping_behind_the_activation_stays_behind_the_read_out():
    model = closed_by(layers.ReLU(name="end"), layers.Reshape((3, 2), name="shape"))
    graph = attached(model)
    assert [node.op for node in graph.nodes] == [
        "input",
        "dense",
        "readout",
        "activation",
        "reshape",
    ]
    x = networks.samples(model)
    np.testing.assert_allclose(values(graph, x)[0], model(x), atol=1e-6)


def test_shaping_without_an_activation_stays_before():
    graph = attached(closed_by(layers.Reshape((3, 2), name="shape")))
    assert [node.op for node in graph.nodes] == ["input", "dense", "reshape", "readout"]


def test_only_a_softmax_at_the_very_end_is_left_out():
    """One with an activation behind it is decoded and computed as it stands."""
    model = closed_by(layers.Softmax(name="inner"), layers.Activation("tanh", name="end"))
    graph = attached(model)
    x = networks.samples(model)
    np.testing.assert_allclose(values(graph, x)[0], model(x), atol=1e-6)
    assert not graph.notes


def test_each_output_has_its_own_in_the_models_order():
    model = networks.several()
    graph = attached(model)
    assert len(graph.of("readout")) == 2
    assert graph.outputs[0] == graph.of("readout")[0].name
    assert graph[graph.outputs[0]].inputs == ("near",)
    assert graph.outputs[1] == "far" or graph[graph.outputs[1]].op == "activation"
    assert graph[graph.outputs[1]].inputs == (graph.of("readout")[1].name,)


def test_an_activation_that_is_read_elsewhere_too_stays_inside():
    x = keras.Input((4,))
    y = layers.Dense(3, activation="relu", name="first")(x)
    model = networks.dyadic(keras.Model(x, [y, layers.Dense(2, name="second")(y)]))
    graph = attached(model)
    assert [graph[readout.inputs[0]].op for readout in graph.of("readout")] == [
        "activation",
        "dense",
    ]
    x = networks.samples(model)
    for ours, theirs in zip(values(graph, x), model(x), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("neuron", "function"),
    [("binary", "relu"), ("burst", "relu"), ("signed", "linear"), ("signed_burst", "linear")],
)
def test_reading_from_spikes_adds_neurons_of_its_own(neuron, function):
    graph = attached(closed_by())
    changed = read_from_spikes(graph, neuron)
    (readout,) = changed.of("readout")
    added = changed[readout.inputs[0]]
    assert (added.op, added["function"]) == ("activation", function)
    assert bool(changed.notes) == (function == "relu")
    assert not graph.of("activation")


def test_reading_from_spikes_takes_neurons_that_are_there():
    x = keras.Input((4,))
    y = layers.Dense(3, activation="relu", name="first")(x)
    graph = attached(keras.Model(x, [y, layers.Dense(2, name="second")(y)]))
    changed = read_from_spikes(graph, "binary")
    assert len(changed.of("activation")) == 2


@pytest.mark.parametrize("op", [layers.Multiply, layers.Maximum, layers.Dot])
def test_what_joins_two_branches_at_the_end_stays_inside(op):
    x = keras.Input((4,))
    y, z = layers.Dense(3, name="y")(x), layers.Dense(3, name="z")(x)
    options = {"axes": 1} if op is layers.Dot else {}
    model = networks.dyadic(keras.Model(x, op(name="end", **options)([y, z])))
    graph = attached(model)
    assert graph[graph.of("readout")[0].inputs[0]].name == "end"
    assert graph.of("readout")[0]["depth"] == 0


def test_shaping_behind_probabilities_that_are_left_out():
    model = closed_by(layers.Softmax(name="end"), layers.Reshape((3, 2), name="shape"))
    graph = attached(model)
    assert [node.op for node in graph.nodes] == ["input", "dense", "readout", "reshape"]
    x = networks.samples(model)
    logits = x.astype(float) @ model.get_layer("dense").get_weights()[0] + model.weights[1].numpy()
    np.testing.assert_allclose(values(graph, x)[0], logits.reshape(-1, 3, 2))
