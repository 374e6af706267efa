"""Statistics of magnitudes by hand: bins have a relative width of 1/64."""

import numpy as np
import pytest

from spkeras.graph.stats import BINS, ActivationStats
from tests.histograms import bins

BIN = 1 / 64  # from a power of two on, in parts of it


def stats_of(*channels):
    """Statistics of channels with these magnitudes."""
    histogram = np.zeros((len(channels), BINS), np.int64)
    for channel, values in enumerate(channels):
        np.add.at(histogram[channel], bins(np.float32(values)), 1)
    largest = np.float32([max(values, default=0) for values in channels])
    return ActivationStats(largest, -largest, histogram, 7, 0.5)


@pytest.mark.parametrize(
    "share, expected",
    [
        (0.125, 1 + BIN / 2),
        (0.25, 1 + BIN),
        (0.375, 2 + BIN),
        (0.5, 2 + 2 * BIN),
        (0.625, 4 + 2 * BIN),
        (0.75, 4 + 4 * BIN),
        (0.875, 8 + 4 * BIN),
        (1.0, 8.0),
    ],
)
def test_quantiles_are_linear_within_a_bin(share, expected):
    """Never above the maximum; 0.75 of four values is the third bin's end, no rounding beyond."""
    found = stats_of([1, 2, 4, 8 * (1 + BIN / 2)], [1.0]).quantile(share)
    largest = 8 * (1 + BIN / 2)
    assert found[0] == np.float32(min(expected if share < 1 else 8 + 8 * BIN, largest))
    assert found[1] == 1


def test_quantiles_of_many_values_in_one_bin():
    found = stats_of([1] * 3 + [4], [0.5] * 4 + [2] * 4, []).quantile(0.5)
    np.testing.assert_allclose(found, np.float32([1 + BIN * 2 / 3, 0.5 + 0.5 * BIN, 0]), rtol=1e-7)


def test_a_share_that_is_a_whole_number_of_values_stays_one():
    """0.999 x 6,000 rounds to a little above 5,994."""
    stats = stats_of([1.0] * 5994 + [64.0] * 6)
    assert stats.quantile(0.999)[0] == np.float32(1 + BIN)
    assert stats_of([], []).quantile(0.5).tolist() == [0, 0]


def test_the_middle_of_a_bin_lies_half_its_width_above_its_start():
    middles = ActivationStats.magnitudes()
    for start in (2.0**-100, 0.5, 1.0, 1.5, 3.0, 2.0**127):
        exponent = 2.0 ** np.floor(np.log2(start))
        assert middles[bins(np.float32([start]))[0]] == start + exponent * BIN / 2
    last = bins(np.float32([np.finfo(np.float32).max]))[0]
    assert middles[last] == 2.0**127 * (2 - BIN / 2)
    assert not middles[last + 1 :].any() and (np.diff(middles[: last + 1]) > 0).all()
    assert middles[0] == 2.0**-149 * 2**16 and len(middles) == BINS


def test_channels_taken_together():
    found = stats_of([1, 2], [4, 4, 8]).merged()
    assert (found.maximum.tolist(), found.lowest.tolist()) == ([8], [-8])
    assert (found.samples, found.counted) == (7, 0.5)
    usual = ActivationStats(found.maximum, found.lowest, found.histogram, 7)
    assert usual.counted == 1, "all positions, where it is not said"
    counts = found.histogram[0, bins(np.float32([1, 2, 4, 8]))]
    assert counts.tolist() == [1, 1, 2, 1] and found.histogram.shape == (1, BINS)


def test_no_share_of_the_values_lies_below_the_smallest():
    """The start of each channel's own lowest bin, whatever the other channels hold."""
    found = stats_of([1.0, 2.0], [4.0, 4.0, 8.0], [0.0, 3.0]).quantile(0.0)
    assert found.tolist() == [1, 4, 0]
    assert stats_of([1.0, 2.0], [4.0, 4.0]).merged().quantile(0.0).tolist() == [1]
