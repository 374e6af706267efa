"""A check that a network was trained with the published settings of its recipe."""

from collections.abc import Mapping
from typing import Any

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.graph.vocabulary import MAX_POOLS


def check_trained(graph: Graph, recipe: str, training: Mapping[str, Any]) -> None:
    """Refuse a network whose activations differ from the published ones.

    Args:
        graph: Graph from the frontend, of a network with quantised activations.
        recipe: Name of the recipe, for the message.
        training: `encoding`, `pooling_neurons` and `shift` as published.

    Raises:
        OptionError: the settings differ; the message names all differences.
    """
    if not any(_quantizes(node) for node in graph.nodes):
        return  # not trained for spikes: `learned_scales` refuses it
    found = {
        "encoding": _encoding(graph),
        "pooling_neurons": _pooling_neurons(graph),
        "shift": _shift(graph),
    }
    if training["pooling_neurons"] and graph.of(*MAX_POOLS):
        found["pooling"] = "maximum"
    allowed = {**training, "pooling": "average"}
    differences = [
        f"{name}={value!r}, published {allowed[name]!r}"
        for name, value in found.items()
        if value is not None and value != allowed[name]
    ]
    if differences:
        raise OptionError(
            f"published=True with recipe={recipe!r}: the network was trained with "
            f"{'; '.join(differences)}. Train it with published=True (`spkeras finetune "
            "--published`), or leave published out and give single options (such as stagger=0)"
        )


def _quantizes(node: Node) -> bool:
    return node.op == "activation" and node["function"] == "quantized_relu"


def _encoding(graph: Graph) -> str:
    """Return the input encoding: values ("real"), counts, or counts on several scales."""
    readers = [node for before in graph.of("input") for node in graph.consumers[before.name]]
    if not all(_quantizes(node) for node in readers):
        return "real"
    return "expanded" if len(readers) > len(graph.of("input")) else "spikes"


def _pooling_neurons(graph: Graph) -> bool | None:
    """Return whether all average poolings have an activation; None without average poolings."""
    found = [
        all(_quantizes(node) for node in graph.consumers[pool.name])
        for pool in graph.of("average_pool")
    ]
    return all(found) if found else None


def _shift(graph: Graph) -> float:
    """Return the largest initial potential as a fraction of a level, to two digits.

    Rounding removes the tolerance of 2^-10 of a level (`spkeras.ops.straight_through`).
    """
    return round(max(float(node["shift"]) for node in graph.nodes if _quantizes(node)), 2)
