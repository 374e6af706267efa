"""The state of a node in the converted CNN, where a pass or a training has changed it since."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from spkeras.graph.node import Node
from spkeras.ops.arrays import frozen


@dataclass(frozen=True, eq=False)
class Original:
    """The difference between a node and its former state; equal arrays are not stored twice.

    Attributes:
        attributes: All attributes of the former node.
        arrays: The former node's arrays where they differ; None where it had no such array.
    """

    attributes: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = {key: None if a is None else frozen(a) for key, a in self.arrays.items()}
        object.__setattr__(self, "arrays", MappingProxyType(arrays))
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    @classmethod
    def of(cls, former: Node, node: Node) -> "Original | None":
        """Return the changes that turn `node` back into `former`; None where they are equal.

        Args:
            former: The former node; it reads the same nodes as `node`.
            node: The changed node, of the same name.
        """
        names = {*former.arrays, *node.arrays}
        differing = {
            name: former.array(name)
            for name in sorted(names)
            if not _equal(former.array(name), node.array(name))
        }
        if not differing and dict(former.attributes) == dict(node.attributes):
            return None
        return cls(former.attributes, differing)

    def applied(self, node: Node) -> Node:
        """Return the former node."""
        return replace(node, attributes=self.attributes).with_arrays(**self.arrays)

    def with_arrays(self, arrays: Mapping[str, np.ndarray]) -> "Original":
        """Return a copy with other values in its arrays."""
        return replace(self, arrays={**self.arrays, **arrays})


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)
