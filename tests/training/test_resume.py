"""A training that was stopped goes on bit for bit."""

import keras
import numpy as np
import pytest

from spkeras.recipes import Augmentation, FinetunePlan
from spkeras.training import finetune, prepare
from tests.training import nets

AUGMENTATION = Augmentation(crop_shift=1, flip=True, noise=0.01)


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_a_stopped_run_equals_one_that_was_not(tmp_path):
    rng = np.random.default_rng(2)
    x = rng.random((60, 8, 8, 2)).astype("float32")
    y = rng.integers(0, 4, 60)
    # Ten batches an epoch, in an order that the seed and the epoch decide.
    plan = FinetunePlan(
        clamp=1, quantize=3, held_out=0, batch_size=6, augmentation=AUGMENTATION, insist=True
    )

    def run(folder, **more):
        keras.utils.set_random_seed(int(rng.integers(1000)))
        twin = prepare(nets.vgg(), x, "qcfs", timesteps=4)
        return finetune(twin, (x, y), plan, backup=tmp_path / folder, **more)[0]

    whole = run("whole").get_weights()
    with pytest.raises(KeyboardInterrupt):
        run("stopped", callbacks=[Stop()])
    again = run("stopped").get_weights()
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one, other)
