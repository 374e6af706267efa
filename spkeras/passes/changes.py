"""Changes of a network after its conversion, and whether it still contains the CNN."""

from spkeras.errors import OptionError
from spkeras.graph import Graph
from spkeras.passes.readout import cut_outputs

# Descriptions of changes by the setting that records them.
_WORDS = {
    "weight_bits": "weights of {} bits",
    "threshold_samples": "thresholds trained on {} samples",
    "correction": "{} correction",
}


def changes(graph: Graph) -> tuple[str, ...]:
    """Describe the changes by which the network on real values differs from the converted CNN.

    Args:
        graph: Graph with neurons; its settings are those of the conversion and of later changes.
    """
    settings = graph.settings
    found = [text.format(settings[key]) for key, text in _WORDS.items() if settings.get(key)]
    return (*found, *(["outputs read from spikes"] if cut_outputs(graph) else []))


def is_lost(graph: Graph) -> bool:
    """Return whether the network was changed by a version that did not keep the originals."""
    return graph.originals is None and bool(changes(graph))


def kept(graph: Graph, before: Graph) -> Graph:
    """Return the changed graph with the originals of the one before; without, if it lost them.

    Args:
        graph: The graph after the change.
        before: The graph before it, with nodes of the same names and inputs.
    """
    return graph if is_lost(before) else graph.keeping(before)


def check_real(graph: Graph, change: str) -> None:
    """Refuse to change a network of whole numbers, which would hold others afterwards.

    Raises:
        OptionError: the network has whole numbers.
    """
    if graph.integers is not None and graph.integers.is_whole:
        raise OptionError(
            f"{change}: the network has whole numbers; allowed: one of real numbers. Options of "
            "convert correct or train it before its numbers are rounded (correction=, "
            "thresholds='trained')"
        )
