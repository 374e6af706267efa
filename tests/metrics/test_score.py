"""Scores of outputs, with numbers that can be checked by hand."""

import numpy as np
import pytest

from spkeras.metrics import Score


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
