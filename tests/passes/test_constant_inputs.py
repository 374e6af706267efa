"""Biases lifted out of the synapses: they are where they arrive, and nothing else has changed."""

import numpy as np
import pytest

from spkeras.passes.constant_inputs import lift_biases, resting_points
from spkeras.snn.ann import bias_currents
from tests import networks, oracle, oracle_layers

DELTA = {"recipe": "sigma_delta"}
NETS = ("chain", "residual", "pools", "depthwise", "concat", "several", "biased", "products")


def both(net, **options):
    """The graph with biases in its synapses, and with biases lifted."""
    model, options = getattr(networks, net)(), {**DELTA, **options}
    return (networks.spiking(model, lifted=False, **options), networks.spiking(model, **options))


@pytest.mark.parametrize("net", NETS)
def test_an_offset_is_what_arrives_while_nobody_sends_anything(net):
    """Of every input of every neuron, at every position, to the last bit."""
    biased, lifted = both(net)
    wanted = oracle.resting(biased)
    assert sum(abs(array).sum() for arrays in wanted.values() for array in arrays) > 0
    for node in lifted.of("neuron"):
        for index, array in enumerate(wanted[node.name]):
            offset = np.asarray(node.arrays.get(f"constant_input{index}", 0.0))
            assert array.shape == lifted[node.inputs[index]].shape
            np.testing.assert_array_equal(np.broadcast_to(offset, array.shape), array)
            assert (f"constant_input{index}" in node.arrays) == array.any()
    for node in lifted.of("readout"):
        (array,) = wanted[node.name]
        array = array * node.arrays.get("scale", 1.0)
        offset = np.asarray(node.arrays.get("offset", 0.0))
        np.testing.assert_array_equal(np.broadcast_to(offset, array.shape), array)


@pytest.mark.parametrize("net", NETS)
def test_what_is_left_in_front_of_the_neurons_is_linear(net):
    """Nothing in, nothing out, for every node; and only biases and offsets have gone."""
    biased, lifted = both(net)
    for arrays in oracle.resting(lifted).values():
        assert not any(array.any() for array in arrays)
    assert [node.name for node in lifted.nodes] == [node.name for node in biased.nodes]
    for before, after in zip(biased.nodes, lifted.nodes, strict=True):
        assert (before.op, before.inputs, before.attributes) == (
            after.op,
            after.inputs,
            after.attributes,
        )
        gone = set(before.arrays) - set(after.arrays)
        assert gone <= {"bias", "offset"}
        for name in set(before.arrays) - gone:
            np.testing.assert_array_equal(after.arrays[name], before.arrays[name])


@pytest.mark.parametrize("net", NETS)
def test_the_network_computes_what_it_did(net):
    biased, lifted = both(net)
    x = networks.as_list(networks.samples(getattr(networks, net)()))
    for one, other in zip(oracle.ann(biased, x), oracle.ann(lifted, x), strict=True):
        pairs = one.items() if isinstance(one, dict) else enumerate(one)
        for key, value in pairs:
            np.testing.assert_allclose(other[key], value, rtol=0, atol=1e-12)


def test_offsets_vary_over_positions_where_a_bias_meets_a_border():
    """Zeros padded around a biased map, the sum of two branches, batch norm before padding."""
    _, lifted = both("biased")
    shapes = {node.name: node.arrays["constant_input0"].shape for node in lifted.of("neuron")}
    assert shapes == {"stem": (1, 1, 3), "out": (3, 3, 4), "six": (3, 3, 4)}
    for name in ("out", "six"):
        offset = lifted[name].arrays["constant_input0"]
        assert (offset[0, 0] != offset[1, 1]).any() and (offset[0, 1] != offset[1, 1]).any()


def test_an_axis_of_equal_values_has_size_one():
    """And what is zero is not there at all."""
    _, lifted = both("chain")
    shapes = {node.name: node.arrays["constant_input0"].shape for node in lifted.of("neuron")}
    assert shapes == {"relu1": (1, 1, 4), "conv2": (1, 1, 3)}
    (readout,) = lifted.of("readout")
    assert readout.arrays["offset"].shape == (5,)
    _, pools = both("pools")
    assert "constant_input0" not in pools["top"].arrays  # it reads spikes
    _, products = both("products")
    assert not {"constant_input0", "constant_input1"} & set(products["scaled"].arrays)
    assert {"constant_input0", "constant_input1"} <= set(products["product"].arrays)


def test_the_resting_graph_ends_at_what_neurons_read():
    biased, _ = both("residual")
    cut = resting_points(biased)
    assert not cut.of("neuron") and not cut.of("readout")
    ends = {name for n in biased.of("neuron", "readout") for name in n.inputs}
    assert set(cut.outputs) == ends
    silence = [np.zeros((1, *node.shape)) for node in cut.of("input")]
    values = oracle_layers.evaluate(cut, silence)
    for name, found in bias_currents(biased).items():
        np.testing.assert_array_equal(found, values[name][0])


def test_biases_are_lifted_once():
    from spkeras.errors import GraphError
    from spkeras.passes.constant_inputs import lift_biases

    _, lifted = both("chain")
    with pytest.raises(GraphError, match="relu1.*lifted out before"):
        lift_biases(lifted, bias_currents(lifted))


def test_the_offset_of_a_read_out_is_in_the_outputs_unit():
    """Spikes and a biased branch meet in the last addition: the read-out has a scale of its own."""
    import keras
    from keras import layers

    x = keras.Input((3,), name="x")
    hidden = layers.Dense(4, activation="relu", name="hidden")(x)
    y = layers.Add(name="sum")([hidden, layers.Dense(4, name="branch")(x)])
    model = networks.dyadic(keras.Model(x, y, name="meeting"))
    graph = networks.spiking(model, **DELTA)
    (readout,) = graph.of("readout")
    assert (readout.arrays["scale"] != 1).all()
    bias = keras.ops.convert_to_numpy(model.get_layer("branch").bias)
    assert (bias != 0).all()
    np.testing.assert_array_equal(np.broadcast_to(readout.arrays["offset"], bias.shape), bias)


@pytest.mark.parametrize(
    "values, wanted",
    [
        ([[0.0, 0.0]], None),
        ([[0.0, 2.0]], [[0.0, 2.0]]),
        ([[1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0]]),
        ([[1.0, 1.0], [2.0, 2.0]], [[1.0], [2.0]]),
        ([[3.0, 3.0], [3.0, 3.0]], [[3.0]]),
    ],
)
def test_offsets_have_as_few_values_as_say_them(values, wanted):
    from spkeras.passes.constant_inputs import _offset

    found = _offset(np.array(values))
    assert (None if found is None else found.tolist()) == wanted


def test_biases_of_originals_stay_in_their_synapses():
    graph = networks.spiking(networks.chain(), lifted=False, **DELTA)
    resting = {name: np.zeros(graph[name].shape) for name in resting_points(graph).outputs}
    assert lift_biases(graph, resting).originals is None
    node = graph.of("conv")[0]
    changed = graph.updated({node.name: node.with_arrays(kernel=2 * node.arrays["kernel"])})
    lifted = lift_biases(changed.keeping(graph), resting)
    back = lifted.reference()[node.name]
    for name, array in node.arrays.items():
        np.testing.assert_array_equal(back.arrays[name], array)
