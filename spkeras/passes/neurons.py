"""Placement of spiking neurons: from activations and max poolings to neurons."""

from dataclasses import replace
from typing import Any

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.graph.node import parameters_of
from spkeras.graph.vocabulary import MAX_POOLS, MERGING
from spkeras.ops.names import NEURON_MODELS
from spkeras.ops.properties import VALUES_REMEDY, needs_values
from spkeras.recipes import Conversion

_NEURONS = ("activation", "function", "neuron", *MERGING, *MAX_POOLS)


def place_neurons(graph: Graph, conversion: Conversion) -> Graph:
    """Replace each nonlinear operation by a layer of neurons.

    Before: read-outs attached.
    After: between inputs and read-outs there are only linear nodes and neurons. A ReLU next to
        a max pooling becomes one neuron that pools its received sums; another max pooling becomes
        a neuron of the identity. Neurons whose count can fall (activations other than ReLU) send
        signed spikes, whatever the conversion's neuron is, and a note is added. Thresholds are 1 until
        `normalize` sets them. Under a code that keeps values, functions of any number of inputs
        become neurons.
    Raises:
        UnsupportedLayerError: an operation that rate-coded neurons cannot compute, or
            `reset="zero"` for a neuron that is not a binary ReLU neuron; all at once.
    """
    graph = _merge_pools(graph)
    if conversion.spike_code == "rate":
        _refuse(graph)
    nodes: list[Node] = []
    notes: list[str] = []
    signed: set[str] = set()
    depth: dict[str, int] = {}
    for node in graph.nodes:
        before = max((depth[name] for name in node.inputs), default=0)
        falling = any(name in signed for name in node.inputs)
        depth[node.name] = before
        if node.name not in graph.head and node.op in _NEURONS:
            own = _own_model(node, conversion.neuron, falling)
            node = _as_neuron(node).with_attributes(
                model=own,
                reset=conversion.reset,
                initial_potential=_initial_potential(node, conversion.initial_potential),
                max_spikes_per_step=(
                    conversion.max_spikes_per_step if NEURON_MODELS[own].burst else 1
                ),
                depth=before,
                spike_code=conversion.spike_code,
                levels=conversion.levels,
                mantissa_bits=conversion.mantissa_bits,
            )
            depth[node.name] = before + 1
            if own != conversion.neuron:
                notes.append(f"{node.name}: signed spikes, since its count can fall")
            falling = NEURON_MODELS[own].signed
        elif node.op == "readout":
            node = node.with_attributes(depth=before, spike_code=conversion.spike_code)
        if falling or (node.op != "neuron" and not node.operation.keeps_sign(node)):
            signed.add(node.name)
        nodes.append(node)
    _check_reset(nodes, conversion.reset)
    return graph.with_nodes(nodes, notes=notes)


def _initial_potential(node: Node, initial_potential: float | None) -> float:
    """Return the initial potential of a neuron: the given one, or for None its training's."""
    return (
        float(node.attributes.get("shift", 0.5)) if initial_potential is None else initial_potential
    )


def _check_reset(nodes: list[Node], reset: str) -> None:
    problems = [
        f"{node.source or node.name}: reset='zero' with a {node['model']} neuron of "
        f"{node['function']}; allowed: binary ReLU neurons without max pooling under the rate "
        "code; use reset='subtract'"
        for node in nodes
        if node.op == "neuron" and reset == "zero" and not node.is_plain
    ]
    if problems:
        raise UnsupportedLayerError(problems)


def _refuse(graph: Graph) -> None:
    problems = []
    for node in graph.nodes:
        what = needs_values(node.op, node.attributes.get("function", ""))
        if node.name not in graph.head and what:
            problems.append(
                f"{node.source or node.name}: {what} needs the values of its inputs, a rate-coded "
                f"neuron has only their running means; {VALUES_REMEDY}, or replace it by a layer "
                "that `spkeras inspect` lists as supported"
            )
    if problems:
        raise UnsupportedLayerError(list(dict.fromkeys(problems)))


def _window(node: Node) -> dict[str, Any]:
    return {name: node[name] for name in node.operation.attributes}


def _merge_pools(graph: Graph) -> Graph:
    """Merge each max pooling before or after an increasing activation into a neuron's `pool`."""
    for pool in graph.of(*MAX_POOLS):
        before, after = graph[pool.inputs[0]], graph.sole_consumer(pool.name)
        if _mergeable(before) and graph.sole_consumer(before.name) is pool:
            # The neuron replaces the pooling, under the name of the pooling: it sends pooled spikes.
            merged = _as_neuron(before, pool)
            graph = graph.updated(
                {pool.name: replace(merged, name=pool.name, shape=pool.shape, source=pool.source)}
            )
            graph = graph.with_nodes(n for n in graph.nodes if n.name != before.name)
        elif after is not None and _mergeable(after):
            graph = graph.updated({after.name: _as_neuron(after, pool, pool.inputs)})
            graph = graph.with_nodes(n for n in graph.nodes if n.name != pool.name)
    return graph


def _mergeable(node: Node) -> bool:
    """Return whether a node is an increasing activation, which commutes with a maximum."""
    if node.op != "activation":
        return False
    if node["function"] in ("quantized", "quantized_relu"):
        return True
    if node["function"] in ("relu", "leaky_relu"):
        return bool(node["negative_slope"] >= 0)
    return node["function"] in ("relu6", "sigmoid", "tanh", "elu", "hard_sigmoid", "softplus")


def _as_neuron(node: Node, pool: Node | None = None, inputs: tuple[str, ...] = ()) -> Node:
    """Return the node as a neuron; the caller sets its model, code and depth."""
    if node.op == "neuron":
        return node
    if node.op in MAX_POOLS:
        pool, function = node, "linear"
    else:
        function = node.op if node.op in MERGING else node["function"]
    numbers = {name: node[name] for name in parameters_of(function)}
    if function == "relu6":
        function, numbers = "relu", {"max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}
    attributes = {
        "model": "binary",
        "reset": "subtract",
        "initial_potential": 0.5,
        "max_spikes_per_step": 1,
        "depth": 0,
        "spike_code": "rate",
        "levels": 8,
        "mantissa_bits": 0,
        "function": function,
        "pool": None if pool is None else _window(pool),
        **numbers,
    }
    arrays = {"threshold": np.ones((), np.float32), **node.arrays}
    reads = inputs or node.inputs
    return Node(
        name=node.name,
        op="neuron",
        inputs=reads,
        shape=node.shape,
        attributes=attributes,
        arrays=arrays,
        source=node.source,
    )


def _own_model(node: Node, model: str, falling: bool) -> str:
    if NEURON_MODELS[model].signed:
        return model
    function = "linear" if node.op in MAX_POOLS else node.attributes.get("function")
    if function == "linear":
        may_fall = falling
    elif function == "relu":
        may_fall = bool(node["negative_slope"] or node["threshold"])
    else:
        # These include functions of several values and operations that merge branches.
        may_fall = function not in ("relu6", "quantized_relu")
    if not may_fall:
        return model
    return "signed_burst" if NEURON_MODELS[model].burst else "signed"
