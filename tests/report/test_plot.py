"""The plot draws the record."""

import numpy as np

from spkeras.report.plot import accuracy_over_time
from tests.report import records


def test_plot_of_a_classification():
    above, below = accuracy_over_time(records.evaluation()).axes
    snn, cnn = above.get_lines()
    np.testing.assert_array_equal(snn.get_xdata(), records.STEPS)
    np.testing.assert_allclose(snn.get_ydata(), [10, 20, 30, 40, 50, 60])
    np.testing.assert_allclose(cnn.get_ydata(), 61.25)
    assert cnn.get_linestyle() == "--"
    first, second = below.get_lines()
    np.testing.assert_allclose(first.get_ydata(), [0, 1, 2, 4, 5, 6.17])
    np.testing.assert_allclose(second.get_ydata(), [0, 0, 0.5, 1, 1.5, 2])
    assert "clock-driven" in below.get_xlabel() and below.get_xscale() == "log"


def test_plot_of_graded_spikes():
    above, below, exponents, settled = accuracy_over_time(records.graded()).axes
    assert len(above.get_lines()) == len(below.get_lines()) == 2
    (line,) = settled.get_lines()
    np.testing.assert_allclose(line.get_ydata(), [0, 10, 25, 50, 75, 75])
    assert settled.get_ylabel().startswith("samples settled")
    first, second = exponents.containers
    assert [bar.get_height() for bar in first] == [34, 1000, 200]
    assert [bar.get_height() for bar in second] == [5, 15, 0]
    assert [bar.get_y() for bar in second] == [34, 1000, 200]
    names = [text.get_text() for text in exponents.get_legend().get_texts()]
    assert names == ["first[/bold]", "<second>"]


def test_plot_of_what_there_is():
    cases = {
        "accuracy [%]": records.classification(),
        "same decision as the CNN [%]": records.classification(accuracy=None, cnn_accuracy=None),
        "rms error": records.regression(),
    }
    for label, score in cases.items():
        above, _ = accuracy_over_time(records.evaluation(score)).axes
        assert above.get_ylabel() == label
    above, _ = accuracy_over_time(records.evaluation(cases["rms error"])).axes
    np.testing.assert_array_equal(above.get_lines()[0].get_ydata(), cases["rms error"].error)
