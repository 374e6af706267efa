"""Rates and values against activations, with numbers that can be checked by hand."""

import numpy as np
import pytest

from spkeras.metrics.comparison import RateComparison
from tests.metrics.graphs import GRADED, neuron


def compare(
    exact,
    clipped,
    counted,
    simulated,
    *,
    own=None,
    timesteps=4,
    course=(),
    silent=0,
    last=(1,),
    **changed,
):
    comparison = RateComparison(neuron("n", "x", (2,), **changed), timesteps, len(course))
    arrays = (exact, exact if own is None else own, clipped, counted, simulated)
    comparison.add(*(np.array([row], np.float32) for row in arrays))
    comparison.follow(silent, np.array(course), np.array(last))
    return comparison


def test_parts_of_the_error():
    check = compare([2.0, 0.5], [1.0, 0.5], [1.0, 0.25], [0.75, 0.25]).result()
    assert check.clipping == pytest.approx(np.sqrt(1 / 2))
    assert check.quantization == pytest.approx(np.sqrt(0.25**2 / 2))
    assert check.unevenness == pytest.approx(np.sqrt(0.25**2 / 2))
    assert check.error == pytest.approx(np.sqrt((1.25**2 + 0.25**2) / 2))
    assert check.bias == -0.75 and check.exact == 0.5
    assert check.course == () and check.settled is None


def test_what_own_parameters_cost_is_no_clipping():
    """A network with other weights: its values first, then what its spikes can send of them."""
    found = compare([2.0, 0.5], [1.0, 0.75], [1.0, 0.75], [1.0, 0.75], own=[1.5, 0.75]).result()
    assert found.parameters == pytest.approx(np.sqrt((0.5**2 + 0.25**2) / 2))
    assert found.clipping == pytest.approx(np.sqrt(0.5**2 / 2))
    assert found.quantization == found.unevenness == 0
    assert found.error == pytest.approx(np.sqrt((1.0**2 + 0.25**2) / 2))


def test_course_is_relative_to_the_activations():
    check = compare([3.0, 4.0], [3, 4], [3, 4], [3, 4], course=[25.0, 1.0, 0.0], **GRADED).result()
    assert check.course == pytest.approx((1, 0.2, 0))
    silent = compare([0.0, 0.0], [0, 0], [0, 0], [0, 0], course=[2.0, 0.0]).result()
    assert silent.course == (1, 0)


@pytest.mark.parametrize(
    ("changed", "most"),
    [
        ({}, 1),
        ({"model": "signed"}, 1),
        ({"model": "burst", "max_spikes_per_step": 3}, 3),
        ({"model": "multi_threshold"}, 1),
        (GRADED, 4),
        ({"model": "multi_threshold", "spike_code": "differential"}, 1 + 1 / 2 + 1 / 3 + 1 / 4),
    ],
)
def test_saturated_is_the_largest_spike_at_every_step(changed, most):
    values = [most, most - 0.01]
    assert compare(values, values, values, values, **changed).result().saturated == 0.5
    values = [-most, 0.0]
    assert compare(values, values, values, values, **changed).result().saturated == 0.5


def test_silent_is_told_not_guessed():
    """A value of 0 may be a spike sent and taken back."""
    zeros = [0.0, 0.0]
    assert compare(zeros, zeros, zeros, zeros, silent=1, **GRADED).result().silent == 0.5


def test_settled_is_the_mean_over_all_batches():
    comparison = compare([1.0, 1.0], [1, 1], [1, 1], [1, 1], last=[2, 4], **GRADED)
    comparison.add(*(np.ones((1, 2), np.float32),) * 5)
    comparison.follow(0, np.zeros(0), np.array([6, 0, 3]))
    assert comparison.result().settled == 3
    never = compare(
        [1.0], [1], [1], [1], last=[2], spike_code="differential", model="multi_threshold"
    )
    assert never.result().settled is None


@pytest.mark.parametrize(
    ("timesteps", "changed", "wanted"),
    [
        (8, {}, 1 / 8),
        (8, {"model": "multi_threshold", "spike_code": "differential"}, 1 / 8),
        # One bit behind the leading one: of 5/4 a fifth may be missing, 5 exponents end at 1/16.
        (1, GRADED, 1 / 5),
        (2, GRADED, 1 / 16),
        (9, {**GRADED, "levels": 11}, 2.0**-10),
        # Powers of two: of 3/2 a third.
        (2, {**GRADED, "mantissa_bits": 0}, 1 / 9),
    ],
)
def test_what_levels_explain(timesteps, changed, wanted):
    assert RateComparison(neuron("n", "x", (2,), **changed), timesteps, 0).explained == (
        pytest.approx(wanted)
    )


def test_headroom_makes_a_spike_of_size_1_larger_than_the_scale():
    """All errors are told in units of the scale."""
    node = neuron("n", "x", (2,), **{**GRADED, "levels": 9})
    comparison = RateComparison(node, 3, 0, 4)
    exact, found = np.array([[0.25, 0.5]], np.float32), np.array([[0.125, 0.5]], np.float32)
    comparison.add(exact, exact, exact, found, found)
    check = comparison.result()
    assert check.bias == -16 / 16 and check.error == check.quantization == pytest.approx(np.sqrt(2))
    assert comparison.explained == 2.0 ** (4 - 8)


def test_equal_to_the_last_bit():
    """A value that is off by one unit of the finest spike is another value."""
    off = [0.5, 0.5 + 2.0**-23]
    kept = {**GRADED, "levels": 24, "mantissa_bits": 0}
    assert compare(off, off, [0.5, 0.5], off, **kept).result().exact == 0.5


