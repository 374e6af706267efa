"""`Graph` and `Node`: a network as plain records of NumPy arrays."""

from spkeras.graph.graph import Graph
from spkeras.graph.node import Node
from spkeras.graph.structure import from_structure, structure

__all__ = ["Graph", "Node", "from_structure", "structure"]
