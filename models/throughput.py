"""Measure images a second and core in training: `python models/throughput.py [NET]`.

Each row is a process of its own: Keras's `train_on_batch` on a backend, or the loop of
`train.py`, each in float32 and in bfloat16. One thread and CPU time of the process, so that
other work on the machine counts little; the best of several rounds.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable

ROWS = [
    (backend, precision)
    for backend in ("tensorflow", "jax", "torch", "train.py")
    for precision in ("float32", "bfloat16")
]
BATCH, ROUNDS = 128, 5


def keras_step(net: str, precision: str) -> Callable[[], object]:
    """Return one update by Keras."""
    import keras
    import numpy as np
    from cnn_training.nets import NETS

    policy = "float32" if precision == "float32" else "mixed_bfloat16"
    keras.mixed_precision.set_global_policy(policy)
    model = NETS[net][0]()
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.85, nesterov=True), "sparse_categorical_crossentropy"
    )
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, *model.input_shape[1:]), dtype="float32")
    y = rng.integers(0, model.output_shape[-1], BATCH)
    return lambda: model.train_on_batch(x, y)


def loop_step(net: str, precision: str) -> Callable[[], object]:
    """Return one update by the loop of train.py."""
    from dataclasses import replace

    import numpy as np
    from cnn_training.loop import Training
    from cnn_training.nets import NETS
    from cnn_training.start import start
    from cnn_training.torch_graph import TorchGraph

    build, recipe = NETS[net]
    model, recipe = build(), replace(recipe, batch=BATCH, part=BATCH, epochs=10**6)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (BATCH, *model.input_shape[1:])).astype("uint8")
    y = rng.integers(0, model.output_shape[-1], BATCH)
    graph = TorchGraph(model, recipe.logit_scale)
    start(graph, recipe, x)
    training = Training(graph, recipe, (x, y), precision == "bfloat16")
    return lambda: training.run(stop_after=training.done + 1)


def measure(backend: str, net: str, precision: str) -> float:
    """Return images a second of CPU time."""
    if backend in ("torch", "train.py"):
        import torch

        torch.set_num_threads(1)
    step = (loop_step if backend == "train.py" else keras_step)(net, precision)
    step()
    seconds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        step()
        seconds.append(time.process_time() - before)
    return BATCH / min(seconds)


def main(net: str = "cifar10_vgg_star", *row: str) -> None:
    """Print the table, or the figure of one row."""
    if row:
        print(f"{measure(row[0], net, row[1]):.0f}")
        return
    for backend, precision in ROWS:
        environment = {
            **os.environ,
            "KERAS_BACKEND": "torch" if backend == "train.py" else backend,
            "OMP_NUM_THREADS": "1",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        command = [sys.executable, __file__, net, backend, precision]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        figure = done.stdout.split()[-1] if done.returncode == 0 else "failed"
        print(f"| {backend} | {precision} | {figure} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
