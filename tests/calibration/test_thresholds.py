"""Threshold training lowers the rate error of every layer, is saved, and can be resumed."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.calibration import train_thresholds
from spkeras.calibration.layer_rates import LayerRates
from spkeras.calibration.thresholds import SEEN
from spkeras.data.batches import equal_slices
from spkeras.errors import OptionError
from spkeras.snn.model import loop_of
from spkeras.training import prepare

STEPS = 16


@pytest.fixture(scope="module")
def pair():
    """A deep net of random weights whose spikes arrive unevenly, and samples."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 2))
    for width in (6, 6, 8):
        x = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(2)(x))
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    data = np.random.default_rng(0).random((480, 8, 8, 2)).astype("float32")
    twin = prepare(model, data[:50], recipe="cq", timesteps=STEPS, percentile=99.0)
    return spkeras.convert(twin, data, recipe="cq", simulation=spkeras.Simulation(stagger=0)), data


def errors(snn, teacher, x):
    """Mean absolute rate error per channel of each layer."""
    student, exact = LayerRates(loop_of(snn)), LayerRates(loop_of(teacher))
    wanted = exact.rates("count", [x])[1]
    found = student.simulated([x], wanted).rates
    return np.array(
        [
            abs((w - f).mean(tuple(range(w.ndim - 1)))).mean()
            for w, f in zip(wanted, found, strict=True)
        ]
    )


@pytest.mark.slow
def test_the_error_of_every_layer_falls(pair):
    snn, data = pair
    trained = train_thresholds(snn, data[:400], batch_size=20)
    before, after = errors(snn, snn, data[400:]), errors(trained, snn, data[400:])
    # The encoder sends exact counts from the start.
    assert before[0] < 1e-4 and after[0] < 1e-4
    assert (before[1:] > 0.001).all()
    assert (after[1:] < before[1:]).all(), (before, after)
    assert after[1:].mean() < 0.6 * before[1:].mean()


def test_one_update_by_hand(pair):
    snn, data = pair
    x = data[:20]
    trained = loop_of(train_thresholds(snn, x, batch_size=20, rate=0.25)).graph
    wanted = LayerRates(loop_of(snn)).rates("count", [x])[1]
    found = LayerRates(loop_of(snn)).simulated([x], wanted).rates
    start = [node.arrays["threshold"] for node in loop_of(snn).graph.of("neuron")]
    for node, own, w, f in zip(trained.of("neuron"), start, wanted, found, strict=True):
        missing = (w - f).mean(tuple(range(w.ndim - 1)))
        assert node.arrays["threshold"].shape == node.shape[-1:]
        np.testing.assert_allclose(node.arrays["threshold"], own * (1 - 0.25 * missing), atol=1e-5)
    assert loop_of(snn).graph.of("neuron")[1].arrays["threshold"] == 1


@pytest.mark.slow
def test_a_stopped_run_goes_on_from_its_file(pair, tmp_path):
    snn, data = pair
    path = tmp_path / "part.keras"
    kept = []

    def stop(model):
        model.save(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_thresholds(snn, data[:120], batch_size=20, checkpoint_every=3, checkpoint=stop)
    part = keras.models.load_model(path)
    assert loop_of(part).graph.settings[SEEN] == 60
    resumed = train_thresholds(
        snn, data[:120], batch_size=20, resume=part, progress=lambda done, total: kept.append(done)
    )
    whole = train_thresholds(snn, data[:120], batch_size=20)
    assert kept == [rows.stop for rows in equal_slices(120, 20)][3:]
    for one, other in zip(
        loop_of(resumed).graph.of("neuron"), loop_of(whole).graph.of("neuron"), strict=True
    ):
        np.testing.assert_allclose(one.arrays["threshold"], other.arrays["threshold"], atol=1e-6)
    assert loop_of(resumed).graph.settings[SEEN] == 120


def test_cq_plus_trains_when_it_is_converted(pair):
    snn, data = pair
    graph = loop_of(snn).graph
    assert graph.settings["thresholds"] == "learned" and SEEN not in graph.settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": 0.0}, "rate=0.0"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_bad_numbers_are_refused(pair, settings, words):
    with pytest.raises(OptionError, match=words):
        train_thresholds(*pair, **settings)


def test_exact_counts_need_no_training(pair):
    snn, data = pair
    from spkeras.snn.model import build

    waiting = build(loop_of(snn).graph, timesteps=4, schedule="layer_synchronous")
    with pytest.raises(OptionError, match="equal the closed form without it"):
        train_thresholds(waiting, data)
