"""Trained models: the folded graph is the CNN, and the spiking network follows.

Those of other people are read from a folder beside the data sets (tests/README.md); those of the
repository are always there.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

import spkeras

pytestmark = pytest.mark.slow

MODELS = {
    "mlperftiny_resnet8_cifar10.h5": {},
    "mlperftiny_vww96_mobilenet.h5": {},
    "mlperftiny_str_ww.h5": {},
    "sairajgupta_cifar10.keras": {},
    "marabou_cnn_max_mnist2.h5": {},
    "moonflower_mnist_keras.keras": {},
    "oarriaga_fer2013_miniXception.hdf5": {},
    "naokishibuya_steering_keras1.h5": {"replace": {"lambda_1": "rescaling:127.5,-1"}},
    "dl4j_cnn_tf_keras1.h5": {},
    "pplonski_keras1_mnist_weights.h5": {"architecture": "pplonski_keras1_mnist_weights.arch.json"},
    "dl4j_wgan_disc.h5": {},
    "stm32_yamnet256_nested.h5": {},
}
STORED = ("mnist_cnn.keras", "cifar10_mobilenet_v2.keras")


@pytest.fixture
def real(request):
    """Loads one of `MODELS` or `STORED` by its name: the model, and inputs."""

    def load(name):
        if name in STORED:
            cnn = spkeras.load_model(Path(__file__).parents[1] / "models" / name)
            # Smooth images: noise has no maps that a trained network answers to.
            coarse = np.random.default_rng(0).random((8, 7, 7, cnn.input_shape[-1]))
            image = keras.ops.image.resize(coarse, cnn.input_shape[1:3])
            return cnn, np.asarray(image, "float32")
        folder = request.getfixturevalue("data_root").parent / "foreign_models"
        if not folder.is_dir():
            pytest.skip(f"no {folder}: tests/README.md says what it holds")
        options = dict(MODELS[name])
        if "architecture" in options:
            options["architecture"] = folder / options["architecture"]
        with np.load(folder / f"{name.rsplit('.', 1)[0]}.ref.npz") as file:
            return spkeras.load_model(folder / name, **options), file["x"]

    return load


@pytest.mark.parametrize("name", [*STORED, *MODELS])
def test_folded_graph_is_the_cnn_and_counts_follow_it(name, real):
    cnn, x = real(name)
    snn = spkeras.convert(
        cnn,
        x,
        percentile=100,
        simulation=spkeras.Simulation(schedule="layer_synchronous"),
        timesteps=16,
    )
    coarse = spkeras.verify(cnn, snn, x)
    fine = spkeras.verify(cnn, snn, x, timesteps=4096)
    assert coarse.layers and max(layer.relative for layer in coarse.layers) < 1e-5
    assert coarse.output_error["folded"] <= 1e-5 * np.abs(cnn.predict(x, verbose=0)).max() + 1e-4
    assert fine.output_error["quantized"] < 0.1 * coarse.output_error["quantized"]


@pytest.mark.parametrize("name", [*STORED, *MODELS])
def test_graded_spikes_follow_it_to_the_precision_of_floats(name, real):
    cnn, x = real(name)
    snn = spkeras.convert(cnn, x, recipe="sigma_delta", timesteps=20, levels=24, mantissa_bits=3)
    score = spkeras.evaluate(snn, x).scores[0]
    error = score.deviation / score.cnn_spread
    assert error[3] < 0.02 * max(error[0], 1e-3) + 1e-4
    assert error[-1] < 1e-4
