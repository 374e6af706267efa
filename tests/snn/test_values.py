"""Networks whose spikes add up to values (delta and differential code), and graded spikes under
the rate code: every spike of every step is the oracle's, on weights that float32 holds exactly."""

import numpy as np
import pytest

import spkeras
from spkeras.snn.model import build, configure, loop_of
from spkeras.snn.network import as_list
from tests import networks, oracle
from tests.stepping import assert_same_outputs, assert_same_spikes, every_step

pytestmark = pytest.mark.slow

NETS = (
    "chain",
    "residual",
    "pools",
    "depthwise",
    "concat",
    "several",
    "biased",
    "products",
    "sequence",
)
MODELS = ("multi_threshold", "signed", "burst", "binary")
DELTA = {"recipe": "sigma_delta"}

_MADE = {}


def case(net, frayed=False, per_channel=True, **neurons):
    """(graph, spiking Keras model, samples), made once."""
    key = (net, frayed, per_channel, *sorted(neurons.items()))
    if key not in _MADE:
        model = getattr(networks, net)()
        graph = networks.spiking(
            networks.frayed(model) if frayed else model, per_channel, **neurons
        )
        _MADE[key] = graph, build(graph), networks.samples(model, low=-16, high=48)
    return _MADE[key]


def check(graph, snn, x, steps, stagger=0):
    """Every spike at every step and the answer; the oracle's run."""
    configure(snn, timesteps=steps, stagger=stagger)
    inputs = networks.as_list(x)
    run = oracle.clock_driven(graph, inputs, steps, stagger)
    assert_same_spikes(every_step(snn, inputs), run.spikes)
    silent = [name for name, train in run.spikes.items() if not train.any()]
    assert len(silent) < len(run.spikes) / 2, f"a silent layer proves nothing: {silent}"
    return run


@pytest.mark.parametrize("net", NETS)
def test_delta_code(net):
    """Also where the biases are not lifted but arrive with the input, at the first step."""
    graph, snn, x = case(net, **DELTA)
    run = check(graph, snn, x, 6)
    assert_same_outputs(as_list(snn(x)), run.outputs[-1])
    trains = list(run.spikes.values())
    assert any((train[1:] < 0).any() for train in trains)
    assert (
        max(run.settled()) > 2 and len(np.unique(np.concatenate([t.ravel() for t in trains]))) > 6
    )
    biased = networks.spiking(getattr(networks, net)(), lifted=False, **DELTA)
    assert_same_spikes(oracle.clock_driven(biased, networks.as_list(x), 6).spikes, run.spikes)


@pytest.mark.parametrize(
    "options",
    [{"levels": 3, "mantissa_bits": 0}, {"levels": 9, "mantissa_bits": 3}, {"per_channel": False}],
)
def test_delta_code_with_other_spikes(options):
    graph, snn, x = case("residual", **{**DELTA, **options})
    run = check(graph, snn, x, 8)
    assert_same_outputs(as_list(snn(x)), run.outputs[-1])


def test_delta_code_read_out_from_spikes():
    graph, snn, x = case("several", readout="spikes", **DELTA)
    run = check(graph, snn, x, 5)
    assert_same_outputs(as_list(snn(x)), run.outputs[-1])


@pytest.mark.parametrize("net", ["residual", "pools", "several"])
def test_graded_spikes_under_the_rate_code(net):
    graph, snn, x = case(net, neuron="multi_threshold")
    run = check(graph, snn, x, 4)
    assert_same_outputs(as_list(snn(x)), run.outputs[-1])
    assert any((train < 0).any() for train in run.spikes.values())


def test_graded_spikes_under_the_rate_code_with_a_staggered_start():
    graph, snn, x = case("residual", neuron="multi_threshold")
    run = check(graph, snn, x, 16, stagger=2)
    for node in graph.of("neuron"):
        assert not run.spikes[node.name][: 2 * node["depth"]].any()
    configure(snn, stagger=None)
    assert loop_of(snn).offset == 0


