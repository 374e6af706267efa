"""Early exit, sample by sample, against what is worked out by hand."""

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.metrics import EarlyExit, Score, Watch
from spkeras.metrics.early_exit import ExitCourse, ExitRow, check_exit, lead

STEPS = 6


def test_lead_counts_steps_of_the_spread():
    # Deviations 1, -1: spread 1 at a gap of 2. Then 2, -1, -1: gap 3 over root 2.
    assert lead(np.array([[3.0, 1.0]]), 4) == pytest.approx([8])
    assert lead(np.array([[1.0, 4.0, 1.0]]), 2) == pytest.approx([2 * 3 / 2**0.5])
    assert lead(np.array([[5.0, 5.0], [0.0, 0.0]]), 9).tolist() == [0, 0]
    assert lead(np.array([[3.0, 1.0]]), 0) == lead(np.array([[3.0, 1.0]]), -5) == 0


def test_nobody_leads_where_all_classes_are_equal_whatever_their_sign():
    logits = np.array([[-5.0, -5.0, -5.0], [0.1, 0.1, 0.1], [-0.1, -0.1, -0.1], [1e9, 1e9, 1e9]])
    assert lead(logits, 3).tolist() == [0, 0, 0, 0]


def test_spikes_are_whole_numbers_whatever_their_means_were_rounded_to():
    sent = np.array([[1 - 1e-9, 2 + 1e-9, 3 - 1e-9, 4, 5, 6]])
    _, sums, _ = follow(4, 2, [[1] * 6], sent)
    assert sums.all_spikes == 21 and sums.spikes.tolist() == [6]


def test_the_earliest_exit_and_the_watch_of_a_part():
    watch, _, _ = follow(4, 3, [[1] * 6], [[1] * 6], start=2)
    assert watch.earliest == 5
    other = Score("out", (2,), np.array([1]), STEPS)
    part = watch.part(other)
    assert part.score is other and watch.score is not other
    assert part.margins is watch.margins and part.earliest == 5


@pytest.mark.parametrize("factor", [2.0**-20, 1.0, 3e4])
def test_lead_does_not_know_the_scale_of_the_logits(factor):
    logits = np.random.default_rng(0).normal(size=(20, 7))
    assert lead(factor * logits, 5) == pytest.approx(lead(logits, 5))


def follow(margin, patience, courses, spikes, labels=None, **options):
    """The watch's sums; courses (samples, steps): of two classes, first minus second / spread."""
    courses, spikes = np.array(courses, float), np.array(spikes, float)
    labels = None if labels is None else np.array(labels)
    score = Score("out", (2,), labels, STEPS)
    policy = EarlyExit(margin, patience, options.pop("stop", False))
    watch = Watch(policy, score, STEPS, options.pop("start", 0), options.pop("margins", ()))
    watch.begin(len(courses))
    masks = []
    for step in range(STEPS):
        # Two logits are spread by half their difference: a lead of 2 a step, whatever it is.
        first = np.sign(courses[:, step])
        masks.append(watch.add(step, np.stack([first, -first], 1), spikes[:, step]))
    return watch, watch.sums(), np.array(masks)


def test_stops_where_decision_and_lead_have_held():
    courses = [[1, 1, 1, 1, 1, 1], [1, -1, 1, 1, 1, -1], [-1, 1, -1, 1, -1, 1], [0, 0, 0, 0, 0, 0]]
    spikes = [[1, 2, 3, 4, 5, 6]] * 4
    # Lead 2 t: at least 4 from the second step on; then two steps in a row.
    watch, sums, masks = follow(4, 2, courses, spikes, [0, 1, 1, 0])
    assert masks.argmax(axis=0).tolist() == [2, 3, 5, 5] and masks[-1].all()
    assert sums.stopped.tolist() == [[0, 0, 1, 1, 0, 2]]
    (row,) = watch.course(sums).rows
    assert row == watch.course(sums).chosen
    assert (row.steps, row.exits) == ((3 + 4 + 6 + 6) / 4, 2 / 4)
    # Second sample: 0 when it stops, 1 at T, labelled 1. Others as at T: 0, 0 for 1, 0.
    assert (row.accuracy, row.cost, row.changed) == (2 / 4, 1 / 4, 1 / 4)
    assert (row.spikes, row.saved) == ((6 + 10 + 21 + 21) / 4, 1 - 58 / 84)
    assert watch.course(sums).within.tolist() == [0, 0, 1 / 4, 2 / 4, 2 / 4, 1]


