"""The exact ReLU mapping, and T2FSNN's exponential kernels."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import DataError, OptionError, UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.layers import FirstSpike
from spkeras.snn.synapse import keras_name
from spkeras.ttfs.ann import rectified
from spkeras.ttfs.closed_form import spike_times
from spkeras.ttfs.exact_relu import MARGIN, calibrated, exact_times
from spkeras.ttfs.exponential import Exponential, convert_exponential, updated
from spkeras.ttfs.lower import lower_rectified
from spkeras.ttfs.network import exact_model, exponential_model, spike_time_model
from spkeras.ttfs.simulate import simulate
from tests.ttfs.nets import shaken


def relu_net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2), name="image")
    x = first = layers.ReLU()(layers.BatchNormalization()(
        layers.Conv2D(5, 3, padding="same")(inputs)))  # fmt: skip
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(5, 3, padding="same", activation="relu")(x)
    x = layers.ReLU()(layers.Add()([x, layers.AveragePooling2D(2)(first)]))
    x = layers.ReLU()(layers.MaxPooling2D(2)(layers.Conv2D(4, 3)(x)))
    x = layers.Flatten()(x)
    return shaken(keras.Model(inputs, layers.Dense(3, activation="softmax")(x), name="relus"))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, 8, 8, 2))


@pytest.fixture(scope="module")
def graph():
    return read_graph(relu_net())


@pytest.fixture(scope="module")
def plan(graph):
    return lower_rectified(graph, 20)


def test_reference_is_the_keras_network(plan, images):
    model = relu_net()
    model.layers[-1].activation = keras.activations.linear
    _, outputs = rectified(plan, images)
    np.testing.assert_allclose(outputs, model.predict(images, verbose=0), atol=1e-5)


def test_exact_mapping_is_the_relu_network(plan, images):
    network = calibrated(plan, images[:20])
    values, outputs = rectified(plan, images)
    times, potentials = exact_times(network, images)
    assert np.abs(potentials - outputs).max() < 1e-9
    for name, value in values.items():
        begin, end = network.windows[name]
        assert np.abs(end - times[name] - value).max() < 1e-9, name
        assert times[name].min() >= begin
    assert max((value == 0).mean() for value in values.values()) > 0.1


def test_windows_follow_one_another(plan, images):
    network = calibrated(plan, images)
    values, _ = rectified(plan, images)
    ends = {0: 1.0}
    for layer in plan.layers[:-1]:
        begin, end = network.windows[layer.name]
        ends[layer.depth] = end
        if layer.depth:
            assert begin == pytest.approx(ends[layer.depth - 1])
            assert end - begin >= MARGIN * values[layer.name].max() * (1 - 1e-12)


def test_activations_beyond_the_window_are_refused(plan, images):
    network = calibrated(plan, images * 0.05)
    with pytest.raises(DataError, match="calibrate on samples like these"):
        exact_times(network, images)
    with pytest.raises(DataError, match="0 to 1"):
        calibrated(plan, images * 2)


def test_exponential_network_steps_to_its_closed_form(plan, images):
    coded, kernels = convert_exponential(plan, images, 5.0, steps=20, batch=10)
    assert len({kernel.tau for kernel in kernels.values()}) > 1
    times, outputs = spike_times(coded, images[:6])
    steps = simulate(coded, images[:6])
    for name, found in times.items():
        np.testing.assert_array_equal(steps.times[name], found)
        assert len(np.unique(found)) > 3 or "flatten" in name
    np.testing.assert_allclose(steps.outputs, outputs, rtol=1e-10, atol=1e-12)
    assert steps.timing.latency == 20 * plan.windows
    assert simulate(coded, images[:1], 10).timing.latency == 10 * (plan.windows - 1) + 20


def test_longer_windows_come_closer(plan, images):
    _, outputs = rectified(plan, images)
    errors = []
    for timesteps, tau in ((8, 2.0), (20, 5.0), (80, 20.0)):
        net = lower_rectified(read_graph(relu_net()), timesteps)
        coded, _ = convert_exponential(net, images, tau)
        errors.append(np.abs(spike_times(coded, images)[1] - outputs).mean())
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


def test_other_networks_and_options_are_refused(plan, images):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="tanh"),
                              layers.Dense(2)])  # fmt: skip
    with pytest.raises(UnsupportedLayerError, match="'tanh'"):
        lower_rectified(read_graph(model))
    with pytest.raises(OptionError, match="tau"):
        convert_exponential(plan, images, 0.0)


def test_t2fsnn_as_a_keras_model_fires_as_the_plan_does_also_early(graph, plan, images, tmp_path):
    coded, _ = convert_exponential(plan, images, 5.0, steps=20, batch=10)
    for start in (None, 10):
        steps = simulate(coded, images[:6], start)
        network = exponential_model(graph, coded, start)
        times = spike_time_model(network).predict(images[:6], verbose=0)
        for name, found in steps.times.items():
            own = keras_name(name) if keras_name(name) in times else keras_name(f"{name}:spikes")
            # A potential within a float32 rounding of a threshold may fall on its other side.
            wrong = (times[own].reshape(found.shape) != found).mean()
            assert wrong < 2e-3, (name, wrong)
        outputs = network.predict(images[:6], batch_size=4, verbose=0)
        close = np.isclose(outputs, steps.outputs, rtol=1e-4, atol=1e-4).mean()
        assert close > 0.9, (outputs, steps.outputs)
    network.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again.predict(images[:6], batch_size=4, verbose=0), outputs)
    early = simulate(coded, images[:6], 10).times
    late = spike_times(coded, images[:6])[0]
    assert any((early[name] != late[name]).any() for name in late)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no float64 here")
def test_exact_mapping_as_a_keras_model(graph, plan, images, tmp_path):
    network = calibrated(plan, images[:20])
    model = exact_model(graph, network)
    # Inputs arrive in float32: take values that it holds.
    images = images.astype("float32")
    _, expected = rectified(plan, images)
    outputs = model.predict(images, verbose=0)
    assert outputs.dtype == np.float64 and np.abs(outputs - expected).max() < 1e-9
    times, _ = exact_times(network, images)
    found = spike_time_model(model).predict(images, verbose=0)
    compared = 0
    for name, wanted in times.items():
        if keras_name(name) in found:
            compared += 1
            own = found[keras_name(name)].reshape(wanted.shape)
            np.testing.assert_allclose(own, wanted, atol=1e-9)
    assert compared >= 5
    model.save(tmp_path / "exact.keras")
    again = keras.models.load_model(tmp_path / "exact.keras")
    np.testing.assert_array_equal(again.predict(images, verbose=0), outputs)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no float64 here")
def test_what_exceeds_a_window_saturates_in_the_keras_model(graph, plan, images):
    network = calibrated(plan, images * 0.05)
    found = spike_time_model(exact_model(graph, network)).predict(images, verbose=0)
    clipped = 0
    for name, (begin, end) in network.windows.items():
        if keras_name(name) in found:
            own = found[keras_name(name)]
            assert begin <= own.min() and own.max() <= end
            clipped += int((own == begin).sum())
    assert clipped > 0


def test_tables_that_are_none_are_refused(graph, plan, images):
    other = keras.Sequential([keras.Input((8, 8, 2), name="other"), layers.Flatten(),
                              layers.Dense(2)])  # fmt: skip
    with pytest.raises(OptionError, match="none for 'other'; .* same network"):
        exponential_model(read_graph(other), convert_exponential(plan, images, 5.0)[0])
    with pytest.raises(OptionError, match="convert_exponential first"):
        exponential_model(graph, plan)
    for levels in ([1.0, 2.0], [1.0], [1.0, 0.0], [1.0, float("nan")]):
        with pytest.raises(OptionError, match="never rise"):
            FirstSpike(2, levels=levels)
