"""Phase and burst spikes: converted twins against the trained ones, and against stepping."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.layers import BurstActivation, PhaseActivation, TTFSActivation
from tests import oracle_ttfs as oracle
from tests.ttfs.nets import shaken, spikes_of

pytestmark = pytest.mark.slow

STEPS, THETA0, THETA = 6, 2.0, 0.25
CODES = {
    "phase": lambda: PhaseActivation(STEPS, THETA0),
    "burst": lambda: BurstActivation(STEPS, THETA),
}


def dense(code):
    """Three layers of neurons, all weights multiples of 1 / 8: sums are exact in float32."""
    make = CODES[code]
    net = keras.Sequential(
        [
            keras.Input((7,)),
            make(),
            layers.Dense(9),
            make(),
            layers.Dense(8),
            make(),
            layers.Dense(3),
        ]
    )
    rng = np.random.default_rng(3)
    net.set_weights([rng.integers(-8, 9, w.shape) / 8 for w in net.get_weights()])
    return net


def joined(code):
    """Pools before and after neurons, of one map and of two side by side, and a shortcut."""
    make = CODES[code]
    inputs = keras.Input((8, 8, 2))
    x = make()(inputs)
    first = make()(layers.Conv2D(5, 3, padding="same")(x))
    x = layers.MaxPooling2D(2)(first)
    y = make()(layers.Conv2D(5, 3, padding="same")(x))
    x = layers.MaxPooling2D(2)(layers.Concatenate()([x, y]))
    x = make()(layers.MaxPooling2D(2)(layers.Conv2D(4, 3, padding="same")(x)))
    return shaken(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))


def dyadic_inputs(samples=30):
    return np.random.default_rng(0).integers(0, 129, (samples, 7)).astype("float32") / 64


@pytest.mark.parametrize("code", CODES)
def test_spikes_and_outputs_are_those_of_stepping(code):
    model, x = dense(code), dyadic_inputs()
    network = spkeras.convert(model, x, "ttfs")
    outputs = network.predict(x, verbose=0)
    np.testing.assert_array_equal(outputs, model.predict(x, verbose=0))
    weights = [w.astype("float64") for w in model.get_weights()]
    layers_of = [(weights[i], weights[i + 1]) for i in range(0, len(weights), 2)]
    scale = THETA0 if code == "phase" else THETA
    trains, expected = oracle.windows_of_trains(code, x, layers_of, STEPS, scale)
    np.testing.assert_array_equal(outputs, expected)
    found = list(spikes_of(network, x).values())
    assert len(found) == len(trains) == 3
    for words, train in zip(found, trains, strict=True):
        bits = (words[:, None, :] >> np.arange(STEPS)[::-1, None]) & 1
        np.testing.assert_array_equal(bits, train)
        assert 0.05 < train.mean() < 0.95
    result = spkeras.evaluate(network, x, outputs.argmax(1))
    assert result.accuracy[-1] == result.cnn_accuracy == 1 and result.reference == "twin"
    assert [layer.spikes for layer in result.activity.layers] == pytest.approx(
        [train.sum() / len(x) for train in trains]
    )
    sops = sum(t.sum() * n for t, n in zip(trains, (9, 8, 3), strict=True)) / len(x)
    assert result.activity.synaptic_operations == pytest.approx(sops)
    assert result.latency == 3 * STEPS and result.settings["spike_code"] == code


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("code", CODES)
def test_pools_pass_on_the_largest_train_and_files_keep_it(code, suffix, tmp_path):
    model = joined(code)
    x = np.random.default_rng(1).random((6, 8, 8, 2)).astype("float32")
    network = spkeras.convert(model, x, "ttfs")
    outputs = network.predict(x, verbose=0)
    np.testing.assert_allclose(outputs, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    network.save(tmp_path / f"net{suffix}")
    again = keras.models.load_model(tmp_path / f"net{suffix}")
    np.testing.assert_array_equal(again.predict(x, verbose=0), outputs)
    neurons = [layer.name for layer in spkeras.evaluate(network, x).activity.layers]
    assert len(neurons) == 4


def test_what_has_no_early_firing_or_several_codes_is_refused():
    model, x = dense("phase"), dyadic_inputs()
    with pytest.raises(OptionError, match="start=3 with phase spikes; allowed: None"):
        spkeras.convert(model, x, "ttfs", start=3)
    both = keras.Sequential(
        [keras.Input((7,)), PhaseActivation(), layers.Dense(3), TTFSActivation(), layers.Dense(2)]
    )
    with pytest.raises(UnsupportedLayerError, match="'phase', 'ttfs'.*one code"):
        spkeras.convert(both, x, "ttfs")
