"""What graded networks become in the limit: the CNN itself, to the precision of float32."""

import numpy as np
import pytest

import spkeras
from spkeras.simulation import Simulator
from spkeras.snn.model import build, loop_of
from tests import networks, oracle, oracle_layers
from tests.runs import run
from tests.stepping import every_step

pytestmark = pytest.mark.slow


def frayed(net):
    """(Keras model with biases that are no dyadic numbers, 5 samples, what it answers)."""
    from spkeras.frontend.walk import read_graph

    model = networks.frayed(getattr(networks, net)())
    x = networks.samples(model, 5)
    (answer,) = oracle_layers.outputs(read_graph(model), [x])
    return model, x, answer


def curve(snn, x, wanted):
    """Error of the outputs after each step, relative to the largest output."""
    errors = []

    def told(rows, index, outputs):
        errors.append(abs(outputs[0] - wanted).max() / abs(wanted).max())

    run(Simulator(loop_of(snn)), [x], len(x), told)
    return np.array(errors)


@pytest.mark.parametrize("net", ["residual", "smooth"])
def test_with_levels_and_steps_it_becomes_the_cnn(net):
    """Six more levels make the error an eighth or less, down to float32's own; the CNN is
    computed in float64. Also swish, softmax, normalisation and attention inside."""
    model, x, wanted = frayed(net)
    last = []
    for levels in (6, 12, 18, 24):
        snn = build(networks.spiking(model, recipe="sigma_delta", levels=levels), timesteps=16)
        errors = curve(snn, x, wanted)
        last.append(errors[-1])
        if last[1:]:
            assert last[-1] < last[-2] / 8, last
    assert last[0] > 1e-2 and last[-1] < 1e-6, last
    # With the most levels it falls from step to step until it is nothing but rounding.
    assert errors[0] > 0.1 and (errors[1:] <= np.maximum(errors[:-1], 2e-7)).all(), errors


def test_a_converted_network_becomes_the_cnn():
    """By `convert`, at the most levels, from nothing but the model and calibration data."""
    model, x, wanted = frayed("biased")
    snn = spkeras.convert(
        model, x, recipe="sigma_delta", levels=24, levels_above_scale=0, timesteps=40
    )
    assert abs(snn.predict(x, verbose=0) - wanted).max() < 1e-5 * abs(wanted).max()
    coarse = spkeras.convert(model, x, recipe="sigma_delta", timesteps=2)
    error = abs(coarse.predict(x, verbose=0) - wanted).max() / abs(wanted).max()
    assert 1e-5 < error < 0.1


@pytest.mark.parametrize("mantissa_bits", [0, 1, 3])
@pytest.mark.parametrize("levels", [3, 7])
def test_what_was_sent_follows_within_the_smallest_level(levels, mantissa_bits):
    """A settled neuron's spikes sum to f(u) / V, but for less than what it would send: the
    smallest level, less an eighth or so."""
    options = {"levels": levels, "mantissa_bits": mantissa_bits, "recipe": "sigma_delta"}
    model = networks.frayed(networks.residual())
    graph = networks.spiking(model, **options)
    x = networks.samples(model, 4)
    run = oracle.clock_driven(graph, [x], 40)
    assert 1 < run.settled().max() < 40
    sent = {name: train.sum(0) for name, train in run.spikes.items()}
    received = _received(graph, x, sent)
    resolution = 2.0 ** (1 - levels) * (1 - 2.0 ** -(mantissa_bits + 2))
    for node in graph.of("neuron"):
        value = np.maximum(received[node.name], 0) / node.arrays["threshold"]
        missing = abs(value - sent[node.name]).max()
        assert 0.3 * resolution < missing < resolution, node.name
    found = every_step(build(graph, timesteps=run.settled().max()), [x])
    for name, wanted in sent.items():
        np.testing.assert_array_equal(found[name].sum(0), wanted)


def _received(graph, x, sent):
    """What each neuron of a settled network has received, from what all have sent."""
    values = {}
    received = {}
    for node in graph.nodes:
        if node.op == "input":
            values[node.name] = x / node.arrays["scale"].astype("float64")
        elif node.op == "neuron":
            offset = node.arrays.get("constant_input0", np.float32(0)).astype("float64")
            received[node.name] = values[node.inputs[0]] + offset
            values[node.name] = sent[node.name]
        elif node.op != "readout":
            before = [values[name] for name in node.inputs]
            values[node.name] = oracle_layers.OPERATIONS[node.op](node, *before)
    return received


def test_a_mean_gets_right_with_time_and_a_kept_value_sooner():
    """The same graded neurons: the error of a mean falls as 1 / T, for it is bounded by T times
    the mean; that of a value which is corrected rather than repeated faster."""
    model, x, wanted = frayed("residual")
    options = {"neuron": "multi_threshold", "levels": 10, "percentile": 100, "timesteps": 64}
    rate, value = (
        curve(networks.convert(model, x, spike_code=code, **options), x, wanted)
        for code in ("rate", "differential")
    )
    scaled = rate * np.arange(1, 65)
    assert scaled[8:].max() < 3 * scaled[:8].max() and rate[63] < rate[3] / 4
    assert value[15] < rate[63] and value[15] < 1e-3
