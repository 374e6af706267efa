"""A CNN prepared for time-to-first-spike is what the first-spike network computes."""

import keras
import numpy as np
import pytest

from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.frontend.steps import layer_outputs
from spkeras.frontend.walk import read_graph
from spkeras.layers import BurstActivation, PhaseActivation, TTFSActivation
from spkeras.passes.pipeline import fold
from spkeras.snn.ann import ann
from spkeras.training import finetune, finished, prepare, set_stage
from spkeras.training.rebuild import all_layers
from spkeras.ttfs.lower import lower
from tests.training.nets import NETS
from tests.ttfs.closed_form import spike_times

pytestmark = pytest.mark.slow


def test_the_trained_twin_is_the_first_spike_network():
    model = NETS["vgg"]()
    x = (np.random.default_rng(3).integers(0, 17, (6, 8, 8, 2)) / 16).astype("float32")
    twin = finished(prepare(model, x, recipe="cat", timesteps=24, tau=4.0))
    kinds = [layer for layer in all_layers(twin) if isinstance(layer, TTFSActivation)]
    assert {(layer.timesteps, layer.tau) for layer in kinds} == {(24, 4.0)} and len(kinds) == 5
    plan = lower(read_graph(twin))
    times, potentials = spike_times(plan, x)
    wanted = twin.predict(x, verbose=0)
    np.testing.assert_allclose(potentials.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-4)
    assert sum((t < 24).sum() for t in times.values()) > 100


def test_its_three_stages():
    model = NETS["vgg"]()
    x = np.random.default_rng(3).random((6, 8, 8, 2)).astype("float32")
    twin = set_stage(prepare(model, x, recipe="cat", encoding="real", percentile=100), "relu")
    plain = twin.predict(x, verbose=0)
    np.testing.assert_allclose(plain, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    # Up to the largest value the clamp changes nothing; rounding to powers of 2^(1/4) does.
    clamped = set_stage(twin, "clamp").predict(x, verbose=0)
    np.testing.assert_allclose(clamped, plain, rtol=0.05, atol=0.05 * abs(plain).max())
    coded = set_stage(twin, "quantize").predict(x, verbose=0)
    assert 0 < abs(coded - clamped).max() < 0.6 * abs(clamped).max()


@pytest.mark.parametrize("code", ["phase", "burst"])
def test_other_codes_are_trained_for_by_the_same_guideline(code):
    model = NETS["resnet"]()
    x = np.random.default_rng(3).random((20, *model.inputs[0].shape[1:])).astype("float32")
    y = np.arange(20) % model.outputs[0].shape[-1]
    twin = prepare(model, x, recipe="cat", spike_code=code)
    trained, figures = finetune(twin, (x, y), clamp=1, quantize=1, batch_size=10)
    assert len(figures["loss"]) == 2
    kind = PhaseActivation if code == "phase" else BurstActivation
    layers = [layer for layer in all_layers(trained) if isinstance(layer, kind)]
    assert len(layers) > 3
    assert {layer.bits if code == "phase" else layer.timesteps for layer in layers} == {8}
    # What the activations give is what such spikes can carry: whole multiples of the last one.
    tensors = layer_outputs(trained)
    values = keras.Model(trained.inputs, [tensors[layer.name] for layer in layers])(x)
    for layer, value in zip(layers, values, strict=True):
        least = layer.theta0 / 256 if code == "phase" else layer.theta
        levels = keras.ops.convert_to_numpy(value) / least
        np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
        assert len(np.unique(np.round(levels))) > 4
    graph = fold(read_graph(trained))
    np.testing.assert_allclose(
        ann(graph).predict(x, verbose=0), trained.predict(x, verbose=0), atol=2e-2
    )


def test_a_code_belongs_to_cat_and_first_spikes_to_their_network():
    model = NETS["vgg"]()
    with pytest.raises(OptionError, match="spike_code='phase': an option of spkeras.convert"):
        prepare(model, recipe="cq", spike_code="phase")
    with pytest.raises(OptionError, match="spike_code='rate'"):
        prepare(model, recipe="cat", spike_code="rate")
    twin = finished(prepare(model, recipe="cat", spike_code="phase"))
    with pytest.raises(UnsupportedLayerError, match="phase"):
        lower(read_graph(twin))


def test_the_inputs_threshold_is_what_was_asked_for():
    """Ranges of layers lie on the grid of spike times; a threshold that was given stays."""
    twin = finished(prepare(NETS["vgg"](), recipe="cat", input_threshold=0.9))
    first, *others = [layer for layer in all_layers(twin) if isinstance(layer, TTFSActivation)]
    assert first.theta0 == 0.9
    assert {layer.theta0 for layer in others} == {1.0}
