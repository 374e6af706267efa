"""Read-outs: the nodes that decode the network's outputs."""

from dataclasses import replace

from spkeras.graph import Graph, Node

_FUNCTIONS = ("activation", "function")
_PROBABILITIES = ("softmax", "log_softmax")
# Suffix of the names of neurons that only a read-out reads.
_SPIKES = ":spikes"


def attach_readouts(graph: Graph) -> Graph:
    """Insert a read-out before the activations at the end of each output.

    Before: a graph from the frontend.
    After: each output is or follows exactly one `readout` node. Activations at the end (no
        weights after them) run on decoded values; a softmax there is left out, so that the
        network returns the logits.
    Preserves: outputs, up to the softmax.
    """
    notes, outputs = [], []
    nodes = {node.name: node for node in graph.nodes}
    added: dict[str, Node] = {}
    for output in graph.outputs:
        tail = _tail(graph, output)
        start = tail[-1].inputs[0] if tail else output
        readout = f"{start}:readout"
        added[readout] = Node(
            name=readout,
            op="readout",
            inputs=(start,),
            shape=graph[start].shape,
            attributes={"depth": 0, "spike_code": "rate"},
        )
        last = readout
        for node in reversed(tail):
            if node.op == "activation" and _ends_in_probabilities(tail, node):
                notes.append(f"{node.name}: {node['function']} left out, outputs are logits")
                nodes.pop(node.name)
                continue
            nodes[node.name] = replace(node, inputs=(last,))
            last = node.name
        outputs.append(last)
    head = {n for output in graph.outputs for n in (t.name for t in _tail(graph, output))}
    body = [node for name, node in nodes.items() if name not in head]
    tails = [node for name, node in nodes.items() if name in head]
    ordered = (*body, *added.values(), *tails)
    return replace(graph, nodes=ordered, outputs=tuple(outputs), notes=(*graph.notes, *notes))


def functions_at_the_end(graph: Graph, output: str) -> list[Node]:
    """Return the functions that an output alone reads, last one first."""
    return [node for node in _tail(graph, output) if node.op in _FUNCTIONS]


def _tail(graph: Graph, output: str) -> list[Node]:
    """Return the nodes from an output back to its first activation at the end, last one first."""
    chain, name = [], output
    while graph[name].op in _FUNCTIONS or graph[name].operation.rearranged:
        if len(graph[name].inputs) > 1:
            break
        readers = graph.consumers[name]
        if len(readers) + graph.outputs.count(name) != 1:
            break
        chain.append(graph[name])
        name = graph[name].inputs[0]
    while chain and chain[-1].op not in _FUNCTIONS:
        chain.pop()
    return chain


def _ends_in_probabilities(tail: list[Node], node: Node) -> bool:
    last = next(other for other in tail if other.op in _FUNCTIONS)
    return node is last and node["function"] in _PROBABILITIES


def read_from_spikes(graph: Graph, neuron: str) -> Graph:
    """Insert an activation before each read-out, whose neurons' spikes the read-out counts.

    Binary neurons cannot send negative logits: these are lost, as in the original SpKeras.
    """
    nodes, notes = [], []
    for node in graph.nodes:
        if node.op == "readout" and graph[node.inputs[0]].op != "activation":
            signed = neuron.startswith("signed")
            numbers = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}
            function = {"function": "linear"} if signed else {"function": "relu", **numbers}
            name = f"{node.inputs[0]}{_SPIKES}"
            nodes.append(
                Node(
                    name=name,
                    op="activation",
                    inputs=node.inputs,
                    shape=node.shape,
                    attributes=function,
                )
            )
            node = replace(node, inputs=(name,))
            if not signed:
                notes.append(f"{name}: negative outputs are lost in binary spikes")
        nodes.append(node)
    return graph.with_nodes(nodes, notes=notes)


def cut_outputs(graph: Graph) -> tuple[Node, ...]:
    """Return the neurons of `read_from_spikes` that lose negative outputs."""
    found = (node for node in graph.of("neuron") if node.name.endswith(_SPIKES))
    return tuple(node for node in found if not node.source and node["function"] == "relu")


def with_whole_outputs(graph: Graph) -> Graph:
    """Return the graph with neurons before its read-outs that keep negative outputs."""
    whole = {
        node.name: node.with_attributes(function="linear", reset="subtract")
        for node in cut_outputs(graph)
    }
    return graph.updated(whole)
