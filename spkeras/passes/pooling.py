"""Neurons after average poolings."""

from dataclasses import replace

from spkeras.graph import Graph, Node
from spkeras.graph.node import parameters_of
from spkeras.ops.properties import is_rectifier

_POOLS = ("average_pool", "global_average_pool")
_RELU = {"function": "relu", "max_value": None, "negative_slope": 0.0, "threshold": 0.0}


def separate_poolings(graph: Graph) -> Graph:
    """Add an activation, which becomes neurons, after each average pooling of rectified values.

    Before: a graph with read-outs.
    After: a ReLU follows each average pooling whose values cannot be negative, unless all its
        readers are activations or read-outs.
    Preserves: outputs.

    Reference:
        Wu et al. 2022: a pooling layer spikes on a scale lambda, like any other layer.
    """
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    rectified: set[str] = set()
    for node in graph.nodes:
        keeps_sign = node.operation.keeps_sign(node) and rectified.issuperset(node.inputs)
        if _rectifies(node) or keeps_sign:
            rectified.add(node.name)
        inputs = tuple(renamed.get(name, name) for name in node.inputs)
        nodes.append(replace(node, inputs=inputs))
        if node.op in _POOLS and node.name in rectified and not _ends(graph, node):
            name = renamed[node.name] = f"{node.name}:neurons"
            nodes.append(
                Node(
                    name=name,
                    op="activation",
                    inputs=(node.name,),
                    shape=node.shape,
                    attributes=_RELU,
                    source=node.source,
                )
            )
    return graph.with_nodes(nodes)


def _rectifies(node: Node) -> bool:
    if node.op != "activation":
        return False
    numbers = {name: node[name] for name in parameters_of(node["function"])}
    return is_rectifier(node["function"], numbers)


def _ends(graph: Graph, node: Node) -> bool:
    """Return whether all readers of a pooling are activations or read-outs."""
    return all(reader.op in ("activation", "readout") for reader in graph.consumers[node.name])