def worst_share(mantissa_bits):
    """Largest share of a value in [1, 2) that rounding to so many bits leaves."""
    values = np.linspace(1, 2, 10_001)
    unit = 2.0**-mantissa_bits
    return (abs(values - np.floor(values / unit + 0.5) * unit) / values).max()


@pytest.mark.parametrize("mantissa_bits", [0, 1, 2, 3])
def test_the_share_that_one_rounding_leaves(mantissa_bits):
    node = neuron("n", "x", (2,), **{**GRADED, "levels": 24, "mantissa_bits": mantissa_bits})
    found = RateComparison(node, 1, 0).explained
    assert found == pytest.approx(worst_share(mantissa_bits), rel=1e-3)


@pytest.mark.parametrize("factor, shift", [(1.0, 0.0), (0.5, 0.25), (-1.0, 1.0)])
def test_correlation_is_that_of_numpy(factor, shift):
    rng = np.random.default_rng(1)
    exact = rng.random(50).astype(np.float32)
    found = (factor * exact + shift + 0.1 * rng.normal(size=50)).astype(np.float32)
    check = compare(exact, exact, found, found).result()
    assert check.correlation == pytest.approx(np.corrcoef(exact, found)[0, 1], abs=1e-6)


def test_correlation_without_any_spread_is_whether_both_are_alike():
    same = compare([0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]).result()
    other = compare([0.5, 0.5], [0.5, 0.5], [0.25, 0.25], [0.25, 0.25]).result()
    one = compare([0.5, 0.25], [0.5, 0.25], [0.5, 0.5], [0.5, 0.5]).result()
    assert (same.correlation, other.correlation) == (1.0, 0.0)
    assert one.correlation == 0.0


@pytest.mark.parametrize("levels, mantissa_bits", [(4, 0), (6, 2), (10, 1)])
def test_exact_means_closer_than_half_the_finest_spike(levels, mantissa_bits):
    finest = 2.0 ** (1 - levels - mantissa_bits)
    kept = {**GRADED, "levels": levels, "mantissa_bits": mantissa_bits}
    counted = [0.5, 0.5, 0.5, 0.5]
    near = min(1e-6, finest / 2)
    found = [0.5, 0.5 + 0.9 * near, 0.5 + 1.2 * near + 2**-22, 0.5 + finest]
    assert compare(counted, counted, counted, found, **kept).result().exact == 0.5


def test_the_ends_of_what_counts_as_equal_and_as_saturated():
    kept = {**GRADED, "levels": 22, "mantissa_bits": 0}
    found = [0.5, 0.5 + 2.0**-22, 0.5 + 2.0**-22 + 2.0**-24, 0.5 - 2.0**-22]
    assert compare([0.5] * 4, [0.5] * 4, [0.5] * 4, found, **kept).result().exact == 3 / 4
    near = [1.0, 1 - 0.9e-6, 1 - 1.5e-6, 0.5]
    assert compare(near, near, near, near).result().saturated == 0.5


def test_one_value_only():
    found = compare([0.5], [0.5], [0.25], [0.125], course=[0.0625, 0.0], silent=1).result()
    assert (found.error, found.bias) == (pytest.approx(0.375), pytest.approx(-0.375))
    assert (found.quantization, found.unevenness) == (pytest.approx(0.25), pytest.approx(0.125))
    assert found.course == pytest.approx((0.5, 0)) and found.silent == 1
    assert (found.exact, found.saturated, found.clipping, found.parameters) == (0, 0, 0, 0)


def test_nothing_compared_yet():
    found = RateComparison(neuron("n", "x", (2,)), 4, 2).result()
    assert (found.error, found.bias, found.exact, found.silent) == (0, 0, 0, 0)
    assert found.course == (0, 0) and found.settled is None
    kept = RateComparison(neuron("n", "x", (2,), **GRADED), 4, 0).result()
    assert kept.settled is None and kept.course == ()


def test_the_limit_of_saturation_belongs_to_it():
    comparison = RateComparison(neuron("n", "x", (2,)), 4, 0)
    values = np.array([[1 - 1e-6, 1 - 1.1e-6]])
    comparison.add(values, values, values, values, values)
    assert comparison.result().saturated == 0.5


def test_batches_are_added():
    one = compare([2.0, 0.5], [1.0, 0.5], [1.0, 0.25], [0.75, 0.25], course=[1.0], silent=2)
    values = [np.array([[0.5, 1.0]], np.float32)] * 4
    one.add(*values, np.array([[0.5, 0.5]], np.float32))
    one.follow(1, np.array([3.0]), np.array([3]))
    found = one.result()
    assert found.bias == pytest.approx((0.75 + 0.25 + 0.5 + 0.5 - 4) / 4)
    assert found.error == pytest.approx(np.sqrt((1.25**2 + 0.25**2 + 0.5**2) / 4))
    assert found.course == pytest.approx((np.sqrt(4 / (4 + 0.25 + 0.25 + 1)),))
    assert (found.silent, found.exact) == (3 / 4, 2 / 4)


@pytest.mark.parametrize("levels, mantissa_bits", [(23, 0), (20, 3), (17, 6)])
def test_bits_of_the_mantissa_make_the_finest_spike_finer(levels, mantissa_bits):
    kept = {**GRADED, "levels": levels, "mantissa_bits": mantissa_bits}
    found = [0.5, 0.5 + 2.0**-22, 0.5 + 2.0**-23, 0.5 - 2.0**-22]
    assert compare([0.5] * 4, [0.5] * 4, [0.5] * 4, found, **kept).result().exact == 2 / 4
