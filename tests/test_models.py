"""The original's interface: its example runs, and its faults are gone."""

import keras
import numpy as np
import pytest
from keras import layers as L

import spkeras
from spkeras.errors import OptionError, SpkerasError
from spkeras.models import cnn_to_snn
from spkeras.snn.model import loop_of
from tests import networks

pytestmark = pytest.mark.slow

QUIET = {"verbose": 0}


def settled(model, x, seed=0):
    """Random weights, batch-norm statistics that fit them, and logits that tell samples apart."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        scale = "gamma" in weight.path or "variance" in weight.path
        spread = rng.normal(0, 0.35, weight.shape)
        weight.assign(rng.uniform(0.5, 1.5, weight.shape) if scale else spread)
    logits = keras.Model(model.inputs, model.layers[-1].input)
    dense = [layer for layer in model.layers if isinstance(layer, L.Dense)][-1]
    dense.bias.assign(dense.bias - logits.predict(x, verbose=0).mean(0))
    return model


def sequential(**batch_norm):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.Conv2D(6, (3, 3), padding="same"),
            L.BatchNormalization(**batch_norm),
            L.Activation("relu"),
            L.AveragePooling2D(2),
            L.Dropout(0.3),
            L.Conv2D(8, (3, 3), padding="same"),
            L.Activation("relu"),
            L.Flatten(),
            L.Dense(4),
            L.Activation("softmax"),
        ]
    )


def functional():
    """The README's residual example: an addition of two activations."""
    inputs = keras.Input((8, 8, 1))
    x = L.BatchNormalization()(L.Conv2D(5, (3, 3), padding="same")(inputs))
    node = L.Activation("relu")(x)
    x = L.BatchNormalization()(L.Conv2D(5, (3, 3), padding="same")(node))
    x = L.add([L.Activation("relu")(x), node])
    x = L.Dense(4)(L.Flatten()(x))
    return keras.Model(inputs, L.Activation("softmax")(x))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).random((130, 8, 8, 1)).astype("float32")


@pytest.fixture(scope="module", params=[sequential, functional])
def cnn(request, x):
    return settled(request.param(), x)


@pytest.fixture(scope="module")
def chain(x):
    return settled(sequential(), x)


@pytest.fixture(scope="module")
def snn(chain, x):
    """One converted network; every method sets all that it depends on."""
    return cnn_to_snn()(chain, x)


def converted(cnn, x, **options):
    """The package's own network with the original's choices."""
    original = {"schedule": "layer_synchronous", "percentile": 100, "per_channel": False}
    return networks.convert(cnn, x, **original, **options)


def one_hot(cnn, x):
    """What the CNN says, wrong for every third sample."""
    labels = cnn.predict(x, verbose=0).argmax(1)
    labels[::3] = (labels[::3] + 1) % 4
    return keras.utils.to_categorical(labels, 4)


def spikes_by_loop(snn, x, timesteps):
    """Spikes per sample of each layer, from the package's own simulation."""
    result = spkeras.evaluate(snn, x)
    assert result.timesteps == timesteps
    return [layer.spikes for layer in result.activity.layers]


def test_readme_example(cnn, x):
    y = one_hot(cnn, x)
    snn_model = cnn_to_snn(signed_bit=0)(cnn, x)
    _, acc = snn_model.evaluate(x, y, timesteps=256)
    s_max, s = snn_model.SpikeCounter(x, timesteps=256)
    kernels, n = snn_model.NeuronNumbers(mode=0)
    assert acc == pytest.approx(2 / 3, abs=0.03)
    assert len(s_max) == len(s) == len(n) and len(kernels) == 3
    assert all(0 < spikes <= neurons * 256 for spikes, neurons in zip(s[:-1], n[:-1]))


def test_it_prints_as_keras_does(snn, chain, x, capsys):
    snn.evaluate(x, one_hot(chain, x), timesteps=4)
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("timesteps", [8, 100])
def test_it_is_the_layer_synchronous_network(cnn, x, timesteps):
    y = one_hot(cnn, x)
    facade = cnn_to_snn()(cnn, x)
    _, accuracy = facade.evaluate(x, y, timesteps=timesteps, **QUIET)
    plain = converted(cnn, x, timesteps=timesteps)
    result = spkeras.evaluate(plain, x, y)
    assert accuracy == pytest.approx(result.accuracy[-1], abs=1e-6)
    _, spikes = facade.SpikeCounter(x, timesteps=timesteps)
    wanted = [np.ceil(layer.spikes) for layer in result.activity.layers]
    assert spikes == [*wanted, 0.0]
    assert np.array_equal(facade.model.predict(x, **QUIET), plain.predict(x, **QUIET))


