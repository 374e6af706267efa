"""Result of the walk of a Keras model: what became of each call of each layer."""

from dataclasses import dataclass, replace

import keras

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.unknown import GUESSED, KNOWN
from spkeras.graph import Graph
from spkeras.graph.finite import check_finite
from spkeras.keras_files.standins import StandIn

# Spacing of the numbers from 1 to 2, relative to 1, in the types of Keras's policies.
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass(frozen=True)
class Visit:
    """Result of the walk for one call of one layer.

    Attributes:
        name: Name of the call; the name of its last node, where it has nodes.
        operation: The Keras layer or operator.
        shape: Shape of its (first) output in Keras's order, without the batch axis.
        nodes: Names of the nodes added for it.
        problem: Reason why it cannot be converted; "" if it can.
        sizes: How much is known of its sizes; see `spkeras.frontend.unknown`.
    """

    name: str
    operation: keras.Operation
    shape: tuple[int | None, ...]
    nodes: tuple[str, ...] = ()
    problem: str = ""
    sizes: str = KNOWN

    def without_sizes(self, sizes: str) -> "Visit":
        """Return the visit of a call whose sizes were guessed; an inner call keeps what it has."""
        if self.sizes != KNOWN:
            return self
        axes = len(self.shape) if sizes == GUESSED else 0
        return replace(self, sizes=sizes, shape=(None,) * axes)

    @property
    def kind(self) -> str:
        """Name of the class, for a stand-in that of the layer in the file."""
        operation = self.operation
        return operation.kind if isinstance(operation, StandIn) else type(operation).__name__


@dataclass(frozen=True)
class Walk:
    """A walked model: the graph, with placeholders for unsupported layers, and all visits."""

    graph: Graph
    visits: tuple[Visit, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Each problem once, in the model's order."""
        return tuple(dict.fromkeys(visit.problem for visit in self.visits if visit.problem))

    @property
    def precision(self) -> str:
        """The coarsest type that a layer computes in, such as "float16" under a mixed policy."""
        types = [str(getattr(visit.operation, "compute_dtype", "float32")) for visit in self.visits]
        return max(types, key=lambda name: EPSILON.get(name, 0.0), default="float32")

    def convertible(self) -> Graph:
        """Return the graph; see `read_graph`.

        Raises:
            UnsupportedLayerError: something cannot be converted; lists all problems at once.
            WeightsError: weights that are NaN or infinite; names all of them.
        """
        if self.problems:
            raise UnsupportedLayerError(self.problems)
        graph = self.graph.pruned()
        check_finite(graph, graph.name)
        if self.precision == "float32":
            return graph
        note = (
            f"layers of the CNN compute in {self.precision}; the network computes in float32, as its "
            "potentials and counts need"
        )
        return graph.with_nodes(graph.nodes, notes=[note])
