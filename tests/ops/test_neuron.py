"""One neuron over time: the library's step against an explicit loop over potentials."""

import numpy as np
import pytest
from keras import ops

from spkeras.layers.pooling import max_pooling
from spkeras.ops import neuron
from spkeras.ops.names import NEURON_MODELS
from tests import oracle_neurons, oracle_nodes

NEURONS = tuple(NEURON_MODELS)
GRADED = ("multi_threshold", "sigma_delta")
WHOLE = [model for model in NEURONS if model not in GRADED]
RNG = np.random.default_rng(3)
RELU = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}


def dyadic(*shape, low=-40, high=80):
    return RNG.integers(low, high, shape) / 64


def run(currents, asleep=0, **options):
    """Spikes (T, ...) and last state for currents (T, batch, ...), all by the library."""
    constants = neuron.Constants(options.pop("threshold", 1.0), **options)
    shape = currents.shape[1:]
    pooled = shape if constants.pool is None else constants.pool(np.zeros(shape)).shape
    state = neuron.initial_state(
        lambda index: ops.zeros(pooled if index is None else shape), constants
    )
    trains = []
    for t, current in enumerate(currents.astype("float32")):
        elapsed = np.float32(t - asleep + 1)
        spikes, state = neuron.step(ops.convert_to_tensor(current), state, elapsed, constants)
        trains.append(np.asarray(spikes))
    return np.array(trains), [np.asarray(s) for s in state]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.75])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("threshold", [1.0, 0.375])
def test_plain_neuron_is_the_loop(alpha, reset, threshold):
    currents = dyadic(20, 2, 30)
    spikes, (potential,) = run(currents, threshold=threshold, initial_potential=alpha, reset=reset)
    wanted, left = oracle_neurons.integrate_fire(currents, threshold, alpha, reset)
    assert 0.1 < wanted.mean() < 0.9
    np.testing.assert_array_equal(spikes, wanted)
    np.testing.assert_array_equal(potential, left)


def test_one_neuron_by_hand():
    """V = 1, alpha = 1/2, z = 3/8: v = 7/8, 10/8 -> 2/8, 5/8, 8/8 -> 0, 3/8, 6/8."""
    spikes, (potential,) = run(np.full((6, 1), 0.375))
    assert spikes[:, 0].tolist() == [0, 1, 0, 1, 0, 0]
    assert potential.tolist() == [0.75]


def test_thresholds_per_channel():
    currents, threshold = dyadic(12, 2, 3, 4), np.array([0.25, 0.5, 1.0, 2.0], "float32")
    spikes, _ = run(currents, threshold=threshold)
    np.testing.assert_array_equal(spikes, oracle_neurons.integrate_fire(currents, threshold)[0])


@pytest.mark.parametrize("model", [m for m in WHOLE if m != "binary"])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_models_follow_their_count(model, alpha):
    currents = dyadic(24, 2, 30, low=-160, high=200)
    limit = 3 if "burst" in model else 1
    spikes, _ = run(
        currents, model=model, initial_potential=alpha, max_spikes_per_step=limit, numbers=RELU
    )
    low = -limit if "signed" in model else 0
    np.testing.assert_array_equal(
        spikes, oracle_neurons.tracking(currents, alpha=alpha, low=low, high=limit)
    )
    assert (spikes.min(), spikes.max()) == (low, limit)


@pytest.mark.parametrize("model", WHOLE)
@pytest.mark.parametrize("window", ["overlapping", "global"])
def test_max_pooling_pools_what_was_received(model, window):
    """The maximum of the sums so far is followed, not the sum of the maxima."""
    currents = dyadic(16, 2, 5, 5, 3, low=-60, high=80)
    pool = {"pool_size": (3, 3), "strides": (2, 2), "padding": "same"}
    pool = pool if window == "overlapping" else {"keepdims": False}
    limit = 2 if "burst" in model else 1
    spikes, _ = run(
        currents, model=model, max_spikes_per_step=limit, pool=max_pooling(pool), numbers=RELU
    )
    low = -limit if "signed" in model else 0

    def respond(total, steps):
        return np.maximum(oracle_nodes.pool(pool, total), 0)

    wanted = oracle_neurons.tracking(currents, low=low, high=limit, respond=respond)
    assert wanted.any()
    np.testing.assert_array_equal(spikes, wanted)


@pytest.mark.parametrize(
    ("function", "numbers", "respond"),
    [
        ("linear", {}, lambda u, t: u),
        ("leaky_relu", {"negative_slope": 0.25}, lambda u, t: np.where(u > 0, u, u / 4)),
        ("prelu", {"slope": np.float32(0.5)}, lambda u, t: np.where(u > 0, u, u / 2)),
        ("relu", {**RELU, "max_value": 0.5}, lambda u, t: np.clip(u, 0, t / 2)),
        ("relu", {**RELU, "threshold": 0.25}, lambda u, t: np.where(u > t / 4, u, 0)),
    ],
)
def test_other_functions_by_signed_spikes(function, numbers, respond):
    currents = dyadic(16, 1, 40)
    spikes, _ = run(currents, model="signed", function=function, numbers=numbers)
    wanted = oracle_neurons.tracking(currents, low=-1, respond=respond)
    assert (spikes < 0).any()
    if function != "relu":
        np.testing.assert_array_equal(spikes, wanted)
        return
    # A function that is not homogeneous sees the mean, which rounds: a tie may fall later.
    assert np.abs((spikes - wanted).cumsum(0)).max() <= 1
    assert (spikes != wanted).mean() < 0.02


