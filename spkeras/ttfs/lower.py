"""From a graph with TTFS activations to a plan of layers and synapses."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.graph.vocabulary import MAX_POOLS
from spkeras.passes.fold import fold_scales
from spkeras.passes.readout import attach_readouts
from spkeras.ttfs.checks import check_coded, is_coded
from spkeras.ttfs.linear import LINEAR, pool_window
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, READOUT, Branch, FirstSpikePlan, Layer
from spkeras.ttfs.terms import Sum, Term, refused


def lower(graph: Graph) -> FirstSpikePlan:
    """Return the plan of a network that was trained with TTFS activations.

    Args:
        graph: Graph from the frontend.

    Returns:
        The plan, with batch norm folded and a softmax at the end left out.

    Raises:
        UnsupportedLayerError: the network was not trained with TTFS activations, or first spikes
            cannot compute one of its layers.
    """
    check_coded(graph, ("ttfs",))
    kernel = next(node for node in graph.nodes if is_coded(node))
    plan = plan_of(folded(graph), is_coded)
    return replace(plan, timesteps=int(kernel["timesteps"]), tau=float(kernel["tau"]))


def folded(graph: Graph) -> Graph:
    """Return the graph with batch norm folded and read-outs attached."""
    return attach_readouts(fold_scales(graph))


def plan_of(graph: Graph, fires: Callable[[Node], bool]) -> FirstSpikePlan:
    """Return the layers and synapses of a network that fires in windows.

    Args:
        graph: From `folded`.
        fires: Function that returns whether a node is a layer of neurons.

    Returns:
        A plan with windows of one step; only `lower` gives it a kernel.

    Raises:
        UnsupportedLayerError: spikes in windows cannot compute some layers; all at once.
    """
    lowering = _Lowering(graph, fires)
    problems = lowering.all()
    if problems:
        raise UnsupportedLayerError(list(problems.values()))
    layers = tuple(lowering.layers.values())
    outputs = {readout_of(graph, name).name: graph[name].shape for name in graph.outputs}
    notes = (*graph.notes, *_merging_notes(layers))
    return FirstSpikePlan(
        name=graph.name, layers=layers, timesteps=1, tau=1.0, outputs=outputs, notes=notes
    )


def problems_of(graph: Graph, fires: Callable[[Node], bool]) -> dict[str, str]:
    """Return the problem of each node that spikes in windows cannot compute, by its name.

    Args:
        graph: From `folded`.
        fires: Function that returns whether a node is a layer of neurons.
    """
    return _Lowering(graph, fires).all()


def readout_of(graph: Graph, output: str) -> Node:
    """Return the read-out before an output."""
    node = graph[output]
    while node.op != "readout":
        node = graph[node.inputs[0]]
    return node


def _merging_notes(layers: Sequence[Layer]) -> list[str]:
    merged = {b.name: b.kernel.size for layer in layers for b in layer.branches if "+" in b.name}
    return [
        f"{name}: no activation between them; merged into one kernel of {size} weights, which are "
        "rounded together"
        for name, size in merged.items()
    ]


def before_pooling(name: str) -> str:
    """Return the name of neurons that are pooled after they fire; `name` is that of the pool."""
    return f"{name}:before_pooling"


class _Lowering:
    """The state of one lowering: layers so far, and each node's value as a sum of spikes."""

    def __init__(self, graph: Graph, fires: Callable[[Node], bool]) -> None:
        self.graph, self.fires = graph, fires
        self.layers: dict[str, Layer] = {}
        self.sums: dict[str, Sum] = {}

    def all(self) -> dict[str, str]:
        """Visit all nodes; return the problem of each that is refused, by its name."""
        problems = {}
        for node in self.graph.nodes:
            try:
                self.visit(node)
            except UnsupportedLayerError as error:
                (problems[node.name],) = error.problems
                # Spikes of an unknown source, so that the layers after it are judged, too.
                self._source(node.name, node.shape)
        return problems

    def visit(self, node: Node) -> None:
        """Add the layer or the sum of a node."""
        if node.op == "input":
            # The encoder of a coded input is the activation after it, else the input itself.
            if not any(map(is_coded, self.graph.consumers[node.name])):
                self._encodes(node.name, node.name, 1.0)
        elif self.fires(node):
            self._fires(node)
        elif node.op in MAX_POOLS:
            self._pools(node)
        elif node.op == "readout":
            self._add(node, READOUT, self.sums[node.inputs[0]], 1.0)
        elif node.op in LINEAR:
            self.sums[node.name] = LINEAR[node.op](node, [self.sums[n] for n in node.inputs])
        else:
            what = node.attributes.get("function", node.op)
            raise refused(
                node, f"computes {what}, which spikes in windows cannot", "use recipe sigma_delta"
            )

    def _fires(self, node: Node) -> None:
        before = self.graph[node.inputs[0]]
        theta0 = float(node.attributes.get("theta0", 1.0))
        if before.op == "readout":
            raise refused(node, "an activation at the end", "end with a Dense layer or a pooling")
        if before.op == "input" and is_coded(node):
            self._encodes(node.name, before.name, theta0)
        elif before.op in MAX_POOLS and before.name not in self.sums:
            # Rounding down is monotonic: the earliest spike of a window is that of its largest
            # potential, so that pooling after firing is exact.
            name = before_pooling(node.name)
            self._add(node, NEURONS, self.sums[before.inputs[0]], theta0=theta0, name=name)
            self._earliest(before, node.name, name)
        else:
            self._add(node, NEURONS, self.sums[node.inputs[0]], theta0)

    def _encodes(self, name: str, given: str, theta0: float) -> None:
        port = [node.name for node in self.graph.of("input")].index(given)
        self._source(name, self.graph[given].shape, theta0=theta0, port=port)

    def _source(
        self, name: str, shape: tuple[int, ...], *, theta0: float = 1.0, port: int = 0
    ) -> None:
        shape = shape if len(shape) > 1 else (1, *shape)
        self.layers[name] = Layer(
            name=name, kind=ENCODER, shape=shape, depth=0, theta0=theta0, port=port
        )
        self._sends(name, name, shape)

    def _pools(self, node: Node) -> None:
        reader = self.graph.sole_consumer(node.name)
        value = self.sums[node.inputs[0]]
        if not self._sent(value):
            if reader is None or not self.fires(reader):
                raise refused(
                    node, "a maximum of potentials", "put the activation directly before or after"
                )
            return
        # Concatenated layers of spikes are pooled separately.
        several, pooled = len(value.terms) > 1, []
        for term in value.terms:
            name = f"{node.name}:{term.source}" if several else node.name
            self._earliest(node, name, term.source)
            pooled.append(replace(self.sums[name].terms[0], offset=term.offset))
        shape, _ = pool_window(node, value.shape)
        self.sums[node.name] = Sum(shape, tuple(pooled), value.bias)

    def _sent(self, value: Sum) -> bool:
        """Return whether a value is the unchanged spikes of one layer, or of a concatenation."""
        own = np.arange(math.prod(value.shape[:-1]))[:, None]
        plain = all(
            term.kernel is None
            and term.scale == 1.0
            and not term.negative
            and np.array_equal(term.cells, own)
            for term in value.terms
        )
        # Terms that share channels are a sum of spikes, whose maximum is not the earliest spike.
        apart = sum(term.channels for term in value.terms) == value.shape[-1]
        once = len({term.source for term in value.terms}) == len(value.terms)
        return plain and apart and once and not value.bias.any()

    def _earliest(self, node: Node, name: str, source: str) -> None:
        before = self.layers[source]
        shape, index = pool_window(node, before.shape)
        branch = Branch(source, index, np.ones((1, 1, 1), np.float32), weighted=False)
        layer = Layer(
            name=name,
            kind=EARLIEST,
            shape=shape,
            depth=before.depth,
            theta0=before.theta0,
            branches=(branch,),
        )
        self.layers[name] = layer
        self._sends(name, name, shape)

    def _add(self, node: Node, kind: str, value: Sum, theta0: float, name: str = "") -> None:
        branches = tuple(_branch(term) for term in value.terms)
        depth = 1 + max(self.layers[branch.source].depth for branch in branches)
        bias = value.bias.astype(np.float32)
        name = name or node.name
        self.layers[name] = Layer(
            name=name,
            kind=kind,
            shape=value.shape,
            depth=depth,
            theta0=theta0,
            branches=branches,
            bias=bias,
        )
        self._sends(name, name, value.shape)

    def _sends(self, node: str, layer: str, shape: tuple[int, ...]) -> None:
        cells = np.arange(math.prod(shape[:-1]), dtype=np.int32)[:, None]
        term = Term(source=layer, cells=cells, scale=1.0, offset=0, channels=shape[-1])
        self.sums[node] = Sum(shape, (term,), np.zeros(shape[-1]))


def _branch(term: Term) -> Branch:
    if term.kernel is not None and term.index is not None:
        cells = term.cells
        own = np.arange(len(cells))[:, None]
        whole = cells.shape == own.shape and bool((cells == own).all())
        kernel = term.kernel.astype(np.float32)
        return Branch(
            source=term.source,
            index=term.index,
            kernel=kernel,
            scale=term.scale,
            cells=None if whole else cells,
            weighted=True,
            name=term.name,
            groups=term.groups,
            first=term.first,
        )
    # Connections of weight 1 (a shortcut): each channel to its channel in the sum.
    index = np.arange(len(term.cells), dtype=np.int32)[:, None]
    ones = np.full((1, 1, term.channels), -1 if term.negative else 1, np.float32)
    plain = term.cells.shape[1] == 1
    return Branch(
        source=term.source,
        index=term.cells if plain else index,
        kernel=ones,
        scale=term.scale,
        cells=None if plain else term.cells,
        weighted=False,
        name="",
        groups=term.channels,
        first=term.offset,
    )
