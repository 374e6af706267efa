"""`spkeras.inspect` for recipe `ttfs` says what the conversion would."""

import keras
import numpy as np
import pytest
from keras import layers as L

import spkeras
from spkeras.errors import UnsupportedLayerError
from spkeras.layers import TTFSActivation


def verdicts(model):
    return {found.name: found for found in spkeras.inspect(model, "ttfs")}


def refused(model):
    return {found.name for found in spkeras.inspect(model, "ttfs") if found.verdict == "refused"}


def convert(model, **options):
    x = np.random.default_rng(0).random((4, *model.inputs[0].shape[1:])).astype("float32")
    return spkeras.convert(model, x, recipe="ttfs", insist=True, verbose=0, **options)


def relus(*inner):
    outer = [keras.Input((8, 8, 2)), L.Conv2D(3, 3, activation="relu", name="first"), *inner]
    return keras.Sequential([*outer, L.Flatten(), L.Dense(2, activation="softmax", name="out")])


def test_each_layer_of_a_network_of_relus():
    net = relus(L.MaxPooling2D(name="pool"), L.BatchNormalization(name="norm"))
    found = verdicts(net)
    assert {layer.verdict for layer in found.values()} == {"supported"}
    assert "window" in found["first"].reason and "earliest" in found["pool"].reason
    assert "scale" in found["norm"].reason and "logits" in found["out"].reason
    convert(net, kernel="exact")


def test_every_problem_stands_at_its_layer_and_in_the_refusal():
    """Two kinds at once: an activation that is no ReLU, and channels that a Reshape takes apart."""
    net = relus(L.Conv2D(3, 3, activation="tanh", name="curved"), L.Reshape((8, 6), name="apart"))
    assert refused(net) == {"curved", "apart"}
    with pytest.raises(UnsupportedLayerError, match="curved"):
        convert(net, kernel="exact")
    twice = relus(L.Reshape((9, 12), name="one"), L.Reshape((27, 4), name="two"))
    assert refused(twice) == {"one", "two"}
    with pytest.raises(UnsupportedLayerError) as raised:
        convert(twice, kernel="exact")
    assert len(raised.value.problems) == 2


def test_a_layer_that_cannot_be_read_keeps_its_neighbours():
    code = L.Lambda(lambda x: np.tanh(np.asarray(x)), output_shape=(6, 6, 3), name="code")
    net = relus(code, L.Conv2D(3, 3, activation="elu", name="curved"), L.GaussianNoise(0.1))
    found = verdicts(net)
    assert refused(net) == {"code", "curved"}
    assert "Python code" in found["code"].reason and "elu" in found["curved"].reason
    assert found["first"].verdict == found["out"].verdict == "supported"


def test_several_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    net = keras.Model([a, b], L.Dense(2)(L.ReLU()(L.Add()([a, b]))))
    assert refused(net) == {"a", "b"} and "2 inputs" in verdicts(net)["a"].reason


def test_a_trained_network_is_judged_by_its_code():
    def net(inner):
        coded = TTFSActivation(timesteps=8, tau=2.0, name="inputs")
        return keras.Sequential([keras.Input((6,)), coded, L.Dense(4), inner, L.Dense(2)])

    good = net(TTFSActivation(timesteps=8, tau=2.0, name="inner"))
    assert refused(good) == set()
    assert "window" in verdicts(good)["inner"].reason
    convert(good)
    bad = net(L.ReLU(name="inner"))
    assert refused(bad) == {"inner"}
    with pytest.raises(UnsupportedLayerError, match="inner"):
        convert(bad)
