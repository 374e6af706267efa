"""What has changed a network since it was converted, and whether it still knows the CNN."""

from spkeras.graph import Graph
from spkeras.passes.readout import cut_outputs

# Settings that say what was changed, by what a user reads of it.
_WORDS = {
    "weight_bits": "weights of {} bits",
    "threshold_samples": "thresholds trained on {} samples",
    "correction": "{} correction",
}


def changes(graph: Graph) -> tuple[str, ...]:
    """What makes the network on real values another function than the net it came from.

    Args:
        graph: With neurons; its settings are those of the conversion and of what followed.
    """
    settings = graph.settings
    found = [text.format(settings[key]) for key, text in _WORDS.items() if settings.get(key)]
    return (*found, *(["outputs read from spikes"] if cut_outputs(graph) else []))


def is_lost(graph: Graph) -> bool:
    """Whether the network was changed by a version that kept nothing of what stood there before."""
    return graph.originals is None and bool(changes(graph))


def kept(graph: Graph, before: Graph) -> Graph:
    """The changed graph with the originals of what it was; without, where they are lost already.

    Args:
        graph: After the change.
        before: Before it, with nodes of the same names and inputs.
    """
    return graph if is_lost(before) else graph.keeping(before)
