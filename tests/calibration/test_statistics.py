"""Statistics over all samples, of all layers at once."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import spkeras
from spkeras.calibration.statistics import calibrate
from spkeras.data.batches import equal_slices
from spkeras.errors import DataError
from spkeras.graph.stats import BINS, ActivationStats
from tests import networks
from tests.histograms import bins


def passing(*shape):
    """A model that returns its input and its double."""
    x = keras.Input(shape)
    return keras.Model(x, [layers.Identity()(x), layers.Rescaling(2.0)(x)])


def statistics(model, values, batch=7, names=("one", "two")):
    batches = [values[rows] for rows in equal_slices(len(values), batch)]
    return calibrate(model, names, batches)


@pytest.mark.parametrize("shape", [(5,), (9, 3), (10, 10, 3)])
def test_maxima_and_minima_over_every_sample_and_position(shape):
    values = np.random.default_rng(0).normal(size=(23, *shape)).astype("float32")
    for place in (0, -1):
        values[place].reshape(-1, shape[-1])[place] = 50 + np.arange(shape[-1])
        values[place].reshape(-1, shape[-1])[place, 0] *= -1
    stats = statistics(passing(*shape), values)
    axes = tuple(range(values.ndim - 1))
    for name, factor in (("one", 1), ("two", 2)):
        np.testing.assert_array_equal(stats[name].maximum, factor * np.abs(values).max(axes))
        np.testing.assert_array_equal(stats[name].lowest, factor * values.min(axes))
        assert stats[name].samples == 23


@pytest.mark.parametrize("place", [0, 13, 29, 30])
def test_no_sample_is_dropped(place):
    """One large value in any sample is found, whatever the batch size."""
    values = np.full((31, 4), 0.5, "float32")
    values[place, 2] = 7
    for batch in (4, 10, 100):
        stats = statistics(passing(4), values, batch)["one"]
        assert stats.maximum.tolist() == [0.5, 0.5, 7, 0.5]
        assert stats.histogram.sum(1).tolist() == [31] * 4


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e5])
def test_quantiles_are_within_a_bin_of_the_exact_ones(share, spread):
    values = np.abs(np.random.default_rng(1).normal(0, spread, (6000, 3))).astype("float32")
    stats = statistics(passing(3), values, 1000)["one"]
    exact = np.sort(values, axis=0)[int(np.ceil(share * 6000 - 1e-6)) - 1]
    np.testing.assert_allclose(stats.quantile(share), exact, rtol=1 / 64)
    merged = np.sort(values.reshape(-1))[int(np.ceil(share * 18000 - 1e-6)) - 1]
    np.testing.assert_allclose(stats.merged().quantile(share), [merged], rtol=1 / 64)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 2.0**96, width=32), min_size=1, max_size=60), st.floats(0.01, 1))
def test_quantiles_of_anything(values, share):
    """Within a bin of the smallest value with that share at or below it; never above the
    maximum."""
    values = np.array(values, "float32")
    histogram = np.bincount(bins(values), minlength=BINS)[None]
    stats = ActivationStats(values.max(keepdims=True), values[:1], histogram, len(values))
    found = stats.quantile(share)[0]
    exact = np.sort(values)[max(int(np.ceil(share * len(values) - 1e-9)) - 1, 0)]
    assert found <= values.max()
    assert bins(np.float32(exact)) <= bins(found) + 1
    assert abs(found - exact) <= exact / 64 + 1e-37


@pytest.mark.parametrize("place", [0.1, 0.25, 0.5, 0.9, 1.0])
def test_a_quantile_lies_between_the_edges_of_its_bin_as_its_rank_does(place):
    """30 zeros, 20 values in a bin from 1, 40 in one from 2, 10 beyond: linear from edge to edge."""
    histogram = np.zeros((1, BINS), int)
    for low, values in ((0.0, 30), (1.0, 20), (2.0, 40), (8.0, 10)):
        histogram[0, bins(np.float32(low))] = values
    stats = ActivationStats(np.float32([9]), np.float32([0]), histogram, 100)
    first, second = (stats.quantile(share)[0] for share in (0.3 + 0.2 * place, 0.5 + 0.4 * place))
    assert first == pytest.approx(1 + place / 64, rel=1e-6)
    assert second == pytest.approx(2 + place / 32, rel=1e-6)


def test_a_rank_that_rounding_lifts_is_the_whole_number_that_it_is():
    """0.07 of 100 values is 7.000000000000001 in floating point: the seventh value all the same."""
    assert 0.07 * 100 > 7
    values = np.float32([0.1] * 7 + [10.0] * 93)
    stats = statistics(passing(1), values[:, None], 100)["one"]
    assert stats.quantile(0.07)[0] == pytest.approx(0.1, rel=1 / 64)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 17, 35])
def test_nan_and_infinity_are_refused_wherever_they_are(bad, place):
    values = np.ones((4, 6, 6, 2), "float32")
    values[2].reshape(36, 2)[place, 1] = bad
    with pytest.raises(DataError, match="one reaches NaN or infinity"):
        statistics(passing(6, 6, 2), values)


def test_no_sample_at_all_is_refused():
    with pytest.raises(DataError, match="no sample"):
        calibrate(passing(3), ("one", "two"), [])


def test_convert_refuses_empty_and_unfit_data():
    model = networks.chain()
    x = networks.samples(model)
    broken = x.copy()
    broken[1, 2, 3, 0] = np.nan
    for data, words in (
        (x[:0], "0"),
        (x[:, :5], "shape"),
        (broken, "NaN"),
        (x.astype(str), "numbers"),
        ([x, x], "shape"),
    ):
        with pytest.raises(DataError, match=words):
            spkeras.convert(model, data)


def test_progress_counts_samples():
    seen = []
    values = np.ones((10, 3), "float32")
    batches = [values[:4], values[4:8], values[8:]]
    calibrate(passing(3), ("one", "two"), batches, seen.append)
    assert seen == [4, 8, 10]


def test_all_layers_in_one_pass():
    """Each batch is asked for once, however many layers there are."""
    asked = []

    def batches():
        for start in (0, 5):
            asked.append(start)
            yield np.ones((5, 3), "float32")

    calibrate(passing(3), ("one", "two"), batches())
    assert asked == [0, 5]


def test_the_scales_of_a_converted_network_are_its_maxima():
    """percentile=100, per layer: lambda is the largest activation of the CNN itself."""
    model = networks.chain()
    x = networks.samples(model, 13)
    snn = spkeras.convert(model, x, percentile=100, per_channel=False, batch_size=5)
    graph = snn.get_layer("spike_loop").graph
    maxima = [np.abs(x).max()]
    kernels = [layer for layer in model.layers if layer.name in ("relu1", "conv2")]
    watched = keras.Model(model.inputs[0], [layer.output for layer in kernels])
    maxima += [np.asarray(output).max() for output in watched(x)]
    conv1, conv2 = (graph[name].arrays["bias"] for name in ("conv1", "conv2:linear"))
    own = [layer.get_weights()[1] for layer in (model.layers[0], model.get_layer("conv2"))]
    assert graph.of("input")[0].arrays["scale"] == maxima[0]
    np.testing.assert_allclose(conv1 * maxima[1], own[0], rtol=1e-6)
    np.testing.assert_allclose(conv2 * maxima[2], own[1], rtol=1e-6)
