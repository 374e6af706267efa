"""What a converted network is, and pictures of what it does."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError, SpkerasError
from spkeras.simulation.raster import rasters
from spkeras.snn.model import loop_of
from tests import networks


@pytest.fixture(scope="module")
def snn():
    net = networks.chain()
    return spkeras.convert(net, networks.samples(net, 20, low=0), timesteps=8, stagger=2)


def test_a_summary_names_layers_neurons_and_starts(snn):
    found = spkeras.summary(snn)
    by_name = {layer.name: layer for layer in found.layers}
    neurons = {name: layer for name, layer in by_name.items() if layer.neuron}
    assert [layer.size for layer in neurons.values()] == [6 * 6 * 4, 2 * 2 * 3]
    assert found.neurons == 156
    # One layer of neurons starts two steps after the other, the read-out two steps later.
    starts = [layer.start for layer in found.layers if layer.start is not None]
    assert starts == [1, 3, 5]
    graph = loop_of(snn).graph
    kernel = graph["conv1"].arrays["kernel"]
    assert (by_name["conv1"].low, by_name["conv1"].high) == (kernel.min(), kernel.max())
    assert by_name["conv2:linear"].inputs == ("pool",) and by_name["conv1"].shape == (6, 6, 4)
    text = repr(found)
    assert "T = 8" in text and "recipe ecc" in text and "binary" in text and "156 neurons" in text
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["neurons"] == 156
    with pytest.raises(SpkerasError, match="convert the CNN first"):
        spkeras.summary(networks.chain())


def test_a_raster_has_the_spikes_of_the_run(snn):
    net = networks.chain()
    x = networks.samples(net, 4, seed=3, low=0)
    found = rasters(loop_of(snn), [x], most=1000)
    result = spkeras.evaluate(snn, x)
    for one, layer in zip(found, result.activity.layers, strict=True):
        assert one.name == layer.name and one.spikes.shape == (4, 8, layer.neurons)
        assert one.spikes.sum() == pytest.approx(4 * layer.spikes)
        course = one.spikes.sum(axis=(0, 2)).cumsum() / 4
        np.testing.assert_allclose(course, result.layer_spikes[one.name])
    some = rasters(loop_of(snn), [x], most=5)[0]
    assert some.neurons == 144 and list(some.followed[[0, -1]]) == [0, 143]
    np.testing.assert_array_equal(some.spikes, found[0].spikes[:, :, some.followed])


def test_pictures(snn, tmp_path):
    x = networks.samples(networks.chain(), 4, low=0)
    raster = spkeras.plot_raster(snn, x, timesteps=6)
    assert len(raster.axes) == 2 and raster.axes[0].get_xlim() == (0.5, 6.5)
    drawn = sum(len(line.get_xdata()) for line in raster.axes[1].get_lines())
    assert drawn == np.count_nonzero(_second(snn, x[:1]))
    rates = spkeras.plot_rates(snn, x)
    line, points = rates.axes[0].get_lines()
    assert len(points.get_xdata()) == 4 * 144 and abs(points.get_ydata()).max() <= 1
    error = points.get_ydata() - points.get_xdata()
    assert 0 < np.abs(error).mean() < 0.2
    ranges = spkeras.plot_thresholds(snn)
    names = [label.get_text() for label in ranges.axes[0].get_yticklabels()]
    assert "conv1" in names and len(names) == len(ranges.axes[0].get_lines())
    for number, figure in enumerate((raster, rates, ranges)):
        figure.savefig(tmp_path / f"{number}.svg")


def _second(snn, x):
    loop = loop_of(snn)
    before = loop.timesteps
    loop.timesteps = 6
    try:
        return rasters(loop, [x])[1].spikes
    finally:
        loop.timesteps = before


def test_networks_without_steps_have_no_raster(snn):
    x = networks.samples(networks.chain(), 2, low=0)
    with pytest.raises(OptionError, match="allowed: 'clock_driven'"):
        spkeras.plot_raster(snn, x, schedule="layer_synchronous", stagger=0)
    net = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
    windows = spkeras.convert(net, np.random.default_rng(0).random((9, 4)), "ttfs", kernel="exact")
    with pytest.raises(OptionError, match="fire in windows"):
        spkeras.plot_raster(windows, np.ones((1, 4)))
    assert spkeras.summary(windows).layers
