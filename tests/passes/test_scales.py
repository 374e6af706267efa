"""What one spike stands for, from hand-made statistics."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.graph.stats import BINS, ActivationStats
from spkeras.passes.neurons import place_neurons
from spkeras.passes.pipeline import fold
from spkeras.passes.scales import choose_scales, join_scales
from spkeras.recipes import Conversion
from spkeras.recipes.statistics import VALUES_PERCENTILE, automatic_percentile
from tests import networks
from tests.histograms import bins


def stats_of(values):
    """Statistics of values (n, channels), as calibration would give them."""
    values = np.asarray(values, "float32")
    channels = values.shape[1]
    histogram = np.zeros((channels, BINS), "int64")
    for channel in range(channels):
        np.add.at(histogram[channel], bins(np.abs(values[:, channel])), 1)
    return ActivationStats(np.abs(values).max(0), values.min(0), histogram, len(values))


def graph_of(model):
    return place_neurons(fold(read_graph(model)), Conversion())


def dense_net(channels=3, activation="relu"):
    return graph_of(
        keras.Sequential(
            [
                keras.Input((2,), name="x"),
                layers.Dense(channels, name="hidden"),
                layers.Activation(activation, name="act"),
                layers.Dense(2, name="end"),
            ]
        )
    )


X = stats_of([[-3.0, 1.0]])


def test_the_maximum_of_the_layer_or_of_each_channel():
    stats = {"x": X, "act": stats_of([[0.5, 2.0, 1.0], [0.75, 0.0, 1.0]])}
    graph = dense_net()
    scales = choose_scales(graph, stats)
    assert {name: scale.tolist() for name, scale in scales.items()} == {"x": 3.0, "act": 2.0}
    per_channel = choose_scales(graph, stats, per_channel=True)
    assert per_channel["act"].tolist() == [0.75, 2.0, 1.0]
    assert per_channel["x"].tolist() == 3.0, "inputs have one scale"
    assert all(scale.dtype == np.float32 for scale in per_channel.values())


def test_a_percentile_leaves_outliers_out():
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 1, (4000, 3)) * [1, 2, 4]
    values[0] = 100
    stats = {"x": X, "act": stats_of(values)}
    found = choose_scales(dense_net(), stats, 99.0, per_channel=True)["act"]
    np.testing.assert_allclose(found, np.percentile(values, 99, axis=0), rtol=1 / 32)
    whole = choose_scales(dense_net(), stats, 99.0)["act"]
    np.testing.assert_allclose(whole, np.percentile(values, 99), rtol=1 / 32)
    assert choose_scales(dense_net(), stats, 100.0)["act"] == 100
    assert choose_scales(dense_net(), stats, 99.0)["x"] == 3, "inputs keep their maximum"


def test_a_channel_that_was_silent_takes_the_layers_largest_and_a_silent_layer_one():
    stats = {"x": stats_of([[0.0, 0.0]]), "act": stats_of([[0.5, 0.0, 2.0]])}
    scales = choose_scales(dense_net(), stats, per_channel=True)
    assert scales["act"].tolist() == [0.5, 2.0, 2.0]
    assert scales["x"].tolist() == 1.0
    stats["act"] = stats_of([[0.0, 0.0, 0.0]])
    assert choose_scales(dense_net(), stats, per_channel=True)["act"].tolist() == [1, 1, 1]
    assert choose_scales(dense_net(), stats)["act"].tolist() == 1


def test_a_channel_that_is_rarely_active_keeps_its_maximum():
    """5 of 10,000 values are positive: the 99.9th percentile is 0 and says nothing."""
    values = np.zeros((10000, 3))
    values[:5] = 7.0
    scales = choose_scales(dense_net(), {"x": X, "act": stats_of(values)}, 99.9, True)
    assert scales["act"].tolist() == [7, 7, 7]


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_bounded_relu_never_exceeds_its_bound(per_channel):
    stats = {"x": X, "act": stats_of([[4.0, 40.0, 6.5]])}
    found = choose_scales(dense_net(activation="relu6"), stats, per_channel=per_channel)["act"]
    assert found.tolist() == ([4, 6, 6] if per_channel else 6)


@pytest.mark.parametrize("percentile", [0, -1, 100.1])
def test_percentiles_out_of_range(percentile):
    with pytest.raises(OptionError, match="percentile"):
        choose_scales(dense_net(), {"x": X, "act": X}, percentile)


def test_neurons_that_meet_in_an_addition_share_the_largest_scale():
    """The stem reaches `a_add` by the identity; `a2` has weights of its own to take a unit."""
    graph = graph_of(networks.residual())
    own = {node.name: np.float32(i + 1) for i, node in enumerate(graph.of("neuron"))}
    own["image"] = np.float32(9)
    assert join_scales(graph, own) == own, "no two spike trains meet"
    x = keras.Input((4, 4, 2), name="image")
    y = layers.Conv2D(4, 1, activation="relu", name="first")(x)
    a = layers.Conv2D(4, 1, activation="relu", name="left")(y)
    b = layers.AveragePooling2D(1, name="pool")(
        layers.Conv2D(4, 1, activation="relu", name="right")(y)
    )
    c = layers.Add(name="two")([a, b])
    d = layers.Conv2D(4, 1, activation="relu", name="third")(c)
    e = layers.Add(name="three")([c, d])
    graph = graph_of(keras.Model(x, layers.GlobalAveragePooling2D()(e)))
    scales = {"image": 9.0, "first": 8.0, "left": 1.0, "right": 4.0, "third": 2.0}
    scales = {name: np.float32(value) for name, value in scales.items()}
    assert {n: float(s) for n, s in join_scales(graph, scales).items()} == {
        "image": 9,
        "first": 8,
        "left": 4,
        "right": 4,
        "third": 4,
    }


def test_joined_scales_per_channel_and_mixed():
    x = keras.Input((4,), name="x")
    a = layers.Dense(3, activation="relu", name="a")(x)
    b = layers.Dense(3, activation="relu", name="b")(x)
    graph = graph_of(keras.Model(x, layers.Dense(2)(layers.Add()([a, b]))))
    scales = {"x": np.float32(1), "a": np.float32([1, 5, 2]), "b": np.float32([4, 3, 2])}
    joined = join_scales(graph, scales)
    assert joined["a"].tolist() == joined["b"].tolist() == [4, 5, 2]
    joined = join_scales(graph, {**scales, "b": np.float32(3)})
    assert joined["a"].tolist() == [3, 5, 3]


def test_a_concatenation_joins_nothing():
    graph = graph_of(networks.concat())
    scales = {n.name: np.float32(i + 1) for i, n in enumerate(graph.of("input", "neuron"))}
    assert join_scales(graph, scales) == scales


def test_the_automatic_percentile_cuts_less_the_longer_a_network_runs():
    chosen = [automatic_percentile(t) for t in (1, 16, 64, 256, 4096)]
    assert chosen == sorted(chosen) and chosen[0] == 99.5
    assert chosen[2] == pytest.approx(99.97)
    assert 100 - chosen[3] == pytest.approx((100 - chosen[2]) / 8, rel=0.05)


@pytest.mark.parametrize(
    "timesteps, expected", [(1, 99.5), (16, 99.76), (64, 99.97), (256, 99.9962)]
)
def test_the_automatic_percentile_by_its_formula(timesteps, expected):
    assert automatic_percentile(timesteps) == pytest.approx(expected, abs=2e-4)
    assert automatic_percentile(100) == 99.9846, "four digits"


def test_an_addition_of_three_branches_and_of_one_twice():
    x = keras.Input((4,), name="x")
    a, b, c = (layers.Dense(3, activation="relu", name=name)(x) for name in "abc")
    total = layers.Add()([a, b, layers.Add()([c, c])])
    graph = graph_of(keras.Model(x, layers.Dense(2)(total)))
    scales = {"x": np.float32(9), "a": np.float32(1), "b": np.float32(2), "c": np.float32(3)}
    joined = join_scales(graph, scales)
    assert {name: float(scale) for name, scale in joined.items()} == {
        "x": 9,
        "a": 3,
        "b": 3,
        "c": 3,
    }


def almost_silent(value, share=0.0, others=0.0, samples=10_000):
    """Two channels with values in [0, 4], and one that has a value once, or in a share of all."""
    values = np.random.default_rng(0).uniform(0, 4, (samples, 3))
    values[:, 2] = others
    values[: max(int(share * samples), 1), 2] = value
    return stats_of(values)


def test_a_channel_that_was_almost_silent_has_the_layers_scale():
    """One value of 10,000, a thousandth of the others: no measure of what it may send."""
    stats = {"x": X, "act": almost_silent(0.004)}
    found = choose_scales(dense_net(), stats, 99.9, per_channel=True)["act"]
    assert found[2] == pytest.approx(4, rel=0.01)
    whole = choose_scales(dense_net(), stats, 100.0, per_channel=True)["act"]
    assert whole[2] == np.float32(0.004), "100 is the maximum"


def test_fitted_thresholds_of_a_channel_that_was_almost_silent_too():
    stats = {"x": X, "act": almost_silent(0.004)}
    found = choose_scales(
        dense_net(), stats, 99.9, True, lambda node, seen, start: np.float32([1, 2, 0.004])
    )["act"]
    assert found[:2].tolist() == [1, 2] and found[2] == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize(
    "value, share, others, largest",
    [
        (0.004, 0.0, 0.0, 4.0),  # almost silent: the layer's
        (0.01, 0.2, 0.0, 4.0),  # weak: the layer's, 2^10 times what was seen at most
        (0.001, 0.2, 0.0, 1.024),
        (1000.0, 0.0002, 0.5, 1000.0),  # rare and large: what was seen
        (8.0, 0.2, 0.0, 8 * 64.0),  # as without these rules
    ],
)
def test_the_largest_graded_spike_reaches_what_may_come(value, share, others, largest):
    stats = {"x": X, "act": almost_silent(value, share, others)}
    found = choose_scales(dense_net(), stats, 99.9, True, levels_above_scale=6)["act"]
    assert 64 * found[2] == pytest.approx(largest, rel=0.02)
    np.testing.assert_allclose(found[:2], 4, rtol=0.01)


def test_without_headroom_a_weak_channel_keeps_its_scale():
    stats = {"x": X, "act": almost_silent(0.01, 0.2)}
    found = choose_scales(dense_net(), stats, 99.9, True)["act"]
    assert found[2] == pytest.approx(0.01, rel=0.02)


def test_a_silent_channel_beside_small_ones():
    stats = {"x": X, "act": stats_of([[0.5, 0.0, 0.25]])}
    assert choose_scales(dense_net(), stats, per_channel=True)["act"].tolist() == [0.5, 0.5, 0.25]


def test_one_channel_that_is_added_to_many_shares_one_number():
    x = keras.Input((4, 4, 2), name="x")
    a = layers.Conv2D(3, 1, activation="relu", name="a")(x)
    b = layers.Conv2D(1, 1, activation="relu", name="b")(x)
    graph = graph_of(keras.Model(x, layers.Conv2D(2, 1)(layers.Add()([a, b]))))
    scales = {"x": np.float32(1), "a": np.float32([1, 5, 2]), "b": np.float32([4])}
    joined = join_scales(graph, scales)
    assert joined["a"].shape == joined["b"].shape == ()
    assert float(joined["a"]) == float(joined["b"]) == 5


def test_a_percentile_below_one_is_allowed():
    values = np.linspace(0, 1, 1001)[:, None] * [1, 2, 4]
    stats = {"x": X, "act": stats_of(values[1:])}
    found = choose_scales(dense_net(), stats, 0.5, per_channel=True)["act"]
    np.testing.assert_allclose(found, [0.005, 0.01, 0.02], rtol=1 / 16)


def test_the_maximum_may_lie_where_the_histogram_did_not_look():
    """Of large tensors it counts positions drawn at random; the maximum is that of all."""
    seen = stats_of([[0.5, 2.0, 1.0], [0.75, 0.0, 1.0]])
    drawn = ActivationStats(np.float32([9, 2, 1]), seen.lowest, seen.histogram, 2, 0.5)
    scales = choose_scales(dense_net(), {"x": X, "act": drawn}, per_channel=True)
    assert scales["act"].tolist() == [9, 2, 1]


@pytest.mark.parametrize("active, rare", [(2, True), (4, False)])
def test_a_channel_is_almost_silent_below_three_in_ten_thousand(active, rare):
    values = np.tile([2.0, 4.0, 0.0], (10_000, 1))
    values[:active, 2] = 0.5
    found = choose_scales(dense_net(), {"x": X, "act": stats_of(values)}, 99.99, True)["act"]
    np.testing.assert_allclose(found, [2, 4, 4 if rare else 0.5], rtol=1 / 32)


def test_what_has_no_scale_carries_none_to_an_addition():
    x = keras.Input((4,), name="x")
    a = layers.Dense(3, activation="relu", name="a")(x)
    b = layers.Dense(3, activation="relu", name="b")(a)
    c = layers.Dense(3, activation="relu", name="c")(b)
    graph = graph_of(keras.Model(x, layers.Dense(2)(layers.Add()([a, b, c]))))
    scales = {"a": np.float32(1), "c": np.float32(3)}
    assert {n: float(s) for n, s in join_scales(graph, scales).items()} == {"a": 3, "c": 3}


def test_scales_by_default_are_the_maximum_of_a_layer():
    stats = {"x": X, "act": stats_of([[0.5, 0.25, 0.0], [0.75, 0.0, 3.0]])}
    assert choose_scales(dense_net(), stats) == {"x": 3.0, "act": 3.0}
    assert choose_scales(dense_net(), stats, 90.0, levels_above_scale=0)["act"].shape == ()
    assert VALUES_PERCENTILE == automatic_percentile(64) == 99.97
