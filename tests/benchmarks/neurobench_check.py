"""Count the operations of a converted network with NeuroBench, on the spikes that spkeras simulated.

    python -m tests.benchmarks.neurobench_check record trains.npz      # needs spkeras
    python -m tests.benchmarks.neurobench_check count trains.npz       # needs torch, snntorch, neurobench

The first command writes weights, inputs and every spike of a network, with the figures of
`Activity.neurobench`; the second feeds the spikes into `torch` layers, lets NeuroBench count, and
exits 1 where a figure differs. The two processes need no environment in common.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES, STEPS = 20, 16


def record(path: Path) -> None:
    """Write a network, its inputs, its spikes and its operations."""
    import keras
    from sklearn.datasets import load_digits

    import spkeras
    from spkeras.simulation.raster import rasters
    from spkeras.snn.model import loop_of

    x, _ = load_digits(return_X_y=True)
    # No input is 0: NeuroBench leaves those out.
    x = (x.reshape(-1, 8, 8, 1) / 17 + 0.01).astype("float32")
    keras.utils.set_random_seed(7)
    cnn = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(12, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(20, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    snn = spkeras.convert(cnn, x[:1000], timesteps=STEPS)
    loop, some = loop_of(snn), x[1000 : 1000 + SAMPLES]
    trains = {one.name: one.spikes for one in rasters(loop, [some], most=10**6)}
    weighted = [node for node in loop.graph.nodes if node.operation.weighted]
    arrays: dict[str, np.ndarray] = {"input": some}
    for number, node in enumerate(weighted):
        sender = _sender(loop.graph, node.inputs[0])
        arrays[f"kernel {number}"] = node.arrays["kernel"]
        arrays[f"padding {number}"] = np.array(str(node.attributes.get("padding", "")))
        if sender in trains:
            spikes = trains[sender].reshape(SAMPLES, STEPS, *loop.graph[sender].shape)
            arrays[f"spikes {number}"] = spikes
    found = spkeras.evaluate(snn, some).activity.neurobench
    np.savez(path, **arrays, **{f"expected {k}": np.array(v) for k, v in found.items()})


def _sender(graph: Any, name: str) -> str:
    while graph[name].op not in ("neuron", "input"):
        name = graph[name].inputs[0]
    return name


def count(path: Path) -> bool:
    """Count with NeuroBench; return whether all figures are equal."""
    import torch
    from neurobench.hooks.layer import LayerHook
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    with np.load(path) as file:
        arrays = dict(file)
    layers = [k.split()[1] for k in arrays if k.startswith("kernel")]

    class Replay(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(_module(arrays, number) for number in layers)

        def forward(self, x: Any) -> Any:
            for number, part in zip(layers, self.parts, strict=True):
                spikes = arrays.get(f"spikes {number}")
                if spikes is None:
                    part(x)
                    continue
                for step in range(spikes.shape[1]):
                    part(_channels_first(spikes[:, step], part))
            return torch.zeros(len(x), 10)

    model = TorchModel(Replay())
    model.__net__().eval()
    metric = SynapticOperations()
    model.connection_hooks = [LayerHook(part) for part in model.__net__().parts]
    x = torch.tensor(arrays["input"]).permute(0, 3, 1, 2)
    model.__net__()(x)
    found = metric(model, None, (x, None))
    equal = True
    for name, value in found.items():
        expected = float(arrays[f"expected {name}"])
        print(f"{name}: NeuroBench {value:.3f}, spkeras {expected:.3f}")
        equal &= abs(value - expected) < 1e-6 * max(value, 1)
    return equal


def _module(arrays: dict[str, np.ndarray], number: str) -> Any:
    import torch

    kernel = arrays[f"kernel {number}"]
    if kernel.ndim == 2:
        part: Any = torch.nn.Linear(*kernel.shape, bias=False)
        weight = kernel.T
    else:
        high, wide, inputs, outputs = kernel.shape
        padding = str(arrays[f"padding {number}"]) or "valid"
        part = torch.nn.Conv2d(inputs, outputs, (high, wide), padding=padding, bias=False)
        weight = kernel.transpose(3, 2, 0, 1)
    with torch.no_grad():
        part.weight.copy_(torch.tensor(np.ascontiguousarray(weight)))
    return part


def _channels_first(spikes: np.ndarray, part: Any) -> Any:
    import torch

    tensor = torch.tensor(spikes)
    if isinstance(part, torch.nn.Linear):
        return tensor.reshape(len(tensor), -1)
    return tensor.permute(0, 3, 1, 2)


if __name__ == "__main__":
    command, file = sys.argv[1], Path(sys.argv[2])
    if command == "record":
        record(file)
    elif not count(file):
        sys.exit(1)
