"""Which networks can fire in windows: those of coded activations, and those of ReLUs."""

from collections.abc import Sequence

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node

# Functions of activations whose values are those of spikes in a window.
CODES = ("ttfs", "phase", "burst")
_TRAIN = "fine-tune with conversion-aware training (`spkeras finetune MODEL --recipe cat`)"
# Parameters that all activations of a network have in common.
_SHARED = ("timesteps", "tau", "bits")


def is_relu(node: Node) -> bool:
    """Return whether a node is an unbounded ReLU."""
    return (
        node.op == "activation"
        and node["function"] == "relu"
        and not any(node[name] for name in ("max_value", "negative_slope", "threshold"))
    )


def is_coded(node: Node) -> bool:
    """Return whether a node rounds to the values of spikes in a window."""
    return node.op == "activation" and node["function"] in CODES


def check_rectified(graph: Graph) -> None:
    """Refuse a network that is not one of ReLUs with one input and one output.

    Raises:
        UnsupportedLayerError: an activation is not an unbounded ReLU, or there are several inputs
            or outputs.
    """
    inputs = [node.name for node in graph.of("input")]
    problems = list(dict.fromkeys(unrectified(graph, inputs).values()))
    if problems:
        raise UnsupportedLayerError(problems)


def unrectified(graph: Graph, inputs: Sequence[str]) -> dict[str, str]:
    """Return the problem of each node that keeps a network from being one of ReLUs, by its name.

    Args:
        graph: Graph from the frontend.
        inputs: Names of the network's inputs; others stand for layers that cannot be read.
    """
    closing = _closing(graph)
    problems = {
        node.name: f"{node.source or node.name}: activation {node['function']!r}; allowed: "
        "unbounded ReLUs; use ReLU"
        for node in graph.of("activation")
        if not is_relu(node) and node.name not in closing
    }
    for names, what in ((inputs, "inputs"), (graph.outputs, "outputs")):
        if len(names) > 1:
            text = f"{graph.name}: {len(names)} {what}; allowed: one"
            problems |= dict.fromkeys(names, text)
    return problems


def check_coded(graph: Graph, codes: Sequence[str] = CODES) -> str:
    """Refuse a network that was not trained with the activations of one code.

    Args:
        graph: Graph from the frontend.
        codes: Codes that are allowed.

    Returns:
        The code.

    Raises:
        UnsupportedLayerError: an activation of another kind, an input that is not coded, an
            output given twice, or several kernels; all at once.
    """
    problems = list(dict.fromkeys(uncoded(graph, codes).values()))
    if len(set(graph.outputs)) != len(graph.outputs):
        problems.append(f"{graph.name}: received the same output twice; give it once")
    coded = [node for node in graph.nodes if is_coded(node)]
    found = {node["function"] for node in coded}
    kernels = {tuple(node.attributes.get(name) for name in _SHARED) for node in coded}
    if len(found) > 1 or len(kernels) > 1:
        problems.append(
            f"{graph.name}: activations of {sorted(found)} with different (timesteps, tau): "
            f"{sorted(kernels, key=str)}; windows and tables are shared, train with one code and "
            "one pair (theta0 may differ)"
        )
    if problems or not found:
        raise UnsupportedLayerError(problems or [_no_code(graph.name, "no activation", codes)])
    return str(found.pop())


def _no_code(name: str, what: str, codes: Sequence[str]) -> str:
    others = (
        ", or convert a network of ReLUs with kernel='exponential' or kernel='exact'"
        if len(codes) > 1
        else ""
    )
    return (
        f"{name}: {what}; allowed: TTFSActivation, whose values "
        "are the levels of first spikes. Rounding each activation down to a level without "
        f"training costs several points of accuracy; {_TRAIN}{others}"
    )


def uncoded(graph: Graph, codes: Sequence[str] = CODES) -> dict[str, str]:
    """Return the problem of each activation and input that is no level of a code, by its name."""
    problems: dict[str, str] = {}
    closing = _closing(graph)
    other: dict[str, list[Node]] = {}
    for node in graph.of("activation"):
        if node["function"] not in codes and node.name not in closing:
            other.setdefault(node["function"], []).append(node)
    for function, nodes in other.items():
        names = ", ".join(node.source or node.name for node in nodes)
        text = _no_code(names, f"activation {function!r}", codes)
        problems |= {node.name: text for node in nodes}
    for node in graph.of("input"):
        if not all(map(is_coded, graph.consumers[node.name])):
            problems[node.name] = (
                f"{node.name}: the input is not coded, but the first layer receives spikes; "
                f"put a TTFSActivation directly after it and {_TRAIN}"
            )
    return problems


def _closing(graph: Graph) -> set[str]:
    """Return the names of softmaxes at the end, which are left out."""
    nodes = [graph[name] for name in graph.outputs]
    return {
        node.name
        for node in nodes
        if node.op == "activation" and node["function"] in ("softmax", "log_softmax")
    }
