"""Scores of outputs, with numbers that can be checked by hand."""

import numpy as np
import pytest

from spkeras.errors import DataError
from spkeras.metrics import Score
from spkeras.metrics.score import OutputScore


def scored(score, cnn, outputs, batches=1):
    """The score's result after these outputs (steps, samples, ...), told in so many batches."""
    total = None
    for rows in np.array_split(np.arange(len(cnn)), batches):
        part = score.part(slice(rows[0], rows[-1] + 1))
        part.reference(np.asarray(cnn, np.float32)[rows])
        for step, output in enumerate(outputs):
            part.add(step, np.asarray(output, np.float32)[rows])
        total = part.sums if total is None else total + part.sums
    score.sums = total
    return score.result()


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_classes(batches):
    cnn = [[2.0, 0, 0], [0, 3, 0], [0, 0, 1]]
    outputs = [[[2, 0, 0], [4, 3, 0], [0, 0, 1]], [[0, 6, 0], [0, 0, 5], [0, 0, 1]]]
    found = scored(Score("out", (3,), np.array([0, 2, 2]), 2), cnn, outputs, batches)
    assert found.cnn_accuracy == pytest.approx(2 / 3)
    assert found.accuracy == pytest.approx([2 / 3, 2 / 3])
    assert found.agreement == pytest.approx([2 / 3, 1 / 3])
    # Over all nine values of the three samples.
    assert found.deviation == pytest.approx(np.sqrt([16 / 9, (4 + 36 + 9 + 25) / 9]))
    assert found.cnn_spread == pytest.approx(np.sqrt((4 + 9 + 1) / 9))
    assert found.error is None and found.cnn_error is None


@pytest.mark.parametrize("batches", [1, 4])
@pytest.mark.parametrize(("threshold", "right", "equal"), [(0.5, 3 / 4, 2 / 4), (0.0, 2 / 4, 1)])
def test_two_classes_of_one_output(threshold, right, equal, batches):
    """After a sigmoid a half decides, and is not yet enough; of a logit zero does."""
    cnn, outputs = [[0.75], [0.625], [0.875], [0.25]], [[[0.75], [0.5], [0.25], [0.125]]]
    score = Score("out", (1,), np.array([1, 0, 0, 1]), 1, threshold)
    found = scored(score, cnn, outputs, batches)
    assert found.task == "binary classification"
    assert (found.accuracy, found.agreement) == (pytest.approx([right]), pytest.approx([equal]))
    assert found.deviation == pytest.approx(np.sqrt([(0.125**2 + 0.625**2 + 0.125**2) / 4]))


@pytest.mark.parametrize("batches", [1, 2])
def test_values(batches):
    targets = np.array([[1.0, 2.0], [3.0, 4.0]])
    cnn, outputs = targets + [[0, 1], [0, 2]], [targets + [[3, 0], [0, 1]], targets]
    found = scored(Score("out", (2,), targets, 2), cnn, outputs, batches)
    assert found.error == pytest.approx(np.sqrt([10 / 4, 0]))
    assert found.cnn_error == pytest.approx(np.sqrt(5 / 4))
    assert found.deviation == pytest.approx(np.sqrt([(9 + 1 + 1) / 4, 5 / 4]))
    assert found.cnn_spread == pytest.approx(np.sqrt((1 + 9 + 9 + 36) / 4))
    assert found.accuracy is None and found.agreement is None


def test_without_labels():
    found = scored(Score("out", (2,), None, 1), [[1.0, 0], [0, 1]], [[[1, 0], [2, 1]]])
    assert found.accuracy is None and found.cnn_accuracy is None
    assert found.agreement == pytest.approx([1 / 2])
    assert found.deviation == pytest.approx([1.0])


ONE_HOT = np.array([[0, 1], [1, 0], [0, 1]])


