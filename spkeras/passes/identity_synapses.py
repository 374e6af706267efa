"""Identity synapses: weights on spikes that would reach a neuron without one."""

from dataclasses import replace

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.passes.relays import summed


def with_identity_synapses(graph: Graph) -> Graph:
    """Add a scale of 1 wherever spikes reach a neuron, a read-out or a sum of currents.

    Before: normalised; at most one weighted node on each path between neurons.
    After: exactly one weighted node on each such path.
    Preserves: outputs, bit for bit.
    """
    sums = summed(graph)
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        joins = node.op in ("neuron", "readout") or (
            sums[node.name] and not node.operation.weighted
        )
        for place, name in enumerate(node.inputs):
            if node.name in graph.head and node.op != "readout":
                continue
            if joins and not sums[name]:
                inputs[place] = f"{name}:synapse:{node.name}"
                if place == node.inputs.index(name):
                    nodes.append(_synapse(graph[name], inputs[place]))
        nodes.append(replace(node, inputs=tuple(inputs)))
    return graph.with_nodes(nodes)


def _synapse(before: Node, name: str) -> Node:
    return Node(
        name=name,
        op="scale",
        inputs=(before.name,),
        shape=before.shape,
        attributes={},
        arrays={"scale": np.ones((), np.float32)},
    )