def test_sigmoid_is_followed_to_half_a_level():
    current = np.linspace(-3, 3, 50)[None].repeat(64, 0)
    spikes, _ = run(current, model="signed", function="sigmoid")
    rate = spikes.sum(0) / 64
    assert np.abs(rate - 1 / (1 + np.exp(-current[0]))).max() <= 0.5 / 64 + 1e-6


@pytest.mark.parametrize("model", NEURONS)
@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_before_its_start_a_neuron_neither_integrates_nor_fires(model, alpha):
    currents = np.concatenate([np.full((5, 1, 20), 3.0), dyadic(10, 1, 20)])
    spikes, _ = run(currents, asleep=5, model=model, initial_potential=alpha, numbers=RELU)
    assert not spikes[:5].any()
    np.testing.assert_array_equal(
        spikes[5:], run(currents[5:], model=model, initial_potential=alpha)[0]
    )
    assert spikes[5:].any()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_count_is_the_closed_form(alpha):
    current = np.arange(-64, 128) / 64
    constants = neuron.Constants(np.float32(0.75), initial_potential=alpha, numbers=RELU)
    for steps in (1, 2, 7, 64):
        count = np.asarray(neuron.count(steps * current.astype("float32"), steps, constants))
        wanted = [
            min(max(int(np.floor(max(c, 0) * steps / 0.75 + alpha)), 0), steps) for c in current
        ]
        np.testing.assert_array_equal(count, wanted)


def test_count_of_signed_and_burst_neurons_has_their_range():
    current = np.array([-9.0, -1.0, 0.26, 9.0], "float32")
    linear = {"function": "linear", "initial_potential": 0.5}
    counts = {
        model: np.asarray(
            neuron.count(
                4 * current, 4, neuron.Constants(1.0, model, max_spikes_per_step=limit, **linear)
            )
        ).tolist()
        for model, limit in {"binary": 1, "signed": 1, "burst": 3, "signed_burst": 3}.items()
    }
    assert counts == {
        "binary": [0, 0, 1, 4],
        "signed": [-4, -4, 1, 4],
        "burst": [0, 0, 1, 12],
        "signed_burst": [-12, -4, 1, 12],
    }


def test_rate_is_neither_cut_nor_rounded_but_bounded():
    current = np.array([-1.0, 0.3, 5.0], "float32")
    free = neuron.Constants(np.float32(0.5))
    bounded = neuron.Constants(np.float32(0.5), ceiling=np.float32(2.0))
    np.testing.assert_allclose(neuron.rate(current, free), [0, 0.6, 10], rtol=1e-6)
    np.testing.assert_allclose(neuron.rate(current, bounded), [0, 0.6, 4], rtol=1e-6)
    np.testing.assert_allclose(neuron.clipped_rate(current, 8, free), [0, 0.6, 1], rtol=1e-6)


def test_a_value_is_cut_to_what_its_spikes_can_add_up_to():
    """T under the delta code, 1 + 1 / 2 + ... + 1 / T under the differential one."""
    current = np.array([-1e3, -0.5, 1e3], "float32")
    for steps in (1, 2, 4, 32):
        harmonic = sum(1 / t for t in range(1, steps + 1))
        for model, code, most in (
            ("sigma_delta", "delta", steps),
            ("multi_threshold", "differential", harmonic),
            ("signed_burst", "differential", 3 * harmonic),
        ):
            limit = 3 if "burst" in model else 1
            fixed = neuron.Constants(
                1.0, model, function="linear", spike_code=code, max_spikes_per_step=limit
            )
            found = np.asarray(neuron.clipped_rate(current, steps, fixed))
            np.testing.assert_allclose(found, [-most, -0.5, most], atol=0.006)


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("multi_threshold", "rate"),
        ("multi_threshold", "differential"),
        ("signed", "differential"),
        ("burst", "differential"),
        ("sigma_delta", "delta"),
    ],
)
def test_what_is_sent_of_a_value_that_is_known_from_the_start(model, code):
    """`count`: T steps of a sender that has received all it will."""
    value, offset = np.linspace(-4, 4, 98).astype("float32"), np.float32(0.375)
    limit = 3 if "burst" in model else 1
    offsets = (None,) if code == "rate" else (offset,)
    fixed = neuron.Constants(
        np.float32(0.5),
        model,
        max_spikes_per_step=limit,
        numbers=RELU,
        spike_code=code,
        levels=5,
        mantissa_bits=1,
        constant_inputs=offsets,
    )
    for steps in (1, 2, 8):
        total = steps * value if code == "rate" else value
        found = np.asarray(neuron.count(total, np.float32(steps), fixed))
        low = -limit if "signed" in model else 0
        send = (
            oracle_neurons.Graded(5, 1)
            if model in GRADED
            else oracle_neurons.Whole(0.5, low, limit)
        )
        target = np.maximum(total if code == "rate" else total + offset, 0) / 0.5
        wanted = oracle_neurons.send_value(target, steps, send, code)
        assert len(np.unique(wanted)) > 1
        np.testing.assert_allclose(found, wanted, atol=1e-6 if code == "differential" else 0)


