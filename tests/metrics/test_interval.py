"""The exact binomial interval against published values and its definition."""

import math

import pytest

from spkeras.errors import OptionError
from spkeras.metrics.interval import exact_interval


def tail(least, samples, share):
    """P(X >= least) by the formula."""
    return sum(
        math.comb(samples, k) * share**k * (1 - share) ** (samples - k)
        for k in range(least, samples + 1)
    )


@pytest.mark.parametrize(
    "right, samples, low, high",
    [
        # Quantiles of the beta distribution.
        (5, 10, 0.187086, 0.812914),
        (994, 1000, 0.986987, 0.997795),
        (9400, 10000, 0.935166, 0.944576),
        # No failure: the upper end is 1, the lower the root of 0.025.
        (10, 10, 0.025 ** (1 / 10), 1.0),
        (0, 10, 0.0, 1 - 0.025 ** (1 / 10)),
    ],
)
def test_known_intervals(right, samples, low, high):
    assert exact_interval(right, samples) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("right", range(1, 8))
def test_each_end_has_its_tail(right):
    low, high = exact_interval(right, 8, confidence=0.9)
    assert tail(right, 8, low) == pytest.approx(0.05)
    assert 1 - tail(right + 1, 8, high) == pytest.approx(0.05)


def test_numbers_that_are_no_counts_are_refused():
    for numbers in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(OptionError, match="allowed: 0 to samples"):
            exact_interval(*numbers)
    with pytest.raises(OptionError, match="confidence=1.0"):
        exact_interval(1, 2, 1.0)
