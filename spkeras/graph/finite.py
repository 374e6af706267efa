"""Refuse networks whose weights, biases, statistics or thresholds are NaN or infinite."""

from collections.abc import Iterable, Iterator

import numpy as np

from spkeras.errors import WeightsError
from spkeras.graph.graph import Graph

# Maximum number of arrays in one message.
_NAMED = 8
# Values that are checked at once.
_PART = 1 << 20
# Arrays that divide, by operation.
_DIVISORS = {"input": "scale", "neuron": "threshold"}


def check_finite(graph: Graph, network: str) -> None:
    """Refuse a graph with an array that holds NaN or infinity.

    Args:
        graph: Any graph.
        network: Name of the network in the message.

    Raises:
        WeightsError: an array is not finite; the message names the nodes (with their Keras
            layers) and the arrays.
    """
    check_arrays(
        network,
        (
            (f"{_label(node.name, node.source)}, {name}", array)
            for node in graph.nodes
            for name, array in node.arrays.items()
        ),
    )
    for node in graph.nodes:
        name = _DIVISORS.get(node.op)
        array = None if name is None else node.array(name)
        if array is not None and (array <= 0).any():
            raise WeightsError(
                f"{network}: {_label(node.name, node.source)}, {name}: reaches {array.min():g}; "
                "allowed: numbers above 0; convert the network again"
            )


def check_arrays(network: str, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    """Refuse arrays that hold NaN or infinity in float32.

    Args:
        network: Name of the network in the message.
        arrays: Name (layer and array) and values of each.

    Raises:
        WeightsError: an array is not finite; the message names up to eight of them.
    """
    problems = [text for name, array in arrays if (text := _problem(name, array))]
    if not problems:
        return
    more = len(problems) - _NAMED
    shown = problems[:_NAMED] + ([f"and {more} more arrays"] if more > 0 else [])
    lines = "\n  - ".join(shown)
    raise WeightsError(
        f"{network}: weights that are NaN or infinite; allowed: finite numbers. Training has "
        "probably diverged: take an earlier checkpoint, or train again with a lower learning "
        f"rate.\n  - {lines}"
    )


def _problem(name: str, array: np.ndarray) -> str | None:
    """Return a description of the values that are not finite; None for a finite array."""
    with np.errstate(over="ignore"):
        if all(np.isfinite(part.astype(np.float32, copy=False)).all() for part in _parts(array)):
            return None
        bad = ~np.isfinite(np.asarray(array, np.float32))
    where = tuple(int(index) for index in np.argwhere(bad)[0])
    first = f" (first at {where})" if where else ""
    return f"{name}: {int(bad.sum())} of {bad.size} values{first}"


def _parts(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in parts, whose copies take little memory."""
    rows = np.atleast_1d(array)
    step = max(1, _PART // max(1, rows[:1].size))
    return (rows[begin : begin + step] for begin in range(0, len(rows), step))


def _label(node: str, source: str) -> str:
    return f"layer {node}" if source in ("", node) else f"layer {source} ({node})"
