"""Write the files of this version that later versions must read: `python -m tests.golden_files`.

Run for each version before its tag; a file that is there is never written again. Needs the package nir.
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
    "relays.h5": ("ecc", {"timesteps": 8, "relays": True}),
    "whole.h5": ("ecc", {"timesteps": 8, "relays": True, "weight_bits": 6, "threshold_bits": 10}),
    "wrapped.h5": ("ecc", {"timesteps": 8, "membrane_bits": 9, "overflow": "wrap"}),
}
# Networks with a linear layer before another one.
BOTTLENECKS = ("relays.h5", "whole.h5")
# Networks whose bits the engine of whole numbers keeps.
WHOLE = ("whole.h5", "wrapped.h5")
# Networks of trained activations, by their code.
TRAINED = {"phase.h5": "phase", "burst.h5": "burst"}
# For other tools: of the first recipe's network, and of one of whole numbers.
EXPORTED = {
    "net.nir": {"target": "nir"},
    "delayed.npz": {"stagger": 1},
    "whole.nir": {"target": "nir", "weight_bits": 6, "threshold_bits": 10},
}


def cnn(bottleneck=False):
    """Return a small CNN with random weights."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            *([layers.Conv2D(1, 1, use_bias=False)] if bottleneck else []),
            layers.Conv2D(3, 3, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(4),
        ],
        name="small",
    )


def networks(x):
    """Yield the name of each file of a network, and a function that makes the network."""
    for name, (recipe, options) in NETWORKS.items():
        yield name, lambda name=name, recipe=recipe, options=options: spkeras.convert(
            cnn(name in BOTTLENECKS), x, recipe, **options
        )
    for name, code in TRAINED.items():
        yield name, lambda code=code: spkeras.convert(trained(x, code), x, "ttfs")
    for name, options in EXPORTED.items():
        yield name, lambda options=options: spkeras.convert(cnn(), x, timesteps=8, **options)


def trained(x, code, timesteps=6):
    """Return a CNN trained for a code."""
    twin = spkeras.prepare(cnn(), x, "cat", timesteps=timesteps, spike_code=code)
    target = np.zeros((len(x), 4), "float32")
    return spkeras.finetune(twin, (x, target), clamp=1, quantize=1, loss="mse")[0]


def spikes_of(snn, x):
    """Return the spikes of each channel in a run in whole numbers."""
    result = spkeras.evaluate(snn, x, engine="integers", verbose=0)
    return np.concatenate(list(result.layer_spikes.values()))


def main():
    """Write networks, a program of whole numbers, and what they answer, as far as they are missing."""
    FOLDER.mkdir(exist_ok=True)
    x = np.random.default_rng(2).random((40, 6, 6, 2)).astype("float32")
    shown, answers = x[:3], {}
    if (FOLDER / "answers.npz").exists():
        with np.load(FOLDER / "answers.npz") as stored:
            answers = {name: stored[name] for name in stored.files if name != "inputs"}
    for name, make in networks(x):
        if not (FOLDER / name).exists():
            snn = make()
            write = spkeras.export if name in EXPORTED else keras.Model.save
            write(snn, FOLDER / name)
            answers[name] = snn.predict(shown, verbose=0)
            if name in WHOLE:
                answers[f"{name}:spikes"] = spikes_of(snn, shown)
    if not (FOLDER / "program.npz").exists():
        program = log_ttfs.compile(trained(x, "ttfs", 12))
        log_ttfs.save_program(program, FOLDER / "program.npz")
        answers["program.npz"] = log_ttfs.run(program, shown).answers[0].potentials
    np.savez(FOLDER / "answers.npz", inputs=shown, **answers)


if __name__ == "__main__":
    main()
