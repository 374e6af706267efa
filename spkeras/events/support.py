"""The networks that the events engine can run."""

from spkeras.events.compiler import EMITTERS
from spkeras.events.plan import simulated
from spkeras.graph import Graph, Node

_COUNTING = ("relu", "relu6", "linear", "leaky_relu")


def refusal(graph: Graph) -> str | None:
    """Return why the events engine cannot run a network, as a phrase; None if it can.

    Args:
        graph: Graph with neurons.
    """
    for node in simulated(graph):
        reason = _refusal(node, graph)
        if reason:
            return f"{node.name}: {reason}"
    return None if graph.of("neuron") else "no neurons"


def _refusal(node: Node, graph: Graph) -> str | None:
    if node.op == "neuron":
        return _of_neuron(node)
    rank = len(node.shape) - 1
    if "strides" in node.attributes and rank > 2:
        return f"{node.op} over {rank} axes"
    if node.op == "upsample":
        plain = node["interpolation"] == "nearest" and len(node.shape) <= 3
        return None if plain else f"upsampling by {node['interpolation']} interpolation"
    if node.op in ("add", "subtract"):
        alike = all(graph[name].shape == node.shape for name in node.inputs)
        return None if alike else f"{node.op} of different shapes"
    return None if node.op in EMITTERS else f"operation {node.op}"


def _of_neuron(node: Node) -> str | None:
    if len(node.inputs) > 1 or node.neuron.emit:
        return f"a {node['model']} neuron of {len(node.inputs)} inputs"
    # Without max_value the threshold contains the bound and its levels: a plain ReLU.
    levels = node["function"] == "quantized_relu" and node["max_value"] is None
    if not (levels or node["function"] in _COUNTING) or node.attributes.get("threshold"):
        return f"the function {node['function']} in a neuron"
    if "weight" in node.arrays or "slope" in node.arrays:
        return "slopes in a neuron"
    pool = node["pool"]
    if pool and len(pool.get("pool_size", ())) > 2:
        return "max pooling over three axes"
    return None
