"""Statistics of maps of every size and shape: where a value stands in a map does not matter."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.calibration import statistics as module
from spkeras.calibration.statistics import calibrate, positions_counted
from spkeras.snn.model import loop_of

pytestmark = pytest.mark.slow

SHARES = (0.9997, 0.999)
ODD = [(7,), (64,), (1, 93), (93, 1), (7, 31), (31, 7), (62, 3), (124, 31), (5, 6, 31), (31, 1, 4)]


def border_dim(shape, rng, samples=6):
    """Dim outside the middle half of every axis, bright within."""
    inside = np.ones(shape, bool)
    for axis, size in enumerate(shape):
        place = np.arange(size)
        held = (place >= size // 4) & (place < size - size // 4)
        inside &= np.expand_dims(held, tuple(a for a in range(len(shape)) if a != axis))
    return np.where(inside, 1.0, 0.1) * rng.uniform(0.5, 1.0, (samples, *shape))


def column_bright(shape, rng, samples=6):
    """One bright column, another one in each sample."""
    values = rng.uniform(0.05, 0.1, (samples, *shape))
    for sample, column in zip(values, rng.integers(0, shape[-1], samples), strict=True):
        sample[..., column] *= 10
    return values


def corner_bright(shape, rng, samples=6):
    """All but the last column dim."""
    values = rng.uniform(0.05, 0.1, (samples, *shape))
    values[..., -1] *= 10
    return values


KINDS = [border_dim, column_bright, corner_bright]


def statistics(maps, seed=0):
    """Of maps (samples, positions ...) of one channel, all in one pass."""
    inputs = [keras.Input((*values.shape[1:], 1)) for values in maps]
    model = keras.Model(inputs, [layers.Identity()(x) for x in inputs])
    names = [str(index) for index in range(len(maps))]
    batch = [values[..., None].astype("float32") for values in maps]
    found = calibrate(model, names, [[x[:4] for x in batch], [x[4:] for x in batch]], seed=seed)
    return [found[name] for name in names]


def assert_quantiles(maps, found, shares=SHARES):
    for values, stats in zip(maps, found, strict=True):
        values = np.abs(values.astype("float32"))
        assert stats.maximum[0] == values.max()
        for share in shares:
            exact = np.quantile(values, share, method="inverted_cdf")
            assert stats.quantile(share)[0] == pytest.approx(exact, rel=0.02), values.shape


@pytest.mark.parametrize("kind", KINDS)
def test_square_maps_of_every_size(kind):
    rng = np.random.default_rng(0)
    maps = [kind((size, size), rng) for size in range(1, 131)]
    found = statistics(maps)
    assert_quantiles(maps, found)
    assert all(stats.counted == 1 for stats in found)


@pytest.mark.parametrize("kind", KINDS)
def test_odd_shapes(kind):
    rng = np.random.default_rng(1)
    maps = [kind(shape, rng) for shape in ODD]
    found = statistics(maps)
    assert_quantiles(maps, found)
    assert all(stats.histogram.sum() == x.size for x, stats in zip(maps, found, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [61, 62, 93, 124, 128])
def test_positions_of_maps_too_large_to_count_are_drawn(kind, size, monkeypatch):
    """Half of the positions or less; the statistics follow all of them."""
    monkeypatch.setattr(module, "MOST_VALUES", 2 * 1100)
    rng, samples = np.random.default_rng(2), 60
    maps = [kind((size, size), rng, samples), kind((5, 7), rng, samples)]
    large, small = statistics(maps)
    assert large.counted <= 0.5 and small.counted == 1
    assert large.histogram.sum() == round(large.counted * size * size) * samples
    assert_quantiles(maps, [large, small], shares=(0.5, 0.999))


def test_every_position_is_drawn_as_often_as_any_other_and_afresh(monkeypatch):
    """Many samples of a map whose value is the position: all of them come, in other samples others."""
    monkeypatch.setattr(module, "MOST_VALUES", 1100)
    monkeypatch.setattr(module, "_LEAST_POSITIONS", 32)
    x = keras.Input((2000, 1))
    survey = module._Survey(keras.Model(x, layers.Identity()(x)), 0)
    drawn = np.concatenate([survey._draw(2000, 500) for _ in range(4)])
    assert drawn.shape == (2000, 1000) and len(np.unique(drawn[:, 0])) == 2
    counts = np.bincount(drawn.reshape(-1), minlength=2000)
    assert len(counts) == 2000 and abs(counts / 1000 - 1).max() < 0.2
    assert (survey._draw(2000, 1) != survey._draw(2000, 1)).any()


def test_the_seed_decides_which_positions_are_drawn(monkeypatch):
    monkeypatch.setattr(module, "MOST_VALUES", 1100)
    maps = [np.random.default_rng(0).normal(size=(6, 60, 60))]
    (one,), (same,), (other,) = (statistics(maps, seed) for seed in (3, 3, 4))
    assert (one.histogram == same.histogram).all() and (one.histogram != other.histogram).any()


def test_how_many_positions_are_counted():
    assert positions_counted([(224 * 224, 16), (112 * 112, 96)]) == 224 * 224
    large = [(2048 * 2048, 64), (64 * 64, 512)]
    most = positions_counted(large)
    assert 64 * 64 < most < 2048 * 2048
    assert most * 64 + 64 * 64 * 512 <= module.MOST_VALUES
    assert positions_counted([(4096, 10**6)]) == module._LEAST_POSITIONS


def test_batches_are_cut_to_what_memory_holds(monkeypatch):
    """Ten samples of 400 values, three at a time: the same statistics as at once."""
    values = np.random.default_rng(0).normal(size=(10, 20, 10, 2)).astype("float32")
    x = keras.Input((20, 10, 2))
    model = keras.Model(x, layers.Identity()(x))
    whole = calibrate(model, ["x"], [values])["x"]
    monkeypatch.setattr(module, "MOST_VALUES", 3 * 400 + 1)
    seen = []
    add = module._Survey.add
    monkeypatch.setattr(
        module._Survey, "add", lambda self, n, part: (seen.append(len(part[0])), add(self, n, part))
    )
    parts = calibrate(model, ["x"], [values])["x"]
    assert max(seen) == 3 and sum(seen) == 10
    assert (parts.histogram == whole.histogram).all() and parts.samples == 10


def test_a_converted_network_says_that_positions_were_drawn(monkeypatch):
    x = keras.Input((40, 40, 1))
    y = layers.Conv2D(3, 3, activation="relu", padding="same")(x)
    model = keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))
    data = np.random.default_rng(0).random((5, 40, 40, 1)).astype("float32")
    assert not [
        note for note in loop_of(spkeras.convert(model, data)).graph.notes if "drawn" in note
    ]
    monkeypatch.setattr(module, "MOST_VALUES", 4000)
    snn = spkeras.convert(model, data, simulation=spkeras.Simulation(seed=5))
    (note,) = [note for note in loop_of(snn).graph.notes if "drawn at random" in note]
    assert "2 of 2 maps" in note and "seed 5" in note
