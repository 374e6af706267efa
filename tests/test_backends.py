"""The way from a file to a report on each backend, where the others are not installed."""

import json
import shutil

import numpy as np
import pytest

from tests.keras_files.handmade import dense, sequential, values, write_h5
from tests.processes import BACKENDS, python, require

pytestmark = [pytest.mark.slow, pytest.mark.backend]

# Keras may look for other backends; none is found.
ALONE = """
import importlib.abc, importlib.util, json, os, sys
backend, folder = sys.argv[1:3]
HIDDEN = {"tensorflow", "jax", "torch"} - {backend}

class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in HIDDEN else real(name, *rest)
os.chdir(folder)
"""

CHAIN = ALONE + """
import io
import numpy as np
from click.testing import CliRunner
import spkeras
from spkeras.cli import main

rng = np.random.default_rng(0)
x, y = rng.random((40, 6, 6, 1)).astype("float32"), rng.integers(0, 3, 40)
np.savez("data.npz", x=x, y=y)


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, (words, done.stderr, done.exception)
    return done


common = ("--data", "data.npz", "--insist", "--force")
found = {"named": run("inspect", "cnn.h5").stderr}
import keras
assert keras.backend.backend() == backend
cnn = spkeras.load_model("cnn.h5")
found["cnn"] = cnn.predict(x, verbose=0).tolist()
snn = spkeras.convert(cnn, x, timesteps=8, stagger=0)
snn.save("snn.h5")
found["snn"] = keras.models.load_model("snn.h5").predict(x, verbose=0).tolist()
stream = spkeras.Stream(snn)
for _ in range(8):
    answer = stream.step(x)
found["stream"] = np.asarray(answer).tolist()
run("convert", "cnn.h5", "-o", "snn.keras", "--timesteps", 8, "--stagger", 0, *common)
evaluated = run("evaluate", "snn.keras", "--data", "data.npz", "--insist", "--json").stdout
found["spikes"] = json.loads(evaluated)["activity"]["spikes"]
run("verify", "cnn.h5", "snn.keras", "--data", "data.npz")
run("info", "snn.keras")
run("finetune", "cnn.h5", "-o", "twin.keras", "--quantize", 1, "--clamp", 1, "--held-out", 8, *common)
run("convert", "twin.keras", "-o", "cq.keras", "--recipe", "cq", *common)
run("sweep", "cnn.h5", "--data", "data.npz", "--timesteps", "2,4", "--insist", "--csv", "a.csv")
run("report", "cnn.h5", "-o", "report.html", *common)
print("RESULT" + json.dumps({**found, "others": sorted(HIDDEN & set(sys.modules))}))
"""
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
# Spikes of a sample in eight steps, on every backend.
SPIKES = 75.125


@pytest.fixture(scope="module")
def arrays():
    """Weights of a convolution and of a Dense layer."""
    return [values(3, 3, 1, 4), values(4, seed=1), values(64, 3, seed=2), values(3, seed=3)]


@pytest.fixture(scope="module")
def folder(arrays, tmp_path_factory):
    """A folder with a CNN of Keras 2 in a file."""
    path = tmp_path_factory.mktemp("chain")
    conv = {"name": "conv", "filters": 4, "kernel_size": [3, 3], "activation": "relu"}
    config = sequential(
        {"class_name": "Conv2D", "config": {**conv, "batch_input_shape": [None, 6, 6, 1]}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        dense("dense", 3, activation="softmax"),
    )
    names = ("conv/kernel:0", "conv/bias:0", "dense/kernel:0", "dense/bias:0")
    pairs = list(zip(names, arrays, strict=True))
    stored = {"conv": pairs[:2], "flatten": [], "dense": pairs[2:]}
    write_h5(path / "cnn.h5", config, stored, version="2.4.0", backend="tensorflow")
    return path


@pytest.fixture(scope="module")
def wanted(arrays):
    """Logits of the CNN in float64."""
    x = np.random.default_rng(0).random((40, 6, 6, 1)).astype("float32").astype(float)
    kernel, bias, matrix, offset = (array.astype(float) for array in arrays)
    maps = np.zeros((40, 4, 4, 4)) + bias
    for i, j in np.ndindex(3, 3):
        maps += x[:, i : i + 4, j : j + 4] @ kernel[i, j]
    return np.maximum(maps, 0).reshape(40, -1) @ matrix + offset


@pytest.mark.parametrize("backend", BACKENDS)
def test_from_a_file_to_a_report_with_one_backend(backend, folder, wanted, tmp_path):
    require(backend)
    shutil.copy(folder / "cnn.h5", tmp_path)
    said = python(CHAIN, backend, tmp_path, KERAS_BACKEND="")
    found = json.loads(said.split("RESULT")[1])
    assert found["named"] == f"loading Keras on {NAMES[backend]} ...\n" and found["others"] == []
    shares = np.exp(wanted - wanted.max(-1, keepdims=True))
    np.testing.assert_allclose(found["cnn"], shares / shares.sum(-1, keepdims=True), atol=1e-5)
    # Eight steps are coarse: the error of the mean of 64 spikes and of 8 of them in time.
    assert np.abs(np.array(found["snn"]) - wanted).max() < 0.25 * np.abs(wanted).max()
    np.testing.assert_allclose(found["stream"], found["snn"], atol=1e-5)
    assert found["spikes"] == pytest.approx(SPIKES, rel=1e-3)
    assert (tmp_path / "report.html").stat().st_size > 10_000
