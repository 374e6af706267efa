"""Two classes in one output, and values: what is trained for besides classes."""

import keras
import numpy as np
import pytest

from spkeras.errors import DataError, OptionError
from spkeras.training import ChooseTimesteps, FinetunePlan, finetune, prepare
from spkeras.training.targets import accuracy, quality

pytestmark = pytest.mark.slow


def net(last):
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.Dense(1, activation=last),
        ]
    )


def samples():
    x = np.random.default_rng(0).random((400, 6)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype(int)


def trained(model, y, **options):
    x, _ = samples()
    twin = prepare(model, x, recipe="qcfs", timesteps=8)
    return finetune(
        twin, (x, y), FinetunePlan(clamp=0, quantize=40, batch_size=50, rate=0.02, **options)
    )[0]


@pytest.mark.parametrize("last", ["sigmoid", "linear"])
def test_one_output_learns_two_classes(last):
    x, y = samples()
    found = trained(net(last), y)
    assert accuracy(found, x, y) > 0.95
    threshold = 0.5 if last == "sigmoid" else 0.0
    decided = found.predict(x, verbose=0)[:, 0] > threshold
    assert accuracy(found, x, y) == (decided == y).mean()


def test_values_are_learned_by_their_squares():
    x, _ = samples()
    values = x[:, 0] * 2 - x[:, 1]
    found = trained(net("linear"), values, loss="mse")
    kind, error = quality(found, x, values)
    assert kind == "error"
    rms = np.sqrt(((found.predict(x, verbose=0)[:, 0] - values) ** 2).mean())
    assert error == pytest.approx(rms, rel=1e-5) and error < 0.2


def test_values_have_no_accuracy():
    x, _ = samples()
    with pytest.raises(OptionError, match="loss='mse'"):
        trained(net("linear"), x[:, 0])
    twin = prepare(net("linear"), x, recipe="qcfs", timesteps=8)
    choice = ChooseTimesteps(x[:50], x[:50, 0], [2, 8])
    epochs = []
    noted = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    with pytest.raises(DataError, match="values, not classes"):
        finetune(twin, (x, x[:, 0]), FinetunePlan(loss="mse"), callbacks=[choice, noted])
    assert not epochs