def test_waits_for_the_read_out():
    watch, sums, _ = follow(4, 1, [[1] * 6], [[1] * 6], start=3)
    assert sums.stopped.tolist() == [[0, 0, 0, 0, 1, 0]]
    # Steps before it has started do not count as steps in a row, either.
    watch, sums, _ = follow(0.1, 2, [[1] * 6], [[1] * 6], start=3)
    assert sums.stopped.tolist() == [[0, 0, 0, 0, 1, 0]]


def test_one_row_for_each_margin_in_order():
    watch, sums, _ = follow(4, 1, [[1] * 6, [1] * 6], [[1] * 6] * 2, margins=(8, 2, 100))
    course = watch.course(sums)
    assert [(row.margin, row.steps) for row in course.rows] == [(2, 1), (4, 2), (8, 4), (100, 6)]
    assert course.chosen is course.rows[1] and course.chosen.cost is None
    assert [row.exits for row in course.rows] == [1, 1, 1, 0]
    assert sums.right.tolist() == [0] * 4 and sums.last_right == 0


def test_sums_of_parts_are_those_of_all():
    rng = np.random.default_rng(2)
    courses, spikes = rng.choice([-1, 1], (9, STEPS)), rng.integers(0, 9, (9, STEPS))
    labels = rng.integers(0, 2, 9)
    watch, whole, _ = follow(4, 2, courses, spikes, labels)
    parts = [
        follow(4, 2, courses[rows], spikes[rows], labels[rows])[1]
        for rows in (slice(0, 4), slice(4, 9))
    ]
    assert watch.course(parts[0] + parts[1]).rows == watch.course(whole).rows
    assert 0 < watch.course(whole).chosen.exits < 1


def test_a_stopped_sample_tells_nothing_of_what_it_would_have_done():
    watch, sums, _ = follow(4, 2, [[1] * 6], [[1] * 6], [0], stop=True)
    (row,) = watch.course(sums).rows
    assert (row.cost, row.changed, row.saved) == (None, None, None)
    assert (row.accuracy, row.steps, row.spikes) == (1, 3, 3)


@pytest.mark.parametrize("samples", [1, 3, 49, 200, 299, 1000])
def test_a_share_is_the_number_it_prints(samples):
    """One changed decision in 200 is 0.005, not a rounding error more, and keeps to a rule of it."""
    courses = [[1, 1, 1, 1, 1, -1]] + [[1] * 6] * (samples - 1)
    watch, sums, _ = follow(4, 2, courses, [[1] * 6] * samples)
    course = watch.course(sums)
    assert course.chosen.changed == 1 / samples
    assert course.smallest(changed=1 / samples).margin == 4


@pytest.mark.parametrize("values", [(0,), (-1,), (np.inf,), (np.nan,), (1, 0), (1, 1.5)])
def test_values_out_of_their_range(values):
    with pytest.raises(OptionError, match="early_exit (margin|patience)=.*allowed"):
        EarlyExit(*values)


def test_only_classes_can_be_stable():
    with pytest.raises(OptionError, match="binary classification out; allowed: two or more"):
        check_exit(Score("out", (1,), np.array([0, 1]), 3), 1)
    with pytest.raises(OptionError, match="regression out"):
        check_exit(Score("out", (4, 4), None, 3), 1)
    with pytest.raises(OptionError, match="2 outputs; allowed: one"):
        check_exit(Score("out", (3,), None, 3), 2)