@pytest.mark.parametrize(
    "shape, targets, task, stored",
    [
        ((2,), None, "classification", None),
        ((1,), None, "regression", None),
        ((2, 2), None, "regression", None),
        ((2,), ONE_HOT, "classification", [1, 0, 1]),
        ((2,), ONE_HOT.astype("float32"), "classification", [1, 0, 1]),
        ((3,), np.eye(3), "classification", [0, 1, 2]),
        # Rows of which one holds none or two of the classes are several labels.
        ((2,), np.array([[0, 1], [0, 0]]), "multi-label classification", [[0, 1], [0, 0]]),
        ((2,), np.array([[0.0, 1], [1, 1]]), "multi-label classification", [[0, 1], [1, 1]]),
        ((2,), np.array([[0, 1], [-1, 2]]), "regression", [[0, 1], [-1, 2]]),
        ((2,), np.array([[0.5, 0.5], [1, 0]]), "regression", [[0.5, 0.5], [1, 0]]),
        ((3,), np.array([2, 0, 1]), "classification", [2, 0, 1]),
        ((3,), np.array([[2], [0], [1]]), "classification", [2, 0, 1]),
        ((2,), np.array([1, 0, 1]), "classification", [1, 0, 1]),
        ((1,), np.array([1, 0, 1]), "binary classification", [1, 0, 1]),
        ((1,), np.array([[1], [0]]), "binary classification", [1, 0]),
        ((1,), np.array([1, 1]), "binary classification", [1, 1]),
        ((1,), np.array([[1], [1]]), "binary classification", [1, 1]),
        ((1,), np.array([1, 2]), "regression", [[1], [2]]),
        ((1,), np.array([1.0, 0.0]), "regression", [[1], [0]]),
        ((1,), np.array([[1.0], [0.0]]), "regression", [[1], [0]]),
        ((2, 1), np.arange(4.0).reshape(2, 2), "regression", [[[0], [1]], [[2], [3]]]),
    ],
)
def test_what_targets_mean(shape, targets, task, stored):
    score = Score("out", shape, targets, 1)
    assert score.task == task
    assert (None if stored is None else score.targets.tolist()) == stored


@pytest.mark.parametrize(
    "shape, targets, message",
    [
        ((3,), np.array([0, 3]), "received 0 to 3, the network has 3 classes; allowed: 0 to 2"),
        ((3,), np.array([-1, 2]), "received -1 to 2"),
        ((3,), np.array([0.5, 2.0]), "received one number of float64 a sample, the output has"),
        ((3,), np.array([0.0, 3.0]), "received 0 to 3, the network has 3 classes"),
        ((2,), np.zeros((3, 3)), "give whole-number labels"),
        (
            (2,),
            np.array([[1.0, 2], [np.nan, 0], [np.inf, 0]]),
            "in 2 of 3 samples .first: sample 1",
        ),
    ],
)
def test_targets_that_fit_nothing_are_refused(shape, targets, message):
    with pytest.raises(DataError, match=message):
        Score("out", shape, targets, 1)


@pytest.mark.parametrize("targets", [[0.0, 2.0], [[0.0], [2.0]], [[1.0, 0, 0], [0, 0, 1]]])
def test_classes_as_floats(targets):
    score = Score("out", (3,), np.array(targets), 1)
    assert score.task == "classification" and score.targets.dtype.kind == "i"
    assert score.targets.tolist() == [0, 2]
    # Of a single output they may be values.
    assert Score("out", (1,), np.array([0.0, 1.0]), 1).task == "regression"


def test_later_samples_have_the_task_of_the_first():
    values = Score("out", (1,), np.array([0.3, 2.0]), 1)
    assert values.given(np.array([0, 1])).targets.tolist() == [[0.0], [1.0]]
    classes = Score("out", (3,), np.array([0, 2]), 1)
    assert classes.given(np.array([[0, 1, 0]])).targets.tolist() == [1]
    with pytest.raises(DataError, match="one kind"):
        classes.given(np.array([[0.2, 0.3, 0.5]]))
    with pytest.raises(DataError, match="others have none"):
        classes.given(None)
    nothing = Score("out", (3,), None, 1)
    assert nothing.given(None).targets is None


def test_parts_compare_values_in_float64_and_keep_labels():
    values = Score("out", (2,), np.array([[0.1, 0.2], [0.3, 0.4]], "float32"), 1)
    assert values.part(slice(1, 2)).targets.dtype == np.float64
    assert values.part(slice(1, 2)).targets.tolist() == [[np.float32(0.3), np.float32(0.4)]]
    labels = Score("out", (3,), np.array([2, 1, 0], "uint8"), 1).part(slice(0, 2))
    assert labels.targets.dtype == np.uint8 and labels.targets.tolist() == [2, 1]
    assert Score("out", (3,), None, 1).part(slice(0, 2)).targets is None


