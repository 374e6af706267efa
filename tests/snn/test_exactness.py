"""Hard gates: on weights that float32 holds exactly, the network is the oracle's, bit by bit."""

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.layers import FiringRate
from spkeras.snn.model import build, configure, loop_of
from spkeras.snn.network import as_list
from spkeras.snn.settings import automatic_stagger
from tests import networks, oracle, oracle_neurons
from tests.stepping import assert_same_outputs, assert_same_spikes, every_step

NETS = ("chain", "residual", "pools", "depthwise", "concat", "several")
NEURONS = ("binary", "signed", "burst", "signed_burst")
STEPS = 8

_MADE = {}


DEFAULTS = {
    "timesteps": STEPS,
    "stagger": 0,
    "input_encoding": "constant",
    "seed": 0,
    "schedule": "clock_driven",
}


def case(net, per_channel=True, **neurons):
    """(graph, spiking Keras model, samples), made once; settings as in `DEFAULTS`."""
    key = (net, per_channel, *sorted(neurons.items()))
    if key not in _MADE:
        model = getattr(networks, net)()
        graph = networks.spiking(model, per_channel, **neurons)
        _MADE[key] = graph, build(graph), networks.samples(model)
    configure(_MADE[key][1], **DEFAULTS)
    return _MADE[key]


def check(graph, snn, x, *, min_spikes=10, **simulation):
    """Every spike at every step by the step model, and the answer by `predict`."""
    configure(snn, **simulation)
    loop, inputs = loop_of(snn), networks.as_list(x)
    run = oracle.clock_driven(
        graph, inputs, loop.timesteps, loop.stagger, loop.input_encoding, loop._draws
    )
    assert sum(abs(train).sum() for train in run.spikes.values()) >= min_spikes
    assert_same_spikes(every_step(snn, inputs), run.spikes)
    assert_same_outputs(as_list(snn(x)), run.outputs[-1])


@pytest.mark.slow
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("net", NETS)
def test_clock_driven(net, neuron):
    graph, snn, x = case(net, neuron=neuron)
    check(graph, snn, x)
    if neuron == "binary":
        totals = {name: t.sum() for name, t in every_step(snn, networks.as_list(x)).items()}
        assert min(totals.values()) > 0, f"a silent layer proves nothing: {totals}"


@pytest.mark.slow
@pytest.mark.parametrize("net", ["chain", "residual", "concat", "several"])
def test_reset_to_zero(net):
    graph, snn, x = case(net, reset="zero")
    check(graph, snn, x)
    soft = every_step(case(net)[1], networks.as_list(x))
    hard = every_step(snn, networks.as_list(x))
    assert any((soft[name] != hard[name]).any() for name in soft)


@pytest.mark.parametrize("alpha", [0.0, 0.75])
def test_alpha(alpha):
    graph, snn, x = case("residual", initial_potential=alpha)
    check(graph, snn, x)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "neuron", "stagger"),
    [
        *(
            (net, neuron, 2)
            for net in ("chain", "residual", "pools", "several")
            for neuron in ("binary", "signed_burst")
        ),
        ("residual", "binary", 0.75),
        ("pools", "signed", 1.3125),
    ],
)
def test_staggered_start(net, neuron, stagger):
    """Nothing fires early; the answer is the mean since the read-out's own start."""
    graph, snn, x = case(net, neuron=neuron)
    check(graph, snn, x, stagger=stagger, timesteps=16)
    trains = every_step(snn, networks.as_list(x))
    for node in graph.of("neuron"):
        assert not trains[node.name][: int(stagger * node["depth"])].any()


def test_a_readout_that_would_start_after_the_end_is_refused():
    """Five layers of neurons: the read-out starts after 5 times the stagger."""
    graph, snn, x = case("residual")
    with pytest.raises(OptionError, match=r"5 layers .* after 10 steps .* up to 0.5625"):
        configure(snn, timesteps=3, stagger=2)
    with pytest.raises(OptionError, match="after 5 steps"):
        configure(snn, timesteps=5, stagger=1)
    check(graph, snn, x, stagger=0.5625, timesteps=3)
    check(graph, snn, x, stagger=1, timesteps=6)
    configure(snn, timesteps=1, stagger=None)
    configure(snn, timesteps=3, stagger=2, schedule="layer_synchronous")
    with pytest.raises(OptionError, match="stagger=2"):
        configure(snn, schedule="clock_driven")


