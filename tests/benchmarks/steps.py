"""What a run to T = 4 of graded spikes costs, in forward passes of the CNN.

    python -m tests.benchmarks.steps models/cifar10_vgg16.keras [--repeats 5]

Random images of the model's own size; CNN and network take turns, so that a busy machine slows
both. Memory is the peak of the whole process after runs to T = 4 and T = 32.
"""

import argparse
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.machine import peak

IMAGES, BATCH, STEPS = 400, 100, 4


def seconds(task: Callable[[], Any]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    import keras

    import spkeras

    loaded = spkeras.load_model(arguments.model)
    cnn = getattr(loaded, "model", loaded)
    largest = 255 if loaded.name.startswith("pretrained") else 1
    shape = tuple(cnn.inputs[0].shape[1:])
    x = np.random.default_rng(0).uniform(0, largest, (IMAGES, *shape)).astype("float32")
    snn = spkeras.convert(cnn, x[:200], recipe="sigma_delta", timesteps=STEPS)
    tasks = {
        "CNN predict": lambda: cnn.predict(x, batch_size=BATCH, verbose=0),
        "predict, T = 4": lambda: snn.predict(x, batch_size=BATCH, verbose=0),
        "evaluate, T = 4": lambda: spkeras.evaluate(snn, x, batch_size=BATCH),
    }
    for task in tasks.values():
        task()
    times = {name: [] for name in tasks}
    for _ in range(arguments.repeats):
        for name, task in tasks.items():
            times[name].append(seconds(task))
    unit = np.array(times["CNN predict"])
    print(
        f"{arguments.model}: Keras {keras.__version__}, {keras.backend.backend()}, "
        f"Python {platform.python_version()}, {IMAGES} images, batch {BATCH}"
    )
    for name, found in times.items():
        ratio = np.array(found) / unit
        print(
            f"{name}: {1e3 * np.median(found) / IMAGES:.3f} ms an image, "
            f"{np.median(ratio):.2f} forward passes ({ratio.min():.2f} to {ratio.max():.2f})"
        )
    four = peak()
    spkeras.evaluate(snn, x, batch_size=BATCH, timesteps=32)
    print(f"peak memory: {four:.0f} MB after T = 4, {peak():.0f} MB after T = 32")


if __name__ == "__main__":
    main()
