"""Several decisions a sample: classes of positions, and yes or no for each of several labels."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import DataError, OptionError
from spkeras.metrics import Score
from spkeras.metrics.tasks import LABELS, SEGMENTATION

RNG = np.random.default_rng(3)


def scored(shape, targets, outputs, cnn, threshold=0.0):
    score = Score("out", shape, targets, 1, threshold)
    part = score.given(targets)
    part.reference(cnn)
    part.add(0, outputs)
    return score.task, part.result()


def test_classes_of_positions_by_hand():
    outputs, cnn = RNG.normal(size=(2, 5, 4, 3, 6))
    masks = RNG.integers(0, 6, (5, 4, 3))
    hot = np.eye(6)[masks]
    for targets in (masks, masks[..., None], masks.astype(float), hot, hot.astype("uint8")):
        task, found = scored((4, 3, 6), targets, outputs, cnn)
        assert task == SEGMENTATION
        assert found.accuracy[0] == pytest.approx((outputs.argmax(-1) == masks).mean())
        assert found.cnn_accuracy == pytest.approx((cnn.argmax(-1) == masks).mean())
        assert found.agreement[0] == pytest.approx((outputs.argmax(-1) == cnn.argmax(-1)).mean())


def test_masks_of_one_channel_and_undecided_positions():
    outputs, cnn = RNG.normal(size=(2, 5, 4, 3, 1))
    masks = RNG.integers(0, 2, (5, 4, 3))
    outputs[0, 0, 0] = np.nan
    right = (outputs[..., 0] > 0.5) == masks
    right[0, 0, 0] = False
    task, found = scored((4, 3, 1), masks, outputs, cnn, threshold=0.5)
    assert task == SEGMENTATION and found.accuracy[0] == pytest.approx(right.mean())
    # Values of an image are no mask.
    assert scored((4, 3, 1), RNG.random((5, 4, 3, 1)), outputs, cnn)[0] == "regression"


def test_several_labels_by_hand():
    outputs, cnn = RNG.normal(size=(2, 50, 4))
    labels = RNG.integers(0, 2, (50, 4))
    task, found = scored((4,), labels, outputs, cnn)
    assert task == LABELS and found.accuracy[0] == pytest.approx(((outputs > 0) == labels).mean())
    # A batch whose rows look like one-hot has the task of the others.
    score = Score("out", (4,), labels, 1)
    assert score.given(np.eye(4)).task == LABELS
    with pytest.raises(DataError, match="the first ones are those of a multi-label"):
        score.given(RNG.random((4, 4)))
    # One-hot rows are classes, other values are values.
    assert Score("out", (4,), np.eye(4), 1).task == "classification"
    assert Score("out", (4,), RNG.random((5, 4)), 1).task == "regression"
    with pytest.raises(DataError, match="allowed: 0 to 5"):
        Score("out", (4, 3, 6), np.full((5, 4, 3), 6), 1)


def test_a_segmenting_network_is_scored_by_its_positions():
    keras.utils.set_random_seed(1)
    net = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2D(3, 1, activation="softmax"),
        ]
    )
    x = RNG.random((30, 6, 5, 2)).astype("float32")
    masks = net.predict(x, verbose=0).argmax(-1)
    masks[:, 0, 0] = (masks[:, 0, 0] + 1) % 3
    snn = spkeras.convert(net, x, timesteps=16)
    found = spkeras.evaluate(snn, x, masks, batch_size=7, predictions=True)
    decided = snn.predict(x, verbose=0).argmax(-1)
    assert found.scores[0].task == SEGMENTATION
    assert found.accuracy[-1] == pytest.approx((decided == masks).mean())
    assert found.cnn_accuracy == pytest.approx(29 / 30) and found.interval() == (None, None)
    assert found.predictions.shape == (30, 6, 5, 3)
    with pytest.raises(OptionError, match="decides no class of a sample"):
        found.changed()
    table = spkeras.sweep(net, (x, masks), ["ecc"], timesteps=[8])
    assert table.measure == "accuracy" and table.points[0].low is None and "ecc" in str(table)
