"""Thresholds fitted to what has to be sent: by hand, silent channels, windows of late layers."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.facade.calibrated import windows
from spkeras.graph.stats import BINS, ActivationStats
from spkeras.passes.coder import Coder
from spkeras.passes.thresholds import _values, fit
from spkeras.recipes import get
from spkeras.recipes.statistics import automatic_thresholds
from spkeras.snn.model import loop_of
from tests.histograms import bins


def test_the_threshold_rises_by_twice_the_mean_excess():
    values = np.float32([0, 0, 0, 1.0, 2.0, 4.0])
    histogram = np.zeros((2, BINS), np.int64)
    np.add.at(histogram[0], bins(values), 1)
    histogram[1, 0] = 6
    stats = ActivationStats(np.float32([4, 0]), np.zeros(2, np.float32), histogram, 6)
    middles = stats.magnitudes()[bins(values)]
    threshold = 0.0
    for _ in range(64):
        threshold += 2 * np.maximum(middles * (values > 0) - threshold, 0).mean()
    found = fit("balance", stats, np.float32([3.0, 5.0]), Coder(16))
    np.testing.assert_allclose(found, [threshold, 5.0], rtol=1e-6)
    assert 3.9 < threshold < 4.1


def seen(values):
    """Statistics of a channel with these values, and of one that was silent."""
    histogram = np.zeros((2, BINS), np.int64)
    np.add.at(histogram[0], bins(np.float32(values)), 1)
    histogram[1, 0] = len(values)
    maximum = np.float32([max(values), 0])
    return ActivationStats(maximum, np.zeros(2, np.float32), histogram, len(values))


def test_balancing_small_values_stays_below_one():
    stats = seen([0.125, 0.25, 0.25])
    middles = stats.magnitudes()[bins(np.float32([0.125, 0.25, 0.25]))]
    threshold = 0.0
    for _ in range(64):
        threshold += 2 * np.maximum(middles - threshold, 0).mean()
    found = fit("balance", stats, np.float32([3.0, 5.0]), Coder(16))
    np.testing.assert_allclose(found, [threshold, 5.0], rtol=1e-6)
    assert 0.4 < threshold < 0.45


@pytest.mark.parametrize("starts", [1.5, 5.0])
def test_iteration_by_hand(starts):
    """Lloyd's algorithm on a scale: counts for the threshold, then the best threshold for them."""
    values = np.repeat([0.5, 1.0, 2.25, 3.0], [40, 10, 4, 2])
    stats = seen(values)
    middles = stats.magnitudes()[bins(np.float32(values))]
    threshold = starts
    for _ in range(100):
        counts = np.clip(np.floor(4 * middles / threshold + 0.5), 0, 4) / 4
        before, threshold = threshold, (middles * counts).sum() / (counts**2).sum()
        if abs(threshold - before) < 1e-4 * before:
            break
    found = fit("iteration", stats, np.float32([starts, 1.0]), Coder(4))
    np.testing.assert_allclose(found[0], threshold, rtol=1e-6)
    assert found[0] != starts


def test_iteration_from_a_threshold_that_no_value_reaches_stays():
    assert fit("iteration", seen([0.1, 0.2]), np.float32([8.0, 1.0]), Coder(4))[0] == 8


def test_mean_square_error_by_trying_all_candidates():
    """Of eight thresholds to the octave, down from 2^(3/4) times the largest value."""
    values = np.repeat([0.3, 1.1, 2.6], [30, 9, 3])
    stats = seen(values)
    middles = stats.magnitudes()[bins(np.float32(values))]
    candidates = middles.max() * 2.0 ** (np.arange(6, -54, -1) / 8)

    def error(threshold):
        counts = np.clip(np.floor(4 * middles / threshold + 0.5), 0, 4)
        return ((counts * threshold / 4 - middles) ** 2).sum()

    best = min(candidates, key=error)
    found = fit("mse", stats, np.float32([1.0, 1.0]), Coder(4))[0]
    np.testing.assert_allclose(found, best, rtol=1e-6)


