"""The exact ReLU mapping, and T2FSNN's exponential kernels."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import DataError, OptionError, UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.layers.first_spike import FirstSpike
from spkeras.recipes import TTFS
from spkeras.snn.converted import converted_of
from spkeras.ttfs.checks import is_relu
from spkeras.ttfs.exact_relu import MARGIN
from spkeras.ttfs.exponential import Exponential, updated
from spkeras.ttfs.lower import folded, plan_of
from tests.ttfs.closed_form import summed
from tests.ttfs.nets import shaken, spikes_of
from tests.ttfs.stepping import simulate

pytestmark = pytest.mark.slow


def relu_net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2), name="image")
    x = first = layers.ReLU()(
        layers.BatchNormalization()(layers.Conv2D(5, 3, padding="same")(inputs))
    )
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(5, 3, padding="same", activation="relu")(x)
    x = layers.ReLU()(layers.Add()([x, layers.AveragePooling2D(2)(first)]))
    x = layers.ReLU()(layers.MaxPooling2D(2)(layers.Conv2D(4, 3)(x)))
    x = layers.Flatten()(x)
    return shaken(keras.Model(inputs, layers.Dense(3, activation="softmax")(x), name="relus"))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((120, 8, 8, 2)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return relu_net()


@pytest.fixture(scope="module")
def plan(model):
    return plan_of(folded(read_graph(model)), is_relu)


def rectified(plan, inputs):
    """Values of all layers and the output of the network of ReLUs, in float64."""
    values = {}
    for layer in plan.layers:
        if layer.kind == "encoder":
            flat = np.asarray(inputs, np.float64)
            values[layer.name] = flat.reshape(len(flat), layer.positions, layer.channels)
        elif layer.kind == "earliest":
            (branch,) = layer.branches
            padded = np.pad(values[branch.source], ((0, 0), (0, 1), (0, 0)))
            values[layer.name] = padded[:, branch.index].max(2)
        else:
            total = summed(plan, layer, values)
            values[layer.name] = np.maximum(total, 0.0) if layer.kind == "neurons" else total
    return values, values[plan.layers[-1].name].reshape(len(inputs), -1)


def kernels_of(network):
    return converted_of(network).get_config()["kernels"]


def logits(model, images):
    """The outputs of the Keras model before its softmax."""
    weights, bias = model.layers[-1].get_weights()
    return (
        keras.Model(model.inputs, model.layers[-1].input).predict(images, verbose=0) @ weights
        + bias
    )


def test_reference_is_the_keras_network(model, plan, images):
    _, outputs = rectified(plan, images)
    np.testing.assert_allclose(outputs, logits(model, images), atol=1e-5)


without_float64 = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX has no float64 here"
)


@without_float64
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_exact_mapping_is_the_relu_network(model, plan, images, tmp_path, suffix):
    network = spkeras.convert(model, images, "ttfs", kernel="exact")
    values, expected = rectified(plan, images)
    outputs = network.predict(images, verbose=0)
    assert outputs.dtype == np.float64 and np.abs(outputs - expected).max() < 1e-9
    windows, times = kernels_of(network), spikes_of(network, images)
    assert set(times) == set(windows) and len(times) >= 6
    for name, found in times.items():
        begin, end = windows[name]
        assert begin <= found.min() and found.max() <= end
        np.testing.assert_allclose(end - found.reshape(values[name].shape), values[name], atol=1e-9)
    network.save(tmp_path / f"exact{suffix}")
    again = keras.models.load_model(tmp_path / f"exact{suffix}")
    np.testing.assert_array_equal(again.predict(images, verbose=0), outputs)


@without_float64
def test_windows_follow_one_another(model, plan, images):
    windows = kernels_of(spkeras.convert(model, images, "ttfs", kernel="exact"))
    values, _ = rectified(plan, images)
    ends = {0: 1.0}
    for layer in plan.layers[:-1]:
        begin, end = windows[layer.name]
        ends[layer.depth] = end
        if layer.depth:
            assert begin == pytest.approx(ends[layer.depth - 1])
            assert end - begin >= MARGIN * values[layer.name].max() * (1 - 1e-6)
    network = spkeras.convert(model, images, "ttfs", kernel="exact")
    assert converted_of(network).latency == pytest.approx(max(ends.values()))


@without_float64
def test_what_exceeds_a_window_saturates(model, images):
    network = spkeras.convert(model, images * 0.05, "ttfs", kernel="exact")
    clipped = 0
    for name, found in spikes_of(network, images).items():
        begin, end = kernels_of(network)[name]
        assert begin <= found.min() and found.max() <= end
        clipped += int((found == begin).sum())
    assert clipped > 0


@without_float64
def test_inputs_without_a_spike_time_are_refused(model, images):
    with pytest.raises(DataError, match="0 to 1"):
        spkeras.convert(model, images * 2, "ttfs", kernel="exact")


@pytest.mark.parametrize("start", [None, 10])
def test_t2fsnn_fires_as_stepping_does_also_early(model, plan, images, start, tmp_path):
    recipe = TTFS(kernel="exponential", start=start, updates=20)
    network = spkeras.convert(model, images, recipe, timesteps=20)
    levels = kernels_of(network)
    assert len({round(np.log(own[0] / own[1]), 9) for own in levels.values()}) > 1
    steps = simulate(with_steps(plan, 20), images[:6], start, levels=levels)
    times = spikes_of(network, images[:6])
    assert set(times) == set(steps.times)
    for name, found in steps.times.items():
        # A potential within a float32 rounding of a threshold may fall on its other side.
        wrong = (times[name].reshape(found.shape) != found).mean()
        assert wrong < 2e-3, (name, wrong)
        assert len(np.unique(found)) > 3
    outputs = network.predict(images[:6], batch_size=4, verbose=0)
    assert np.isclose(outputs, steps.outputs, rtol=1e-4, atol=1e-4).mean() > 0.9
    assert converted_of(network).latency == steps.timing.latency
    for suffix in (".keras", ".h5"):
        network.save(tmp_path / f"net{suffix}")
        again = keras.models.load_model(tmp_path / f"net{suffix}")
        np.testing.assert_array_equal(again.predict(images[:6], batch_size=4, verbose=0), outputs)
    if start:
        late = simulate(with_steps(plan, 20), images[:6], levels=levels).times
        assert any((late[name] != found).any() for name, found in steps.times.items())


def with_steps(plan, timesteps):
    return type(plan)(**{**vars(plan), "timesteps": timesteps})


def test_longer_windows_come_closer(model, images):
    expected, errors = logits(model, images), []
    for timesteps in (8, 20, 80):
        network = spkeras.convert(
            model, images, "ttfs", kernel="exponential", timesteps=timesteps, updates=0
        )
        errors.append(np.abs(network.predict(images, verbose=0) - expected).mean())
    assert errors[0] > errors[1] > errors[2]


def test_an_update_goes_down_each_loss():
    """Against differences of the losses themselves."""
    x = np.random.default_rng(0).exponential(0.2, 4000).clip(0, 1.2)
    kernel, timesteps = Exponential(6.0, 0.3), 20

    def losses(tau, delay):
        table = kernel.table(timesteps)
        times = np.array([next((t for t, v in enumerate(table) if u >= v), timesteps) for u in x])
        fired = times < timesteps
        sent = np.exp(-(times[fired] - delay) / tau)
        precision = 0.5 * np.mean((x[fired] - sent) ** 2)
        least = 0.5 * (np.percentile(x[x > 0], 2) - np.exp(-(timesteps - delay) / tau)) ** 2
        most = 0.5 * (x.max() - np.exp(delay / tau)) ** 2
        return np.array([precision, least, most])

    step = 1e-5
    by_tau = (losses(6.0 + step, 0.3) - losses(6.0 - step, 0.3)) / (2 * step)
    by_delay = (losses(6.0, 0.3 + step) - losses(6.0, 0.3 - step)) / (2 * step)
    found = updated(kernel, x, timesteps)
    assert found.tau - 6.0 == pytest.approx(-10 * by_tau[0] - 100 * by_tau[1], rel=1e-4)
    assert found.delay - 0.3 == pytest.approx(-by_delay[2], rel=1e-4)


def test_other_networks_and_options_are_refused(model, images):
    tanh = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(2)]
    )
    data = np.random.default_rng(0).random((5, 4))
    for kernel in ("exponential", "exact"):
        with pytest.raises(UnsupportedLayerError, match="'tanh'"):
            spkeras.convert(tanh, data, "ttfs", kernel=kernel)
    with pytest.raises(UnsupportedLayerError, match="finetune MODEL --recipe cat.*'exponential'"):
        spkeras.convert(model, images, "ttfs")
    with pytest.raises(OptionError, match="tau"):
        spkeras.convert(model, images, "ttfs", kernel="exponential", tau=0.0)
    for levels in ([1.0, 2.0], [], [1.0, 0.0], [1.0, float("nan")]):
        with pytest.raises(OptionError, match="never rise"):
            FirstSpike(levels)


@pytest.mark.parametrize(
    "kernel, name, value, having",
    [
        ("exact", "start", 3, "'trained' or 'exponential'"),
        ("trained", "tau", 2.0, "'exponential'"),
        ("exact", "updates", 0, "'exponential'"),
    ],
)
def test_options_of_other_kernels_are_refused(kernel, name, value, having):
    with pytest.raises(OptionError, match=f"{name}={value} with kernel='{kernel}'.*{having}"):
        TTFS(kernel=kernel, **{name: value})


@pytest.mark.parametrize(
    "kernel, settings",
    [
        ("trained", {"timesteps": 24}),
        ("exact", {"timesteps": 24}),
        ("exponential", {"stagger": 1.0}),
        ("exponential", {"schedule": "layer_synchronous"}),
        ("trained", {"input_encoding": "bernoulli"}),
    ],
)
def test_settings_of_a_spike_loop_are_refused(model, images, kernel, settings):
    with pytest.raises(OptionError, match=f"{next(iter(settings))}=.*allowed: none"):
        spkeras.convert(model, images, "ttfs", kernel=kernel, **settings)
