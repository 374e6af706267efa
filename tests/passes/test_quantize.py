"""n-bit weights: whole codes, a threshold that follows, the counts of the rounded network."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import OptionError
from spkeras.passes.quantize import quantize_weights
from tests import networks, oracle, oracle_layers


def quantized(model, bits, **neurons):
    graph = networks.spiking(model, **neurons)
    before = networks.fingerprint(graph)
    changed = quantize_weights(graph, bits)
    assert networks.fingerprint(graph) == before
    return graph, changed


def unit_of(kernel, bits):
    """What one code stands for: the largest weight takes the largest code."""
    return np.abs(kernel).max() / (2 ** (bits - 1) - 1)


@pytest.mark.parametrize("bits", [2, 4, 8, 12])
@pytest.mark.parametrize("net", ["chain", "residual", "pools", "depthwise", "concat"])
def test_weights_lie_on_the_grid_and_at_most_half_a_step_away(net, bits):
    graph, changed = quantized(getattr(networks, net)(), bits)
    steps = 2 ** (bits - 1)
    for node in graph.of("conv", "depthwise_conv", "conv_transpose", "dense"):
        kernel = node.arrays["kernel"].astype("float64")
        found = changed[node.name].arrays["kernel"].astype("float64")
        unit = unit_of(kernel, bits)
        reader = graph.sole_consumer(node.name)
        plain = reader is not None and reader.op == "neuron" and reader["pool"] is None
        codes = found * steps if plain else found / unit
        np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)
        assert np.abs(np.rint(codes)).max() == steps - 1
        assert np.abs(np.rint(codes) * unit - kernel).max() <= unit * (0.5 + 1e-6)


@pytest.mark.parametrize("bits", [3, 5, 8])
@pytest.mark.parametrize("net", ["chain", "residual", "pools", "several"])
def test_counts_are_those_of_the_rounded_weights(net, bits):
    """The threshold is divided by the unit of the codes: neurons count as with W_q * unit."""
    model = getattr(networks, net)()
    graph = networks.spiking(oracle_layers.randomize(model, 1))
    changed, rounded = quantize_weights(graph, bits), {}
    for node in graph.of("conv", "dense"):
        kernel = node.arrays["kernel"].astype("float64")
        unit = unit_of(kernel, bits)
        rounded[node.name] = node.with_arrays(kernel=np.round(kernel / unit) * unit)
    # Values of all sizes: with them no current meets a threshold exactly.
    xs = oracle_layers.samples(model, 3)
    wanted = oracle.clock_driven(graph.updated(rounded), xs, 8)
    found = oracle.clock_driven(changed, xs, 8)
    for name, train in wanted.spikes.items():
        assert train.any()
        np.testing.assert_array_equal(found.spikes[name], train)
    for ours, theirs in zip(found.outputs[-1], wanted.outputs[-1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_threshold_is_divided_by_the_unit():
    """kappa / norm, not kappa * norm as in the original."""
    graph, changed = quantized(networks.chain(), 4)
    kernel = graph["conv1"].arrays["kernel"].astype("float64")
    unit = np.abs(kernel).max() / 7 * 8
    np.testing.assert_allclose(changed["relu1"].arrays["threshold"], 1 / unit, rtol=1e-6)
    np.testing.assert_allclose(
        changed["conv1"].arrays["bias"], graph["conv1"].arrays["bias"] / unit, rtol=1e-6
    )
    dense = changed.of("readout")[0].inputs[0]
    np.testing.assert_array_equal(changed[dense].arrays["bias"], graph[dense].arrays["bias"])


def test_ceilings_follow_too():
    graph, changed = quantized(networks.depthwise(), 6)
    for name in ("six1", "six2"):
        ratio = graph[name].arrays["ceiling"] / graph[name].arrays["threshold"]
        after = changed[name].arrays["ceiling"] / changed[name].arrays["threshold"]
        np.testing.assert_allclose(after, ratio, rtol=1e-6)


def test_many_bits_change_little_and_a_note_tells():
    model = networks.residual()
    graph, changed = quantized(model, 16)
    assert "16 bits" in changed.notes[-1]
    xs = [networks.samples(model)]
    rates, outputs = oracle.ann(graph, xs)
    close, answers = oracle.ann(changed, xs)
    for name, rate in rates.items():
        np.testing.assert_allclose(close[name], rate, atol=2e-3)
    np.testing.assert_allclose(answers[0], outputs[0], atol=5e-3)


def test_quantizing_twice_is_quantizing_once():
    _, changed = quantized(networks.chain(), 5)
    again = quantize_weights(changed, 5)
    for node in changed.nodes:
        for name, array in node.arrays.items():
            np.testing.assert_allclose(again[node.name].arrays[name], array, rtol=1e-6)


def test_weights_that_are_all_zero_stay():
    net = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="d"), layers.ReLU(), layers.Dense(2)]
    )
    networks.dyadic(net)
    net.get_layer("d").kernel.assign(np.zeros((3, 2)))
    graph, changed = quantized(net, 4)
    np.testing.assert_array_equal(changed["d"].arrays["bias"], graph["d"].arrays["bias"])
    assert not changed["d"].arrays["kernel"].any()


@pytest.mark.parametrize("bits", [1, 17, 0, -4])
def test_bits_out_of_range(bits):
    with pytest.raises(OptionError, match="allowed: 2 to 16"):
        quantize_weights(networks.spiking(networks.chain()), bits)


def test_a_layer_of_zeros_leaves_the_others_to_be_rounded():
    net = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="d"), layers.ReLU(), layers.Dense(2, name="e")]
    )
    oracle_layers.randomize(net, 1)
    net.get_layer("d").kernel.assign(np.zeros((3, 2)))
    graph, changed = quantized(net, 3)
    kernel, found = graph["e"].arrays["kernel"], changed["e"].arrays["kernel"]
    codes = found / (np.abs(kernel).max() / 3)
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-6)
    assert (found != kernel).any()


@pytest.mark.parametrize("net", ["chain", "pools", "depthwise"])
def test_stored_weights_are_codes_times_a_stored_step(net):
    graph, changed = quantized(oracle_layers.randomize(getattr(networks, net)(), 2), 5)
    assert changed.integers.weight_bits == 5 and not changed.integers.is_whole
    for node in graph.of("conv", "depthwise_conv", "dense"):
        kernel = node.arrays["kernel"].astype("float64")
        wanted = np.round(kernel / unit_of(kernel, 5))
        np.testing.assert_array_equal(changed.integers.codes(changed[node.name]), wanted)
        stored = wanted * changed.integers.steps[node.name]
        np.testing.assert_allclose(changed[node.name].arrays["kernel"], stored, rtol=1e-6)
