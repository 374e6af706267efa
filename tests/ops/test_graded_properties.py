"""What holds for every amount and every train of graded spikes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from spkeras.ops import neuron
from spkeras.ops.quantizer import rounded_float
from tests import oracle_neurons

LEVELS, MANTISSAS = st.integers(1, 24), st.integers(0, 3)
AMOUNTS = arrays("float32", 16, elements=st.floats(-4, 4, width=32))
DYADIC = st.integers(-96, 160).map(lambda k: k / 64)
THRESHOLDS = st.integers(0, 2).map(lambda k: 2.0**k)
QUIET = 32  # steps in which anything dyadic here has been sent


def rounded(x, levels, mantissa_bits):
    return np.asarray(rounded_float(ops.convert_to_tensor(np.float32(x)), levels, mantissa_bits))


def smallest(levels, mantissa_bits):
    """The least amount that is sent."""
    return 2.0 ** (1 - levels) * (1 - 2.0 ** -(mantissa_bits + 2))


def run(currents, steps=None, **options):
    """Spikes (T, n) and last state for currents (t, n), silence after them."""
    constants = neuron.Constants(**options)
    width = currents.shape[1]
    state = neuron.initial_state(lambda index: ops.zeros(width), constants)
    silence = np.zeros(((steps or len(currents)) - len(currents), width))
    spikes = []
    for t, current in enumerate(np.concatenate([currents, silence]).astype("float32")):
        now, state = neuron.step(current, state, np.float32(t + 1), constants)
        spikes.append(np.asarray(now))
    return np.array(spikes, "float64"), [np.asarray(s, "float64") for s in state]


def delta(currents, threshold=1.0, **options):
    options = {"model": "sigma_delta", "spike_code": "delta", "function": "linear", **options}
    return run(currents, QUIET, threshold=np.float32(threshold), **options)


@given(AMOUNTS, LEVELS, MANTISSAS)
def test_rounding_is_the_search_through_all_levels(x, levels, mantissa_bits):
    wanted = oracle_neurons.Graded(levels, mantissa_bits)(x.astype("float64"))
    np.testing.assert_array_equal(rounded(x, levels, mantissa_bits), wanted)


@given(AMOUNTS, LEVELS, MANTISSAS)
def test_rounding_is_odd_and_what_was_rounded_stays(x, levels, mantissa_bits):
    once = rounded(x, levels, mantissa_bits)
    np.testing.assert_array_equal(rounded(-x, levels, mantissa_bits), -once)
    np.testing.assert_array_equal(rounded(once, levels, mantissa_bits), once)


@given(AMOUNTS, LEVELS, MANTISSAS)
def test_rounding_never_falls(x, levels, mantissa_bits):
    ordered = rounded(np.sort(x), levels, mantissa_bits)
    assert (np.diff(ordered) >= 0).all()


@given(AMOUNTS, LEVELS, MANTISSAS)
def test_a_spike_leaves_less_than_there_was(x, levels, mantissa_bits):
    """Half a unit of its last bit at most: a third of what there was, or a fifth, a ninth, ..."""
    sent = rounded(x, levels, mantissa_bits)
    left, size = abs(x.astype("float64") - sent), abs(x.astype("float64"))
    speaking, full = size >= smallest(levels, mantissa_bits), size > 1
    assert ((sent != 0) == speaking).all()
    assert (left[speaking & ~full] <= size[speaking & ~full] / (2 ** (mantissa_bits + 1) + 1)).all()
    np.testing.assert_allclose(left[full], size[full] - 1, rtol=1e-6)


@given(AMOUNTS, st.integers(1, 23), MANTISSAS)
def test_more_levels_only_add_smaller_spikes(x, levels, mantissa_bits):
    few, more = (rounded(x, n, mantissa_bits) for n in (levels, levels + 1))
    np.testing.assert_array_equal(more[few != 0], few[few != 0])
    assert (abs(more[few == 0]) < 2.0 ** (1 - levels)).all()


@given(AMOUNTS, st.integers(1, 12), MANTISSAS, st.integers(0, 6))
def test_halving_an_amount_halves_its_spike(x, levels, mantissa_bits, times):
    """Below 1, and with a level more for each halving."""
    x = np.clip(x, -1, 1)
    wanted = rounded(x, levels, mantissa_bits) * 2.0**-times
    kept = abs(x) >= smallest(levels, mantissa_bits)
    found = rounded(x * 2.0**-times, levels + times, mantissa_bits)
    np.testing.assert_array_equal(found[kept], wanted[kept])


@settings(max_examples=25)
@given(arrays("float64", (5, 8), elements=DYADIC), THRESHOLDS, st.integers(1, 12), MANTISSAS)
def test_a_delta_neuron_settles_on_its_value_and_keeps_silent(z, threshold, levels, mantissa_bits):
    """The sum of its spikes is f(u) / V, but for less than it would send; and each spike was
    counted once."""
    options = {"levels": levels, "mantissa_bits": mantissa_bits}
    spikes, (received, sent) = delta(z, threshold, function="relu", **options)
    np.testing.assert_array_equal(received, z.sum(0))
    np.testing.assert_array_equal(spikes.sum(0), sent)
    missing = abs(np.maximum(z.sum(0), 0) / threshold - sent)
    assert (missing < smallest(levels, mantissa_bits)).all()
    quiet = np.flatnonzero((spikes != 0).any(1)).max(initial=-1) + 1
    assert quiet < QUIET and not spikes[max(quiet, 5) :].any()


@settings(max_examples=25)
@given(arrays("float64", (5, 8), elements=DYADIC), st.permutations(range(5)), MANTISSAS)
def test_a_delta_neuron_forgets_the_way_it_came(z, order, mantissa_bits):
    """Whatever the order of the changes: the same value, to the resolution."""
    options = {"levels": 8, "mantissa_bits": mantissa_bits}
    ends = [delta(z[list(rows)], **options)[0].sum(0) for rows in (range(5), order)]
    assert (abs(ends[0] - ends[1]) < 2 * smallest(8, mantissa_bits)).all()


@settings(max_examples=25)
@given(arrays("float64", (5, 8), elements=DYADIC), st.integers(-4, 4))
def test_scaling_by_a_power_of_two_leaves_the_graded_spikes(z, power):
    one, _ = delta(z, 1.0, levels=6)
    other, _ = delta(2.0**power * z, 2.0**power, levels=6)
    np.testing.assert_array_equal(one, other)
    rates = [
        run(f * z, threshold=np.float32(f), model="multi_threshold", levels=6)[0]
        for f in (1.0, 2.0**power)
    ]
    np.testing.assert_array_equal(*rates)


@settings(max_examples=25)
@given(arrays("float64", (5, 8), elements=DYADIC))
def test_an_odd_function_of_the_opposite_sends_the_opposite(z):
    np.testing.assert_array_equal(delta(-z, levels=7)[0], -delta(z, levels=7)[0])


@settings(max_examples=25)
@given(arrays("int64", (40, 8), elements=st.integers(-64, 64)), THRESHOLDS, st.integers(2, 8))
def test_under_the_rate_code_a_graded_neuron_keeps_up(levels_in, threshold, levels):
    """|z| <= V each step: the sum of its spikes never is more than 1 / 4 from the sum of what
    they stand for, or than the smallest level; a mean is right to 1 / (4 T)."""
    z = levels_in / 64 * threshold
    options = {"threshold": np.float32(threshold), "model": "multi_threshold", "levels": levels}
    bound = max(0.25, smallest(levels, 0))
    for function, target in (("linear", z.cumsum(0)), ("relu", np.maximum(z.cumsum(0), 0))):
        spikes, _ = run(z, function=function, **options)
        assert (abs(target / threshold - spikes.cumsum(0)) <= bound).all()


@settings(max_examples=25)
@given(arrays("float64", (1, 8), elements=st.integers(-64, 64).map(lambda k: k / 64)))
def test_a_differential_neuron_holds_a_constant_to_a_part_of_1_over_t(z):
    """What is still missing at step t is t times the error: it stays bounded."""
    options = {"model": "multi_threshold", "spike_code": "differential", "levels": 6}
    spikes, _ = run(z, 24, threshold=np.float32(1), function="linear", **options)
    t = np.arange(1, 25)[:, None]
    held = (spikes / t).cumsum(0)
    assert (abs(t * (z - held)) <= 0.25 + 1e-5).all()
