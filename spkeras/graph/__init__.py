"""`Graph` and `Node`: a network as plain records of NumPy arrays."""

from spkeras.graph.graph import Graph, from_structure, structure
from spkeras.graph.node import Node

__all__ = ["Graph", "Node", "from_structure", "structure"]
