"""Other simulators, for the check of a written file: each node by their own importer.

Two things are set after the import, since no importer takes them from a file: neurons send at most one
spike a step, and subtract their threshold (or are set to zero, where the file says so). Sums at edges
and the order of nodes are the file's.
"""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spkeras.errors import OptionError

# A node: the tensor of this step to the tensor after it; neurons keep their potentials.
Module = Callable[[Any], Any]


class CannotRun(Exception):
    """A node that a simulator does not import; the message says which."""


class Simulator:
    """A simulator.

    Attributes:
        package: Name of its package, as `pip` and `import` know it.
        batched: Whether its tensors have a batch axis: importers differ in how they read Flatten.
    """

    package = ""
    batched = False

    def module(self, node: Any) -> Module:
        """Return a node as this simulator imports it.

        Raises:
            CannotRun: it imports no node of this type, or fails.
        """
        kind = type(node).__name__
        if kind == "IF":
            return self._neurons(node, str(node.metadata.get("reset", "zero")))
        try:
            module = self._imported(node)
        except Exception as error:  # the importers check little themselves
            raise CannotRun(f"{self.package} cannot import {kind} ({error})") from error
        if module is None:
            raise CannotRun(f"{self.package} has no {kind} and would leave it out{_advice(kind)}")
        found: Module = module
        return found

    def _imported(self, node: Any) -> Any:
        raise NotImplementedError

    def _neurons(self, node: Any, reset: str) -> Module:
        raise NotImplementedError


def _advice(kind: str) -> str:
    other = {"AvgPool2d": "sum", "SumPool2d": "average"}.get(kind)
    return f"; export with pools={other!r} or 'conv'" if other else ""


class Sinabs(Simulator):
    """sinabs: its importer clamps potentials at minus the threshold, and sends several spikes a step."""

    package, batched = "sinabs", True

    def _imported(self, node: Any) -> Any:
        nir_module = importlib.import_module("sinabs.nir")
        return nir_module._import_sinabs_module(node, batch_size=1, num_timesteps=None)

    def _neurons(self, node: Any, reset: str) -> Module:
        activation = importlib.import_module("sinabs.activation")
        layer = self._imported(node)
        layer.min_v_mem, layer.spike_fn = None, activation.SingleSpike
        if reset == "zero":
            layer.reset_fn = activation.MembraneReset()
        found: Module = layer
        return found


class _Unreset(Simulator):
    """A simulator whose neurons cannot subtract exactly: their potentials are reset here."""

    def _neurons(self, node: Any, reset: str) -> Module:
        fires, threshold = self._firing(node), _tensor(node.v_threshold)
        potential: list[Any] = [None]

        def step(current: Any) -> Any:
            before = potential[0]
            v = current if before is None else before + current
            spikes = fires(v)
            potential[0] = v - spikes * (v if reset == "zero" else threshold)
            return spikes

        return step

    def _firing(self, node: Any) -> Module:
        """Return the simulator's decision on the spikes of potentials."""
        raise NotImplementedError


class SnnTorch(_Unreset):
    """snnTorch: `Leaky` without decay and reset; its importer sets beta = 0.9."""

    package = "snntorch"

    def _imported(self, node: Any) -> Any:
        return importlib.import_module("snntorch.import_nir")._nir_to_snntorch_module(node)

    def _firing(self, node: Any) -> Module:
        snntorch = importlib.import_module("snntorch")
        layer = snntorch.Leaky(
            beta=1.0, threshold=_tensor(node.v_threshold), reset_mechanism="none"
        )
        fires: Module = layer.fire
        return fires


class Norse(_Unreset):
    """Norse: an `IAFCell`, which resets to a value; it is given the potential as its state."""

    package = "norse"

    def _imported(self, node: Any) -> Any:
        return importlib.import_module("norse.torch.utils.import_nir")._import_norse_module(node)

    def _firing(self, node: Any) -> Module:
        cell = self._imported(node)
        state = importlib.import_module("norse.torch.functional.iaf").IAFFeedForwardState
        return lambda v: cell(v, state(v=v * 0))[0]


class SpikingJelly(Simulator):
    """SpikingJelly: an `IFNode` with v_reset None; its importer takes one threshold a layer."""

    package, batched = "spikingjelly", True

    def _imported(self, node: Any) -> Any:
        nir_module = importlib.import_module("spikingjelly.activation_based.nir_exchange.from_nir")
        rules = nir_module._NodeMapper(dt=1.0).map_dict
        rule = rules.get(type(node))
        return None if rule is None else rule(node)

    def _neurons(self, node: Any, reset: str) -> Module:
        thresholds = np.unique(node.v_threshold)
        if len(thresholds) > 1:
            raise CannotRun("spikingjelly has one threshold a layer")
        neuron = importlib.import_module("spikingjelly.activation_based.neuron")
        found: Module = neuron.IFNode(
            v_threshold=float(thresholds[0]), v_reset=0.0 if reset == "zero" else None
        )
        return found


SIMULATORS: dict[str, Callable[[], Simulator]] = {
    "sinabs": Sinabs,
    "snntorch": SnnTorch,
    "norse": Norse,
    "spikingjelly": SpikingJelly,
}


def simulator(name: str) -> Simulator:
    """Return a simulator.

    Raises:
        OptionError: unknown, or not installed.
    """
    if name not in SIMULATORS:
        raise OptionError(f"simulator {name!r}; allowed: {', '.join(SIMULATORS)}")
    found = SIMULATORS[name]()
    for package in ("torch", "nir", found.package):
        if importlib.util.find_spec(package) is None:
            raise OptionError(f"simulator {name!r} needs {package}; run `pip install {package}`")
    return found


def _tensor(array: np.ndarray) -> Any:
    import torch

    return torch.as_tensor(np.asarray(array, np.float32))


def run_file(
    network: Any, simulation: Simulator, given: Sequence[np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Run a NIR graph for one sample.

    Args:
        network: A graph of the package `nir`, its nodes in an order in which they can be computed.
        simulation: The simulator.
        given: The steps of each input in the order of their nodes, channels first.

    Returns:
        Spike counts of each layer of neurons by the node's name, and the mean of the output.

    Raises:
        CannotRun: a node that the simulator does not import.
    """
    import torch

    modules = {
        name: simulation.module(node)
        for name, node in network.nodes.items()
        if type(node).__name__ not in ("Input", "Output")
    }
    sources: dict[str, list[str]] = {name: [] for name in network.nodes}
    for source, target in network.edges:
        sources[target].append(source)
    counts: dict[str, Any] = {}
    output: Any = 0
    with torch.no_grad():
        for step in zip(*given, strict=True):
            values: dict[str, Any] = {}
            tensors = map(_tensor, step)
            for name, node in network.nodes.items():
                kind = type(node).__name__
                if kind == "Input":
                    tensor = next(tensors)
                    values[name] = tensor[None] if simulation.batched else tensor
                    continue
                first, *others = (values[source] for source in sources[name])
                total = sum(others, first)
                values[name] = total if kind == "Output" else modules[name](total)
                if kind == "IF":
                    counts[name] = counts.get(name, 0) + values[name]
                if kind == "Output":
                    output = output + values[name]

    def shaped(tensor: Any) -> np.ndarray:
        array = np.asarray(tensor)
        return array[0] if simulation.batched else array

    return {n: shaped(c) for n, c in counts.items()}, shaped(output) / len(given[0])
