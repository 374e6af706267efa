"""`published=True`: the settings of each publication, and nothing beside them."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError
from spkeras.layers import ChannelExpansion, InputQuantizer, Staged
from spkeras.snn.model import loop_of
from spkeras.training import FinetunePlan, finished, prepare
from spkeras.training.rebuild import all_layers
from tests import networks

pytestmark = pytest.mark.slow


def pooled():
    """A convolution, an average pooling, a hidden layer: all with ReLU but the pooling."""
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            layers.AveragePooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(6, activation="relu", name="hidden"),
            layers.Dense(3, name="out"),
        ]
    )


def samples(count=40):
    return np.random.default_rng(1).random((count, 8, 8, 2)).astype("float32")


def counts_of_the_paper(model, x, timesteps):
    """Counts of the output by the closed form of Wu et al.: one maximum a layer, half a spike.

    N = clip(floor((relu(Z + T b) + V / 2) / V), 0, T) on weights in units of the maxima.
    """
    maxima = keras.Model(model.inputs, [layer.output for layer in model.layers])
    top = [float(np.max(values)) for values in maxima.predict(x, verbose=0)]
    count = np.floor(x / x.max() * timesteps + 0.5)
    scale, found = x.max(), None
    for layer, peak in zip(model.layers, top, strict=True):
        if isinstance(layer, layers.Flatten):
            count = count.reshape(len(x), -1)
            continue
        kernel, bias = layer.get_weights() or (None, 0.0)
        if isinstance(layer, layers.AveragePooling2D):
            charge = count.reshape(len(x), 4, 2, 4, 2, -1).mean((2, 4))
        elif isinstance(layer, layers.Conv2D):
            wide = np.pad(count, ((0, 0), (1, 1), (1, 1), (0, 0)))
            charge = sum(
                wide[:, i : i + 8, j : j + 8] @ kernel[i, j] for i in range(3) for j in range(3)
            )
        else:
            charge = count @ kernel
        charge = np.maximum(charge * scale + timesteps * bias, 0) / peak
        count = np.clip(np.floor(charge + 0.5), 0, timesteps)
        scale, found = peak, count * peak / timesteps
    return found


@pytest.mark.parametrize("timesteps", [16, 64])
def test_ecc_counts_as_in_the_closed_form_of_the_paper(timesteps):
    model, x = pooled(), samples()
    snn = spkeras.convert(
        model,
        x,
        published=True,
        timesteps=timesteps,
        simulation=spkeras.Simulation(schedule="layer_synchronous"),
    )
    wanted = counts_of_the_paper(model, x, timesteps)
    found = snn.predict(x, verbose=0)
    # A sum on the border of a level may fall on either side in float32.
    assert (abs(found - wanted) > 1e-4).mean() < 0.02
    assert len({round(v, 5) for v in wanted.reshape(-1)}) > 5


def test_ecc_has_no_stagger_and_one_scale_a_layer():
    loop = loop_of(spkeras.convert(pooled(), samples(), published=True))
    assert loop.timesteps == 256 and loop.schedule == "clock_driven"
    assert loop.offset == 0 and loop.input_encoding == "regular"
    assert {node.arrays["threshold"].shape for node in loop.graph.of("neuron")} == {()}
    settings = loop.graph.settings
    assert (settings["percentile"], settings["initial_potential"]) == (100, 0.5)
    assert (settings["readout"], settings["reset"]) == ("spikes", "subtract")


def facts(twin):
    """What enters a twin, and its activations."""
    found = [layer for layer in all_layers(twin) if isinstance(layer, Staged)]
    encoders = [
        layer for layer in all_layers(twin) if isinstance(layer, InputQuantizer | ChannelExpansion)
    ]
    return encoders, {layer.name: layer.activation for layer in found}


@pytest.mark.parametrize(("recipe", "theta"), [("cq", 1.0), ("cq+", 0.999)])
def test_clamp_and_quantise_as_published(recipe, theta):
    (encoder,), inner = facts(prepare(pooled(), samples(), recipe=recipe, published=True))
    assert type(encoder) is InputQuantizer
    assert (encoder.timesteps, encoder.threshold) == (64, theta)
    assert set(inner) == {"conv_neurons", "pool_neurons", "hidden_neurons"}
    assert {(a.timesteps, a.shift) for a in inner.values()} == {(64, 0.0)}


def test_low_latency_as_published():
    (encoder,), inner = facts(prepare(pooled(), samples(), recipe="low_latency", published=True))
    assert type(encoder) is ChannelExpansion and encoder.copies == [9, 11, 10, 9, 11, 10]
    assert set(inner) == {"conv_neurons", "pool_neurons", "hidden_neurons"}
    assert {(a.timesteps, a.levels, a.shift) for a in inner.values()} == {(8, 10, 0.0)}


def test_qcfs_as_published():
    encoders, inner = facts(prepare(pooled(), samples(), recipe="qcfs", published=True))
    assert not encoders and set(inner) == {"conv_neurons", "hidden_neurons"}
    assert {(a.timesteps, a.shift) for a in inner.values()} == {(8, 0.5)}


def test_cat_codes_its_input_by_spike_times_too():
    twin = prepare(pooled(), samples(), recipe="cat", published=True)
    kinds = [type(layer).__name__ for layer in all_layers(twin)]
    assert kinds.count("TTFSActivation") == 1 and kinds.index("TTFSActivation") == 1
    _, inner = facts(twin)
    assert {type(a).__name__ for a in inner.values()} == {"TTFSActivation"}


@pytest.mark.parametrize(
    ("recipe", "schedule", "thresholds"),
    [
        ("cq", "clock_driven", "learned"),
        ("cq+", "clock_driven", "trained"),
        ("low_latency", "clock_driven", "trained"),
        ("low_latency", "layer_synchronous", "learned"),
        ("qcfs", "clock_driven", "learned"),
    ],
)
def test_trained_nets_start_all_layers_at_once(recipe, schedule, thresholds):
    x = samples()
    trained = finished(prepare(pooled(), x, recipe=recipe, timesteps=8, published=True))
    loop = loop_of(
        spkeras.convert(
            trained,
            x,
            recipe=recipe,
            simulation=spkeras.Simulation(schedule=schedule),
            published=True,
        )
    )
    assert (loop.timesteps, loop.offset) == (8, 0)
    assert loop.graph.settings["thresholds"] == thresholds
    # Levels are reached 2^-10 of a level early; only QCFS rounds to the nearest.
    shift = 0.5 if recipe == "qcfs" else 0.0
    assert {node["initial_potential"] for node in loop.graph.of("neuron")} == {shift + 2**-10}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"initial_potential": 0.0}, ("initial_potential=0.0", "initial_potential=0.5")),
        ({"per_channel": True}, ("per_channel=True", "per_channel=False")),
        ({"stagger": 1}, ("stagger=1", "stagger=0")),
        ({"input_encoding": "constant"}, ("input_encoding='constant'", "input_encoding='regular'")),
        ({"correction": "light"}, ("correction='light'", "correction=None")),
        ({"pooling_neurons": False}, ("pooling_neurons=False", "pooling_neurons=True")),
        ({"recipe": "sigma_delta"}, ("sigma_delta", "'ecc', 'cq', 'cq+', 'low_latency', 'qcfs'")),
        ({"recipe": "auto"}, ("auto", "'ecc'")),
        ({"recipe": "cq+", "schedule": "layer_synchronous"}, ("layer_synchronous", "clock_driven")),
    ],
)
def test_what_contradicts_a_publication_is_refused(options, words):
    with pytest.raises(OptionError) as error:
        networks.convert(pooled(), samples(), published=True, **options)
    assert all(word in str(error.value) for word in ("published=True", *words))


@pytest.mark.parametrize(
    ("recipe", "option", "value"),
    [
        ("cq", "shift", 0.5),
        ("cq+", "pooling_neurons", False),
        ("low_latency", "encoding", "real"),
        ("qcfs", "shift", 0.0),
        ("cat", "spike_code", "burst"),
    ],
)
def test_training_refuses_what_contradicts_a_publication(recipe, option, value):
    with pytest.raises(OptionError) as error:
        prepare(pooled(), samples(), recipe=recipe, published=True, **{option: value})
    message = str(error.value)
    assert f"{option}={value!r}" in message and "published=True" in message


def test_parameters_of_a_publication_stay_free():
    twin = prepare(
        pooled(), samples(), recipe="cq+", published=True, timesteps=16, input_threshold=0.9
    )
    (encoder,), inner = facts(twin)
    assert (encoder.timesteps, encoder.threshold) == (16, 0.9)
    assert {a.timesteps for a in inner.values()} == {16}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoding": "real"}, "encoding='real', published 'spikes'"),
        ({"pooling_neurons": False}, "pooling_neurons=False, published True"),
        ({"shift": 0.5}, "shift=0.5, published 0.0"),
    ],
)
def test_a_net_that_was_trained_otherwise_is_refused(options, words):
    x = samples()
    other = finished(prepare(pooled(), x, recipe="cq", **options))
    with pytest.raises(OptionError, match=words):
        spkeras.convert(other, x, recipe="cq", published=True)


def test_max_pooling_is_no_part_of_cq():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    x = samples()
    published = prepare(model, x, recipe="cq", published=True)
    assert "max_pooling2d" not in {type(layer).__name__.lower() for layer in published.layers}
    kept = finished(prepare(model, x, recipe="cq"))
    with pytest.raises(OptionError, match="pooling='maximum', published 'average'"):
        spkeras.convert(kept, x, recipe="cq", published=True)


def test_default_plan_has_the_labels_of_the_data():
    """No published training learns from the CNN's answers: `--published` relies on this."""
    assert FinetunePlan().distil == 0
