"""Charts of a report by hand: sizes, limits of axes, numbers."""

import re

import numpy as np
import pytest

from spkeras.metrics.energy import Energy, NetworkEnergy
from spkeras.report import charts
from spkeras.report.numbers import microjoules
from spkeras.report.svg import Chart, linear
from tests.facade.test_sweep import by_hand, point


def test_few_classes_do_not_fill_the_page():
    matrix = np.diag([3, 4, 5])
    few, many = charts.confusion(matrix), charts.confusion(np.eye(20, dtype=np.int64))
    wide = [float(re.search(r"max-width: ([\d.]+)px", svg)[1]) for svg in (few, many)]
    assert wide[0] < 250 and wide[1] > 3 * wide[0]


def test_errors_have_an_axis_from_zero_and_shares_one_to_hundred():
    assert linear([0.001, 0.2], "error", least=0.0).low == 0
    assert linear([0.001, 0.2], "error").low < 0
    assert linear([99.0, 100.0], "share", most=100).high == 100
    sweep = by_hand(
        point("a", 0, 1.0, deviation=0.2),
        point("b", 0, 2.0, deviation=0.001),
        measure="deviation",
    )
    assert ">-0" not in charts.over_steps(sweep) and ">0<" in charts.over_steps(sweep)


def test_the_label_of_a_line_at_the_top_keeps_clear_of_the_title():
    chart = Chart("alt", linear([1, 2], "x"), linear([90, 100], "y", most=100))
    chart.across(100, "CNN 100 %")
    label = chart.parts[-1]
    assert 'text-anchor="end"' in label and float(re.search(r' x="([\d.]+)"', label)[1]) > 400


def test_no_interval_is_cut_and_labels_do_not_cover_one_another():
    sweep = by_hand(
        point("a", 0.90, 1.0, low=0.87, high=0.97),
        point("b", 0.901, 1.01, low=0.88, high=0.96),
        point("a", 0.93, 5.0, low=0.9, high=0.99),
    )
    svg = charts.over_energy(sweep)
    tops = [float(y) for y in re.findall(r'class="span[^>]* y2="([\d.]+)"', svg)]
    bottoms = [float(y) for y in re.findall(r'class="span[^>]* y1="([\d.]+)"', svg)]
    # 97 - 87, 96 - 88 and 99 - 90 points, none of them cut: one scale.
    heights = sorted(b - t for t, b in zip(tops, bottoms, strict=True))
    np.testing.assert_allclose(np.array(heights) / heights[0], [1, 9 / 8, 10 / 8], rtol=0.02)
    assert svg.count('class="small"') == 2  # of the two that lie on each other, one has a label


def test_energies_by_hand():
    def network(arithmetic, memory):
        return NetworkEnergy({"synapses": arithmetic}, {"weights": memory})

    svg = charts.energies(Energy("t", "45 nm", "int8", network(1.0, 3.0), network(2.0, 0.0)))
    bars = re.findall(r'class="(\w+)" x="([\d.]+)" y="\d+" width="([\d.]+)"', svg)
    assert [name for name, _, _ in bars] == ["arithmetic", "memory"] * 2
    wide = [float(width) for _, _, width in bars]
    np.testing.assert_allclose(np.array(wide) / wide[0], [1, 3, 2, 0], rtol=0.01)
    assert float(bars[1][1]) == pytest.approx(float(bars[0][1]) + wide[0], abs=0.2)
    assert "SNN 1.00 uJ of arithmetic and 3.00 of memory" in svg


@pytest.mark.parametrize(
    "energy, text",
    [(0.02234, "0.0223"), (0.5, "0.5"), (1.5, "1.50"), (28.04, "28.0"), (3934.2, "3934"), (0, "0")],
)
def test_energies_have_three_digits(energy, text):
    assert microjoules(energy) == text
