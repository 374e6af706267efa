"""Counting by magnitude: compiled or not, the same numbers."""

import numpy as np
import pytest

from spkeras.ops import histogram


@pytest.mark.parametrize("way", [histogram._by_index, histogram._one_by_one, histogram._counter()])
@pytest.mark.parametrize("block", [1, 64, 1 << 20])
def test_counts(way, block, monkeypatch):
    """Values of four magnitudes and both signs; what the shift leaves out makes no difference."""
    monkeypatch.setattr(histogram, "_BLOCK", block)
    rng = np.random.default_rng(0)
    magnitude = rng.integers(0, 4, (50, 3))
    sign, rest = rng.integers(0, 2, (50, 3)), rng.integers(0, 1 << 8, (50, 3))
    found = np.ones((4, 3), np.int64)
    way((sign << 31 | magnitude << 8 | rest).astype(np.uint32), found, 8)
    for channel in range(3):
        for size in range(4):
            assert found[size, channel] == 1 + (magnitude[:, channel] == size).sum()


def test_values_are_counted_by_their_bits():
    values = np.float32([[1.0, -2.0], [1.5, 0.0], [-1.0, 2.0]])
    found = np.zeros((512, 2), np.int64)
    histogram.count(values, found, 23)
    exponents = {127: [3, 0], 128: [0, 2], 0: [0, 1]}
    assert all(found[bin].tolist() == counts for bin, counts in exponents.items())
    assert found.sum() == values.size


def test_numba_counts_where_it_is_there(monkeypatch):
    assert histogram._counter() is not histogram._by_index
    histogram._counter.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    try:
        assert histogram._counter() is histogram._by_index
    finally:
        histogram._counter.cache_clear()
