"""What `verify` says of small networks, against loops written out here."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import DataError
from spkeras.snn.model import build
from tests import by_hand, networks
from tests.by_hand import STEPS, at_once

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def graded():
    """(CNN, graph, its network of powers of two, samples)."""
    cnn = by_hand.dense_chain()
    graph = networks.spiking(cnn, recipe="sigma_delta", levels=by_hand.LEVELS, mantissa_bits=0)
    return cnn, graph, build(graph, timesteps=STEPS), networks.samples(cnn, 7, low=-16)


def rms(x):
    return np.sqrt((x**2).mean())


def test_every_figure_of_graded_neurons_by_hand(graded):
    cnn, graph, snn, x = graded
    result = spkeras.verify(cnn, snn, x, batch_size=3)
    spikes, exact = by_hand.run(cnn, graph, x)
    assert (result.spike_code, result.steps, result.timesteps) == ("delta", (1, 2, 3, 4, 5), STEPS)
    for check in result.neurons:
        train, wanted = spikes[check.name], exact[check.name]
        held = train.cumsum(0)
        assert check.course == pytest.approx([rms(h - wanted) / rms(wanted) for h in held])
        assert check.error == pytest.approx(rms(held[-1] - wanted))
        assert check.silent == (train == 0).all(0).mean()
        assert check.saturated == (train == 1).all(0).mean()
        sending = train.any(-1)
        last = [max(np.flatnonzero(of) + 1, default=0) for of in sending.T]
        assert check.settled == np.mean(last) > 1
    assert max(check.silent for check in result.neurons) > 0
    settled = {check.name: check.settled for check in result.neurons}
    assert result.settles_last == max(settled, key=settled.get)


def test_layers_coded_at_once(graded):
    cnn, graph, snn, x = graded
    first, second = spkeras.verify(cnn, snn, x, timesteps=2).neurons
    spikes, exact = by_hand.run(cnn, graph, x)
    assert first.exact == 1 and first.unevenness == 0 and first.clipping == 0
    assert first.quantization == first.error > 0
    # Behind it what changed on the way leaves a trace, which later spikes may take out.
    scales, (kernel, bias) = networks.scales_of(graph), cnn.get_layer("two").get_weights()
    received = at_once(exact["one"], 2) * scales["one"] @ kernel + bias
    wanted = at_once(np.maximum(received, 0) / scales["two"], 2)
    held = spikes["two"][:2].sum(0)
    assert second.exact == (held == wanted).mean() < 1
    assert second.unevenness == pytest.approx(rms(held - wanted))
    assert second.quantization == pytest.approx(rms(wanted - exact["two"]))


def test_values_beyond_the_reach_of_the_spikes_are_clipped(graded):
    cnn, graph, snn, x = graded
    result = spkeras.verify(cnn, snn, 20 * x, timesteps=2, any_range=True)
    exact = np.maximum(
        20 * x.astype(float) @ cnn.get_layer("one").kernel.numpy()
        + cnn.get_layer("one").bias.numpy(),
        0,
    )
    exact = exact / networks.scales_of(graph)["one"]
    first = result.neurons[0]
    assert first.clipping == pytest.approx(rms(np.maximum(exact - 2, 0)))
    assert first.saturated == (exact >= 1.75).mean() > 0


def test_samples_far_outside_the_range_are_refused(graded):
    cnn, _, snn, x = graded
    with pytest.raises(DataError, match="calibrated on"):
        spkeras.verify(cnn, snn, 255 * x)
    assert spkeras.verify(cnn, snn, 255 * x, any_range=True).samples == 7


@pytest.fixture(scope="module")
def rated():
    cnn = networks.chain()
    snn = build(networks.spiking(cnn), timesteps=8, stagger=1)
    return cnn, snn, networks.samples(cnn, 5)


def test_rates_have_a_course_too(rated):
    """After t steps a rate counts from the start of its own layer."""
    cnn, snn, x = rated
    result = spkeras.verify(cnn, snn, x)
    assert result.spike_code == "rate" and result.settles_last is None
    assert len(result.steps) == len(result.neurons[0].course) == 8
    for steps in (3, 5, 8):
        short = spkeras.verify(cnn, snn, x, timesteps=steps)
        for long, end in zip(result.neurons, short.neurons, strict=True):
            assert long.course[steps - 1] == pytest.approx(end.course[-1])
            ratio = [check.error / check.course[-1] for check in (long, end)]
            assert ratio[0] == pytest.approx(ratio[1])
            assert long.settled is None


def test_a_layer_synchronous_network_has_no_course(rated):
    cnn, snn, x = rated
    result = spkeras.verify(cnn, snn, x, schedule="layer_synchronous")
    assert result.steps == () and all(check.course == () for check in result.neurons)
    assert all(check.exact == 1 for check in result.neurons)
    stepwise = spkeras.verify(cnn, snn, x)
    assert result.neurons[0].silent == stepwise.neurons[0].silent > 0


@pytest.mark.parametrize(
    "neuron",
    [("multi_threshold", "differential"), ("signed", "differential"), ("multi_threshold", "rate")],
)
def test_other_codes_come_closer_with_time(neuron):
    cnn = by_hand.dense_chain()
    x = networks.samples(cnn, 20)
    snn = spkeras.convert(cnn, x, neuron=neuron[0], spike_code=neuron[1], timesteps=64)
    result = spkeras.verify(cnn, snn, x)
    assert result.spike_code == neuron[1] and result.settles_last is None
    for check in result.neurons:
        assert check.course[-1] < check.course[3] / 4 and check.course[-1] < 0.1
    assert result.departs_first is None


def nested():
    """A model inside a model inside a model, beside layers of the outer one."""
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, activation="relu", name="deep")], name="inner"
    )
    middle_in = keras.Input((6,))
    y = layers.Dense(4, activation="relu", name="flat")(middle_in)
    middle = keras.Model(middle_in, layers.Add(name="sum")([y, inner(middle_in)]), name="middle")
    x = keras.Input((5,), name="x")
    y = middle(layers.Dense(6, activation="relu", name="before")(x))
    return networks.dyadic(keras.Model(x, layers.Dense(2, name="out")(y), name="outer"))


def test_layers_of_models_inside_models_are_compared():
    cnn = nested()
    x = networks.samples(cnn, 10)
    result = spkeras.verify(cnn, spkeras.convert(cnn, x, timesteps=4), x)
    assert {check.name for check in result.layers} >= {
        "before",
        "middle/flat",
        "middle/inner/deep",
        "middle/sum",
    }
    assert result.faithful
    assert cnn.get_layer("middle").count_params() and len(cnn.layers) == 4


def test_a_difference_inside_a_nested_model_is_found(monkeypatch):
    from spkeras.facade import folded

    cnn = nested()
    x = networks.samples(cnn, 10)
    snn = spkeras.convert(cnn, x, timesteps=4)
    read = folded.read_graph

    def wrong(model):
        graph = read(model)
        name = next(n.name for n in graph.nodes if n.source == "middle/inner/deep" and n.arrays)
        bias = graph[name].arrays["bias"] + np.float32(0.25)
        return graph.updated({name: graph[name].with_arrays(bias=bias)})

    monkeypatch.setattr(folded, "read_graph", wrong)
    result = spkeras.verify(cnn, snn, x)
    off = {check.name for check in result.layers if check.relative > 1e-5}
    assert off == {"middle/inner/deep", "middle/sum", "out"} and not result.faithful
