"""The synapses between layers of neurons, and the cost of one spike in them.

Linear layers without a neuron between form a *region*. Hardware can compute it in two ways:

* composed: one synapse from each neuron to each next neuron that it reaches. A spike costs one
  accumulate per synapse, whatever the number of paths.
* factored: a spike costs the accumulates of the first weighted layers on its paths. Their sums
  pass each later weighted layer once per step, as multiply-accumulates on the sums that changed.

Everything is counted from shapes: a weight counts whatever its value, zero padding does not.
Operations without weights count 0 when sums pass them, as in `spkeras.graph.macs`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from spkeras.graph.connections import fan_outs, through
from spkeras.graph.graph import Graph
from spkeras.graph.node import Node
from spkeras.graph.product import Product, everything, identity
from spkeras.graph.reach import Fan, Reach, fan, union


@dataclass(frozen=True, eq=False)
class LaterLayer:
    """A weighted layer that receives sums of other weighted layers.

    Attributes:
        name: Name of its node.
        dense: Multiply-accumulates on all elements that such sums reach.
        caused: Multiply-accumulates on the elements that one spike changes, for each source in
            the graph's order. Two spikes may change the same element: the sum over spikes is an
            upper bound.
        targets: Names of the nodes that receive its result, directly or through linear nodes.
    """

    name: str
    dense: int
    caused: Mapping[str, Fan]
    targets: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Region:
    """Linear nodes that are connected without a neuron between.

    Attributes:
        nodes: Names of the nodes; none where neurons read a source directly.
        targets: Names of the nodes that receive its results (neurons, read-outs, outputs).
        composed: Accumulates per spike of each source, composed.
        factored: Accumulates per spike of each source, factored.
        later: Layers that are computed by multiply-accumulates when factored.
    """

    nodes: tuple[str, ...]
    targets: tuple[str, ...]
    composed: Mapping[str, Fan]
    factored: Mapping[str, Fan]
    later: tuple[LaterLayer, ...]


# By node: the reach of paths without a weight so far, and of paths with one.
_Ways = dict[str, tuple[Reach, Reach]]


def regions(graph: Graph, sources: Iterable[str] | None = None) -> tuple[Region, ...]:
    """Return the regions of a graph.

    Args:
        graph: Any graph.
        sources: Names of the nodes that send spikes; None for all neurons.
    """
    if sources is None:
        sources = [node.name for node in graph.of("neuron")]
    return _Regions(graph, tuple(sources)).all()


def constant_macs(graph: Graph) -> int:
    """Count the multiply-accumulates on values that depend on the inputs without a neuron between.

    A layer that also receives spikes counts for the elements that the inputs reach.
    """
    inputs = [node.name for node in graph.of("input")]
    ways = _followed(graph, {name: (everything(graph[name].shape),) for name in inputs})
    reached = (node for node in graph.nodes if node.operation.weighted and node.name in ways)
    return sum(_dense(graph, node, ways, (0, 1)) for node in reached)


class _Regions:
    """The analysis of one graph."""

    def __init__(self, graph: Graph, sources: tuple[str, ...]) -> None:
        self.graph, self.sources = graph, sources
        self.ways = {
            name: _followed(graph, {name: (identity(graph[name].shape),)}) for name in sources
        }

    def all(self) -> tuple[Region, ...]:
        """Return all regions: first the direct connections to neurons, then those with nodes."""
        direct = {name: fan for name in self.sources if (fan := self._arrivals(name, [name])).terms}
        targets = (target for name in direct for target in self._targets([name]))
        first = Region(
            nodes=(),
            targets=tuple(dict.fromkeys(targets)),
            composed=direct,
            factored=direct,
            later=(),
        )
        passed = (self._region(nodes) for nodes in self._components())
        return (*((first,) if direct else ()), *passed)

    @cached_property
    def _passed(self) -> list[str]:
        """Names of the nodes that spikes pass through, in order."""
        reached = set().union(*self.ways.values()) - set(self.sources)
        return [node.name for node in self.graph.nodes if node.name in reached]

    def _components(self) -> Iterator[list[str]]:
        leader = {name: name for name in self._passed}

        def find(name: str) -> str:
            while leader[name] != name:
                name = leader[name]
            return name

        for name in self._passed:
            for before in self.graph[name].inputs:
                if before in leader:
                    leader[find(name)] = find(before)
        groups: dict[str, list[str]] = {}
        for name in self._passed:
            groups.setdefault(find(name), []).append(name)
        yield from groups.values()

    def _region(self, nodes: list[str]) -> Region:
        own = set(nodes)
        sources = [name for name in self.sources if own & set(self.ways[name])]
        composed = {name: self._arrivals(name, nodes) for name in sources}
        factored = {name: self._first_additions(name, nodes) for name in sources}
        later = (self._later(self.graph[name], sources) for name in nodes)
        kept = tuple(layer for layer in later if layer is not None)
        return Region(
            nodes=tuple(nodes),
            targets=tuple(self._targets(nodes)),
            composed=composed,
            factored=factored,
            later=kept,
        )

    def _targets(self, nodes: Sequence[str]) -> Iterator[str]:
        """Yield the names of the receivers of these nodes, once for each time they read them."""
        for name in nodes:
            yield from (
                node.name for node in self.graph.consumers[name] if not node.operation.linear
            )
            if name in self.graph.outputs:
                yield name

    def _arrivals(self, source: str, nodes: Sequence[str], weighted: bool = True) -> Fan:
        """Return the fan-out of a spike to targets of these nodes, by all or unweighted paths."""
        shape = self.graph[source].shape
        total = Fan(shape)
        for name in nodes:
            times = len(list(self._targets([name])))
            if times and name in self.ways[source]:
                plain, summed = self.ways[source][name]
                reached = fan(union(plain, summed) if weighted else plain, shape)
                for _ in range(times):
                    total += reached
        return total

    def _first_additions(self, source: str, nodes: Sequence[str]) -> Fan:
        shape = self.graph[source].shape
        total = self._arrivals(source, nodes, weighted=False)
        for name in nodes:
            node = self.graph[name]
            before = self.ways[source].get(node.inputs[0])
            if node.operation.weighted and before is not None and before[0]:
                total += fan(before[0], shape, fan_outs(node, self.graph[node.inputs[0]].shape))
        return total

    def _later(self, node: Node, sources: Sequence[str]) -> LaterLayer | None:
        if not node.operation.weighted:
            return None
        before = self.graph[node.inputs[0]]
        weights = fan_outs(node, before.shape)
        caused = {}
        for name in sources:
            summed = self.ways[name].get(before.name, ((), ()))[1]
            if summed:
                caused[name] = fan(summed, self.graph[name].shape, weights)
        if not caused:
            return None
        dense = _dense(self.graph, node, self._filled, (1,))
        behind = _followed(self.graph, {node.name: (everything(node.shape),)})
        return LaterLayer(node.name, dense, caused, tuple(self._targets(list(behind))))

    @cached_property
    def _filled(self) -> _Ways:
        """The elements that at least one source reaches."""
        starts = {name: (everything(self.graph[name].shape),) for name in self.sources}
        return _followed(self.graph, starts)


def _followed(graph: Graph, starts: Mapping[str, tuple[Product, ...]]) -> _Ways:
    """Follow pairs through all linear nodes, to the next neurons."""
    ways: _Ways = {name: (start, ()) for name, start in starts.items()}
    for node in graph.nodes:
        if node.name in starts or not node.operation.linear:
            continue
        plain: list[Product] = []
        summed: list[Product] = []
        for place, name in enumerate(node.inputs):
            for products, kept in zip(ways.get(name, ((), ())), (plain, summed), strict=True):
                into = summed if node.operation.weighted else kept
                into += [through(graph, node, place, product) for product in products]
        if plain or summed:
            ways[node.name] = (union(plain), union(summed))
    return ways


def _dense(graph: Graph, node: Node, ways: _Ways, kinds: Iterable[int]) -> int:
    """Count the multiply-accumulates of a node on the elements of its input that are reached."""
    before = graph[node.inputs[0]]
    reached = union(*(ways[before.name][kind] for kind in kinds))
    return int(fan(reached, (), fan_outs(node, before.shape)).array())
