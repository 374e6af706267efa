"""Local threshold balancing by hand."""

import numpy as np

from spkeras.graph.stats import BINS, ActivationStats, bins
from spkeras.passes.coder import Coder
from spkeras.passes.thresholds import fit


def test_the_threshold_rises_by_twice_the_mean_excess():
    values = np.float32([0, 0, 0, 1.0, 2.0, 4.0])
    histogram = np.zeros((2, BINS), np.int64)
    np.add.at(histogram[0], bins(values), 1)
    histogram[1, 0] = 6
    stats = ActivationStats(np.float32([4, 0]), np.zeros(2, np.float32), histogram, 6)
    middles = stats.magnitudes()[bins(values)]
    threshold = 0.0
    for _ in range(64):
        threshold += 2 * np.maximum(middles * (values > 0) - threshold, 0).mean()
    found = fit("balance", stats, np.float32([3.0, 5.0]), Coder(16))
    np.testing.assert_allclose(found, [threshold, 5.0], rtol=1e-6)
    assert 3.9 < threshold < 4.1
