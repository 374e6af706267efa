"""Sweeps over single widths, and their plot."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.hardware import log_ttfs
from spkeras.metrics.costs import HOROWITZ_45NM
from spkeras.ttfs.lower import lower
from tests.benchmarks.configurations import sweep
from tests.ttfs.nets import pixels


@pytest.fixture(scope="module")
def plan(chain_model):
    return lower(read_graph(chain_model))


@pytest.fixture(scope="module")
def data(chain_program):
    images = pixels((6, 6, 2), 30, seed=2)
    return images, log_ttfs.run(chain_program, images).decisions


def test_points_are_runs_of_their_own(plan, data, chain_model):
    told = []
    points = sweep(plan, "table_bits", (2, 12), *data, progress=lambda *now: told.append(now))
    assert told == [(1, 2), (2, 2)] and [point.value for point in points] == [2, 12]
    for point in points:
        config = log_ttfs.HardwareConfig(table_bits=point.value)
        alone = log_ttfs.run(log_ttfs.compile(chain_model, config), *data)
        assert point.accuracy == alone.accuracy
        assert (point.energy, point.cycles) == (alone.energy, alone.total.cycles)
    assert points[1].accuracy == 1.0


@pytest.mark.parametrize(
    "field, values",
    [
        ("pe_count", (1, 3, 64)),
        ("clock_hz", (1e6, 1e9)),
        ("weight_kib", (1, 64)),
        ("membrane_kib", (1, 64)),
    ],
)
def test_what_changes_no_sum_is_priced_from_one_run(plan, data, chain_model, field, values):
    points = sweep(plan, field, values, *data)
    for point in points:
        config = log_ttfs.HardwareConfig(**{field: point.value})
        alone = log_ttfs.run(log_ttfs.compile(chain_model, config), *data)
        assert (point.accuracy, point.energy) == (alone.accuracy, alone.energy)
        assert (point.cycles, point.seconds) == (alone.total.cycles, alone.seconds)
    assert len({(point.energy.total, point.seconds) for point in points}) > 1


def test_tables_of_costs_are_swept_like_fields(plan, data):
    points = sweep(plan, "costs", ("horowitz-45nm", replace(HOROWITZ_45NM, name="own")), *data)
    assert [point.value for point in points] == ["horowitz-45nm", "own"]
    assert points[0].energy.total == points[1].energy.total > 0


def test_what_is_refused_is_a_point_too(plan, data):
    narrow, wide = sweep(plan, "accumulator_bits", (6, 32), *data)
    assert narrow.accuracy is None and "wider accumulator" in narrow.refused
    assert wide.accuracy == 1.0 and not wide.refused


def test_fields_and_values_that_are_none_are_refused(plan, data):
    with pytest.raises(OptionError, match="field='width'"):
        sweep(plan, "width", (1,), *data)
    with pytest.raises(OptionError, match="table_bits=1"):
        sweep(plan, "table_bits", (1,), *data)


def test_a_plot_shows_every_field(plan, data, tmp_path):
    pytest.importorskip("matplotlib")
    from tests.benchmarks.hardware_plot import sweep_plot

    found = {
        "table_bits": sweep(plan, "table_bits", (2, 12), *data),
        "accumulator_bits": sweep(plan, "accumulator_bits", (6, 32), *data),
    }
    figure = sweep_plot(found, "chain", 1.0)
    assert [axes.get_xlabel() for axes in figure.axes] == list(found)
    drawn = figure.axes[1].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, [100.0])
    assert list(figure.axes[1].lines[1].get_xdata()) == [0]
    figure.savefig(tmp_path / "plot.svg")


def test_a_panel_may_have_several_lines_and_the_grid_several_rows(plan, data):
    pytest.importorskip("matplotlib")
    from tests.benchmarks.hardware_plot import cost_plot, sweep_plot

    points = sweep(plan, "pe_count", (2, 64), *data)
    panels = {f"panel {i}": {"one": points, "other": points[1:]} for i in range(6)}
    figure = sweep_plot(panels, "chain", quantity="time")
    assert len(figure.axes) == 6 and figure.axes[0].get_ylabel() == "time a sample [ms]"
    one, _, other, _ = figure.axes[5].lines
    np.testing.assert_allclose(one.get_ydata(), [1e3 * point.seconds for point in points])
    assert list(other.get_xdata()) == [1]
    tables = sweep(plan, "costs", ("horowitz-45nm", "jouppi-7nm"), *data)
    drawn = cost_plot(tables, {"pe_count": ("energy", {"": points})}, "chain").axes
    tops = [sum(bar.get_height() for bar in drawn[0].patches[i::2]) for i in range(2)]
    np.testing.assert_allclose(tops, [point.energy.total for point in tables])
