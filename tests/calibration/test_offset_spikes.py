"""Offset-spike correction, spike for spike by a loop that knows no library."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.calibration import correct
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.recipes import ECC
from spkeras.simulation import Simulator
from spkeras.snn.model import loop_of
from spkeras.snn.steps import _shift
from tests.networks import dyadic
from tests.runs import run

pytestmark = pytest.mark.slow

STEPS, PRESTEPS = 8, 4


@pytest.fixture(scope="module")
def cnn():
    """Dense layers that are quick to follow by hand, and inputs."""
    x = inputs = keras.Input((6,))
    for width in (12, 12, 10):
        x = keras.layers.Dense(width, activation="relu")(x)
    model = dyadic(keras.Model(inputs, keras.layers.Dense(4)(x)), seed=3)
    data = np.random.default_rng(0).integers(0, 17, (40, 6)) / 16
    return model, data.astype("float32")


@pytest.fixture(scope="module")
def snn(cnn):
    model, data = cnn
    recipe = ECC(percentile=100, per_channel=False, correction="offset_spikes")
    return spkeras.convert(model, data, recipe, timesteps=STEPS)


def by_hand(graph, x, presteps):
    """Outputs (T, samples, 4), spikes of each layer, and by how much neurons were shifted."""
    train = np.repeat((x / graph.of("input")[0].arrays["scale"])[None], STEPS, 0)
    down, up, spikes = [], [], []
    for node in graph.of("neuron"):
        dense = graph[node.inputs[0]]
        current = train @ dense.arrays["kernel"] + dense.arrays["bias"]
        top = node.arrays["threshold"]
        v0 = np.full(current.shape[1:], node["initial_potential"] * top, "float32")
        for sample in range(v0.shape[0]):
            for neuron in range(v0.shape[1]):
                v, hits, misses = v0[sample, neuron], [], []
                for t in range(presteps):
                    v = v + current[t, sample, neuron]
                    if v >= top:
                        hits.append(v / top)
                        v = v - top
                    else:
                        misses.append(v / top)
                if v < 0 and hits:
                    down.append(max(1, min(hits) - 0.999))
                    v0[sample, neuron] -= top * down[-1]
                elif v >= top and misses:
                    up.append(max(1, 1.001 - max(misses)))
                    v0[sample, neuron] += top * up[-1]
        v, sent = v0, []
        for t in range(STEPS):
            v = v + current[t]
            sent.append((v >= top).astype("float32"))
            v = v - sent[-1] * top
        train = np.stack(sent)
        spikes.append(train)
    (readout,) = graph.of("readout")
    dense = graph[readout.inputs[0]]
    values = train @ dense.arrays["kernel"] + dense.arrays["bias"]
    means = values.cumsum(0) / np.arange(1, STEPS + 1)[:, None, None]
    return means * readout.arrays.get("scale", 1.0), spikes, down, up


def test_outputs_and_spikes_are_those_of_the_loop_by_hand(cnn, snn):
    model, data = cnn
    loop = loop_of(snn)
    wanted, spikes, down, up = by_hand(loop.graph, data, PRESTEPS)
    assert len(down) > 3 and len(up) > 3
    found = np.zeros_like(wanted)

    def keep(rows, step, outputs):
        found[step, rows] = outputs[0]

    trace = run(Simulator(loop), [data], 16, keep)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    for counted, sent in zip(trace.spikes.values(), spikes, strict=True):
        np.testing.assert_array_equal(counted, sent.sum((0, 1)))
    np.testing.assert_allclose(snn.predict(data, verbose=0), wanted[-1], atol=1e-5)
    plain = spkeras.convert(
        model, data, ECC(percentile=100, per_channel=False), timesteps=STEPS, stagger=0
    )
    assert abs(snn.predict(data, verbose=0) - plain.predict(data, verbose=0)).max() > 0.01


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_results_and_verification_know_it(cnn, snn, suffix, tmp_path):
    model, data = cnn
    labels = model.predict(data, verbose=0).argmax(1)
    snn.save(tmp_path / f"net{suffix}")
    again = keras.models.load_model(tmp_path / f"net{suffix}")
    np.testing.assert_array_equal(again.predict(data, verbose=0), snn.predict(data, verbose=0))
    result = spkeras.evaluate(again, data, labels)
    assert result.latency == STEPS + 3 * PRESTEPS and result.engine == "dense"
    assert result.settings["correction"] == "offset_spikes" and result.reference == "CNN"
    assert spkeras.verify(model, again, data).decisions["simulated"] == result.agreement[-1]
    shorter = spkeras.evaluate(again, data, labels, timesteps=3)
    assert shorter.latency == 3 + 3 * 3


def test_a_given_network_is_corrected_and_stays_as_it_is(cnn, snn):
    model, data = cnn
    plain = spkeras.convert(model, data, ECC(percentile=100, per_channel=False), timesteps=STEPS)
    before = plain.predict(data, verbose=0)
    corrected = correct(plain, data, "offset_spikes")
    np.testing.assert_array_equal(plain.predict(data, verbose=0), before)
    assert loop_of(corrected).stagger == 0
    wanted = by_hand(loop_of(plain).graph, data, PRESTEPS)[0]
    np.testing.assert_allclose(corrected.predict(data, verbose=0), wanted[-1], atol=1e-5)


def test_a_shift_is_one_threshold_or_what_takes_a_spike_away():
    inf = np.inf
    left = np.array([-0.5, -0.5, -0.5, 0.5, 1.5, 1.5, 1.5])
    lowest = np.array([1.2, 2.5, inf, 1.1, inf, 1.4, 1.2])
    highest = np.array([0.9, 0.5, -0.2, 0.8, 0.9, -0.4, -inf])
    np.testing.assert_allclose(
        _shift(left, lowest, highest), [-1, -1.501, 0, 0, 1, 1.401, 0], atol=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stagger": 1.0}, "stagger=1.0 with correction='offset_spikes'; allowed: 0"),
        ({"schedule": "layer_synchronous"}, "correction='offset_spikes' with schedule"),
    ],
)
def test_settings_without_a_meaning_are_refused(cnn, settings, words):
    model, data = cnn
    with pytest.raises(OptionError, match=words):
        spkeras.convert(model, data, correction="offset_spikes", **settings)


def test_a_network_keeps_refusing_them(snn, cnn):
    with pytest.raises(OptionError, match="each layer waits for the one before"):
        spkeras.configure(snn, stagger=0.5)
    with pytest.raises(OptionError, match="engine='events'.*runs each layer twice"):
        spkeras.evaluate(snn, cnn[1], engine="events")
    with pytest.raises(OptionError, match="before the first step of each sample"):
        spkeras.Stream(snn)


def test_neurons_without_a_potential_are_named():
    layers = [
        keras.Input((4, 4, 1)),
        keras.layers.Conv2D(2, 3, activation="relu", padding="same"),
        keras.layers.MaxPooling2D(2, name="largest"),
        keras.layers.Flatten(),
        keras.layers.Dense(2),
    ]
    data = np.random.default_rng(0).random((5, 4, 4, 1))
    with pytest.raises(UnsupportedLayerError, match="largest.*max pooling"):
        spkeras.convert(keras.Sequential(layers), data, timesteps=4, correction="offset_spikes")
