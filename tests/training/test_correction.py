"""Corrections after conversion bring mean rates to the CNN's, layer by layer."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError
from spkeras.rates import Stages
from spkeras.snn.spike_loop import loop_of
from spkeras.training import correct

STEPS = 16


@pytest.fixture(scope="module")
def pair():
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 2))
    for width in (6, 6, 8):
        x = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(x)))
    data = np.random.default_rng(0).random((300, 8, 8, 2)).astype("float32")
    return spkeras.convert(model, data, timesteps=STEPS, stagger=0, alpha=0.0), model, data


def missing(snn, start, x):
    """Mean of (CNN - rate) of each neuron; the CNN's from the network as it was."""
    wanted = Stages(loop_of(start)).rates("clipped", [x])[1]
    found = Stages(loop_of(snn)).simulated([x], wanted).rates
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
    snn = spkeras.snn.spike_loop.build(graph, timesteps=STEPS, stagger=0)
    first = graph.of("neuron")[0]
    weights = graph[first.inputs[0]]
    current = keras.ops.convert_to_numpy(
        keras.ops.conv(data[:2] / graph.of("input")[0].arrays["unit"], weights.arrays["kernel"],
                       padding="same")
    ) + weights.arrays["bias"]  # fmt: skip
    v = first["rounding"] * first.arrays["threshold"] + first.arrays["offset0"]
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


@pytest.mark.parametrize(("settings", "words"), [
    ({"correction": "heavy"}, "correction='heavy'"),
    ({"correction": "light", "schedule": "layer_synchronous"}, "clock_driven"),
    ({"correction": "light", "neuron": "signed"}, "binary"),
    ({"correction": "light", "recipe": "auto"}, "auto"),
])  # fmt: skip
def test_corrections_without_a_meaning_are_refused(pair, settings, words):
    _, model, data = pair
    with pytest.raises(OptionError, match=words):
        spkeras.convert(model, data[:20], **settings)
