"""One simulator of spiking networks in a process of its own; `race.py` starts and times it.

    python -m tests.benchmarks.systems SYSTEM FOLDER

`FOLDER` has the case that `race.py` wrote. The process sets the system up for each T, runs it once,
writes what it answers to `FOLDER/answers`, and prints "ready" and how it runs. For each line
"run T" on standard input it runs once and prints a line of JSON: seconds, and the peak memory of the
process. Peers are built from `stages.pkl`, without Keras: the Triton that SpikingJelly loads and
TensorFlow do not run in one process.
"""

import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.machine import peak

Task = Callable[[], Any]
# Forward passes of a CNN in one timed call: the fixed cost of a call of `predict`, tens of
# milliseconds, is no part of the cost of an image.
PASSES = 20


@dataclass(frozen=True, eq=False)
class System:
    """A system that is set up.

    Attributes:
        tasks: What is timed, for each T.
        answers: Logits, and spikes of each image and neuron or None, for each T; not timed.
        how: The mode in which it runs.
    """

    tasks: dict[int, Task]
    answers: Callable[[int], tuple[np.ndarray, np.ndarray | None]]
    how: str = ""


# --- spkeras, and the CNN as the unit of measure ------------------------------------------


def _keras(backend: str) -> Any:
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import spkeras  # noqa: F401  (registers the layers)

    return keras


def cnn(case: dict[str, Any], backend: str) -> System:
    """`predict` of the CNN in float32, on `PASSES` times the images in one call."""
    keras = _keras(backend)
    model = keras.models.load_model(case["cnn"])
    x, batch = case["x"], case["batch"]
    many = np.concatenate([x] * PASSES)
    task = lambda: model.predict(many, batch_size=batch, verbose=0)  # noqa: E731
    return System(
        dict.fromkeys(case["timesteps"], task), lambda timesteps: (task()[: len(x)], None)
    )


def predict(case: dict[str, Any], backend: str) -> System:
    """`predict` of the converted model: the spike loop as one compiled graph."""
    keras = _keras(backend)
    models = {t: keras.models.load_model(case["snn"][t]) for t in case["timesteps"]}
    x, batch = case["x"], case["batch"]
    tasks = {
        t: lambda model=model: model.predict(x, batch_size=batch, verbose=0)
        for t, model in models.items()
    }
    return System(tasks, lambda timesteps: (tasks[timesteps](), None))


def evaluate(case: dict[str, Any], backend: str, engine: str) -> System:
    """The simulation that `evaluate` runs: outputs and spike counts of every step."""
    keras = _keras(backend)
    from spkeras.simulation import Simulator
    from spkeras.snn.model import loop_of
    from tests import runs
    from tests.benchmarks import reference

    models = {t: keras.models.load_model(case["snn"][t]) for t in case["timesteps"]}
    found = {t: Simulator(loop_of(model), engine) for t, model in models.items()}
    x, batch = case["x"], case["batch"]
    tasks = {
        t: lambda simulation=simulation: runs.run(simulation, [x], batch, lambda *_: None)
        for t, simulation in found.items()
    }
    count = reference.events if engine == "events" else reference.dense
    return System(tasks, lambda timesteps: count(loop_of(models[timesteps]), x))


# --- peers, on PyTorch --------------------------------------------------------------------


def _problems(case: dict[str, Any]) -> dict[int, Any]:
    import torch

    from tests.benchmarks.peers import Problem

    torch.set_num_threads(case["threads"])
    # Each stage is compiled by itself; the default allows eight in all.
    torch._dynamo.config.recompile_limit = 256
    images = list(torch.tensor(case["x"].transpose(0, 3, 1, 2).copy()).split(case["batch"]))
    with open(case["stages"], "rb") as file:
        stages = pickle.load(file)
    return {t: Problem(*stages[t], t, images) for t in case["timesteps"]}


def torch_cnn(case: dict[str, Any]) -> System:
    """`PASSES` forward passes of the same weights with ReLU."""
    passes = {t: problem.cnn() for t, problem in _problems(case).items()}
    tasks = {t: lambda one=one: [one() for _ in range(PASSES)] for t, one in passes.items()}
    return System(tasks, lambda timesteps: (passes[timesteps](), None))


def peer(case: dict[str, Any], name: str) -> System:
    """A peer in the mode that is fastest for the first T."""
    from tests.benchmarks.peers import counted, fastest

    problems = _problems(case)
    first = problems[case["timesteps"][0]]
    mode = fastest(name, first, lambda line: print(line, file=sys.stderr, flush=True))
    networks = {t: problem.network(name, mode) for t, problem in problems.items()}
    tasks = {
        t: lambda network=network: network.run(first.images) for t, network in networks.items()
    }
    return System(tasks, lambda timesteps: counted(networks[timesteps], first.images), str(mode))


SYSTEMS: dict[str, Callable[[dict[str, Any]], System]] = {
    "Keras CNN, TensorFlow": lambda case: cnn(case, "tensorflow"),
    "Keras CNN, JAX": lambda case: cnn(case, "jax"),
    "PyTorch CNN": torch_cnn,
    "spkeras, events": lambda case: evaluate(case, "tensorflow", "events"),
    "spkeras, dense, TensorFlow": lambda case: evaluate(case, "tensorflow", "dense"),
    "spkeras, predict, TensorFlow": lambda case: predict(case, "tensorflow"),
    "spkeras, dense, JAX": lambda case: evaluate(case, "jax", "dense"),
    "spkeras, predict, JAX": lambda case: predict(case, "jax"),
    "SpikingJelly": lambda case: peer(case, "SpikingJelly"),
    "sinabs": lambda case: peer(case, "sinabs"),
    "snnTorch": lambda case: peer(case, "snnTorch"),
}


def main() -> None:
    """Set up one system, write its answers, then run it for each line of standard input."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    out, sys.stdout = sys.stdout, sys.stderr
    with open(folder / "case.pkl", "rb") as file:
        case = pickle.load(file)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: case["threads"]])
    system = SYSTEMS[name](case)
    for timesteps, task in system.tasks.items():
        logits, counts = system.answers(timesteps)
        kept = {"logits": logits} if counts is None else {"logits": logits, "counts": counts}
        np.savez(folder / "answers" / f"{name}, {timesteps}.npz", **kept)
        for _ in range(2):
            task()
    print("ready", json.dumps(system.how), file=out, flush=True)
    for line in sys.stdin:
        task = system.tasks[int(line.split()[1])]
        start = time.perf_counter()
        task()
        seconds = (time.perf_counter() - start) / (PASSES if "CNN" in name else 1)
        print(json.dumps({"seconds": seconds, "peak_mb": peak()}), file=out, flush=True)


if __name__ == "__main__":
    main()
