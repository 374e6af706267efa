"""Recordings as frames in time: the input of step t is frame t."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import DataError, OptionError
from spkeras.snn.converted import converted_of
from tests import networks

STEPS, SAMPLES = 7, 9
RNG = np.random.default_rng(3)
CNN = networks.chain()
STILL = networks.samples(CNN, SAMPLES)
FRAMES = RNG.integers(-4, 17, (SAMPLES, STEPS, 6, 6, 2)).astype("float32") / 16
Y = np.arange(SAMPLES) % 5
OPTIONS = {"insist": True, "any_range": True}


@pytest.fixture(scope="module")
def rate():
    return spkeras.convert(CNN, STILL, timesteps=STEPS)


@pytest.fixture(scope="module")
def delta():
    return spkeras.convert(CNN, STILL, "sigma_delta", timesteps=STEPS)


def test_against_a_loop_by_hand():
    """Two dense layers: potentials of half a threshold at first, soft reset, means of read-outs."""
    net = keras.Sequential(
        [keras.Input((4,)), layers.Dense(6, "relu"), layers.Dense(3, name="last")]
    )
    networks.dyadic(net)
    x = RNG.integers(0, 17, (5, STEPS, 4)).astype("float32") / 16
    snn = spkeras.convert(net, x.mean(axis=1), timesteps=STEPS, stagger=0)
    (w1, b1), (w2, b2) = (layer.get_weights() for layer in net.layers)
    # Value of one spike: the factor of the weights after the neurons.
    unit = (converted_of(snn).graph["last"].arrays["kernel"] / w2).mean(axis=1)
    v, spikes, outputs, course = np.full((5, 6), 0.5), 0, np.zeros((5, 3)), []
    for step in range(STEPS):
        v = v + (x[:, step] @ w1 + b1) / unit
        fired = v >= 1
        v, spikes = v - fired, spikes + fired.sum()
        outputs += (fired * unit) @ w2 + b2
        course.append((outputs / (step + 1)).argmax(1))
    found = spkeras.evaluate(snn, x, course[-1], **OPTIONS)
    assert found.activity.spikes == pytest.approx(spikes / 5)
    np.testing.assert_allclose(found.accuracy, [(c == course[-1]).mean() for c in course])
    assert (found.settings["input_encoding"], found.engine) == ("frames", "dense")
    mean = net.predict(x.mean(axis=1), verbose=0).argmax(1)
    assert found.agreement[-1] == pytest.approx((course[-1] == mean).mean())


@pytest.mark.parametrize("recipe", ["rate", "delta"])
def test_equal_frames_are_a_constant_input(recipe, request):
    snn = request.getfixturevalue(recipe)
    repeated = np.repeat(STILL[:, None], STEPS, axis=1)
    options = {"insist": True, "engine": "dense", "batch_size": 4}
    still = spkeras.evaluate(snn, STILL, Y, **options).to_dict()
    moving = spkeras.evaluate(snn, repeated, Y, **{**options, "engine": "auto"}).to_dict()
    own = still["activity"].pop("input_macs"), moving["activity"].pop("input_macs")
    # A layer on the inputs runs once for a constant input, and at each step for frames.
    assert own[1] == STEPS * own[0] > 0
    for record in (still, moving):
        for name in ("seconds", "settings"):
            record.pop(name)
        record["activity"].pop("per_cnn_mac")
        # As the first layer, the dense count has the layers on the inputs once, or at each step.
        assert record["activity"].pop("dense_once") == (record is still)
    np.testing.assert_equal(moving, still)


def test_delta_code_follows_the_frames(delta):
    """As a stream that takes one step a frame; compared with the CNN on the last frame."""
    stream, outputs = spkeras.Stream(delta), None
    for step in range(STEPS):
        outputs = stream.step(FRAMES[:, step])
    found = spkeras.evaluate(delta, FRAMES, Y, **OPTIONS)
    cnn = CNN.predict(FRAMES[:, -1], verbose=0).argmax(1)
    assert found.cnn_accuracy == pytest.approx((cnn == Y).mean())
    assert found.accuracy[-1] == pytest.approx((outputs.argmax(1) == Y).mean())
    assert found.agreement[-1] == pytest.approx((outputs.argmax(1) == cnn).mean())


def test_rate_code_follows_the_frames(rate):
    spkeras.configure(rate, stagger=0)
    stream, outputs, spikes = spkeras.Stream(rate), None, 0
    for step in range(STEPS):
        outputs = stream.step(FRAMES[:, step])
        spikes += sum(sent.sum() for sent in stream.spikes.values())
    pairs = zip(FRAMES, Y, strict=True)
    found = spkeras.evaluate(rate, pairs, batch_size=4, **OPTIONS)
    assert found.activity.spikes == pytest.approx(spikes / SAMPLES)
    assert found.accuracy[-1] == pytest.approx((outputs.argmax(1) == Y).mean())


def test_refused(rate):
    for frames, message in [
        (FRAMES[:, :4], "received 4 frames a sample for timesteps=7.*give timesteps=4"),
        (FRAMES[..., :1], "frames in time .samples, steps, 6, 6, 2."),
        (30 * np.abs(FRAMES), "was calibrated on"),
    ]:
        with pytest.raises(DataError, match=message):
            spkeras.evaluate(rate, frames, insist=True)
    spkeras.evaluate(rate, FRAMES[:, :4], timesteps=4, **OPTIONS)
    for options, message in [
        ({"schedule": "layer_synchronous"}, "allowed for frames in time: 'clock_driven'"),
        ({"engine": "events"}, "the others take one constant input"),
    ]:
        with pytest.raises(OptionError, match=message):
            spkeras.evaluate(rate, FRAMES, **options, **OPTIONS)
    differential = spkeras.convert(
        CNN, STILL, neuron="signed", spike_code="differential", timesteps=STEPS
    )
    with pytest.raises(OptionError, match="differential"):
        spkeras.evaluate(differential, FRAMES, **OPTIONS)
    corrected = spkeras.correct(rate, STILL, "offset_spikes")
    with pytest.raises(OptionError, match="offset_spikes"):
        spkeras.evaluate(corrected, FRAMES, **OPTIONS)
    with pytest.raises(DataError, match=r"x.mean\(axis=1\)"):
        spkeras.convert(CNN, FRAMES)
