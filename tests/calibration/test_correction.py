"""Corrections after conversion bring mean rates to the CNN's, layer by layer."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.calibration import correct
from spkeras.calibration.layer_rates import LayerRates
from spkeras.errors import OptionError
from spkeras.snn.model import loop_of
from tests import networks

pytestmark = pytest.mark.slow

STEPS = 16


@pytest.fixture(scope="module")
def pair():
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 2))
    for width in (6, 6, 8):
        x = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(x)))
    data = np.random.default_rng(0).random((300, 8, 8, 2)).astype("float32")
    return (
        spkeras.convert(
            model,
            data,
            timesteps=STEPS,
            simulation=spkeras.Simulation(stagger=0),
            initial_potential=0.0,
        ),
        model,
        data,
    )


def missing(snn, start, x):
    """Mean of (CNN - rate) of each neuron; the CNN's from the network as it was."""
    wanted = LayerRates(loop_of(start)).rates("clipped", [x])[1]
    found = LayerRates(loop_of(snn)).simulated([x], wanted).rates
    return [(w - f).mean(0) for w, f in zip(wanted, found, strict=True)]


@pytest.mark.parametrize("method", ["light", "advanced", "both"])
def test_mean_rates_come_to_the_cnns(pair, method):
    start, model, data = pair
    corrected = correct(start, data[:200], method)
    before, after = missing(start, start, data[200:]), missing(corrected, start, data[200:])
    axes = (0, 1) if method == "light" else ()
    for was, now in zip(before, after, strict=True):
        assert abs(now.mean(axes)).mean() < 0.4 * abs(was.mean(axes)).mean()
    wanted = model.predict(data[200:], verbose=0)
    errors = [abs(net.predict(data[200:], verbose=0) - wanted).mean() for net in (start, corrected)]
    assert errors[1] < 0.6 * errors[0]
    assert loop_of(corrected).graph.settings["correction"] == method


def test_an_initial_potential_is_where_the_potential_begins(pair):
    """Spike for spike by a loop that knows no library."""
    start, _, data = pair
    graph = loop_of(correct(start, data[:60], "advanced", samples=60)).graph
    snn = spkeras.snn.model.build(graph, timesteps=STEPS, stagger=0)
    first = graph.of("neuron")[0]
    weights = graph[first.inputs[0]]
    current = (
        keras.ops.convert_to_numpy(
            keras.ops.conv(
                data[:2] / graph.of("input")[0].arrays["scale"],
                weights.arrays["kernel"],
                padding="same",
            )
        )
        + weights.arrays["bias"]
    )
    v = first["initial_potential"] * first.arrays["threshold"] + first.arrays["constant_input0"]
    spikes = 0
    for _ in range(STEPS):
        v = v + current
        fired = v >= first.arrays["threshold"]
        v, spikes = v - fired * first.arrays["threshold"], spikes + fired.sum()
    found = spkeras.evaluate(snn, data[:2]).layer_spikes[first.name][-1] * 2
    assert abs(found - spikes) <= 2  # ties may round either way


def test_a_file_keeps_the_correction(pair, tmp_path):
    start, _, data = pair
    corrected = correct(start, data[:60], "advanced", samples=60)
    corrected.save(tmp_path / "snn.keras")
    loaded = keras.models.load_model(tmp_path / "snn.keras")
    x = data[:5]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), corrected.predict(x, verbose=0))


def test_progress_and_numbers_out_of_range(pair):
    start, _, data = pair
    told = []
    correct(
        start, data, "both", samples=20, progress=lambda done, total: told.append((done, total))
    )
    # Three layers: as they are, after the light change, after the advanced one.
    assert told == [(20 * turn, 180) for turn in range(1, 10)]
    for settings in ({"samples": 0}, {"batch_size": 0}):
        with pytest.raises(OptionError, match="=0; allowed: whole numbers from 1"):
            correct(start, data, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"correction": "heavy"}, "correction='heavy'"),
        ({"correction": "light", "schedule": "layer_synchronous"}, "clock_driven"),
        ({"correction": "light", "neuron": "signed"}, "binary"),
        ({"correction": "light", "recipe": "auto"}, "auto"),
    ],
)
def test_corrections_without_a_meaning_are_refused(pair, settings, words):
    _, model, data = pair
    with pytest.raises(OptionError, match=words):
        networks.convert(model, data[:20], **settings)