def test_the_automatic_stagger_leaves_the_readout_a_step():
    for depth in range(1, 200):
        for timesteps in range(1, 70):
            assert int(depth * automatic_stagger(timesteps, depth)) < timesteps


@pytest.mark.parametrize("coding", ["regular", "bernoulli"])
@pytest.mark.parametrize(
    ("net", "neuron"),
    [("chain", "binary"), ("pools", "signed"), ("several", "burst"), ("residual", "binary")],
)
def test_codings(net, neuron, coding):
    graph, snn, x = case(net, neuron=neuron)
    check(graph, snn, x, input_encoding=coding, seed=11)


@pytest.mark.parametrize("net", ["residual", "concat"])
def test_one_scale_per_layer(net):
    graph, snn, x = case(net, per_channel=False)
    check(graph, snn, x)


@pytest.mark.slow
@pytest.mark.parametrize("neuron", ["binary", "signed"])
@pytest.mark.parametrize("net", ["chain", "several"])
def test_read_out_from_spikes(net, neuron):
    graph, snn, x = case(net, neuron=neuron, readout="spikes")
    check(graph, snn, x)
    answers = [np.asarray(answer) for answer in as_list(snn(x))]
    for answer, node in zip(answers, graph.of("readout"), strict=True):
        counts = answer * STEPS / node.arrays.get("scale", 1.0)
        np.testing.assert_array_equal(counts, np.rint(counts))
    negative = any((answer < 0).any() for answer in answers)
    assert negative == (neuron == "signed" and net == "several")


@pytest.mark.parametrize("net", NETS)
def test_one_step(net):
    """T = 1, both schedules: one step of a network is its closed form."""
    graph, snn, x = case(net)
    check(graph, snn, x, timesteps=1, min_spikes=1)
    clocked = every_step(snn, networks.as_list(x))
    configure(snn, schedule="layer_synchronous")
    run = oracle.layer_synchronous(graph, networks.as_list(x), 1)
    assert_same_outputs(as_list(snn(x)), run.outputs)
    first = graph.of("neuron")[0].name
    np.testing.assert_array_equal(clocked[first][0], run.spikes[first])


def closed_counts(snn, x, steps):
    """Counts {node: (batch, ...)} and outputs of the layer-synchronous network."""
    loop = loop_of(snn)
    answer = loop.counts(loop.units(x), steps)
    cut = len(loop.network.readouts)
    counts = {
        node.name: np.rint(np.asarray(rate, "float64") * steps)
        for node, rate in zip(loop.network.neurons, answer[cut:], strict=True)
    }
    return counts, loop.network.decode(answer[:cut])


@pytest.mark.parametrize("steps", [4, 32])
@pytest.mark.parametrize("neuron", ["binary", "signed_burst"])
@pytest.mark.parametrize("net", NETS)
def test_layer_synchronous_closed_form_is_the_explicit_loop(net, neuron, steps):
    """Count by count: each layer receives its whole window, then fires for T steps."""
    graph, snn, x = case(net, neuron=neuron)
    inputs = networks.as_list(x)
    configure(snn, timesteps=steps, schedule="layer_synchronous")
    run = oracle.layer_synchronous(graph, inputs, steps)
    counts, outputs = closed_counts(snn, inputs, steps)
    assert sum(abs(c).sum() for c in run.spikes.values()) > 0
    assert_same_spikes(counts, run.spikes)
    assert_same_outputs(outputs, run.outputs)
    assert_same_outputs(as_list(snn(x)), run.outputs)


@pytest.mark.parametrize("coding", ["regular", "bernoulli"])
@pytest.mark.parametrize("net", ["chain", "several"])
def test_layer_synchronous_with_coded_inputs(net, coding):
    graph, snn, x = case(net)
    configure(snn, timesteps=16, schedule="layer_synchronous", input_encoding=coding, seed=3)
    loop, inputs = loop_of(snn), networks.as_list(x)
    run = oracle.layer_synchronous(graph, inputs, 16, coding, loop._draws)
    counts, _ = closed_counts(snn, inputs, 16)
    assert_same_spikes(counts, run.spikes)
    assert_same_outputs(as_list(snn(x)), run.outputs)


