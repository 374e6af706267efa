"""The name of the reference of a network in comparisons."""

from spkeras.graph import Graph
from spkeras.passes.changes import changes, is_lost
from spkeras.passes.learned import trained_steps

CNN, TWIN, OWN = "CNN", "twin", "own weights"


def name_of(graph: Graph, named: bool = False) -> str:
    """Return the name of the reference of an evaluation or a verification in tables.

    Args:
        graph: Graph of the network.
        named: Whether the caller gives the converted CNN.

    Returns:
        "CNN"; "twin" for a CNN trained with the values of spikes; "own weights" if the network
        was changed and its file does not hold the former weights.
    """
    if is_lost(graph) and not named:
        return OWN
    return CNN if trained_steps(graph) is None else TWIN


def warning_of(graph: Graph, named: bool = False) -> str:
    """Return a warning that the reference is not the CNN; empty if it is."""
    if named or not is_lost(graph):
        return ""
    return (
        f"the figures of {OWN!r} are not the CNN's: the network has {', '.join(changes(graph))}, "
        "and its file, written by an earlier version, does not hold the CNN's own weights; name "
        "the CNN (--cnn FILE, in Python cnn=MODEL), or convert it again"
    )
