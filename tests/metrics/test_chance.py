"""Near chance by an exact binomial test, in whole numbers."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from spkeras.errors import DataError
from spkeras.metrics import Score, chance


def least(count, rate):
    """Least number of hits that has a probability of 0.1 % at most to be reached."""
    tail, hits = Fraction(0), count + 1
    while hits > 0:
        more = comb(count, hits - 1) * rate ** (hits - 1) * (1 - rate) ** (count - hits + 1)
        if tail + more > Fraction(1, 1000):
            return hits
        tail, hits = tail + more, hits - 1
    return hits


@pytest.mark.parametrize("count", [1, 7, 9, 40, 300])
@pytest.mark.parametrize("rate", [Fraction(1, 10), Fraction(1, 2), Fraction(9, 10)])
def test_what_chance_reaches(count, rate):
    assert chance._upper(count, float(rate)) == least(count, rate)


def test_what_chance_reaches_at_the_ends():
    assert chance._upper(50, 0.0) == 1 and chance._upper(50, 1.0) == 51


def drawn(count, right, classes=4):
    """Balanced labels and decisions of which so many are right; the others are the next class."""
    labels = np.arange(count) % classes
    decisions = np.where(np.arange(count) < right, labels, (labels + 1) % classes)
    return decisions, labels


@pytest.mark.parametrize("count", [80, 200, 400])
def test_the_least_number_that_is_more_than_chance(count):
    rate = Fraction(1, 4)
    bound = least(count, rate)
    # The decisions are as balanced as the labels where both parts hold whole rounds.
    reached = bound + -bound % 4
    assert not chance.near_chance(*drawn(count, reached))
    assert chance.near_chance(*drawn(count, reached - 8))


def test_too_few_samples_tell_nothing():
    """The bound lies at most a quarter of the way from chance to all."""
    for count in range(8, 176, 8):
        far = Fraction(least(count, Fraction(1, 2)), count) > Fraction(5, 8)
        labels = np.arange(count) % 2
        decisions = labels ^ (np.arange(count) // 2 % 2)
        assert chance.near_chance(decisions, labels) == (not far)


@pytest.mark.parametrize("others, near", [(29, False), (30, True), (31, True)])
def test_decisions_that_are_all_the_same(others, near):
    labels = np.array([0] * 300 + [1] * others)
    assert chance.near_chance(np.zeros_like(labels), labels) == near


def test_labels_of_one_class_and_of_two():
    assert chance.near_chance(np.zeros(200, int), np.ones(200, int)) is False
    labels = np.arange(200) % 2
    assert chance.near_chance(1 - labels, labels)
    assert not chance.near_chance(labels, labels)


def test_chance_is_the_sum_over_classes_of_both_shares():
    decisions, labels = np.array([0, 0, 0, 1, 2]), np.array([0, 1, 1, 1, 1])
    # Class 2 is no label: it cannot be right.
    assert chance._by_chance(decisions, labels) == pytest.approx(3 / 5 / 5 + 1 / 5 * 4 / 5)


@pytest.mark.parametrize(
    "decisions, words",
    [
        ([1] * 9 + [0], "; 90% are decided as class 1"),
        ([1] * 8 + [0] * 2, ""),
        ([2] * 20, "; 100% are decided as class 2"),
        ([-1] * 19 + [0], "; 95% are decided as undecided (NaN)"),
    ],
)
def test_words_where_all_are_decided_alike(decisions, words):
    assert chance._collapsed(np.array(decisions)) == words


@pytest.mark.parametrize(
    "count, batch, rows",
    [(1200, 50, 500), (1200, 64, 448), (1200, 1, 500), (90, 40, 80), (30, 40, 30), (80, 40, 80)],
)
def test_whole_batches_of_samples_chosen_at_random(count, batch, rows):
    found = chance._rows(count, batch)
    assert len(found) == rows == len(set(found.tolist())) and 0 <= found.min() < found.max() < count
    np.testing.assert_array_equal(found, chance._rows(count, batch))


def refused(answers, x, labels, batch=50):
    with pytest.raises(DataError) as error:
        chance.check_decisions(Score("out", (2,), labels, 1), [x], answers, batch)
    return str(error.value)


def pixels(count=400):
    """Values of 0 to 255 whose class is whether they exceed 127.5."""
    x = np.random.default_rng(3).integers(0, 256, (count, 1)).astype("float32")
    return x, (x[:, 0] > 127.5).astype(int)


@pytest.mark.parametrize(
    "trained, data, words",
    [
        (lambda x: x / 255, lambda x: x, "divided by 255 (--scale 255)"),
        (lambda x: x, lambda x: x / 255, "multiplied by 255 (leave --scale 255 out)"),
        (lambda x: x / 127.5 - 1, lambda x: x, "brought to -1..1 (--scale 127.5 --mean 1)"),
        (lambda x: x / 127.5 - 1, lambda x: x / 255, "(--mean 0.5 --std 0.5)"),
    ],
)
def test_the_range_that_mends_it_is_named(trained, data, words):
    """A network that knows the range it was trained with, and nothing beyond."""
    x, labels = pixels()
    low, middle, high = (float(trained(np.float32(v))) for v in (0, 127.5, 255))
    reach = (high - low) / 2 * 1.01

    def answers(arrays):
        (values,) = arrays
        inside = (abs(values - middle) <= reach).all() and values.std() > 0.2 * reach
        score = (values[:, 0] - middle) * (1 if inside else 0)
        return np.stack([-score, score], 1)

    message = refused(answers, data(x), labels)
    assert words in message and "100.0% are right" in message and "--insist" in message
    chance.check_decisions(Score("out", (2,), labels, 1), [trained(x)], answers, 50)


def test_without_a_range_that_mends_it_other_causes_are_named():
    x, labels = pixels()
    message = refused(
        lambda arrays: np.stack([arrays[0][:, 0], 0 * arrays[0][:, 0] + 1e9], 1), x, labels
    )
    assert "labels in another order" in message and "100% are decided as class 1" in message
    rows = chance._rows(400, 50)
    share = labels[rows].mean()
    assert f"{share:.1%} of the CNN's decisions on 400 samples equal the labels" in message
    assert f"{share:.1%} would be chance" in message
    assert abs(share - 0.5) > 0.001


def test_values_and_unlabelled_data_are_left_alone():
    def fail(arrays):
        raise AssertionError

    x, labels = pixels()
    chance.check_decisions(Score("out", (2,), None, 1), [x], fail, 50)
    targets = np.random.default_rng(0).random((400, 2))
    chance.check_decisions(Score("out", (2,), targets, 1), [x], fail, 50)


def test_the_change_that_mends_most_is_named():
    labels = np.arange(200) % 2
    half = np.where(np.arange(200) < 160, labels, 1 - labels)
    words = chance._cause([("half", half), ("all", labels), ("none", 1 - labels)], labels, 0.5)
    assert "With the inputs all 100.0% are right" in words


def test_as_many_as_the_least_number_are_more_than_chance():
    """Two balanced classes, so that the rate of chance is a half exactly."""
    counts = [n for n in range(200, 400, 4) if least(n, Fraction(1, 2)) % 4 == 0]
    assert len(counts) > 3
    for count in counts:
        bound = least(count, Fraction(1, 2))
        assert not chance.near_chance(*drawn(count, bound, 2))
        assert chance.near_chance(*drawn(count, bound - 2, 2))


def test_a_change_that_mends_nothing_is_not_named():
    labels = np.arange(200) % 2
    half = np.where(np.arange(200) < 160, labels, 1 - labels)
    for right, named in ((0.79, True), (0.8, False), (0.81, False)):
        words = chance._cause([("half", half)], labels, right)
        assert ("With the inputs half 80.0% are right" in words) == named
        assert ("labels in another order" in words) != named


def test_several_inputs_are_changed_and_cut_alike():
    """All inputs of a batch belong to the same samples, at most as many as asked for."""
    x, labels = pixels(130)
    seen = []

    def answers(arrays):
        one, two = arrays
        np.testing.assert_array_equal(two, one[:, [0, 0]])
        seen.append(len(one))
        return np.stack([127.5 - one[:, 0], one[:, 0] - 127.5], 1)

    score = Score("out", (2,), labels, 1)
    chance.check_decisions(score, [x, x[:, [0, 0]]], answers, 50)
    assert seen == [50, 50]


def test_the_changes_of_range_do_what_their_words_say():
    pixels, shares = np.array([0.0, 51, 255]), np.array([0.0, 0.2, 1])
    signed = np.array([-1.0, -0.6, 1])
    before, after = [pixels, shares, pixels, shares], [shares, pixels, signed, signed]
    words = ["divided by 255", "multiplied by 255", "brought to -1..1", "brought from 0..1 to -1"]
    for (said, change), x, y, word in zip(chance._MEANT, before, after, words, strict=True):
        assert said.startswith(word)
        np.testing.assert_allclose(change(x), y, rtol=1e-12)
