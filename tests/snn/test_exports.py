"""Networks in the formats of deployment: each gives what `predict` gives."""

import importlib.util

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from tests import networks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow exports"),
]
INSIDE = [layers.Conv2D(2, 2, activation="relu"), layers.Flatten(), layers.Dense(3)]
CNN = networks.dyadic(keras.Sequential([keras.Input((3, 3, 1), name="image"), *INSIDE]))
X = np.abs(networks.samples(CNN, 6)) / 2
KINDS = {
    "clock-driven": ("ecc", {}),
    "layer-synchronous": ("ecc", {"schedule": "layer_synchronous"}),
    "signed": ("ecc", {"neuron": "signed"}),
    "graded": ("sigma_delta", {"levels": 6, "mantissa_bits": 1}),
    "windows": ("ttfs", {"kernel": "exponential"}),
}


@pytest.fixture(scope="module", params=KINDS)
def case(request):
    recipe, options = KINDS[request.param]
    snn = spkeras.convert(CNN, X, recipe, timesteps=6, insist=True, **options)
    return snn, snn.predict(X, verbose=0)


def test_saved_model(case, tmp_path):
    import tensorflow

    snn, wanted = case
    snn.export(str(tmp_path / "net"), verbose=False)
    loaded = tensorflow.saved_model.load(str(tmp_path / "net"))
    np.testing.assert_allclose(loaded.serve(X).numpy(), wanted, atol=1e-6)


def test_litert(case, tmp_path):
    import tensorflow

    snn, wanted = case
    path = str(tmp_path / "net.tflite")
    with spkeras.unfused():
        snn.export(path, format="litert", verbose=False)
    program = tensorflow.lite.Interpreter(path)
    (given,), (answer,) = program.get_input_details(), program.get_output_details()
    program.resize_tensor_input(given["index"], X.shape)
    program.allocate_tensors()
    program.set_tensor(given["index"], X)
    program.invoke()
    np.testing.assert_allclose(program.get_tensor(answer["index"]), wanted, atol=1e-6)


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("tf2onnx", "onnxruntime"))),
    reason="Keras exports ONNX with tf2onnx, onnxruntime runs it: pip install spkeras[onnx]",
)
def test_onnx(case, tmp_path):
    import onnxruntime

    snn, wanted = case
    with spkeras.unfused():
        snn.export(str(tmp_path / "net.onnx"), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(found, wanted, atol=1e-6)