# Two layers whose thresholds are no ones, as n-bit weights and shared units make them.
WEIGHTS = [
    np.array([[0.5, -0.25, 1.0], [0.75, 1.0, -0.5]]),
    np.array([[0.5, 1.0], [-0.5, 0.75], [1.0, 0.25]]),
]
BIASES, THRESHOLDS = [np.array([0.125, 0.0, 0.25]), np.array([0.0625, -0.125])], [0.5, 2.0]
# Steps, starts and samples are powers of two: means, and so all sums, are exact.
STAGGER = 8


@pytest.fixture(scope="module")
def two_layers():
    """(network of two dense layers, samples)."""
    from spkeras.graph import Graph, Node
    from spkeras.snn.model import build

    numbers = {
        "model": "binary",
        "reset": "subtract",
        "initial_potential": 0.0,
        "max_spikes_per_step": 1,
        "pool": None,
        "spike_code": "rate",
        "levels": 8,
        "mantissa_bits": 0,
        "function": "relu",
        "max_value": None,
        "negative_slope": 0.0,
        "threshold": 0.0,
    }
    nodes = [Node("x", "input", (), (2,), {"dtype": "float32"}, {"scale": np.float32(1)})]
    for depth, (kernel, bias) in enumerate(zip(WEIGHTS, BIASES, strict=True)):
        arrays = {"kernel": kernel.astype("float32"), "bias": bias.astype("float32")}
        shape, name = kernel.shape[1:], f"n{depth}"
        nodes.append(Node(f"w{depth}", "dense", (nodes[-1].name,), shape, {}, arrays))
        threshold = {"threshold": np.float32(THRESHOLDS[depth])}
        nodes.append(
            Node(name, "neuron", (f"w{depth}",), shape, {**numbers, "depth": depth}, threshold)
        )
    # It starts with the second layer: eight of sixteen steps are left for both.
    nodes.append(Node("out", "readout", ("n1",), (2,), {"depth": 1, "spike_code": "rate"}))
    x = np.random.default_rng(3).integers(0, 17, (32, 2)) / 16
    return build(Graph("two", nodes, ("out",)), timesteps=STEPS, stagger=STAGGER), x


def by_hand(x, method):
    """Biases and initial potentials after the correction, by loops over neurons and steps."""
    biases, starts = [bias.copy() for bias in BIASES], [np.zeros(3), np.zeros(2)]
    exact, train = x, [x] * STEPS
    for layer, (kernel, threshold) in enumerate(zip(WEIGHTS, THRESHOLDS, strict=True)):
        exact = np.clip((exact @ kernel + BIASES[layer]) / threshold, 0, 1)
        first = layer * STAGGER

        def run(layer=layer, kernel=kernel, threshold=threshold, first=first, train=train):
            v, sent = starts[layer], []
            for step in range(STEPS):
                if step < first:
                    sent.append(np.zeros((len(x), kernel.shape[1])))
                    continue
                v = v + train[step] @ kernel + biases[layer]
                sent.append((v >= threshold).astype(float))
                v = v - sent[-1] * threshold
            return sent

        for part in ("light", "advanced") if method == "both" else (method,):
            rate = np.mean(run()[first:], axis=0)
            missing = (exact - rate).mean(axis=0)
            if part == "light":
                biases[layer] = biases[layer] + missing * threshold
            else:
                starts[layer] = starts[layer] + missing * threshold * (STEPS - first)
        train = run()
    return biases, starts


@pytest.mark.parametrize("method", ["light", "advanced", "both"])
def test_changes_by_hand(two_layers, method):
    """In units of thresholds that are no ones, over the steps that each layer has."""
    snn, x = two_layers
    graph = loop_of(correct(snn, x, method, samples=len(x), batch_size=7)).graph
    biases, starts = by_hand(x, method)
    for layer in range(2):
        offset = graph[f"n{layer}"].arrays.get("constant_input0", 0.0)
        np.testing.assert_allclose(graph[f"w{layer}"].arrays["bias"], biases[layer], atol=1e-6)
        np.testing.assert_allclose(offset, starts[layer], atol=1e-6)
        moved = biases[layer] - BIASES[layer] if method == "light" else starts[layer]
        assert abs(moved).max() > 1e-3
