"""A converted network as a list of stages: what another simulator needs to run the same network.

A stage is a layer of neurons, or a read-out, with the linear operations between it and the layers
of neurons before it. NumPy only: any simulator can be built from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear operation.

    Attributes:
        name, op, inputs, shape, attributes, arrays: As of a node of the graph.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    attributes: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> Any:
        """Return an attribute."""
        return self.attributes[name]


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer of neurons, or a read-out, and its synapses.

    Attributes:
        name: Of the layer of neurons or of the read-out.
        nodes: Linear operations, in the order of their computation; the last one gives the
            current. Empty if the current is what the only source sends.
        sources: LayerRates whose spikes `nodes` read, or inputs of the network.
        source_shapes: Of what the sources send, without the batch; channels last.
        shape: Of the current, without the batch; channels last.
        start: Step, from 0, from which on it integrates. Before it sends nothing.
        threshold: V, shape () or (channels,); 1 for a read-out.
        initial: Membrane potential before the start, shape of `threshold`; 0 for a read-out.
        is_readout: Whether it averages its current over the steps since its start.
        scale: Factor of the average of a read-out, shape () or (values,).
        is_constant: Whether its current is the same at every step, since it reads inputs only.
    """

    name: str
    nodes: tuple[Linear, ...]
    sources: tuple[str, ...]
    source_shapes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    start: int
    threshold: np.ndarray
    initial: np.ndarray
    is_readout: bool = False
    scale: np.ndarray | None = None
    is_constant: bool = False


def stages(graph: Any, start: Callable[[Any], int]) -> list[Stage]:
    """Return the stages of a converted network, in the order of computation.

    Args:
        graph: Of binary neurons with soft reset under the rate code, and one read-out.
        start: Returns the start step of a layer of neurons or of a read-out.

    Raises:
        ValueError: the network has neurons of another kind, several read-outs, operations after
            the read-out, or a linear operation that two stages share.
    """
    found, owner = [], {}
    for node in graph.nodes:
        if node.op not in ("neuron", "readout"):
            continue
        stage = _stage(node, graph, start)
        for linear in stage.nodes:
            if owner.setdefault(linear.name, node.name) != node.name:
                raise ValueError(
                    f"{linear.name}: shared by {owner[linear.name]} and {node.name}; allowed: "
                    "linear operations with one layer of neurons after them"
                )
        found.append(stage)
    if [stage.is_readout for stage in found] != [False] * (len(found) - 1) + [True]:
        raise ValueError("several read-outs, or neurons after one; allowed: one, at the end")
    if graph.nodes[-1].op != "readout":
        raise ValueError(f"{graph.nodes[-1].name}: after the read-out; allowed: nothing")
    return found


def _stage(node: Any, graph: Any, start: Callable[[Any], int]) -> Stage:
    nodes, sources = _synapses(node.inputs[0], graph)
    constant = all(graph[name].op == "input" for name in sources)
    shapes = tuple(graph[name].shape for name in sources)
    common = node.name, nodes, sources, shapes, graph[node.inputs[0]].shape, start(node)
    if node.op == "readout":
        one, zero = np.ones((), np.float32), np.zeros((), np.float32)
        scale = node.arrays.get("scale")
        return Stage(*common, one, zero, True, scale, constant)
    _check_neuron(node)
    threshold = np.asarray(node.arrays["threshold"], np.float32)
    initial = np.asarray(node["initial_potential"] * threshold, np.float32)
    return Stage(*common, threshold, initial, is_constant=constant)


def _check_neuron(node: Any) -> None:
    wanted = {
        "model": "binary",
        "reset": "subtract",
        "max_spikes_per_step": 1,
        "spike_code": "rate",
        "function": "relu",
        "pool": None,
        "max_value": None,
        "negative_slope": 0.0,
    }
    for name, value in wanted.items():
        if node[name] != value:
            raise ValueError(f"{node.name}: {name}={node[name]!r}; allowed: {value!r}")
    if np.ndim(node.arrays["threshold"]) > 1:
        raise ValueError(f"{node.name}: a threshold per position; allowed: per layer or channel")


def _synapses(name: str, graph: Any) -> tuple[tuple[Linear, ...], tuple[str, ...]]:
    """Return the linear nodes that lead to `name`, and the stages or inputs before them."""
    wanted, nodes, sources = {name}, [], []
    for node in reversed(graph.nodes):
        if node.name not in wanted:
            continue
        if node.op in ("input", "neuron"):
            sources.append(node.name)
        else:
            nodes.append(
                Linear(
                    node.name,
                    node.op,
                    tuple(node.inputs),
                    tuple(node.shape),
                    dict(node.attributes),
                    dict(node.arrays),
                )
            )
            wanted.update(node.inputs)
    return tuple(reversed(nodes)), tuple(reversed(sources))
