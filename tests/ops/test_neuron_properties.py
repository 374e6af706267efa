"""What holds for every current: charge, scale, count, order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from spkeras.data.batches import equal_slices
from spkeras.ops import coding, neuron

WHOLE = st.integers(-96, 160)
ALPHAS = st.sampled_from([0.0, 0.25, 0.5, 0.75])
THRESHOLDS = st.integers(16, 128).map(lambda k: k / 64)


def currents_of(low=-96, high=160, steps=12, width=8):
    return arrays("int64", (steps, width), elements=st.integers(low, high)).map(lambda k: k / 64)


def run(currents, threshold, asleep=0, **options):
    """Spikes (T, n) and last state."""
    constants = neuron.Constants(np.float32(threshold), **options)
    width = currents.shape[1]
    state = neuron.initial_state(lambda spikes: ops.zeros(width), constants)
    spikes = []
    for t, current in enumerate(currents.astype("float32")):
        now, state = neuron.step(current, state, np.float32(t + 1 - asleep), constants)
        spikes.append(np.asarray(now))
    return np.array(spikes), [np.asarray(s) for s in state]


@settings(max_examples=40)
@given(currents_of(), THRESHOLDS, ALPHAS, st.integers(0, 4))
def test_charge_is_conserved(currents, threshold, alpha, asleep):
    """Sum of the currents since the start + alpha V = V * spikes + v."""
    spikes, (potential,) = run(currents, threshold, asleep, initial_potential=alpha)
    put_in = currents[asleep:].sum(0) + alpha * threshold
    np.testing.assert_array_equal(put_in, threshold * spikes.sum(0) + potential)
    assert set(np.unique(spikes)) <= {0, 1}


@settings(max_examples=30)
@given(
    currents_of(),
    THRESHOLDS,
    st.integers(-6, 6),
    st.sampled_from(["binary", "signed", "burst", "signed_burst"]),
    st.sampled_from(["subtract", "zero"]),
)
def test_scaling_by_a_power_of_two_leaves_the_spikes(currents, threshold, power, model, reset):
    options = {"model": model, "max_spikes_per_step": 3 if "burst" in model else 1}
    if model == "binary":
        options["reset"] = reset
    factor = 2.0**power
    spikes, _ = run(currents, threshold, **options)
    np.testing.assert_array_equal(spikes, run(factor * currents, factor * threshold, **options)[0])


@settings(max_examples=40)
@given(arrays("int64", 16, elements=st.integers(-20, 100)), THRESHOLDS, ALPHAS, st.integers(1, 24))
def test_constant_current_gives_the_closed_form_at_every_step(levels, threshold, alpha, steps):
    """floor(t c / V + alpha), for 0 <= c <= V: the count of any window is that of its length."""
    current = np.clip(levels / 64, None, threshold)
    spikes, _ = run(np.tile(current, (steps, 1)), threshold, initial_potential=alpha)
    t = np.arange(1, steps + 1)[:, None]
    wanted = np.floor(t * np.maximum(current, 0) / threshold + alpha)
    np.testing.assert_array_equal(spikes.cumsum(0), wanted)
    constants = neuron.Constants(np.float32(threshold), initial_potential=alpha)
    closed = neuron.count(
        np.float32(steps) * current.astype("float32"), np.float32(steps), constants
    )
    # The closed form multiplies and divides in float32: exact where V is a power of two.
    if np.log2(threshold) % 1 == 0:
        np.testing.assert_array_equal(closed, wanted[-1])


@settings(max_examples=30)
@given(currents_of(low=0), currents_of(low=0, high=40), THRESHOLDS, ALPHAS)
def test_counts_are_monotone_in_the_current(currents, more, threshold, alpha):
    for model in ("binary", "signed", "burst"):
        options = {
            "model": model,
            "initial_potential": alpha,
            "max_spikes_per_step": 2 if model == "burst" else 1,
        }
        less, _ = run(currents, threshold, **options)
        most, _ = run(currents + more, threshold, **options)
        assert (less.cumsum(0) <= most.cumsum(0)).all()


@settings(max_examples=30)
@given(currents_of(-60, 60), ALPHAS)
def test_signed_spikes_keep_up_where_one_a_step_suffices(currents, alpha):
    """|z| <= V each step: the running count is floor(relu(sum) / V + alpha) at every step."""
    spikes, _ = run(currents, 1.0, model="signed", initial_potential=alpha)
    target = np.maximum(currents.cumsum(0), 0) + alpha
    np.testing.assert_array_equal(spikes.cumsum(0), np.floor(target))


@settings(max_examples=30)
@given(currents_of(-200, 250), THRESHOLDS)
def test_more_spikes_a_step_follow_closer(currents, threshold):
    """However far behind: never away from the target by more than it would be without."""
    target = np.maximum(currents.cumsum(0), 0) / threshold + 0.5
    one, _ = run(currents, threshold, model="signed")
    four, _ = run(currents, threshold, model="signed_burst", max_spikes_per_step=4)
    enough, _ = run(currents, threshold, model="signed_burst", max_spikes_per_step=64)
    errors = [np.abs(np.floor(target) - s.cumsum(0)).max() for s in (enough, four, one)]
    assert errors[0] == 0 and errors[1] <= errors[2]


@settings(max_examples=30)
@given(arrays("int64", 10, elements=st.integers(-64, 64)), st.integers(1, 40))
def test_regular_trains_have_the_rounded_count(levels, steps):
    x = (levels / 64).astype("float32")[None]
    train = np.array([np.asarray(coding.regular(x, np.float32(t))) for t in range(steps)])
    np.testing.assert_array_equal(train.sum(0), np.floor(x * steps + 0.5))
    assert np.abs(train).max() <= 1


@given(st.integers(1, 5000), st.integers(1, 600))
def test_slices_cover_all_samples_in_parts_of_two_sizes(count, largest):
    parts = [range(count)[rows] for rows in equal_slices(count, largest)]
    assert [i for part in parts for i in part] == list(range(count))
    sizes = {len(part) for part in parts}
    assert max(sizes) <= largest and len(sizes) <= 2 and max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-count // largest)
