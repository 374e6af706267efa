"""Relays: neurons of the identity between linear layers, so that a synapse is one weight."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from spkeras.graph import Graph, Node
from spkeras.passes.compose import compose

_RELAY = {"function": "linear"}
_SUFFIX = ":relay"
# Operations in front of which a relay carries the same values in as many neurons, or fewer.
_MOVES = ("reshape", "permute", "pad", "concatenate")


def place_relays(graph: Graph) -> Graph:
    """Add a neuron of the identity wherever the sums of a linear layer would pass another one.

    Before: scales folded, read-outs attached.
    After: between two neurons, inputs or read-outs at most one node on each path has weights, so
        that each synapse is one spike times one weight. Two linear layers in a row become one
        where that is exact and takes no more connections (`compose`); a relay, an activation
        "linear", follows the first of them everywhere else. A sum that several layers read, at
        least one of them linear, has a relay, too.
    Preserves: outputs, up to float rounding.
    """
    graph = compose(graph)
    count = 0
    while wanted := _wanted(graph):
        graph = _with_relay(graph, wanted)
        count += 1
    note = f"{count} layers of relay neurons between linear layers"
    return graph.with_nodes(graph.nodes, notes=[note] if count else [])


def is_relay(node: Node) -> bool:
    """Return whether a node is a relay."""
    return node.op in ("activation", "neuron") and node.name.endswith(_SUFFIX)


def summed(graph: Graph) -> dict[str, bool]:
    """Return for each node whether spikes have passed weights since the last neuron."""
    found: dict[str, bool] = {}
    for node in graph.nodes:
        passed = any(found[name] for name in node.inputs)
        found[node.name] = node.operation.linear and (node.operation.weighted or passed)
    return found


def _wanted(graph: Graph) -> str:
    """Return the name of a node after which a relay belongs; empty if there is none."""
    sums = summed(graph)
    for node in graph.nodes:
        if node.name in graph.head:
            continue
        if node.operation.weighted and sums[node.inputs[0]]:
            return _origin(graph, node.inputs[0], sums)
        shared = len(graph.consumers[node.name]) > 1
        if sums[node.name] and shared and _is_read_linearly(graph, node):
            return _origin(graph, node.name, sums)
    return ""


def _is_read_linearly(graph: Graph, node: Node) -> bool:
    return any(reader.operation.linear for reader in graph.consumers[node.name])


def _origin(graph: Graph, name: str, sums: Mapping[str, bool]) -> str:
    """Return the node whose relay also serves a sum: the source of what only moves elements."""
    while graph[name].op in _MOVES:
        name = next(before for before in graph[name].inputs if sums[before])
    return name


def _with_relay(graph: Graph, name: str) -> Graph:
    """Return the graph with a relay after a node, which all its readers then read."""
    relay = f"{name}{_SUFFIX}"
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(replace(node, inputs=_renamed(node.inputs, name, relay)))
        if node.name == name:
            nodes.append(
                Node(
                    name=relay,
                    op="activation",
                    inputs=(name,),
                    shape=node.shape,
                    attributes=_RELAY,
                )
            )
    return replace(graph, nodes=tuple(nodes), outputs=tuple(_renamed(graph.outputs, name, relay)))


def _renamed(names: Iterable[str], former: str, name: str) -> tuple[str, ...]:
    return tuple(name if own == former else own for own in names)
