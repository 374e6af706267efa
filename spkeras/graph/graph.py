"""A network as a plain record: nodes in the order in which they can be computed."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from spkeras.errors import GraphError
from spkeras.graph.integers import Integers
from spkeras.graph.node import Node
from spkeras.graph.original import Original


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes and outputs of a network, with the notes and settings of the passes.

    Attributes:
        name: The model's name.
        nodes: The nodes; each one comes after all the nodes it reads.
        outputs: Names of the nodes whose values the network returns, in the CNN's order.
        notes: One sentence per change that a user should know (folded, dropped, approximated).
        settings: Plain values that passes record for later modules (recipe, calibration, ...).
        originals: Nodes of the converted CNN, by name, where the graph's nodes compute something
            else (n-bit weights, trained thresholds, corrections). None: no pass recorded them.
        integers: Widths and steps of whole numbers in its arrays; None for real numbers.

    Raises:
        GraphError: two nodes share a name, or a node reads one that does not come before it.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    originals: Mapping[str, Original] | None = None
    integers: Integers | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "outputs", tuple(self.outputs))
        seen: set[str] = set()
        for node in self.nodes:
            unknown = [name for name in node.inputs if name not in seen]
            if node.name in seen or unknown:
                raise GraphError(
                    f"node {node.name!r}: the name is used twice, or it reads nodes that are not "
                    f"before it: {unknown}"
                )
            seen.add(node.name)
        if not set(self.outputs) <= seen:
            raise GraphError(f"outputs={self.outputs}; allowed: names of the graph's nodes")

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that read each node; a node that reads it twice is listed twice."""
        found: dict[str, list[Node]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in node.inputs:
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def __getitem__(self, name: str) -> Node:
        return self.by_name[name]

    def of(self, *ops: str) -> tuple[Node, ...]:
        """Return the nodes with one of these operations, in order."""
        return tuple(node for node in self.nodes if node.op in ops)

    def sole_consumer(self, name: str) -> Node | None:
        """Return the only node that reads `name`; None for several readers, none, or an output."""
        readers = self.consumers[name]
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def with_nodes(self, nodes: Iterable[Node], *, notes: Iterable[str] = ()) -> "Graph":
        """Return a graph of these nodes; `notes` are added to the existing ones."""
        return replace(self, nodes=tuple(nodes), notes=(*self.notes, *notes))

    def with_settings(self, **settings: Any) -> "Graph":
        """Return a graph with these settings changed."""
        return replace(self, settings={**self.settings, **settings})

    def updated(self, changed: Mapping[str, Node], *, notes: Iterable[str] = ()) -> "Graph":
        """Return a graph with some nodes replaced by nodes of the same name."""
        return self.with_nodes((changed.get(node.name, node) for node in self.nodes), notes=notes)

    def reference(self) -> "Graph":
        """Return the converted CNN: the graph with its original nodes."""
        originals = self.originals or {}
        former = {name: own.applied(self[name]) for name, own in originals.items()}
        return replace(self.updated(former), originals=None, integers=None)

    def keeping(self, before: "Graph") -> "Graph":
        """Return the graph with the originals of the graph before a change of computation.

        Args:
            before: The graph before the change, with nodes of the same names and inputs.
        """
        former = before.reference()
        pairs = ((node, Original.of(former[node.name], node)) for node in self.nodes)
        kept = {node.name: own for node, own in pairs if own is not None}
        return replace(self, originals=kept)

    def without(self, name: str) -> "Graph":
        """Return a graph without a node of one input: its readers read that input instead."""
        (before,) = self[name].inputs
        nodes = [
            replace(node, inputs=tuple(before if i == name else i for i in node.inputs))
            for node in self.nodes
            if node.name != name
        ]
        outputs = tuple(before if output == name else output for output in self.outputs)
        return replace(self, nodes=tuple(nodes), outputs=outputs)

    def after(self, starts: Iterable[str], until: Container[str] = ()) -> set[str]:
        """Return the names of the nodes that depend on some nodes, including these.

        Args:
            starts: Names of the nodes.
            until: Operations; the nodes of these operations, and those after them, are left out.
        """
        found = set(starts)
        for node in self.nodes:
            if node.op not in until and found.intersection(node.inputs):
                found.add(node.name)
        return found

    @cached_property
    def head(self) -> frozenset[str]:
        """Names of the read-outs and all nodes after them: they run once, on decoded values."""
        return frozenset(self.after(node.name for node in self.of("readout")))

    @cached_property
    def body(self) -> frozenset[str]:
        """Names of the neurons and all nodes after them, to the read-outs: they run every step."""
        neurons = (node.name for node in self.of("neuron"))
        return frozenset(self.after(neurons)) - self.head

    @property
    def drive(self) -> frozenset[str]:
        """Names of the nodes before the first neurons: they depend on the inputs only."""
        return frozenset(self.by_name) - self.body - self.head

    def before(self, *names: str) -> set[str]:
        """Return the names of the nodes that some nodes depend on, including these."""
        needed = set(names)
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        return needed

    def pruned(self) -> "Graph":
        """Return a graph without the nodes that no output depends on (inputs are kept)."""
        needed = self.before(*self.outputs)
        kept = (node for node in self.nodes if node.name in needed or node.op == "input")
        return replace(self, nodes=tuple(kept))
