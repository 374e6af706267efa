"""Choosing samples: no order in which data are stored makes a class rare or frequent."""

import numpy as np
import pytest

from spkeras.ops.sampling import chosen


@pytest.mark.parametrize("classes", [2, 3, 4, 5, 7, 8, 10, 16, 20])
@pytest.mark.parametrize("count, samples", [(2000, 200), (1997, 499), (10_000, 1000), (640, 320)])
def test_classes_stored_one_after_the_other_and_in_turns(classes, count, samples):
    rows = chosen(count, samples)
    assert len(np.unique(rows)) == samples and (np.diff(rows) > 0).all()
    share = samples / classes
    for labels in (np.arange(count) * classes // count, np.arange(count) % classes):
        found = np.bincount(labels[rows], minlength=classes)
        assert abs(found - share).max() < 4.5 * np.sqrt(share)


def test_every_sample_is_as_likely_as_any_other():
    found = np.zeros(50)
    for seed in range(2000):
        found[chosen(50, 10, seed)] += 1
    assert abs(found / 2000 - 0.2).max() < 0.05


def test_the_seed_decides():
    assert (chosen(100, 10, 1) == chosen(100, 10, 1)).all()
    assert (chosen(100, 10, 1) != chosen(100, 10, 2)).any()


@pytest.mark.parametrize("samples", [None, 5, 6])
def test_all_where_there_are_no_more(samples):
    assert chosen(5, samples).tolist() == [0, 1, 2, 3, 4]


def test_none():
    assert chosen(5, 0).tolist() == []


def test_the_first_seed_is_0():
    assert chosen(100, 10).tolist() == chosen(100, 10, 0).tolist() != chosen(100, 10, 1).tolist()