def test_thresholding_is_alpha(chain, snn, x):
    snn.evaluate(x, one_hot(chain, x), timesteps=8, thresholding=0.0, **QUIET)
    plain = converted(chain, x, timesteps=8, initial_potential=0.0)
    given, wanted = (model.predict(x, verbose=0) for model in (snn.model, plain))
    assert np.array_equal(given, wanted)
    rounded = cnn_to_snn(timesteps=8)(chain, x).model.predict(x, verbose=0)
    assert np.abs(rounded - wanted).max() > 0.01


def test_signed_bit_is_weight_bits(chain, x):
    """At 9 bits the counts stay those of float weights (the original's threshold: 1/norm^2)."""
    exact = cnn_to_snn()(chain, x).SpikeCounter(x, timesteps=64)[1]
    coarse = cnn_to_snn(signed_bit=9)(chain, x)
    assert coarse.SpikeCounter(x, timesteps=64)[1][:-1] == pytest.approx(exact[:-1], rel=0.03)
    plain = converted(chain, x, timesteps=64, weight_bits=9, rounding="nearest")
    given, wanted = (model.predict(x, verbose=0) for model in (coarse.model, plain))
    assert np.array_equal(given, wanted)


@pytest.mark.parametrize("bits", [1, 17, 32])
def test_other_bit_widths_keep_float_weights(chain, snn, x, bits):
    kernels = [node.arrays["kernel"] for node in loop_of(snn.model).graph.of("conv", "dense")]
    other = loop_of(cnn_to_snn(signed_bit=bits)(chain, x).model).graph.of("conv", "dense")
    assert all(np.array_equal(a, b.arrays["kernel"]) for a, b in zip(kernels, other, strict=True))


def test_noneloss_is_the_cnn(cnn, x):
    y = one_hot(cnn, x)
    cnn.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    wanted = cnn.evaluate(x, y, **QUIET)
    found = cnn_to_snn()(cnn, x[:50]).evaluate(x, y, timesteps=2, noneloss=True, **QUIET)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_labels_may_be_whole_numbers(snn, chain, x):
    y = one_hot(chain, x)
    rows = snn.evaluate(x, y, timesteps=32, **QUIET)
    assert snn.evaluate(x, y.argmax(1), timesteps=32, **QUIET) == pytest.approx(rows, rel=1e-6)


def test_counts_and_numbers_are_aligned(snn, x):
    """The original's spikes had an entry per pooling, its neurons (mode 1) had none."""
    kernels, neurons = snn.NeuronNumbers(mode=1)
    assert kernels == [(3, 3, 1, 6), (3, 3, 6, 8), (128, 4)]
    assert neurons == [8 * 8 * 6, 4 * 4 * 8, 4]
    largest, histograms = snn.SpikeCounter(x, timesteps=16, mode=1)
    _, spikes = snn.SpikeCounter(x, timesteps=16)
    by_loop = spikes_by_loop(snn.model, x, 16)
    assert len(histograms) == len(spikes) == len(largest) == len(neurons)
    for index, histogram in enumerate(histograms):
        assert sum(histogram) == neurons[index] * len(x)
        assert len(histogram) == largest[index] + 1 and histogram[-1] > 0
        total = sum(count * times for count, times in enumerate(histogram)) / len(x)
        assert spikes[index] == np.ceil(total)
        assert index == 2 or total == pytest.approx(by_loop[index], abs=1e-3)


def test_samples_beyond_the_last_hundred_count(chain, x):
    """The original dropped what did not fill a batch of 100."""
    last = x.copy()
    last[-1] *= 3
    graphs = [loop_of(cnn_to_snn()(chain, data).model).graph for data in (x, last)]
    scales = [graph.of("input")[0].arrays["scale"] for graph in graphs]
    assert scales[1] > 2.5 * scales[0]
    few = cnn_to_snn()(chain, x[:20])
    assert few.SpikeCounter(x[:20], timesteps=16)[1][0] > 0


def test_epsilon_is_the_layers_own(x):
    model = settled(sequential(epsilon=0.5), x)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    y = one_hot(model, x)
    wanted = model.evaluate(x, y, **QUIET)
    snn = cnn_to_snn(epsilon=0.001)(model, x)
    assert snn.evaluate(x, y, noneloss=True, **QUIET) == pytest.approx(wanted, rel=1e-5)