def test_smallest_margin_that_changes_few_decisions():
    # Of four samples one changes its mind at step 4, another at step 6; leads are 2 t.
    courses = [[1, 1, 1, -1, -1, -1], [1, 1, 1, 1, 1, -1], [1] * 6, [-1] * 6]
    watch, sums, _ = follow(1, 1, courses, [[1] * 6] * 4, margins=(2, 6, 8, 10, 12))
    course = watch.course(sums)
    assert [row.changed for row in course.rows] == [0.5, 0.5, 0.5, 0.25, 0.25, 0]
    assert course.smallest(0.25) == EarlyExit(8, 1) and course.smallest(0.5) == EarlyExit(1, 1)
    assert course.smallest(0) == EarlyExit(12, 1)
    with pytest.raises(OptionError, match="at most -1 of the decisions"):
        course.smallest(-1)


def test_the_table_of_margins():
    """Each twice the one before; the policy's own stands among them, once."""
    score = Score("out", (2,), None, STEPS)
    usual = [0.5, 1, 2, 4, 8, 16]
    assert Watch(EarlyExit(4.0), score, STEPS, 0).margins.tolist() == usual
    assert Watch(EarlyExit(3.0), score, STEPS, 0).margins.tolist() == [0.5, 1, 2, 3, 4, 8, 16]
    assert Watch(EarlyExit(3.0, stop=True), score, STEPS, 0).margins.tolist() == [3]
    assert Watch(EarlyExit(3.0), score, STEPS, 0, (1, 5)).margins.tolist() == [1, 3, 5]
    assert EarlyExit(4.0) == EarlyExit(4.0, 2, False)


def test_a_margin_is_no_choice_where_a_larger_one_changes_more():
    def row(margin, changed):
        return ExitRow(margin, 3.0, 0.5, None, None, changed, 1.0, 0.0)

    rows = (row(1.0, 0.0), row(2.0, 0.5), row(4.0, 0.1), row(8.0, 0.0))
    course = ExitCourse(EarlyExit(2.0, 3), rows[1], rows, np.ones(6))
    assert course.smallest(0.1) == EarlyExit(4.0, 3) and course.smallest(0.0).margin == 8
    assert course.smallest(0.5).margin == 1
    stopped = ExitCourse(EarlyExit(2.0), rows[1], (*rows[:3], row(8.0, None)), np.ones(6))
    with pytest.raises(OptionError, match="no margin up to 8 does"):
        stopped.smallest(1.0)


def test_samples_may_stop_at_the_first_step_and_at_the_last():
    watch, sums, masks = follow(2, 1, [[1] * 6, [0] * 6], [[2] * 6, [0] * 6], [0, 1])
    assert masks.tolist() == [[True, False]] * 5 + [[True, True]]
    assert sums.stopped.tolist() == [[1, 0, 0, 0, 0, 1]] and sums.spikes.tolist() == [2]
    row = watch.course(sums).chosen
    assert (row.steps, row.exits, row.spikes) == (3.5, 0.5, 1)
    assert row.saved == 1 - 2 / 12 and (sums.all_spikes, sums.samples) == (12, 2)
    watch, sums, _ = follow(10, 1, [[1] * 6, [0] * 6], [[2] * 6, [0] * 6])
    row = watch.course(sums).chosen
    assert (row.steps, row.exits, row.saved) == (5.5, 0.5, 1 - 10 / 12)


def test_a_run_without_spikes_saves_all_and_none():
    watch, sums, _ = follow(2, 1, [[1] * 6], [[0] * 6])
    assert (watch.course(sums).chosen.saved, watch.course(sums).chosen.spikes) == (1, 0)
    watch, sums, _ = follow(2, 1, [[1] * 6], [[1] + [0] * 5])
    assert (watch.course(sums).chosen.saved, watch.course(sums).chosen.spikes) == (0, 1)
