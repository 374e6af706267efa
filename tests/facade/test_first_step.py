"""Where the answer of a run begins, and which T a network was built for."""

import json
import math

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.report import accuracy_tables, begins, exit_tables, summary
from spkeras.report.plot import accuracy_over_time
from tests import networks
from tests.report.records import page_of

T = 16


@pytest.fixture(scope="module")
def case():
    """(network of two layers that start after 0 and 3 steps, its read-out after 6; samples)."""
    cnn = networks.chain()
    x = networks.samples(cnn, 8)
    return (
        spkeras.convert(cnn, x, timesteps=T, simulation=spkeras.Simulation(stagger=3)),
        x,
        np.arange(8) % 5,
    )


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_figures_begin_where_the_readout_receives_something(case, engine):
    snn, x, y = case
    found = spkeras.evaluate(snn, x, y, engine=engine, early_exit=1.0)
    # Layers in a row: 2. The read-out starts after 2 x 3 steps, so that step 7 is its first.
    assert found.first_step == 7 and found.steps.tolist() == list(range(1, T + 1))
    for course in (found.accuracy, found.agreement, found.scores[0].deviation):
        assert len(course) == T
        assert np.isnan(course[:6]).all() and np.isfinite(course[6:]).all()
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (record["first_step"], record["built_for"]) == (7, T)
    assert record["scores"][0]["accuracy"] == [None] * 6 + found.accuracy[6:].tolist()
    assert record["layer_spikes"] == {k: list(v) for k, v in found.layer_spikes.items()}
    assert (found.early_exit.within[:6] == 0).all()


def test_what_is_shown(case):
    snn, x, y = case
    found = spkeras.evaluate(snn, x, y, early_exit=1.0)
    (table,) = accuracy_tables(found)
    assert [row[0] for row in table.rows] == ["7", "8", "16 (built for)"]
    assert "step 7" in begins(found) and "--timesteps N" in begins(found)
    assert "step 7" in exit_tables(found)[0].title
    assert begins(found).replace(">", "&gt;") in page_of(found)
    axes = accuracy_over_time(found).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["SNN"].get_xdata()) == list(range(7, T + 1))
    assert list(lines["built for T = 16"].get_xdata()) == [16]
    assert list(lines["read-out starts, step 7"].get_xdata()) == [7, 7]


def test_a_run_to_another_timesteps_says_so(case):
    snn, x, y = case
    found = spkeras.evaluate(snn, x, y, timesteps=20)
    (text,) = found.warnings
    assert (
        "T = 16" in text and "--timesteps 20" in text and "T = 20 (built for 16)" in summary(found)
    )
    (table,) = accuracy_tables(found)
    assert [row[0] for row in table.rows] == ["7", "8", "16 (built for)", "20"]
    assert spkeras.evaluate(snn, x, y, timesteps=12).built_for == 16
    assert spkeras.evaluate(snn, x, y).warnings == ()


def test_without_stagger_all_steps_count(case):
    snn, x, y = case
    for settings in ({"stagger": 0}, {"schedule": "layer_synchronous"}):
        found = spkeras.evaluate(snn, x, y, **settings)
        assert found.first_step == 1 and np.isfinite(found.accuracy).all()
        assert accuracy_tables(found)[0].rows[0][0] == "1"


def test_graded_spikes_are_the_same_for_any_timesteps(case):
    _, x, y = case
    snn = spkeras.convert(networks.chain(), x, recipe="sigma_delta")
    found = spkeras.evaluate(snn, x, y, timesteps=3)
    assert (found.warnings, found.built_for, begins(found)) == ((), 4, "")


def test_each_output_has_a_start_of_its_own():
    inputs = keras.Input((4,))
    first = layers.Dense(6, activation="relu")(inputs)
    second = layers.Dense(6, activation="relu")(first)
    cnn = networks.dyadic(keras.Model(inputs, [layers.Dense(3)(first), layers.Dense(3)(second)]))
    x = networks.samples(cnn, 8)
    found = spkeras.evaluate(
        spkeras.convert(cnn, x, timesteps=T, simulation=spkeras.Simulation(stagger=2)), x
    )
    assert [score.first for score in found.scores] == [3, 5]
    assert [math.isnan(score.deviation[2]) for score in found.scores] == [False, True]
    assert [table.rows[0][0] for table in accuracy_tables(found)] == ["3", "5"]


def test_saved_networks_remember(case, tmp_path):
    snn, x, y = case
    snn.save(tmp_path / "snn.keras")
    found = spkeras.evaluate(spkeras.load_model(tmp_path / "snn.keras"), x, y)
    assert (found.built_for, found.first_step) == (16, 7)