@pytest.mark.parametrize("small", [[2.0**-14], [2.0**-14, 2.0**-15], [2.0**-14] * 3])
def test_balancing_with_values_below_the_finest(small):
    """They are taken together, which changes no mean."""
    values = np.array([*small, 1.0, 2.0, 4.0])
    stats = seen(values)
    middles = stats.magnitudes()[bins(np.float32(values))]
    threshold = 0.0
    for _ in range(64):
        threshold += 2 * np.maximum(middles - threshold, 0).mean()
    found = fit("balance", stats, np.float32([3.0, 5.0]), Coder(16))
    np.testing.assert_allclose(found[0], threshold, rtol=1e-5)


@pytest.mark.parametrize("method", ["mse", "iteration", "balance"])
def test_a_silent_channel_keeps_the_threshold_it_had(method):
    found = fit(method, seen([0, 0.25, 1.0]), np.float32([1.0, 0.75]), Coder(8))
    assert found[1] == np.float32(0.75)
    assert 0.1 < found[0] < 2


def test_rare_large_values_count_however_many_small_ones_there_are():
    """Small values fill the bins of 20 octaves; the large ones, each alone in its bin, decide."""
    values = np.concatenate([2.0 ** -np.arange(1, 21, 1 / 256), np.linspace(1, 4, 40)])
    found = fit("mse", seen(values), np.float32([1, 1]), Coder(8))[0]

    def error(threshold):
        counts = np.clip(np.floor(8 * values / threshold + 0.5), 0, 8)
        return ((counts * threshold / 8 - values) ** 2).sum()

    assert error(found) < 1.1 * min(error(t) for t in np.linspace(0.1, 8, 400))


def test_fewer_steps_make_for_a_lower_threshold():
    """One large value among many small ones: with two levels the small ones decide."""
    stats = seen([0.1] * 200 + [1.0])
    few, many = (fit("mse", stats, np.float32([1, 1]), Coder(t))[0] for t in (2, 64))
    assert few < 0.3 < 0.9 < many


def small_cnn(units=6):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((12,)),
            *(keras.layers.Dense(units, "relu") for _ in range(4)),
            keras.layers.Dense(3),
        ]
    )


def test_each_layer_is_fitted_to_the_steps_that_it_may_fire_for():
    cnn, x = small_cnn(), np.random.default_rng(0).random((200, 12), np.float32)
    snn = spkeras.convert(cnn, x, timesteps=16, simulation=spkeras.Simulation(stagger=3.5))
    graph = loop_of(snn).graph
    fires = windows(graph, 16, spkeras.Simulation(stagger=3.5))
    assert list(fires.values()) == [16, 13, 9, 6]
    waiting = spkeras.Simulation(schedule="layer_synchronous", stagger=3.5)
    assert set(windows(graph, 16, waiting).values()) == {16}
    # Two layers behind each other whose windows differ: as if converted for those windows alone.
    for node, steps in zip(graph.of("neuron"), fires.values(), strict=True):
        alone = loop_of(
            spkeras.convert(cnn, x, timesteps=steps, simulation=spkeras.Simulation(stagger=0))
        ).graph
        np.testing.assert_array_equal(scale_of(graph, node), scale_of(alone, node))


def scale_of(graph, node):
    """What a spike stands for, up to a factor of the CNN's own: bias of the neurons' source."""
    return graph[node.inputs[0]].arrays["bias"]


def test_a_channel_that_never_fires_stays_finite_without_any_threshold_given():
    cnn, x = small_cnn(), np.random.default_rng(0).random((50, 12), np.float32)
    kernel, bias = cnn.layers[1].get_weights()
    bias[2] = -1000.0
    cnn.layers[1].set_weights([kernel, bias])
    snn = spkeras.convert(cnn, x, timesteps=16)
    for node in loop_of(snn).graph.nodes:
        for array in node.arrays.values():
            assert np.isfinite(array).all()