def test_undecided_samples_are_neither_right_nor_equal():
    cnn = [[2.0, 0], [0, 3], [np.nan, 0]]
    found = scored(
        Score("out", (2,), np.array([0, 1, 1]), 1), cnn, [[[1, 0], [np.inf, 0], [np.nan, 1]]]
    )
    assert found.cnn_accuracy == pytest.approx(2 / 3)
    assert found.accuracy == pytest.approx([1 / 3]) and found.agreement == pytest.approx([1 / 3])


def test_steps_before_the_read_out_has_received_something_have_no_figures():
    cnn = [[2.0, 0]]
    found = scored(Score("out", (2,), np.array([0]), 4, first=3), cnn, [[[1, 0]]] * 4)
    for course in (found.accuracy, found.agreement, found.deviation):
        assert np.isnan(course).tolist() == [True, True, False, False]


def test_one_sample_and_none():
    found = scored(Score("out", (1,), np.array([[3.0]]), 1), [[1.0]], [[[2.0]]])
    assert (found.error, found.cnn_error) == (pytest.approx([1.0]), pytest.approx(2.0))
    assert (found.deviation, found.cnn_spread) == (pytest.approx([1.0]), pytest.approx(1.0))
    found = scored(Score("out", (2,), np.array([1]), 1), [[0, 1.0]], [[[0, 1.0]]])
    assert (found.accuracy, found.cnn_accuracy, found.agreement) == ([1], 1, [1])
    empty = Score("out", (2,), np.array([1]), 2).result()
    assert empty.accuracy.tolist() == [0, 0] and empty.cnn_accuracy == empty.cnn_spread == 0
    assert empty.deviation.tolist() == empty.agreement.tolist() == [0, 0]


def test_the_first_steps_figures_are_there_by_default():
    found = scored(Score("out", (2,), np.array([0]), 2, first=2), [[2.0, 0]], [[[1, 0]]] * 2)
    usual = scored(Score("out", (2,), np.array([0]), 2), [[2.0, 0]], [[[1, 0]]] * 2)
    assert np.isnan(found.accuracy).tolist() == [True, False] and found.first == 2
    assert usual.accuracy.tolist() == [1, 1] and usual.first == 1
    short = OutputScore("out", "regression", *(None,) * 5, np.zeros(2), 1.0)
    assert (short.first, short.cnn_spread) == (1, 1)


def test_a_score_starts_anew_with_each_reference():
    score = Score("out", (2,), np.array([0, 0]), 1)
    for _ in range(2):
        score.reference(np.array([[1.0, 0], [0, 1]]))
        score.add(0, np.array([[1.0, 0], [1, 0]]))
    assert (score.sums.samples, score.sums.elements, score.sums.cnn_right) == (2, 4, 1)
    assert score.result().accuracy.tolist() == [1] and score.result().agreement.tolist() == [0.5]


@pytest.mark.parametrize(
    "labels, right", [([0, 2], True), ([1, 1], True), ([2, 3], False), ([-1, 0], False)]
)
def test_labels_reach_from_zero_to_the_last_class(labels, right):
    if right:
        assert Score("out", (3,), np.array(labels), 1).targets.tolist() == labels
    else:
        with pytest.raises(DataError, match=f"received {labels[0]} to {labels[1]}"):
            Score("out", (3,), np.array(labels), 1)


def test_decisions_by_hand():
    classes = Score("out", (3,), None, 1)
    assert classes.decide(np.array([[1.0, 3, 2], [5, 0, 5], [0, np.nan, 9]])).tolist() == [1, 0, -1]
    binary = Score("out", (1,), np.array([0, 1]), 1)
    assert binary.decide(np.array([[0.0], [0.1], [-0.1], [np.inf]])).tolist() == [0, 1, 0, -1]
    values = np.array([[1.0, 2.0]])
    assert Score("out", (2,), values, 1).decide(values) is values
