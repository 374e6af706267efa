"""Counting by size: compiled or not, the same numbers."""

import numpy as np
import pytest

from spkeras.ops import histogram


@pytest.mark.parametrize("way", [histogram._by_index, histogram._counter()])
def test_counts(way):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 7, (50, 3)).astype(np.uint32)
    found = np.ones((7, 3), np.int64)
    way(codes, found)
    for channel in range(3):
        for code in range(7):
            assert found[code, channel] == 1 + (codes[:, channel] == code).sum()


def test_numba_counts_where_it_is_there(monkeypatch):
    assert histogram._counter() is not histogram._by_index
    histogram._counter.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    try:
        assert histogram._counter() is histogram._by_index
    finally:
        histogram._counter.cache_clear()