@pytest.mark.parametrize(
    "given, chosen",
    [
        ({}, None),
        ({"percentile": 99.0}, "percentile"),
        ({"percentile": 99.0, "thresholds": "mse"}, "mse"),
        ({"thresholds": "percentile"}, "percentile"),
        ({"reset": "zero"}, "percentile"),
        ({"neuron": "signed"}, "percentile"),
        ({"neuron": "burst"}, "percentile"),
        ({"spike_code": "differential", "neuron": "signed"}, "percentile"),
        ({"recipe": "sigma_delta"}, "percentile"),
        ({"recipe": "cq"}, "learned"),
        ({"recipe": "cq+"}, "trained"),
    ],
)
def test_thresholds_are_chosen_from_the_time_where_counting_says_what_is_lost(given, chosen):
    assert get(given.pop("recipe", "ecc"), "conversion", **given).thresholds == chosen


@pytest.mark.parametrize("timesteps, chosen", [(1, "mse"), (63, "mse"), (64, "percentile")])
def test_few_steps_want_fitted_thresholds(timesteps, chosen):
    x = np.random.default_rng(0).random((50, 12), np.float32)
    settings = loop_of(spkeras.convert(small_cnn(), x, timesteps=timesteps)).graph.settings
    assert settings["thresholds"] == chosen
    given = loop_of(spkeras.convert(small_cnn(), x, timesteps=timesteps, percentile=99)).graph
    assert given.settings["thresholds"] == "percentile"


@pytest.mark.parametrize("method", ["mse", "iteration", "balance"])
@pytest.mark.parametrize("unit", [2.0**-14, 2.0**10])
def test_thresholds_follow_the_unit_of_the_values(method, unit):
    values = np.repeat([0.3, 0.9, 1.1, 2.25, 2.6], [30, 12, 9, 4, 3])
    start = np.float32([1.5, 1.0])
    found = fit(method, seen(values), start, Coder(5))
    scaled = fit(method, seen(unit * values), np.float32(unit) * start, Coder(5))
    np.testing.assert_allclose(scaled[0], unit * found[0], rtol=1e-6)


@pytest.mark.parametrize(
    "small, kept",
    [([], 0), ([2.0**-14], 1), ([2.0**-14, 2.0**-15], 1), ([2.0**-13, 2.0**-14, 2.0**-15], 1)],
)
def test_values_below_the_finest_are_taken_together(small, kept):
    """A search takes as long as there are values to be told apart."""
    values, weights = _values(seen([*small, 1.0, 1.0, 4.0]), 0)
    assert len(values) == kept + 2
    assert weights.tolist() == [len(small)] * kept + [2, 1]
    assert values[kept:] == pytest.approx([1.0, 4.0], rel=0.01)
    if small:
        assert values[0] == pytest.approx(np.mean(small), rel=0.01)


def test_a_few_large_values_are_balanced_in_64_rounds():
    """V falls short of the one value x by x (1 - 2 s)^64, s its share."""
    stats = seen([*[0.0] * 999, 2.0])
    (x,) = stats.magnitudes()[bins(np.float32([2.0]))]
    found = fit("balance", stats, np.float32([3.0, 5.0]), Coder(16))
    np.testing.assert_allclose(found, [x * (1 - 0.998**64), 5.0], rtol=1e-5)


def test_thresholds_that_are_tried():
    """Eight to the octave, from 2^(3/4) times the largest value down to a hundredth of it."""
    tried = []

    class Recorder(Coder):
        def carried(self, x):
            tried.append(np.asarray(x))
            return super().carried(x)

    stats = seen([1.0, 3.0])
    values = stats.magnitudes()[bins(np.float32([1.0, 3.0]))]
    fit("mse", stats, np.float32([1.0, 1.0]), Recorder(4))
    ((scaled,),) = [tried]
    np.testing.assert_allclose(
        values / scaled,
        np.tile(values.max() * 2.0 ** (np.arange(6, -54, -1)[:, None] / 8), 2),
        rtol=1e-12,
    )


def test_the_automatic_method_changes_at_64_steps():
    assert [automatic_thresholds(steps) for steps in (1, 63, 64, 65, 1000)] == [
        "mse",
        "mse",
        "percentile",
        "percentile",
        "percentile",
    ]


@pytest.mark.parametrize("octaves, apart", [(11.5, True), (12.5, False)])
def test_values_are_told_apart_down_to_the_finest(octaves, apart):
    values, _ = _values(seen([4 * 2.0**-octaves, 4 * 2.0 ** -(octaves + 0.25), 4.0]), 0)
    assert len(values) == (3 if apart else 2)
