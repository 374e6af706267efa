"""Labels that are partly the CNN's own answers."""

import keras
import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.training import Augmentation, FinetunePlan, finetune, prepare
from spkeras.training.augment import Batches
from spkeras.training.teacher import DistilledBatches

pytestmark = pytest.mark.slow


def net(activation="softmax", classes=3):
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, activation=activation),
        ]
    )


def samples(count=60):
    rng = np.random.default_rng(0)
    return rng.random((count, 4, 4, 1)).astype("float32"), rng.integers(0, 3, count)


@pytest.mark.parametrize("activation", ["softmax", "linear"])
def test_labels_are_mixed_with_what_is_said_of_the_augmented_sample(activation):
    x, y = samples()
    batches = Batches(x, np.eye(3)[y], 20, Augmentation(crop_shift=1, flip=True), seed=1)
    teacher = net(activation)
    seen, labels = DistilledBatches(batches, teacher, 0.25)[1]
    shown, sample_labels = batches[1]
    np.testing.assert_array_equal(seen, shown)
    said = teacher(shown) if activation == "softmax" else keras.ops.softmax(teacher(shown))
    wanted = 0.75 * sample_labels + 0.25 * keras.ops.convert_to_numpy(said)
    np.testing.assert_allclose(labels, wanted, atol=1e-6)


def test_a_twin_learns_from_its_teacher_what_no_label_says():
    x, _ = samples(300)
    cnn = net()
    decisions = cnn.predict(x, verbose=0).argmax(-1)
    wrong = (decisions + 1) % 3
    agreed = {}
    for share in (0.0, 1.0):
        twin = prepare(cnn, x, recipe="qcfs", timesteps=8)
        plan = FinetunePlan(
            clamp=0, quantize=6, batch_size=20, rate=0.01, distil=share, insist=True
        )
        trained, _ = finetune(twin, (x, wrong), plan, teacher=cnn)
        agreed[share] = (trained.predict(x, verbose=0).argmax(-1) == decisions).mean()
    assert agreed[1.0] > 0.9 > 0.2 > agreed[0.0]


def test_what_cannot_be_taught_is_refused():
    x, y = samples(20)
    twin = prepare(net(), x, recipe="qcfs", timesteps=8)
    with pytest.raises(OptionError, match="without a teacher"):
        finetune(twin, (x, y), FinetunePlan(distil=0.5))
    with pytest.raises(OptionError, match="distil=1.5"):
        FinetunePlan(distil=1.5)
    with pytest.raises(OptionError, match=r"outputs of shape \(None, 5\)"):
        finetune(twin, (x, y), FinetunePlan(distil=0.5), teacher=net(classes=5))
