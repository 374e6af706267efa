"""One simulator of spiking networks in a process of its own; `race.py` starts and times it.

    python tests/benchmarks/systems.py SYSTEM CASE.npz

Reads "run" from standard input, answers with a line of JSON: seconds, and the peak memory of the
process. All systems simulate the same normalised network: thresholds of 1, soft reset, half a
threshold at the start, constant input current, T steps. Peers run as their documentation shows.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Task = Callable[[], Any]


def peak() -> float:
    """Peak memory of the process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- spkeras, and the CNN as the unit of measure ------------------------------------------


def _keras(case: dict[str, Any], backend: str) -> Any:
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import spkeras

    return keras, spkeras


def cnn(case: dict[str, Any], backend: str) -> Task:
    """`predict` of the CNN in float32."""
    _, spkeras = _keras(case, backend)
    loaded = spkeras.load_model(case["cnn"])
    model = getattr(loaded, "model", loaded)
    return lambda: model.predict(case["x"], batch_size=case["batch"], verbose=0)


def predict(case: dict[str, Any], backend: str) -> Task:
    """`predict` of the converted model: the spike loop as one compiled graph."""
    keras, spkeras = _keras(case, backend)
    model = keras.models.load_model(case["snn"])
    spkeras.configure(model, timesteps=case["timesteps"])
    return lambda: model.predict(case["x"], batch_size=case["batch"], verbose=0)


def evaluate(case: dict[str, Any], backend: str, engine: str) -> Task:
    """The simulation behind `evaluate`: outputs and spike counts of every step."""
    keras, spkeras = _keras(case, backend)
    from spkeras.simulate import Simulation
    from spkeras.snn.spike_loop import loop_of

    model = keras.models.load_model(case["snn"])
    spkeras.configure(model, timesteps=case["timesteps"])
    simulation = Simulation(loop_of(model), engine)
    return lambda: simulation.run([case["x"]], case["batch"], lambda *_: None)


# --- peers, on PyTorch --------------------------------------------------------------------


