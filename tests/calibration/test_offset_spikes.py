"""Offset-spike correction, spike for spike by a loop that knows no library."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.calibration import offset_spikes
from spkeras.calibration.offset_spikes import _Shift, shift
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.snn.spike_loop import loop_of
from tests.networks import dyadic

STEPS = 8


@pytest.fixture(scope="module")
def net():
    """Dense layers that are quick to follow by hand."""
    x = inputs = keras.Input((6,))
    for width in (12, 12, 10):
        x = keras.layers.Dense(width, activation="relu")(x)
    model = dyadic(keras.Model(inputs, keras.layers.Dense(4)(x)), seed=3)
    data = np.random.default_rng(0).integers(0, 17, (40, 6)) / 16
    snn = spkeras.convert(model, data, timesteps=STEPS, percentile=100, per_channel=False)
    return snn, data.astype("float32")


def by_hand(graph, x, presteps):
    """Outputs (T, samples, 4), and by how much neurons were shifted down and up."""
    train = np.repeat((x / graph.of("input")[0].arrays["scale"])[None], STEPS, 0)
    down, up = [], []
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
    (readout,) = graph.of("readout")
    dense = graph[readout.inputs[0]]
    values = train @ dense.arrays["kernel"] + dense.arrays["bias"]
    means = values.cumsum(0) / np.arange(1, STEPS + 1)[:, None, None]
    return means * readout.arrays.get("scale", 1.0), down, up


@pytest.mark.parametrize("presteps", [3, STEPS])
def test_outputs_are_those_of_the_loop_by_hand(net, presteps):
    snn, data = net
    wanted, down, up = by_hand(loop_of(snn).graph, data, presteps)
    assert len(down) > 3 and len(up) > 3
    found = offset_spikes(snn, data, presteps, batch_size=16)
    assert found.shape == (STEPS, 40, 4)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    plain = snn.predict(data, verbose=0)
    assert abs(found[-1] - plain).max() > 0.01


def test_the_network_stays_as_it_is(net):
    snn, data = net
    before = loop_of(snn).get_config(), snn.predict(data, verbose=0)
    offset_spikes(snn, data, 2)
    assert loop_of(snn).get_config() == before[0]
    np.testing.assert_array_equal(snn.predict(data, verbose=0), before[1])


def test_potentials_are_those_before_the_reset(net):
    """Fired once, at 2.6 thresholds, and ended below zero."""
    look = _Shift(loop_of(net[0]), 0, presteps=2)
    top = float(look.threshold)

    def steps(state):
        np.testing.assert_array_equal(state[0], start)
        yield np.ones((1, 1)), [np.full((1, 1), 1.6 * top, "float32")]
        yield np.zeros((1, 1)), [np.full((1, 1), -0.4 * top, "float32")]

    start = np.full((1, 1), top / 2, "float32")
    np.testing.assert_allclose(look([start], steps), top * (0.5 - 1.601) * np.ones((1, 1, 1)), 1e-5)


def test_a_shift_is_one_threshold_or_what_takes_a_spike_away():
    inf = np.inf
    left = np.array([-0.5, -0.5, -0.5, 0.5, 1.5, 1.5, 1.5])
    lowest = np.array([1.2, 2.5, inf, 1.1, inf, 1.4, 1.2])
    highest = np.array([0.9, 0.5, -0.2, 0.8, 0.9, -0.4, -inf])
    np.testing.assert_allclose(
        shift(left, lowest, highest), [-1, -1.501, 0, 0, 1, 1.401, 0], atol=1e-6
    )


@pytest.mark.parametrize(("presteps", "settings", "words"), [
    (0, {}, "presteps=0"), (STEPS + 1, {}, "1 to T=8"), (2.5, {}, "presteps=2.5"),
    (2, {"schedule": "layer_synchronous"}, "no offset"),
])  # fmt: skip
def test_bad_numbers_are_refused(net, presteps, settings, words):
    snn, data = net
    loop = loop_of(snn)
    before = loop.schedule
    spkeras.configure(snn, **settings)
    try:
        with pytest.raises(OptionError, match=words):
            offset_spikes(snn, data, presteps)
    finally:
        spkeras.configure(snn, schedule=before)


def test_neurons_without_a_potential_are_named():
    layers = [keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3, activation="relu", padding="same"),
              keras.layers.MaxPooling2D(2, name="largest"), keras.layers.Flatten(),
              keras.layers.Dense(2)]  # fmt: skip
    data = np.random.default_rng(0).random((5, 4, 4, 1))
    snn = spkeras.convert(keras.Sequential(layers), data, timesteps=4)
    with pytest.raises(UnsupportedLayerError, match="largest.*max pooling"):
        offset_spikes(snn, data, 2)