def states(constants):
    """Number of state tensors of a layer."""
    return len(neuron.initial_state(lambda index: 0.0, constants))


def test_plain_neurons_have_one_state_and_others_two():
    plain = {
        "relu": neuron.Constants(1.0),
        "bounded": neuron.Constants(1.0, numbers={"max_value": 1.0}),
    }
    others = {
        "signed": neuron.Constants(1.0, "signed"),
        "leaky": neuron.Constants(1.0, numbers={"negative_slope": 0.1}),
        "shifted": neuron.Constants(1.0, numbers={"threshold": 0.1}),
        "linear": neuron.Constants(1.0, function="linear"),
        "pooling": neuron.Constants(1.0, pool=max_pooling({"keepdims": True})),
    }
    product = neuron.Constants(
        1.0, function="multiply", spike_code="delta", constant_inputs=(None, 1.0)
    )
    assert [states(c) for c in (product, neuron.Constants(1.0, spike_code="differential"))] == [
        3,
        2,
    ]
    assert {name: states(c) for name, c in plain.items()} == dict.fromkeys(plain, 1)
    assert {name: states(c) for name, c in others.items()} == dict.fromkeys(others, 2)


def test_a_function_of_the_mean_from_the_first_step_on():
    constants = neuron.Constants(0.5, model="signed", function="tanh")
    for elapsed in (1, 2, 5):
        received = np.float32([0.75, -2.0]) * elapsed
        found = np.asarray(constants.target([received], np.float32(elapsed)))
        np.testing.assert_allclose(found, elapsed * np.tanh([0.75, -2.0]) / 0.5, rtol=1e-6)


def test_where_a_function_has_no_value_nothing_is_sent():
    missing = np.float32([np.nan, np.inf, -np.inf, 0.75])
    for model, wanted in (("signed", [0, 0, 0, 1]), ("multi_threshold", [0, 0, 0, 1])):
        constants = neuron.Constants(1.0, model=model, function="log")
        np.testing.assert_array_equal(np.asarray(constants.part(missing)), wanted)


@pytest.mark.parametrize("code, wanted", [("delta", 1.5), ("differential", 1.5), ("rate", 1.0)])
def test_an_offset_is_part_of_a_value_and_not_of_a_rate(code, wanted):
    constants = neuron.Constants(
        2.0,
        model="multi_threshold",
        function="linear",
        spike_code=code,
        constant_inputs=(np.float32(1.0),),
    )
    found = np.asarray(neuron.rate(np.float32([2.0]), constants))
    assert found.tolist() == [wanted]


@pytest.mark.parametrize("timesteps", [1, 2, 3, 10, 100])
def test_what_t_spikes_reach_under_each_code(timesteps):
    """1 under a rate, T where they add up, 1 + 1/2 + ... + 1/T where they weigh less and less."""
    harmonic = sum(1 / t for t in range(1, timesteps + 1))
    for code, most in (("rate", 1), ("delta", timesteps), ("differential", harmonic)):
        constants = neuron.Constants(
            1.0, model="multi_threshold", function="linear", spike_code=code
        )
        found = np.asarray(neuron.clipped_rate(np.float32([1e6, -1e6]), timesteps, constants))
        np.testing.assert_allclose(found, [most, -most], atol=0.002)


@pytest.mark.parametrize("offset, start", [(None, 1.0), (3.0, 4.0), (-0.5, 0.5)])
def test_a_plain_neuron_starts_with_its_share_and_its_offset(offset, start):
    given = None if offset is None else np.float32(offset)
    constants = neuron.Constants(
        np.float32(2.0), function="relu", numbers=RELU, constant_inputs=(given,)
    )
    (potential,) = neuron.initial_state(lambda index: ops.zeros((1, 3)), constants)
    assert np.asarray(potential).tolist() == [[start] * 3]


def test_other_neurons_start_with_what_each_input_had_received():
    constants = neuron.Constants(
        1.0, model="signed", function="multiply", constant_inputs=(None, np.float32(3.0))
    )
    state = neuron.initial_state(lambda index: ops.zeros((1, 2 if index is None else 1)), constants)
    assert [np.asarray(part).tolist() for part in state] == [[[0]], [[3]], [[0, 0]]]


def test_a_layer_of_neurons_by_default():
    found = neuron.Constants(1.0)
    assert (found.model, found.reset, found.spike_code) == ("binary", "subtract", "rate")
    assert (
        found.initial_potential,
        found.max_spikes_per_step,
        found.levels,
        found.mantissa_bits,
    ) == (0.5, 1, 8, 0)
