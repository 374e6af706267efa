"""Recipe "auto": which samples it tries on, and which network it takes."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.facade import automatic
from spkeras.snn.model import loop_of
from tests import networks

pytestmark = pytest.mark.slow


@pytest.fixture()
def seen(monkeypatch):
    """The samples of every calibration and of every comparison of candidates."""
    found = SimpleNamespace(fitted=[], tried=[], outcomes=None)
    calibrated, evaluated = automatic.Calibrated, automatic.evaluate

    def fit(model, data, *rest, **more):
        found.fitted.append(np.round(np.ravel(data)).astype(int))
        return calibrated(model, data, *rest, **more)

    def evaluate(snn, data, **more):
        found.tried.append(np.round(np.ravel(data)).astype(int))
        result = evaluated(snn, data, **more)
        if found.outcomes is None:
            return result
        known = len(found.tried) <= len(found.outcomes)
        error, spikes = found.outcomes[len(found.tried) - 1] if known else (0.9, 9.0)
        score = SimpleNamespace(deviation=[9.0, error], cnn_spread=1.0)
        activity = SimpleNamespace(spikes_per_neuron=spikes)
        return SimpleNamespace(scores=[score], activity=activity)

    monkeypatch.setattr(automatic, "Calibrated", fit)
    monkeypatch.setattr(automatic, "evaluate", evaluate)
    return found


@pytest.fixture(scope="module")
def cnn():
    x = keras.Input((1,))
    return keras.Model(x, layers.Dense(2)(layers.Dense(3, activation="relu")(x)))


def convert(cnn, count, **options):
    x = np.arange(count, dtype="float32")[:, None]
    return networks.convert(cnn, x, recipe="auto", spikes="graded", timesteps=2, **options)


@pytest.mark.parametrize("count, held", [(2, 1), (7, 1), (40, 10), (1000, 200)])
def test_candidates_are_tried_on_samples_that_are_held_back(cnn, seen, count, held):
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
        (((0.100, 5.0), (0.104, 3.0)), 1),  # as good to within 5 %: fewer spikes decide
        (((0.100, 5.0), (0.106, 3.0)), 0),
        (((0.104, 3.0), (0.100, 5.0)), 0),
        (((0.106, 3.0), (0.100, 5.0)), 1),
        (((0.100, 3.0), (0.104, 5.0)), 0),
    ],
)
def test_the_nearest_is_taken_and_of_like_ones_that_with_fewer_spikes(cnn, seen, outcomes, chosen):
    seen.outcomes = outcomes
    notes = loop_of(convert(cnn, 40)).graph.notes
    tried = [note for note in notes if note.startswith("auto tried ")]
    assert f"{outcomes[0][0]:.2%}" in tried[0] and f"{outcomes[1][0]:.2%}" in tried[1]
    label, _, _ = tried[chosen].removeprefix("auto tried ").partition(":")
    assert any(note.startswith(f"auto: {label};") for note in notes)
