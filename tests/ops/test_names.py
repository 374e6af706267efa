"""Limits of graded spikes, and names that several packages share."""

import keras
import numpy as np
import pytest
from keras import ops

import spkeras
from spkeras.errors import OptionError
from spkeras.ops import names
from spkeras.recipes import ECC
from tests import networks


def test_the_smallest_spike_is_the_least_that_float32_tells_from_nothing_beside_1():
    smallest = np.float32(2.0 ** (1 - names.MOST_LEVELS))
    one = np.float32(1)
    assert one + smallest > one and one + np.float32(smallest / 2) == one


def test_ranges_that_help_and_messages_name():
    assert (names.MOST_LEVELS, names.MOST_MANTISSA_BITS) == (24, 3)


def test_neurons_by_their_spikes():
    models = names.NEURON_MODELS
    assert [name for name, model in models.items() if model.one_bit] == ["binary"]
    assert [name for name, model in models.items() if model.graded] == [
        "multi_threshold",
        "sigma_delta",
    ]
    assert [name for name, model in models.items() if model.burst] == ["burst", "signed_burst"]
    assert [name for name, model in models.items() if not model.signed] == ["binary", "burst"]
    assert models["sigma_delta"].spike_codes == ("delta",)
    assert all(model.source for model in models.values())


@pytest.fixture()
def even(registries):
    """A neuron with spikes of -2, 0 and 2, which no neuron of the package sends."""
    model = names.NeuronModel(
        source="test",
        signed=True,
        emit=lambda missing, constants: 2 * ops.clip(ops.floor(missing / 2 + 0.5), -1, 1),
    )
    names.register_neuron("even", model)


def test_a_registered_neuron_is_offered_and_sends_its_own_spikes(even):
    assert "even" in ECC.options()["neuron"].choices
    cnn = networks.chain()
    x = networks.samples(cnn, 4)
    snn = spkeras.convert(cnn, x, neuron="even", timesteps=64, thresholds="percentile")
    stream, sent = spkeras.Stream(snn), set()
    for _ in range(64):
        answer = stream.step(x)
        sent |= {float(value) for spikes in stream.spikes.values() for value in np.unique(spikes)}
    assert sent == {-2.0, 0.0, 2.0}
    found = spkeras.evaluate(snn, x)
    assert found.engine == "dense"
    np.testing.assert_allclose(answer, snn.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    logits = keras.Model(cnn.inputs, cnn.layers[-1].output)
    cnn.layers[-1].activation = None
    exact = keras.ops.convert_to_numpy(logits(x))
    assert np.abs(answer - exact).max() < 0.05 * np.abs(exact).max()


def test_what_is_refused_of_a_new_neuron(even):
    with pytest.raises(OptionError, match="'even': the name is taken"):
        names.register_neuron("even", names.NeuronModel(source="test"))
    with pytest.raises(OptionError, match="spike_codes=.'morse'"):
        names.register_neuron("odd", names.NeuronModel(source="test", spike_codes=("morse",)))
    assert "odd" not in names.NEURON_MODELS


def test_names():
    assert names.CODES == ("rate", "differential", "delta")
    assert names.ENGINES == ("auto", "dense", "events", "integers")
