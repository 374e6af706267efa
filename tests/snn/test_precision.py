"""Under every dtype policy of Keras a network computes in float32."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.ops.precision import computing_in
from spkeras.snn.converted import converted_of
from tests import networks

Y = np.arange(12) % 5


def net():
    inside = [layers.Conv2D(2, 2, activation="relu"), layers.Flatten(), layers.Dense(5)]
    return networks.dyadic(keras.Sequential([keras.Input((3, 3, 1), name="image"), *inside]))


X = np.abs(networks.samples(net(), 12)) / 2


def measured(cnn, recipe, **options):
    """A converted network, and what it gives."""
    snn = spkeras.convert(cnn, X, recipe, timesteps=5, insist=True, **options)
    found = spkeras.evaluate(snn, X, Y, insist=True, engine="dense")
    logits = snn.predict(X, verbose=0)
    assert logits.dtype == np.float32
    return snn, [found.activity.spikes, found.agreement, logits]


@pytest.mark.parametrize(
    ("policy", "recipe", "options"),
    [
        ("mixed_float16", "ecc", {}),
        ("mixed_bfloat16", "sigma_delta", {}),
        ("mixed_bfloat16", "ttfs", {"kernel": "exponential"}),
    ],
)
def test_networks_are_those_of_float32(policy, recipe, options):
    snn, known = measured(net(), recipe, **options)
    assert not [note for note in converted_of(snn).graph.notes if "compute" in note]
    with computing_in(policy):
        snn, found = measured(net(), recipe, **options)
        if recipe == "sigma_delta":
            known.append(spkeras.Stream(snn).step(X))
            found.append(spkeras.Stream(snn).step(X))
            assert found[-1].dtype == np.float32
    np.testing.assert_equal(found, known)
    (note,) = [note for note in converted_of(snn).graph.notes if "compute" in note]
    assert f"compute in {policy.removeprefix('mixed_')}; the network computes in float32" in note


def test_layers_of_another_policy_in_the_cnn(tmp_path):
    """Nor does the policy of the process matter that loads a file."""
    with computing_in("mixed_bfloat16"):
        cnn = net()
    snn, known = measured(net(), "ecc")
    np.testing.assert_equal(measured(cnn, "ecc")[1], known)
    check = spkeras.verify(cnn, snn, X)
    assert check.faithful and 1e-5 < check.layers[-1].relative < check.tolerance < 0.1
    assert spkeras.verify(net(), snn, X).tolerance == 1e-5
    snn.save(tmp_path / "net.keras")
    with computing_in("mixed_float16"):
        loaded = keras.models.load_model(tmp_path / "net.keras")
        np.testing.assert_array_equal(loaded.predict(X, verbose=0), known[-1])


def test_the_policy_is_as_before():
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError), computing_in("mixed_float16"):
        assert keras.config.dtype_policy().name == "mixed_float16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == before
