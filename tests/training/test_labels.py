"""Labels that a network has no output for: refused before training, and by programs."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import DataError
from tests.networks import dyadic

X = np.random.default_rng(0).random((30, 6), "float32")
GOOD = np.arange(30) % 3


@pytest.fixture(scope="module")
def cnn():
    layers = [keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
    return dyadic(keras.Sequential(layers))


@pytest.mark.parametrize("loss", ["crossentropy", "mse"])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.where(GOOD == 2, -1, GOOD), "labels of .*: received -1 to 1, .*allowed: 0 to 2"),
        (np.where(GOOD == 2, 3, GOOD), "labels of .*: received 0 to 3"),
        (GOOD + 0.5, "one number of float64 a sample"),
        (np.eye(4)[GOOD], "received shape .4,."),
        (np.eye(2)[GOOD % 2], "received shape .2,."),
        (np.zeros((30, 3, 2)), "received shape .3, 2."),
    ],
)
def test_labels_of_training(cnn, loss, labels, words):
    twin = spkeras.prepare(cnn, X, "cq", timesteps=8)
    with pytest.raises(DataError, match=words):
        spkeras.finetune(twin, (X, labels), clamp=0, quantize=1, loss=loss, insist=True)


@pytest.mark.parametrize("labels", [GOOD, GOOD[:, None], np.eye(3)[GOOD], GOOD.astype("float32")])
def test_labels_that_fit(cnn, labels):
    twin = spkeras.prepare(cnn, X, "cq", timesteps=8)
    assert spkeras.finetune(twin, (X, labels), clamp=0, quantize=1, insist=True)[1]
