"""A channel that calibration hardly saw active sends what it has to, all the same."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras

pytestmark = pytest.mark.slow

SMALL = 0.01


def network():
    """Four channels pass the four inputs, by way of identities, as linear bottlenecks do."""
    x = keras.Input((8, 8, 4))
    y = layers.Conv2D(4, 1, activation="relu", use_bias=False, name="one")(x)
    y = layers.Conv2D(4, 1, use_bias=False, name="two")(y)
    y = layers.LeakyReLU(negative_slope=1.0)(y)
    y = layers.GlobalAveragePooling2D()(y)
    model = keras.Model(x, layers.Dense(4, use_bias=False, name="end")(y))
    for name in ("one", "two", "end"):
        layer = model.get_layer(name)
        layer.kernel.assign(np.eye(4, dtype="float32").reshape(layer.kernel.shape))
    return model


def calibration(kind, rng):
    """The last channel is active in one value of all, weakly in one image of ten, or strongly in
    very few places and weakly elsewhere."""
    x = rng.uniform(0, 4, (60, 8, 8, 4)).astype("float32")
    x[..., 3] = -1
    if kind == "once":
        x[7, 3, 3, 3] = SMALL
    elif kind == "weak":
        x[::10, :, :, 3] = SMALL
    else:
        x[..., 3] = SMALL / 10
        x[7, 3, 3, 3] = 4
    return x


@pytest.mark.parametrize("kind", ["once", "weak", "rare"])
def test_values_that_were_never_seen_arrive_in_a_few_steps(kind):
    rng = np.random.default_rng(0)
    cnn = network()
    snn = spkeras.convert(cnn, calibration(kind, rng), recipe="sigma_delta", timesteps=5)
    x = rng.uniform(0, 4, (20, 8, 8, 4)).astype("float32")
    wanted = cnn.predict(x, verbose=0)
    error = np.abs(snn.predict(x, verbose=0) - wanted).max(axis=0)
    assert (error < 0.02 * wanted.max()).all()


@pytest.mark.parametrize("kind", ["once", "weak", "rare"])
def test_the_values_that_were_seen_arrive_too(kind):
    rng = np.random.default_rng(0)
    cnn = network()
    x = calibration(kind, rng)
    snn = spkeras.convert(cnn, x, recipe="sigma_delta", timesteps=5)
    wanted = cnn.predict(x, verbose=0)
    error = np.sqrt(((snn.predict(x, verbose=0) - wanted) ** 2).mean(axis=0))
    assert (error[:3] < 0.005 * wanted.max()).all()
    assert error[3] < 0.05 * np.sqrt((wanted[:, 3] ** 2).mean()) + 1e-4
