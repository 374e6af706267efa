"""Write the files of this version that later versions must read: `python -m tests.golden_files`.

Run once for each version, before its tag; the folder of an earlier version is never written again.
"""

from pathlib import Path

import keras
import numpy as np

import spkeras
from spkeras.hardware import log_ttfs

FOLDER = Path(__file__).parent / "golden" / spkeras.__version__
# Name of the file: recipe, options.
NETWORKS = {
    "ecc.keras": ("ecc", {"timesteps": 8}),
    "plain.h5": ("ecc", {"timesteps": 8}),
    "quantized.h5": ("ecc", {"timesteps": 8, "weight_bits": 5}),
    "light.h5": ("ecc", {"timesteps": 8, "correction": "light"}),
    "synchronous.h5": ("ecc", {"timesteps": 8, "schedule": "layer_synchronous"}),
    "differential.h5": (
        "ecc",
        {"timesteps": 8, "neuron": "signed", "spike_code": "differential"},
    ),
    "multi_threshold.h5": ("ecc", {"timesteps": 8, "neuron": "multi_threshold"}),
    "sigma_delta.h5": ("sigma_delta", {"timesteps": 3}),
    "exact.h5": ("ttfs", {"kernel": "exact"}),
    "exponential.h5": ("ttfs", {"kernel": "exponential", "timesteps": 16}),
}


def cnn():
    """Return a small CNN with random weights."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(4),
        ],
        name="small",
    )


def main():
    """Write networks, a program of whole numbers, and what they answer."""
    FOLDER.mkdir()
    x = np.random.default_rng(2).random((40, 6, 6, 2)).astype("float32")
    shown, answers = x[:3], {}
    for name, (recipe, options) in NETWORKS.items():
        snn = spkeras.convert(cnn(), x, recipe, **options)
        snn.save(FOLDER / name)
        answers[name] = snn.predict(shown, verbose=0)
    twin = spkeras.prepare(cnn(), x, "cat", timesteps=12)
    target = np.zeros((40, 4), "float32")
    trained, _ = spkeras.finetune(twin, (x, target), clamp=1, quantize=1, loss="mse")
    program = log_ttfs.compile(trained)
    log_ttfs.save_program(program, FOLDER / "program.npz")
    answers["program.npz"] = log_ttfs.run(program, shown).answers[0].potentials
    np.savez(FOLDER / "answers.npz", inputs=shown, **answers)


if __name__ == "__main__":
    main()
