"""Recipe "auto": which samples it tries on, and which network it takes."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.facade import automatic, bench, converter
from spkeras.snn.model import loop_of
from tests import networks

pytestmark = pytest.mark.slow


@pytest.fixture()
def seen(monkeypatch):
    """The samples of every calibration and of every comparison, and what the comparisons find."""
    found = SimpleNamespace(fitted=[], tried=[], outcomes=None)
    calibrated, run, of = converter.Calibrated, bench.Bench.run, bench.SweepPoint.of

    def fit(graph, data, *rest, **more):
        found.fitted.append(np.round(np.ravel(data)).astype(int))
        return calibrated(graph, data, *rest, **more)

    def measured(own, snn, *rest):
        found.tried.append(np.round(np.ravel(own.scored.x)).astype(int))
        return run(own, snn, *rest)

    def point(*given, **more):
        known = of(*given, **more)
        if found.outcomes is None:
            return known
        agreement, energy = found.outcomes.get((len(found.tried) - 1), (0.1, 99.0))
        return replace(known, agreement=agreement, energy=energy)

    monkeypatch.setattr(converter, "Calibrated", fit)
    monkeypatch.setattr(bench.Bench, "run", measured)
    monkeypatch.setattr(bench.SweepPoint, "of", point)
    return found


@pytest.fixture(scope="module")
def cnn():
    x = keras.Input((1,))
    return keras.Model(x, layers.Dense(2)(layers.Dense(3, activation="relu")(x)))


def convert(cnn, count, **options):
    x = np.arange(count, dtype="float32")[:, None]
    given = {"spikes": "graded", "timesteps": 2, **options}
    return networks.convert(cnn, x, recipe="auto", **given)


@pytest.mark.parametrize("count, held", [(2, 1), (7, 1), (40, 10), (1000, 200)])
def test_networks_are_tried_on_samples_that_are_held_back(cnn, seen, count, held):
    convert(cnn, count)
    fitted, whole = seen.fitted
    assert whole.tolist() == list(range(count))
    for tried in seen.tried:
        assert len(tried) == held and not set(tried) & set(fitted)
        assert sorted([*tried, *fitted]) == list(range(count))


@pytest.mark.parametrize("classes", [2, 4, 5, 8, 10])
def test_no_order_of_the_data_leaves_a_class_out(cnn, seen, classes):
    """Class by class, or in turns: each is among the samples that are tried on, and the others."""
    convert(cnn, 400)
    for rows in (seen.tried[0], seen.fitted[0]):
        assert len(np.unique(rows % classes)) == classes
        assert len(np.unique(rows * classes // 400)) == classes


def test_the_seed_decides_which_samples_are_held_back(cnn, seen):
    for seed in (0, 0, 1):
        convert(cnn, 40, seed=seed)
    first, same, other = seen.fitted[0], seen.fitted[2], seen.fitted[4]
    assert first.tolist() == same.tolist() != other.tolist()


@pytest.mark.parametrize(
    "outcomes, chosen",
    [
        ({0: (1.0, 5.0), 1: (0.995, 3.0)}, 1),  # within half a point the least energy decides
        ({0: (1.0, 5.0), 1: (0.994, 3.0)}, 0),
        ({0: (0.995, 3.0), 1: (1.0, 5.0)}, 0),
        ({0: (0.980, 3.0), 1: (0.990, 5.0)}, 1),  # none keeps them: the best
        ({0: (1.0, 3.0), 1: (1.0, 5.0)}, 0),
    ],
)
def test_the_cheapest_that_keeps_the_decisions_is_taken(cnn, seen, outcomes, chosen):
    seen.outcomes = outcomes
    graph = loop_of(convert(cnn, 40)).graph
    thresholds = ("percentile", "mse")[chosen]
    assert graph.settings["thresholds"] == thresholds
    choice = next(note for note in graph.notes if note.startswith("auto: "))
    assert ("mse" in choice) == (chosen == 1) and "of 4 networks" in choice
    agreement, energy = outcomes[chosen]
    assert any(f"{agreement:.2%} of the decisions, {energy:.4g} uJ" in n for n in graph.notes)


def test_without_t_each_network_of_a_sweep_is_tried(cnn, seen):
    seen.outcomes = {11: (1.0, 1.0)}
    snn = convert(cnn, 40, timesteps=None)
    assert len(seen.tried) == 12  # 2 numbers of levels, 2 kinds of thresholds, T = 2, 4, 8
    assert loop_of(snn).timesteps == 8 and loop_of(snn).graph.settings["levels"] == 16


def test_binary_spikes_are_tried_with_and_without_stagger(cnn, seen):
    seen.outcomes = {1: (1.0, 1.0)}
    assert loop_of(convert(cnn, 40, spikes="binary", timesteps=8)).settings["stagger"] == 0
    assert len(seen.tried) == 4
    seen.tried.clear()
    assert loop_of(convert(cnn, 40, spikes="binary", timesteps=8, stagger=1)).stagger == 1
    assert len(seen.tried) == 2


def test_a_sweep_of_auto_is_the_sweep_that_auto_does(cnn):
    x = np.linspace(0, 1, 40, dtype="float32")[:, None]
    table = spkeras.sweep(cnn, x, ["auto"], timesteps=[2])
    assert [dict(point.recipe) for point in table.points] == [
        dict(case.config)
        for case in automatic.cases_of([spkeras.recipes.Auto()], [2], spkeras.Simulation())
    ]
    assert {point.recipe["recipe"] for point in table.points} == {"sigma_delta"}