@pytest.mark.parametrize("net", ["chain", "residual", "pools", "concat"])
def test_closed_form_for_any_number_of_steps(net):
    """Sums travel, not rates: n / 10 would round, and counts on a tie would differ."""
    graph, snn, x = case(net)
    run = oracle.layer_synchronous(graph, networks.as_list(x), 10)
    counts, _ = closed_counts(snn, networks.as_list(x), 10)
    assert_same_spikes(counts, run.spikes)


def test_signed_counts_of_the_first_layer_are_the_closed_form():
    """With a constant current signed spikes reach the layer-synchronous count."""
    graph, snn, x = case("chain", neuron="signed")
    counts, _ = closed_counts(snn, [x], STEPS)
    np.testing.assert_array_equal(every_step(snn, [x])["relu1"].sum(0), counts["relu1"])


def test_by_hand_without_any_graph():
    """Convolution, average pooling and dense written out here, from the Keras weights alone."""
    model = networks.chain()
    weights = {
        layer.name: [w.astype("float64") for w in layer.get_weights()] for layer in model.layers
    }
    graph, snn, x = case("chain", per_channel=False)
    own = {name: float(graph[name].arrays["threshold"]) for name in ("relu1", "conv2")}
    assert own == {"relu1": 1.0, "conv2": 1.0}
    scales = networks.scales_of(graph, per_channel=False)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))).astype("float64")

    def conv(image, kernel, bias, size):
        return np.array(
            [
                [
                    np.tensordot(
                        image[:, i : i + len(kernel), j : j + len(kernel)],
                        kernel,
                        ((1, 2, 3), (0, 1, 2)),
                    )
                    + bias
                    for j in range(size)
                ]
                for i in range(size)
            ]
        ).transpose(2, 0, 1, 3)

    first = conv(padded, *oracle.normalise(*weights["conv1"], 1, scales["relu1"]), 6)
    trains, _ = oracle_neurons.integrate_fire(np.repeat(first[None], STEPS, 0))
    pooled = trains.reshape(STEPS, 3, 3, 2, 3, 2, 4).mean((3, 5))
    second = oracle.normalise(*weights["conv2"], scales["relu1"], scales["conv2"])
    deep, _ = oracle_neurons.integrate_fire(np.array([conv(now, *second, 2) for now in pooled]))
    kernel, bias = weights["dense"]
    answer = deep.mean(0).reshape(3, -1) @ (kernel * scales["conv2"]) + bias
    found = every_step(snn, [x])
    assert trains.any() and deep.any()
    np.testing.assert_array_equal(found["relu1"], trains)
    np.testing.assert_array_equal(found["conv2"], deep)
    np.testing.assert_array_equal(snn(x), answer)


def test_rates_by_hand_share_the_neurons_thresholds():
    graph, snn, x = case("several")
    layers = loop_of(snn).network.layers
    node = graph.of("neuron")[0]
    assert FiringRate(layers[node.name]).neurons.threshold is layers[node.name].threshold


def test_the_automatic_stagger_takes_a_share_of_the_time():
    assert [automatic_stagger(t, 5) for t in (1, 8, 16, 64)] == [0.125, 1.0625, 2.0625, 4.5]
    assert automatic_stagger(64, 0) == automatic_stagger(64, 1) == 10
    graph, snn, _ = case("residual")
    configure(snn, timesteps=64, schedule="clock_driven", stagger=None)
    assert loop_of(snn).depth == 5 and loop_of(snn).offset == 4.5
    _, snn, _ = case("residual", neuron="signed")
    configure(snn, timesteps=64, schedule="clock_driven", stagger=None)
    assert loop_of(snn).offset == 0


def test_latency_of_both_schedules():
    _, snn, _ = case("residual")
    configure(snn, timesteps=10, schedule="clock_driven")
    assert loop_of(snn).latency == 10
    configure(snn, schedule="layer_synchronous")
    assert loop_of(snn).latency == 60