def _torch_net(case: dict[str, Any], neuron: Callable[[Any], Any]) -> Any:
    """The normalised network as PyTorch modules; `neuron` makes one from a node of the graph."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    import torch

    import spkeras  # noqa: F401  (registers the layers)
    from spkeras.snn.spike_loop import loop_of

    torch.set_grad_enabled(False)
    graph = loop_of(keras.models.load_model(case["snn"])).graph

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            made = {node.name: _module(node, graph, neuron) for node in graph.nodes}
            self.plan = [(node.name, node.op, node.inputs) for node in graph.nodes]
            self.names = {name: f"m{number}" for number, name in enumerate(made)}
            for name, module in made.items():
                if module is not None:
                    self.add_module(self.names[name], module)

        def forward(self, x: Any) -> Any:
            values: dict[str, Any] = {}
            for name, op, inputs in self.plan:
                if op == "input":
                    values[name] = getattr(self, self.names[name])(x)
                elif op == "add":
                    values[name] = values[inputs[0]] + values[inputs[1]]
                else:
                    values[name] = getattr(self, self.names[name])(values[inputs[0]])
            return values[self.plan[-1][0]]

    return Net()


def _module(node: Any, graph: Any, neuron: Callable[[Any], Any]) -> Any:
    """The node as a PyTorch module, channels first; None for what needs none."""
    from torch import nn

    makers: dict[str, Callable[[], Any]] = {
        "add": lambda: None,
        "neuron": lambda: neuron(node),
        "input": lambda: _Times(1 / _tensor(node.arrays["unit"]).reshape(1, -1, 1, 1)),
        "conv": lambda: _conv(node, graph[node.inputs[0]].shape),
        "dense": lambda: _linear(node),
        "average_pool": lambda: nn.AvgPool2d(node["pool_size"], node["strides"]),
        "global_average_pool": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "reshape": lambda: _Flatten(),
        "readout": nn.Identity,
    }
    if node.op not in makers:
        raise SystemExit(f"race.py: no PyTorch module for {node.op}")
    return makers[node.op]()


def _tensor(array: np.ndarray) -> Any:
    import torch

    return torch.tensor(np.array(array))


def _conv(node: Any, size: tuple[int, ...]) -> Any:
    from torch import nn

    kernel, around = node.arrays["kernel"], []
    for axis in (1, 0):
        stride, taps = node["strides"][axis], kernel.shape[axis]
        total = max((node.shape[axis] - 1) * stride + taps - size[axis], 0)
        total = total if node["padding"] == "same" else 0
        around += [total // 2, total - total // 2]
    bias = node.arrays.get("bias")
    layer = nn.Conv2d(
        kernel.shape[2], kernel.shape[3], kernel.shape[:2], node["strides"], bias=bias is not None
    )
    layer.weight.copy_(_tensor(kernel.transpose(3, 2, 0, 1)))
    if bias is not None:
        layer.bias.copy_(_tensor(bias))
    if len(set(around)) > 1:  # Keras pads more behind than before, PyTorch cannot
        return nn.Sequential(nn.ZeroPad2d(tuple(around)), layer)
    layer.padding = (around[0], around[0])
    return layer


def _linear(node: Any) -> Any:
    from torch import nn

    layer = nn.Linear(*node.arrays["kernel"].shape, bias="bias" in node.arrays)
    layer.weight.copy_(_tensor(node.arrays["kernel"].T))
    if "bias" in node.arrays:
        layer.bias.copy_(_tensor(node.arrays["bias"]))
    return layer


def _modules() -> None:
    """The two modules that PyTorch lacks; defined late, since PyTorch is optional."""
    global _Times, _Flatten
    from torch import nn

    class _Times(nn.Module):  # type: ignore[no-redef]
        def __init__(self, factor: Any) -> None:
            super().__init__()
            self.register_buffer("factor", factor)

        def forward(self, x: Any) -> Any:
            return x * self.factor

    class _Flatten(nn.Module):  # type: ignore[no-redef]
        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)


def _batches(case: dict[str, Any]) -> list[Any]:
    import torch

    x = torch.tensor(case["x"].transpose(0, 3, 1, 2).copy())
    return list(x.split(case["batch"]))


def torch_cnn(case: dict[str, Any]) -> Task:
    """The same network with ReLU, one forward pass."""
    from torch import nn

    _modules()
    net, batches = _torch_net(case, lambda node: nn.ReLU()).eval(), _batches(case)
    return lambda: [net(batch) for batch in batches]


def spikingjelly(case: dict[str, Any]) -> Task:
    """SpikingJelly: IFNode, single-step mode, one call of the network a step."""
    from spikingjelly.activation_based import functional, neuron

    _modules()

    def make(node: Any) -> Any:
        return neuron.IFNode(v_threshold=1.0, v_reset=None)

    net, batches = _torch_net(case, make).eval(), _batches(case)
    functional.set_step_mode(net, "s")

    def run() -> None:
        for batch in batches:
            functional.reset_net(net)
            total = 0
            for _ in range(case["timesteps"]):
                total = total + net(batch)

    return run


def sinabs(case: dict[str, Any]) -> Task:
    """sinabs: IAFSqueeze with single spikes, time folded into the batch."""
    from sinabs import activation, layers

    _modules()
    steps = case["timesteps"]

    def make(node: Any) -> Any:
        return layers.IAFSqueeze(
            num_timesteps=steps,
            spike_threshold=1.0,
            spike_fn=activation.SingleSpike,
            min_v_mem=None,
        )

    net, batches = _torch_net(case, make).eval(), _batches(case)
    resets = [module for module in net.modules() if hasattr(module, "reset_states")]

    def run() -> None:
        for batch in batches:
            for module in resets:
                module.reset_states()
            output = net(batch.repeat_interleave(steps, 0))
            output.reshape(len(batch), steps, -1).sum(1)

    return run


def snntorch(case: dict[str, Any]) -> Task:
    """snnTorch: Leaky with beta 1 and reset by subtraction, one call of the network a step."""
    import snntorch as snn
    from snntorch import utils

    _modules()

    def make(node: Any) -> Any:
        return snn.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract", init_hidden=True)

    net, batches = _torch_net(case, make).eval(), _batches(case)

    def run() -> None:
        for batch in batches:
            utils.reset(net)
            total = 0
            for _ in range(case["timesteps"]):
                total = total + net(batch)

    return run


SYSTEMS: dict[str, Callable[[dict[str, Any]], Task]] = {
    "Keras CNN, TensorFlow": lambda case: cnn(case, "tensorflow"),
    "Keras CNN, JAX": lambda case: cnn(case, "jax"),
    "PyTorch CNN": torch_cnn,
    "spkeras, events": lambda case: evaluate(case, "tensorflow", "events"),
    "spkeras, dense, TensorFlow": lambda case: evaluate(case, "tensorflow", "dense"),
    "spkeras, predict, TensorFlow": lambda case: predict(case, "tensorflow"),
    "spkeras, dense, JAX": lambda case: evaluate(case, "jax", "dense"),
    "spkeras, predict, JAX": lambda case: predict(case, "jax"),
    "SpikingJelly": spikingjelly,
    "sinabs": sinabs,
    "snnTorch": snntorch,
}


def main() -> None:
    """Set up one system, then run it as often as told."""
    name, path = sys.argv[1:]
    with np.load(path) as file:
        case: dict[str, Any] = {key: file[key] for key in file.files}
    case = {k: (v if v.ndim else v.item()) for k, v in case.items()}
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: case["threads"]])
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    out, sys.stdout = sys.stdout, sys.stderr
    # One forward pass is over in a moment: over more images a call's own cost fades.
    repeats = 8 if "CNN" in name else 1
    case["x"] = np.concatenate([case["x"]] * repeats)
    task = SYSTEMS[name](case)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(case["threads"])
    task()
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        if line.strip() != "run":
            break
        start = time.perf_counter()
        task()
        seconds = (time.perf_counter() - start) / repeats
        print(json.dumps({"seconds": seconds, "peak_mb": peak()}), file=out, flush=True)


if __name__ == "__main__":
    main()
