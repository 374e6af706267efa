"""Statistics over all samples, of all layers at once."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import spkeras
from spkeras.calibrate import POSITIONS, calibrate
from spkeras.errors import DataError
from spkeras.graph.stats import BINS, ActivationStats, bins
from spkeras.simulate import equal_slices
from tests import networks


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


def test_small_maps_enter_the_histogram_whole_and_large_ones_evenly():
    small = np.random.default_rng(0).random((3, 4, 8, 2)).astype("float32")
    assert (statistics(passing(4, 8, 2), small)["one"].histogram.sum(1) == 3 * 32).all()
    large = np.random.default_rng(0).random((3, 20, 20, 2)).astype("float32")
    stats = statistics(passing(20, 20, 2), large)["one"]
    assert (stats.histogram.sum(1) == 3 * POSITIONS).all()
    np.testing.assert_allclose(stats.quantile(0.5), 0.5, atol=0.12)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e5])
def test_quantiles_are_within_a_bin_of_the_exact_ones(share, spread):
    values = np.abs(np.random.default_rng(1).normal(0, spread, (6000, 3))).astype("float32")
    stats = statistics(passing(3), values, 1000)["one"]
    exact = np.percentile(values, 100 * share, axis=0, method="inverted_cdf")
    np.testing.assert_allclose(stats.quantile(share), exact, rtol=1 / 32)
    merged = np.percentile(values, 100 * share, method="inverted_cdf")
    np.testing.assert_allclose(stats.merged().quantile(share), [merged], rtol=1 / 32)


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
    assert abs(found - exact) <= exact / 32 + 1e-37


def test_bins_are_a_thirtysecond_wide():
    values = np.float32([1.0, 1.0 + 1 / 32, 2.0, 2.0 + 1 / 16])
    assert (np.diff(bins(values).astype(int)) == [1, 31, 1]).all()
    assert bins(np.float32(0)) == 0
    assert bins(np.float32(3e38)) < BINS


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
    for data, words in ((x[:0], "0"), (x[:, :5], "shape"), (broken, "NaN"),
                        (x.astype(str), "numbers"), ([x, x], "shape")):  # fmt: skip
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
    assert graph.of("input")[0].arrays["unit"] == maxima[0]
    np.testing.assert_allclose(conv1 * maxima[1], own[0], rtol=1e-6)
    np.testing.assert_allclose(conv2 * maxima[2], own[1], rtol=1e-6)
