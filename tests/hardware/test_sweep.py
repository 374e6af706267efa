"""Sweeps over single widths, and their plot."""

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.sweep import sweep
from spkeras.ttfs.lower import lower
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
        assert (point.energy_uj, point.cycles) == (alone.energy.total, alone.total.cycles)
    assert points[1].accuracy == 1.0


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
    from spkeras.report.hardware_plot import sweep_plot

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