def test_inputs_of_any_range(chain, x):
    """The original divided by the input's maximum in the weights alone, not in the input."""
    wide = keras.models.clone_model(chain)
    wide.set_weights(chain.get_weights())
    wide.layers[0].kernel.assign(chain.layers[0].kernel / 255)
    y = one_hot(chain, x)
    given = cnn_to_snn()(wide, 255 * x).evaluate(255 * x, y, timesteps=64, **QUIET)
    wanted = cnn_to_snn()(chain, x).evaluate(x, y, timesteps=64, **QUIET)
    assert given == pytest.approx(wanted, rel=0.02)


def test_max_pooling_and_inner_activations_are_converted(x):
    """The original dropped the one and failed on the other."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.Conv2D(6, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(4, activation="softmax"),
        ]
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    y = one_hot(model, x)
    snn = cnn_to_snn()(model, x)
    exact = model.evaluate(x, y, **QUIET)
    assert snn.evaluate(x, y, noneloss=True, **QUIET) == pytest.approx(exact, rel=1e-5)
    assert snn.evaluate(x, y, timesteps=512, **QUIET) == pytest.approx(exact, rel=0.03)


def test_negative_logits_are_kept(chain, snn, x):
    snn.evaluate(x, one_hot(chain, x), timesteps=512, **QUIET)
    logits = keras.Model(chain.inputs, chain.layers[-2].output).predict(x, verbose=0)
    assert (logits < 0).mean() > 0.3
    assert np.abs(snn.model.predict(x, verbose=0) - logits).max() < 0.05 * np.abs(logits).max()


def test_spike_ext_moves_the_upper_clip_alone(chain, x):
    """Calibrated on faint images, bright ones overflow; more steps to fire take it up."""
    snn = cnn_to_snn()(chain, x / 2)
    largest = {ext: snn.SpikeCounter(x, timesteps=10, spike_ext=ext)[0] for ext in (0, 3, -1)}
    assert max(largest[0]) == 10 and max(largest[3]) == 13 and max(largest[-1]) > 13
    inside = {ext: snn.SpikeCounter(x / 2, timesteps=10, spike_ext=ext) for ext in (0, 3, -1)}
    assert inside[0][1][0] == inside[3][1][0] == inside[-1][1][0]


def test_scaling_factor_scales_thresholds(snn, x):
    counts = [snn.SpikeCounter(x, timesteps=512, scaling_factor=factor)[1] for factor in (1, 2)]
    assert counts[1][0] == pytest.approx(counts[0][0] / 2, rel=0.02)


def test_fix_is_the_number_of_input_spikes(snn, chain, x):
    y = one_hot(chain, x)
    full = snn.evaluate(x, y, timesteps=64, **QUIET)
    assert snn.evaluate(x, y, timesteps=64, fix=64, **QUIET) == full
    half = snn.evaluate(x, y, timesteps=64, fix=32, **QUIET)
    assert half == snn.evaluate(x / 2, y, timesteps=64, **QUIET) != full


def test_user_define_is_one_scale_for_all_layers(chain, x):
    snn = cnn_to_snn(user_define=8, timesteps=16)(chain, x)
    first = keras.Model(chain.inputs, chain.layers[2].output).predict(x, verbose=0)
    counts = np.clip(np.floor(16 * first / 8 + 0.5), 0, 16).sum() / len(x)
    assert snn.SpikeCounter(x, timesteps=16)[1][0] == pytest.approx(counts, rel=0.01)


@pytest.mark.parametrize("argument", [{"method": 0}, {"amp_factor": 10}, {"epsilon": 0.1}])
def test_arguments_without_effect_say_so(argument):
    with pytest.warns(FutureWarning, match=next(iter(argument))):
        cnn_to_snn(**argument)


def test_sf_says_so(snn, chain, x):
    with pytest.warns(FutureWarning, match="scaling_factor"):
        snn.evaluate(x, one_hot(chain, x), timesteps=2, sf=[1, 1], **QUIET)


def test_settings_in_force(snn, chain, x):
    snn.evaluate(x, one_hot(chain, x), timesteps=12, thresholding=0.25, **QUIET)
    config = snn.get_config()
    assert (config["timesteps"], config["thresholding"], config["signed_bit"]) == (12, 0.25, 0)
    assert loop_of(snn.model).timesteps == 12


def test_errors(chain, x):
    with pytest.raises(SpkerasError, match="no network yet"):
        cnn_to_snn().SpikeCounter(x)
    with pytest.raises(OptionError, match="scaling_factor"):
        cnn_to_snn(scaling_factor=0)
    with pytest.raises(OptionError, match="initial_potential"):
        cnn_to_snn(thresholding=2)(chain, x)