def test_graded_spikes_layer_by_layer():
    """Each layer receives its whole window, then sends for T steps."""
    graph, snn, x = case("residual", neuron="multi_threshold")
    configure(snn, timesteps=4, stagger=0, schedule="layer_synchronous")
    run = oracle.layer_synchronous(graph, [x], 4)
    assert_same_outputs(as_list(snn(x)), run.outputs)
    configure(snn, schedule="clock_driven")


@pytest.mark.parametrize(
    ("net", "model"),
    [
        *(("residual", model) for model in MODELS),
        ("pools", "signed"),
        ("products", "multi_threshold"),
    ],
)
def test_differential_code_two_steps_to_the_last_bit(net, model):
    """1 and 1 / 2 are exact, ties and all."""
    graph, snn, x = case(net, neuron=model, spike_code="differential")
    run = check(graph, snn, x, 2)
    assert_same_outputs(as_list(snn(x)), run.outputs[-1])


@pytest.mark.parametrize(
    ("net", "model"),
    [("residual", "multi_threshold"), ("residual", "signed"), ("biased", "multi_threshold")],
)
def test_differential_code_away_from_ties(net, model):
    """Five steps: at the sixth 6 (1 / 3) is a whole number again, and rounding decides ties of
    what a silenced neuron takes back."""
    graph, snn, x = case(net, frayed=True, neuron=model, spike_code="differential")
    run = check(graph, snn, x, 5)
    assert run.closest > 2e-6, "another seed: a tie is decided by the last bit"
    np.testing.assert_allclose(snn(x), run.outputs[-1][0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "options", [DELTA, {"neuron": "multi_threshold", "spike_code": "differential"}]
)
def test_functions_that_are_not_exact(options):
    """Swish, softmax inside, layer normalisation, attention: equal spikes away from ties."""
    graph, snn, x = case("smooth", **options)
    assert {"silu", "softmax", "layer_normalization", "attention", "tanh"} == {
        node["function"] for node in graph.of("neuron")
    }
    run = check(graph, snn, x, 5)
    assert run.closest > 2e-6, "another seed: a tie is decided by the last bit"
    np.testing.assert_allclose(snn(x), run.outputs[-1][0], rtol=0, atol=1e-6)


def saturating():
    """Every channel of every layer reaches its bound, a power of two: so are all scales."""
    import keras
    from keras import layers

    x = keras.Input((4, 4, 2), name="image")
    y = layers.Conv2D(3, 3, padding="same", name="conv")(x)
    y = layers.ReLU(0.5, name="half")(y)
    z = layers.Conv2D(3, 3, padding="same", name="inner")(y)
    z = layers.Add(name="sum")([z, y])
    z = layers.ReLU(0.25, name="quarter")(z)
    g = layers.ReLU(0.125, name="gate")(layers.Conv2D(3, 1, name="one")(y))
    y = layers.Multiply(name="scaled")([z, g])
    y = layers.MaxPooling2D(2, name="most")(y)
    y = layers.Dense(3, name="dense")(layers.Flatten(name="flatten")(y))
    return networks.dyadic(keras.Model(x, y, name="saturating"), 3)


def test_a_converted_network_is_the_oracles_to_the_last_bit():
    """From the Keras model through every pass of `convert`, with nothing prepared by hand."""
    model = saturating()
    data = networks.samples(model, 60, low=-64, high=64)
    snn = spkeras.convert(model, data, recipe="sigma_delta", timesteps=5, percentile=100, levels=6)
    graph = loop_of(snn).graph
    scales = np.concatenate([node.arrays["threshold"].ravel() for node in graph.of("neuron")])
    assert (np.log2(scales) % 1 == 0).all() and len(graph.of("neuron")) == 5
    assert {(n["model"], n["spike_code"], n["levels"]) for n in graph.of("neuron")} == {
        ("sigma_delta", "delta", 6)
    }
    run = check(graph, snn, data[:12], 5)
    assert_same_outputs(as_list(snn(data[:12])), run.outputs[-1])
    assert max(run.settled()) > 2
