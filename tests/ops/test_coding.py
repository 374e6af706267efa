"""Input codes against an accumulator and against their means."""

import numpy as np
import pytest
from keras import ops

from spkeras.ops import coding
from spkeras.recipes.simulation import ENCODINGS
from tests import oracle


def trains(code, x, steps, table=None):
    x = ops.convert_to_tensor(np.asarray(x, "float32"))
    return np.array(
        [np.asarray(coding.encode(code, x, np.float32(t), table)) for t in range(steps)]
    )


def test_constant_is_the_value_itself():
    x = np.linspace(-2, 2, 9).reshape(3, 3)
    np.testing.assert_array_equal(trains("constant", x, 2), np.float32([x, x]))


def test_regular_is_an_accumulator_that_starts_half_full():
    x = np.arange(-96, 97).reshape(1, -1) / 64
    found = trains("regular", x, 40)
    np.testing.assert_array_equal(found, oracle.regular_train(x, 40))
    assert set(np.unique(found)) == {-1, 0, 1}


def test_regular_by_hand():
    assert trains("regular", [[0.25]], 8)[:, 0, 0].tolist() == [0, 1, 0, 0, 0, 1, 0, 0]
    assert trains("regular", [[-0.75]], 4)[:, 0, 0].tolist() == [-1, 0, -1, -1]


def test_regular_count_is_the_sum_of_its_spikes():
    x = np.arange(-70, 71) / 64
    spikes = oracle.regular_train(x.reshape(1, -1), 40)[:, 0]
    for steps in (0, 1, 7, 40):
        found = np.asarray(coding.regular_count(x.astype("float32"), np.float32(steps)))
        np.testing.assert_array_equal(found, spikes[:steps].sum(0))


def test_regular_spreads_evenly():
    """Any window of t steps holds floor(x t) or ceil(x t) spikes."""
    found = trains("regular", np.arange(65).reshape(1, -1) / 64, 64)[:, 0]
    for width in (2, 5, 16, 33):
        sums = np.array([found[i : i + width].sum(0) for i in range(64 - width)])
        exact = np.arange(65) / 64 * width
        assert (np.floor(exact) <= sums).all() and (sums <= np.ceil(exact)).all()


def test_bernoulli_takes_the_draw_of_its_place_and_step():
    table = coding.draws(7)
    x = np.random.default_rng(1).uniform(-1, 1, (2, 4, 3)).astype("float32")
    found = trains("bernoulli", x, 10, table)
    np.testing.assert_array_equal(found, oracle.bernoulli_train(x, 10, table))
    assert set(np.unique(found)) == {-1, 0, 1}


def test_draws_are_uniform_and_follow_the_seed():
    table = coding.draws(0)
    assert table.shape == (65536,) and table.dtype == np.float32
    assert 0 <= table.min() and table.max() < 1
    counts, _ = np.histogram(table, 16, (0, 1))
    assert np.abs(counts / 4096 - 1).max() < 0.06
    np.testing.assert_array_equal(table, coding.draws(0))
    assert (table != coding.draws(1)).mean() > 0.99


def test_bernoulli_keeps_the_mean():
    """800 elements, 64 steps: five standard errors."""
    table = coding.draws(0)
    for value in (0.0, 0.1, 0.5, -0.9, 1.0):
        found = trains("bernoulli", np.full((1, 800), value), 64, table)
        error = 5 * np.sqrt(abs(value) * (1 - abs(value)) / (800 * 64))
        assert abs(found.mean() - value) <= error


def test_bernoulli_steps_and_neighbours_are_uncorrelated():
    found = trains("bernoulli", np.full((1, 500), 0.5), 200, coding.draws(0))[:, 0]
    centred = found - found.mean()
    for shifted in (centred[1:] * centred[:-1], centred[:, 1:] * centred[:, :-1]):
        assert abs(shifted.mean()) < 5 * 0.25 / np.sqrt(shifted.size)


@pytest.mark.parametrize("code", ENCODINGS)
def test_a_sample_has_the_same_spikes_in_any_batch(code):
    table = coding.draws(2)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 3, 2)).astype("float32")
    whole = trains(code, x, 6, table)
    np.testing.assert_array_equal(trains(code, x[3:4], 6, table), whole[:, 3:4])
    np.testing.assert_array_equal(trains(code, x[::-1], 6, table), whole[:, ::-1])
