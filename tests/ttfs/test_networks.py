"""The trained CNN, the plan, the Keras network and stepping: one and the same."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.layers import TTFSActivation
from spkeras.ops.ttfs import decode, kernel_table
from spkeras.ttfs.lower import lower
from spkeras.ttfs.plan import EARLIEST, NEURONS
from spkeras.ttfs.timing import Timing
from tests import oracle_ttfs as oracle
from tests.ttfs.closed_form import spike_times
from tests.ttfs.nets import activations, branched, chain, dyadic, spikes_of
from tests.ttfs.stepping import simulate


def decoded(plan, times, name, like):
    table = kernel_table(plan.timesteps, plan.tau, plan.by_name[name].theta0)
    return decode(times[name].astype(int), table).reshape(like.shape)


def mismatches(found, expected):
    return {name: int((found[name].reshape(e.shape) != e).sum()) for name, e in expected.items()}


@pytest.mark.parametrize("make", [lambda: branched(8, 1), lambda: chain(8, 1)])
def test_layer_by_layer_without_a_rounding_error(make):
    """Powers of two add up exactly in float32: ties are hit, and decided alike."""
    model = dyadic(make()) if make().name == "chain" else make()
    x = 2.0 ** -np.random.default_rng(0).integers(0, 6, (6, *model.input_shape[1:]))
    values, last = activations(model, x)
    plan = lower(read_graph(model))
    times, outputs = spike_times(plan, x.astype("float32"))
    ties = 0
    for name, value in values.items():
        assert (decoded(plan, times, name, value).astype("float32") == value).all(), name
        ties += len(np.unique(times[name]))
    assert ties > 6
    if make().name == "chain":
        np.testing.assert_array_equal(outputs.astype("float32"), last)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no float64 here")
@pytest.mark.parametrize("make", [branched, chain, lambda: branched(24, 4, 3)])
def test_layer_by_layer_in_float64(make):
    model, plan = make(), lower(read_graph(make()))
    x = np.random.default_rng(5).random((20, *model.input_shape[1:])).astype("float32")
    values, last = activations(model, x, "float64")
    times, outputs = spike_times(plan, x)
    spread = 0
    for name, value in values.items():
        np.testing.assert_allclose(decoded(plan, times, name, value), value, rtol=1e-12)
        spread += len(np.unique(times[name]))
    assert spread > 4 * len(values)
    assert (outputs.argmax(-1) == last.argmax(-1)).all()


def test_a_chain_by_naive_loops():
    model = chain(10, 2)
    plan = lower(read_graph(model))
    x = np.random.default_rng(2).random((2, 6, 6, 2))
    times, outputs = spike_times(plan, x)
    weights = [layer.get_weights() for layer in model.layers if layer.weights]
    weights = [[w.astype("float64") for w in pair] for pair in weights]
    for sample in range(2):
        values = [x[sample]]
        for name, pair in zip(("code", "first", "second"), [None, *weights[:2]], strict=True):
            u = values[-1]
            if name == "second":
                u = u.reshape(3, 2, 3, 2, -1).mean((1, 3))
            if pair:
                u = oracle.conv_same(u, pair[0]) + pair[1]
            steps = np.vectorize(lambda v: oracle.first_step(v, 10, 2))(u)
            found = times[name][sample].reshape(steps.shape)
            np.testing.assert_array_equal(found, steps, err_msg=name)
            values.append(np.vectorize(lambda k: oracle.value_of(k, 10, 2))(steps))
        logits = values[-1].reshape(-1) @ weights[2][0] + weights[2][1]
        np.testing.assert_allclose(outputs[sample], logits, rtol=1e-12)


@pytest.mark.parametrize("make", [branched, chain, lambda: branched(24, 4, 3)])
def test_stepping_ends_where_the_closed_form_is(make):
    model = make()
    plan = lower(read_graph(model))
    x = np.random.default_rng(7).random((6, *model.input_shape[1:]))
    times, outputs = spike_times(plan, x)
    told = []
    steps = simulate(plan, x, progress=lambda done, total: told.append((done, total)))
    assert not any(mismatches(steps.times, times).values())
    np.testing.assert_allclose(steps.outputs, outputs, rtol=1e-10, atol=1e-12)
    assert told[-1] == (steps.timing.latency,) * 2 == (plan.windows * plan.timesteps,) * 2


@pytest.mark.slow
@pytest.mark.parametrize("start", [12, 7])
def test_keras_network_fires_as_stepping_does_also_early(start, tmp_path):
    model = branched(12, 2)
    x = np.random.default_rng(9).random((5, 8, 8, 3)).astype("float32")
    plan = lower(read_graph(model))
    steps = simulate(plan, x, start)
    network = spkeras.convert(model, x, "ttfs", start=start)
    found = spikes_of(network, x)
    wrong = {
        name: int((found[name].reshape(times.shape) != times).sum())
        for name, times in steps.times.items()
    }
    assert not any(wrong.values()), wrong
    early = mismatches(steps.times, spike_times(plan, x)[0])
    assert bool(sum(early.values())) == (start < 12), early
    outputs = network.predict(x, batch_size=2, verbose=0)
    np.testing.assert_allclose(outputs, steps.outputs, rtol=1e-4, atol=1e-5)
    network.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again.predict(x, batch_size=2, verbose=0), outputs)


def test_neurons_fire_at_most_once_and_pools_pass_on_the_earliest():
    model = branched()
    plan = lower(read_graph(model))
    x = np.random.default_rng(1).random((4, 8, 8, 3))
    times, _ = spike_times(plan, x)
    pooled = [layer for layer in plan.layers if layer.kind == EARLIEST]
    assert len(pooled) == 2
    for layer in pooled:
        before = times[layer.branches[0].source].reshape(4, *_square(plan, layer), -1)
        size = layer.shape[0]
        cut = before[:, : 2 * size, : 2 * size]
        expected = cut.reshape(4, size, 2, size, 2, -1).min((2, 4))
        np.testing.assert_array_equal(times[layer.name].reshape(expected.shape), expected)


def _square(plan, layer):
    return plan.by_name[layer.branches[0].source].shape[:2]


@pytest.mark.parametrize("start, latency", [(80, 1280), (40, 680)])
def test_published_pipeline_totals_of_vgg16(start, latency):
    x = inputs = keras.Input((32, 32, 1))
    x = TTFSActivation(80, 20)(x)
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            x = TTFSActivation(80, 20)(layers.Conv2D(1, 3, padding="same")(x))
        x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = TTFSActivation(80, 20)(layers.Dense(1)(x))
    plan = lower(read_graph(keras.Model(inputs, layers.Dense(2)(x))))
    assert sum(layer.kind == NEURONS for layer in plan.layers) == 15
    timing = Timing(plan.windows, plan.timesteps, start)
    assert timing.latency == latency
    assert timing.interval == 80


@pytest.mark.parametrize("windows, duration, start", [(0, 8, 8), (3, 0, 1), (3, 8, 9), (3, 8, 0)])
def test_windows_that_are_none_are_refused(windows, duration, start):
    with pytest.raises(OptionError):
        Timing(windows, duration, start)


def net(*stack, shape=(6, 6, 2)):
    return keras.Sequential([keras.Input(shape), *stack])


def joined_groups():
    """Three and five channels in two groups of four."""
    given = keras.Input((4, 4, 3))
    x = TTFSActivation(name="code")(given)
    y = TTFSActivation(name="five")(layers.Conv2D(5, 1)(x))
    x = layers.Conv2D(4, 1, groups=2)(layers.Concatenate()([x, y]))
    x = layers.Flatten()(TTFSActivation()(x))
    return keras.Model(given, layers.Dense(2)(x))


REFUSED = {
    "relu": (
        lambda: net(
            TTFSActivation(), layers.Conv2D(2, 3), layers.ReLU(), layers.Flatten(), layers.Dense(2)
        ),
        "activation 'relu'.*finetune",
    ),
    "input": (
        lambda: net(layers.Conv2D(2, 3), TTFSActivation(), layers.Flatten(), layers.Dense(2)),
        "not coded.*TTFSActivation directly after",
    ),
    "two kernels": (
        lambda: net(
            TTFSActivation(8),
            layers.Conv2D(2, 3),
            TTFSActivation(9),
            layers.Flatten(),
            layers.Dense(2),
        ),
        "different .timesteps, tau.",
    ),
    "half a group": (joined_groups, "some of five.s 5 and some of another.*multiples of a group"),
    "bilinear": (
        lambda: net(
            TTFSActivation(),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.Conv2D(2, 3),
            TTFSActivation(),
            layers.Flatten(),
            layers.Dense(2),
        ),
        "bilinear.*nearest",
    ),
    "moved channels": (
        lambda: net(
            TTFSActivation(),
            layers.Permute((3, 1, 2)),
            layers.Conv2D(2, 2),
            TTFSActivation(),
            layers.Flatten(),
            layers.Dense(2),
        ),
        "channels move",
    ),
    "zeros around potentials": (
        lambda: net(
            TTFSActivation(),
            layers.Conv2D(2, 3, bias_initializer="ones"),
            layers.ZeroPadding2D(1),
            TTFSActivation(),
            layers.Flatten(),
            layers.Dense(2),
        ),
        "zeros around potentials",
    ),
    "border": (
        lambda: net(
            TTFSActivation(),
            layers.AveragePooling2D(4, padding="same"),
            layers.Flatten(),
            layers.Dense(2),
        ),
        "over the border",
    ),
    "twice weighted": (
        lambda: net(TTFSActivation(), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)),
        "weights after weights",
    ),
    "maximum of potentials": (
        lambda: net(
            TTFSActivation(),
            layers.Conv2D(2, 3),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(2),
        ),
        "maximum of potentials",
    ),
    "sigmoid": (
        lambda: net(TTFSActivation(), layers.Flatten(), layers.Dense(1, activation="sigmoid")),
        "activation 'sigmoid'",
    ),
    "no end": (
        lambda: net(TTFSActivation(), layers.Flatten(), layers.Dense(2), TTFSActivation()),
        "an activation at the end",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_spikes_that_come_once_cannot_compute_is_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(UnsupportedLayerError, match=message):
        lower(read_graph(make()))


def test_early_firing_outside_the_window_is_refused():
    with pytest.raises(OptionError, match="start=9; allowed: 1 to 8"):
        spkeras.convert(chain(), np.random.default_rng(0).random((3, 6, 6, 2)), "ttfs", start=9)


def test_every_level_is_met_once():
    """An identity network passes every level on unchanged, both ends included."""
    model = net(
        TTFSActivation(6, 2),
        layers.Dense(1, use_bias=False),
        TTFSActivation(6, 2),
        layers.Dense(1, use_bias=False),
        shape=(1,),
    )
    model.set_weights([np.ones((1, 1)), np.ones((1, 1))])
    table = kernel_table(6, 2)
    x = np.append(table, [0.0, table[-1] * 0.99, 5.0])[:, None]
    times, outputs = spike_times(lower(read_graph(model)), x)
    for found in times.values():
        assert found[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 6, 0]
    np.testing.assert_array_equal(outputs[:, 0], [*table, 0, 0, 1])
