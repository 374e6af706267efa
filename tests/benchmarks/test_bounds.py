"""The confidence bound of `tests/benchmarks/early_exit.py`, against closed forms and sums."""

from fractions import Fraction
from math import comb

import pytest

from tests.benchmarks.early_exit import upper_bound


@pytest.mark.parametrize("samples", [1, 10, 500, 10_000])
def test_none_and_all(samples):
    assert upper_bound(0, samples) == pytest.approx(1 - 0.025 ** (1 / samples))
    assert upper_bound(samples, samples) == 1


@pytest.mark.parametrize("found, samples, confidence", [(1, 9, 0.95), (7, 40, 0.9), (20, 60, 0.99)])
def test_as_few_draws_are_as_unlikely_as_asked(found, samples, confidence):
    share = Fraction(upper_bound(found, samples, confidence))
    tail = sum(comb(samples, k) * share**k * (1 - share) ** (samples - k) for k in range(found + 1))
    assert float(tail) == pytest.approx((1 - confidence) / 2, rel=1e-9)
