"""Compiled functions that a layer keeps from one run to the next."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

import numpy as np

from spkeras.graph import Graph

# Compiled runs of one network, such as one for each of two engines.
_MOST = 2
Arrays: TypeAlias = Mapping[str, np.ndarray] | Mapping[str, np.ndarray | None]


class Kept:
    """What has been compiled for a network, by its settings; copies of the layer begin without."""

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[Graph, Any]] = {}

    def __deepcopy__(self, memo: Any) -> "Kept":
        return Kept()

    def __reduce__(self) -> tuple[type["Kept"], tuple[()]]:
        return Kept, ()

    def of(self, key: Hashable, graph: Graph, make: Callable[[], Any]) -> Any:
        """Return what was made for these settings and arrays, else make it.

        Args:
            key: Settings.
            graph: Graph with the arrays that the layer holds now.
            make: Makes it.
        """
        known = self._made.pop(key, None)
        found = known if known is not None and _same(known[0], graph) else (graph, make())
        self._made[key] = found
        if len(self._made) > _MOST:
            del self._made[next(iter(self._made))]
        return found[1]


def _same(one: Graph, other: Graph) -> bool:
    """Return whether two graphs of one layer have the same arrays."""
    pairs: list[tuple[Arrays, Arrays]]
    pairs = [(a.arrays, b.arrays) for a, b in zip(one.nodes, other.nodes, strict=True)]
    for name, own in (one.originals or {}).items():
        pairs.append((own.arrays, (other.originals or {})[name].arrays))
    return all(_equal(a[key], b[key]) for a, b in pairs for key in a)


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
