"""The callback that converts a CNN while it is trained."""

import logging

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.callbacks import SpikingAccuracy
from spkeras.errors import DataError, OptionError, UnsupportedLayerError
from tests import networks

X = np.random.default_rng(0).random((60, 3, 3, 1)).astype("float32")
Y = (X.mean(axis=(1, 2, 3)) * 40).astype(int) % 4


def compiled(activation="relu"):
    net = keras.Sequential(
        [
            keras.Input((3, 3, 1), name="image"),
            layers.Conv2D(3, 2, activation=activation, name="conv"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.2, seed=3, name="drop"),
            layers.Dense(4, name="out"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    networks.dyadic(net).compile("adam", loss, metrics=["accuracy"])
    return net


class Shuffled(keras.utils.PyDataset):
    """Whose batches Keras shuffles with Python's generator."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return X[10 * index : 10 * index + 10], Y[10 * index : 10 * index + 10]


def test_logs_are_those_of_a_conversion_by_hand():
    net, seen = compiled(), {}

    class After(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen[epoch] = dict(logs), [weight.copy() for weight in net.get_weights()]

    spiking = SpikingAccuracy(X[:30], (X, Y), timesteps=6, every=2, layers=True)
    history = net.fit(X, Y, epochs=5, verbose=0, callbacks=[spiking, After()]).history
    # Every second epoch, and the last one.
    assert sorted(spiking.results) == [1, 3, 4] and len(history["snn_accuracy"]) == 3
    logs, weights = seen[3]
    assert not [name for name in seen[2][0] if name.startswith("snn")]
    copy = compiled()
    copy.set_weights(weights)
    snn = spkeras.convert(copy, X[:30], timesteps=6)
    found = spkeras.evaluate(snn, X, Y, insist=True)
    assert logs["snn_accuracy"] == pytest.approx(found.accuracy[-1])
    assert logs["snn_agreement"] == pytest.approx(found.agreement[-1])
    assert logs["snn_spikes"] == pytest.approx(found.activity.spikes)
    (layer,) = found.activity.layers
    assert logs["snn_spikes/conv"] == pytest.approx(layer.spikes_per_neuron)


def test_training_is_the_same_with_it():
    weights = []
    for callbacks in ([], [SpikingAccuracy(X[:30], (x for x in [(X, Y)]), timesteps=4)]):
        keras.utils.set_random_seed(5)
        net = compiled()
        net.fit(Shuffled(), epochs=3, verbose=0, callbacks=callbacks)
        weights.append(net.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_twin_in_training():
    net = compiled()
    twin = spkeras.prepare(net, X, "qcfs", timesteps=4)
    spiking = SpikingAccuracy(X, (X, Y), "qcfs")
    options = {"quantize": 1, "clamp": 0, "insist": True, "callbacks": [spiking]}
    trained, history = spkeras.finetune(twin, (X, Y), **options)
    snn = spkeras.convert(trained, X, "qcfs")
    found = spkeras.evaluate(snn, X, Y, insist=True)
    assert history["snn_accuracy"][-1] == pytest.approx(found.accuracy[-1])
    assert spiking.results[0].timesteps == 4


def test_refused_before_the_first_epoch():
    epochs = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    for net, data, error in [
        (compiled("gelu"), (X, Y), UnsupportedLayerError),
        (compiled(), (X[:, 1:], Y), DataError),
        (compiled(), (X, Y[:4]), DataError),
    ]:
        recipe = "ecc"
        if error is UnsupportedLayerError:
            net = Subclassed()
            net.compile("adam", "mse")
        with pytest.raises(error):
            net.fit(X, Y, verbose=0, callbacks=[SpikingAccuracy(X, data, recipe), count])
    assert not epochs
    with pytest.raises(OptionError, match="every=0; allowed: whole numbers from 1"):
        SpikingAccuracy(X, X, every=0)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(keras.ops.reshape(x, (-1, 9)))


def test_weights_that_are_nan_end_no_training(caplog):
    net = compiled()

    class Diverge(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            net.layers[-1].kernel.assign(net.layers[-1].kernel * np.nan)

    spiking = SpikingAccuracy(X, (X, Y), timesteps=4)
    with caplog.at_level(logging.WARNING, logger="spkeras"):
        net.fit(X, Y, epochs=2, verbose=0, callbacks=[Diverge(), spiking])
    assert not spiking.results and "epoch 2: the model is not converted" in caplog.text


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="the summaries of TensorFlow need tensorboard")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras writes summaries with TensorFlow")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    spiking = SpikingAccuracy(X, (X, Y), timesteps=4)
    board = keras.callbacks.TensorBoard(str(tmp_path))
    history = compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[spiking, board]).history
    events = EventAccumulator(str(tmp_path / "train"), size_guidance={"tensors": 0})
    events.Reload()
    written = events.Tensors("epoch_snn_accuracy")
    assert [event.step for event in written] == [0, 1]
    values = [np.frombuffer(event.tensor_proto.tensor_content, "float32")[0] for event in written]
    np.testing.assert_allclose(values, history["snn_accuracy"], rtol=1e-6)


@pytest.mark.slow
def test_a_loop_of_conversions_traces_no_function_again(caplog):
    """TensorFlow warns from the fifth trace of one function on."""
    net = compiled()
    with caplog.at_level(logging.WARNING):
        for _ in range(7):
            snn = spkeras.convert(net, X, timesteps=3)
            spkeras.evaluate(snn, X, Y, insist=True)
            spkeras.evaluate(snn, X, Y, insist=True, engine="dense", batch_size=25)
            spkeras.verify(net, snn, X)
    assert "retracing" not in caplog.text
