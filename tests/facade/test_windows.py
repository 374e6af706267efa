"""Networks that fire in windows: evaluated, verified and refused like all others."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops

import spkeras
from spkeras.calibration import correct
from spkeras.errors import OptionError, SpkerasError
from spkeras.layers import TTFSActivation
from spkeras.recipes import CAT
from spkeras.report import findings, latency, operations, summary, verification_tables
from tests.report.records import page_of
from tests.ttfs.nets import activations, branched, shaken

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def net():
    """Strides, borders, groups and an average: fan-outs differ from neuron to neuron."""
    keras.utils.set_random_seed(0)
    return shaken(
        keras.Sequential(
            [
                keras.Input((6, 6, 2)),
                TTFSActivation(8, 2, name="code"),
                layers.Conv2D(4, 3, padding="same", strides=2, name="one"),
                TTFSActivation(8, 2, name="first"),
                layers.ZeroPadding2D(1),
                layers.AveragePooling2D(2, strides=1),
                layers.Conv2D(6, 2, groups=2, name="two"),
                TTFSActivation(8, 2, name="second"),
                layers.Flatten(),
                layers.Dense(3, name="end"),
            ]
        )
    )


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((60, 6, 6, 2)).astype("float32")


@pytest.fixture(scope="module")
def snn(net, x):
    return spkeras.convert(net, x, "ttfs")


def test_it_counts_each_synapse_that_a_spike_reaches(net, x, snn):
    values, last = activations(net, x)
    fired = {name: (value > 0).astype("float32") for name, value in values.items()}
    labels = last.argmax(-1)
    result = spkeras.evaluate(snn, x, labels)
    found = {layer.name: layer for layer in result.activity.layers}
    for name, spikes in fired.items():
        assert found[name].spikes == pytest.approx(spikes.sum() / len(x))
        assert found[name].neurons == spikes[0].size
        assert found[name].silent == pytest.approx((spikes.sum(0) == 0).mean())
        assert 0.05 < spikes.mean() < 0.99
    first = ops.conv(fired["code"], np.ones((3, 3, 2, 4), "float32"), 2, "same")
    assert found["code"].synaptic_operations == pytest.approx(float(ops.sum(first)) / len(x))
    padded = np.pad(fired["first"], ((0, 0), (1, 1), (1, 1), (0, 0)))
    members = 4 * ops.average_pool(padded, 2, 1, "valid")
    # A channel reaches the half of the outputs that is its group.
    second = ops.conv(members, np.ones((2, 2, 4, 3), "float32"), 1, "valid")
    assert found["first"].synaptic_operations == pytest.approx(float(ops.sum(second)) / len(x))
    assert found["second"].synaptic_operations == pytest.approx(3 * found["second"].spikes)
    assert result.activity.spikes == pytest.approx(sum(s.sum() for s in fired.values()) / len(x))
    assert result.activity.cnn_macs == 8 * 8 * 2 * 4 + 3 * 3 * 2 * 2 * 2 * 6 + 54 * 3
    assert result.accuracy.tolist() == [result.cnn_accuracy] == [1.0]
    assert (result.timesteps, result.windows, result.latency) == (8, 3, 24)


def test_the_record_leaves_out_what_windows_do_not_have(net, x, snn):
    result = spkeras.evaluate(snn, x, np.zeros(60, int), insist=True, batch_size=17)
    record = json.loads(json.dumps(result.to_dict()))
    assert record["latency"] == 24 and record["reference"] == "twin" and record["windows"] == 3
    own = {"recipe": "ttfs", "kernel": "trained", "spike_code": "ttfs", "start": 8}
    assert record["settings"] == own
    absent = {"pipelined_latency", "depth", "steps", "convergence", "early_exit", "built_for"}
    assert not absent & set(record)
    layer = record["activity"]["layers"][0]
    assert set(layer) == {
        "name",
        "neurons",
        "spikes",
        "spikes_per_neuron",
        "silent",
        "synaptic_operations",
        "accumulates",
    }
    whole = spkeras.evaluate(snn, x, np.zeros(60, int), insist=True)
    assert whole.to_dict()["activity"] == result.to_dict()["activity"]
    text = " ".join([summary(result), latency(result), operations(result), page_of(result)])
    assert "3 windows of 8 steps" in text and "latency 24 steps" in text
    assert "membrane updates" not in text and "None" not in text


def test_a_cnn_given_is_compared_with_and_another_refused(net, x, snn):
    result = spkeras.evaluate(snn, x, cnn=net)
    assert result.agreement.tolist() == [1.0] and result.reference == "twin"
    with pytest.raises(SpkerasError, match="give the model that was converted"):
        spkeras.evaluate(snn, x, cnn=shaken(keras.models.clone_model(net), 5))


def test_verify_finds_no_loss_with_whole_windows_and_early_arrival_without(x):
    model = branched(12, 2)
    data = np.random.default_rng(2).random((40, 8, 8, 3)).astype("float32")
    whole = spkeras.verify(model, spkeras.convert(model, data, "ttfs"), data)
    assert whole.faithful and whole.departs_first is None and whole.steps == ()
    assert [check.name for check in whole.neurons] == ["code", "first", "wide", "joined", "pooled"]
    assert all(check.error < 1e-6 and check.exact == 1 for check in whole.neurons)
    early = spkeras.verify(model, spkeras.convert(model, data, "ttfs", start=6), data, batch_size=7)
    late = {check.name: check for check in early.neurons}
    assert late["code"].error < 1e-6 < 0.01 < late["joined"].unevenness
    for check in early.neurons:
        assert check.error == pytest.approx(check.unevenness, abs=1e-6)
        assert check.clipping == check.quantization == 0
    assert early.output_error["simulated"] > 0.01 > early.output_error["quantized"]
    assert verification_tables(early) and findings(early)


def test_verify_tells_clipping_from_resolution():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.Dense(7, activation="relu"),
            layers.Dense(3),
        ]
    )
    data = np.random.default_rng(0).random((300, 6)).astype("float32")
    options = {"kernel": "exponential", "timesteps": 40, "updates": 0}
    fine = spkeras.verify(model, spkeras.convert(model, data, "ttfs", **options), data)
    small = spkeras.convert(model, data * 0.5, "ttfs", **options)
    cut = spkeras.verify(model, small, data, any_range=True)
    for narrow, wide in zip(cut.neurons, fine.neurons, strict=True):
        assert narrow.clipping > 20 * wide.clipping
        assert 0.01 < wide.quantization < 0.2 and wide.unevenness == 0
    assert fine.decisions["clipped"] >= fine.decisions["simulated"]


def test_what_needs_a_spike_loop_is_refused_in_one_message(net, x, snn):
    for call in (
        lambda: spkeras.Stream(snn),
        lambda: correct(snn, x),
    ):
        with pytest.raises(SpkerasError, match="each in a window.*the other recipes"):
            call()
    with pytest.raises(OptionError, match="unknown settings .'timesteps'.*fixed by the conversion"):
        spkeras.evaluate(snn, x, timesteps=4)
    with pytest.raises(OptionError, match="fixed by the conversion"):
        spkeras.configure(snn, stagger=1)
    with pytest.raises(OptionError, match="engine='events'.*'auto', 'dense'"):
        spkeras.evaluate(snn, x, engine="events")
    with pytest.raises(OptionError, match="early_exit.*no answer before"):
        spkeras.evaluate(snn, x, early_exit=1.0)


def test_cat_trains_and_ttfs_converts(net, x):
    with pytest.raises(OptionError, match="recipe='cat'.*'ttfs' converts"):
        spkeras.convert(net, x, "cat")
    with pytest.raises(OptionError, match="recipe=CAT.*allowed: .*'ttfs'"):
        spkeras.convert(net, x, CAT())


def test_samples_beyond_the_calibrated_range_are_refused(net, x, snn):
    with pytest.raises(SpkerasError, match="calibrated on up to"):
        spkeras.evaluate(snn, x * 255)
    result = spkeras.evaluate(snn, x * 1.5)
    assert any("1.5 times the range" in text for text in result.warnings)
