"""A prepared model is saved, loaded and trained on, and corrections hold, on every backend."""

import json

import numpy as np
import pytest

from tests.processes import BACKENDS, python, require

pytestmark = [pytest.mark.slow, pytest.mark.backend]

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import keras
import spkeras
from spkeras.training import Augmentation, FinetunePlan, finetune, prepare
from tests.training.nets import NETS
assert keras.backend.backend() == sys.argv[2]
folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
model = NETS["vgg"]()
x = rng.random((24, 8, 8, 2)).astype("float32")
y = rng.integers(0, 4, 24)

def plan(quantize):
    return FinetunePlan(clamp=1, quantize=quantize, batch_size=8, rate=0.01, then=(8, 1),
                augmentation=Augmentation(crop_shift=1, flip=True, noise=0.01))

def twin():
    return prepare(model, x, recipe="qcfs", timesteps=4)

def trained(folder=None, epochs=2, start=None):
    told = []
    noted = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: told.append(epoch))
    net, _ = finetune(start or twin(), (x, y), plan(epochs), backup=folder, callbacks=[noted])
    return net, told

prepared = twin()
prepared.save(folder / "twin.keras")
loaded = keras.models.load_model(folder / "twin.keras")
same = bool((loaded.predict(x, verbose=0) == prepared.predict(x, verbose=0)).all())
before = [np.array(w) for w in loaded.get_weights()]
whole, epochs = trained(folder / "whole", start=loaded)
moved = sum(float(abs(a - b).sum()) for a, b in zip(before, loaded.get_weights()))
again, rest = trained(folder / "whole")
whole.save(folder / "whole.keras")
snn = spkeras.convert(whole, x, recipe="qcfs",
                      simulation=spkeras.Simulation(schedule="layer_synchronous"))
logits = snn.predict(x, verbose=0)
clocked = spkeras.convert(whole, x, recipe="qcfs", thresholds="trained")

print("RESULT" + json.dumps({
    "same": same, "moved": moved, "epochs": epochs, "rest": rest,
    "resumed": float(abs(whole.predict(x, verbose=0) - again.predict(x, verbose=0)).max()),
    "spiking": float(abs(logits - whole.predict(x, verbose=0)).max()),
    "timesteps": spkeras.training.schedule.timesteps_of(whole),
    "thresholds": list(spkeras.calibration.thresholds.loop_of(clocked).graph.of("neuron")[0]
                       .arrays["threshold"].shape),
}))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_twin_lives_on_every_backend(backend, tmp_path):
    require(backend)
    said = python(SCRIPT, tmp_path, backend, KERAS_BACKEND=backend)
    found = json.loads(said.split("RESULT")[1])
    assert found["same"] and found["moved"] > 0.1
    assert found["epochs"] == [0, 1, 2, 3] and found["rest"] == []
    assert found["resumed"] == 0 and found["spiking"] < 1e-4
    assert found["timesteps"] == 8 and found["thresholds"] == [4]


CORRECTED = """
import json, sys
import numpy as np
import spkeras
from spkeras.calibration import correct
from tests.training.nets import NETS
model = NETS["resnet"]()
x = np.random.default_rng(0).random((24, 6, 6, 2)).astype("float32")
snn = spkeras.convert(model, x, timesteps=8, simulation=spkeras.Simulation(stagger=0))
print("RESULT" + json.dumps({
    "plain": snn.predict(x, verbose=0).tolist(),
    "light": correct(snn, x, "light").predict(x, verbose=0).tolist(),
    "advanced": correct(snn, x, "advanced").predict(x, verbose=0).tolist(),
    "looked": correct(snn, x, "offset_spikes").predict(x, verbose=0).tolist(),
}))
"""


def test_corrections_without_training_are_the_same_on_every_backend(tmp_path):
    for name in BACKENDS:
        require(name)
    said = [python(CORRECTED, tmp_path, name, KERAS_BACKEND=name) for name in BACKENDS]
    first, *others = [json.loads(text.split("RESULT")[1]) for text in said]
    for other in others:
        for name, outputs in first.items():
            np.testing.assert_allclose(other[name], outputs, atol=1e-4, err_msg=name)
    assert len({json.dumps(outputs) for outputs in first.values()}) == len(first)
