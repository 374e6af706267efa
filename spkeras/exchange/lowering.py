"""From a graph with neurons to the nodes of NIR, or the list of all that the file cannot say."""

from collections.abc import Callable

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.building import CannotExpress, Value, gained, mixed, unlike_binary, words
from spkeras.exchange.maps import MapLowering
from spkeras.exchange.parts import Part, channels_first, order_of
from spkeras.exchange.whole import coded, is_whole
from spkeras.graph import Graph, Node
from spkeras.ops.arrays import Float32Array


def lowered(
    graph: Graph, starts: dict[str, int], pools: str, form: str
) -> tuple[list[Part], list[str], list[str]]:
    """Return the parts of a network, its problems, and what runs after the read-out.

    Args:
        graph: With neurons.
        starts: Step, from 0, at which each layer of neurons starts.
        pools: How average pooling is written, one of `POOLS`.
        form: The form of the file, as messages name it.
    """
    lowering = Lowering(coded(graph) if is_whole(graph) else graph, starts, pools, form)
    for node in lowering.graph.nodes:
        lowering.add(node)
    return lowering.parts, lowering.problems, lowering.ends


class Lowering(MapLowering):
    """One pass over the nodes of a graph in order."""

    def __init__(self, graph: Graph, starts: dict[str, int], pools: str, form: str) -> None:
        super().__init__(graph, pools, form)
        self.starts = starts
        self.problems: list[str] = []
        self.ends: list[str] = []
        self._rules: dict[str, Callable[[Node], Value]] = {
            "input": self._input,
            "conv": self._conv,
            "depthwise_conv": self._conv,
            "dense": self._dense,
            "scale": self._scale,
            "pad": self._move,
            "crop": self._move,
            "average_pool": self._pool,
            "global_average_pool": self._pool,
            "reshape": self._rearrange,
            "permute": self._rearrange,
            "add": self._add,
            "subtract": self._subtract,
            "concatenate": self._concatenate,
            "neuron": self._neuron,
            "readout": self._readout,
        }

    def add(self, node: Node) -> None:
        """Add the parts of a node; one whose inputs are missing is skipped."""
        if node.name in self.graph.head and node.op != "readout":
            self.ends.append(
                f"{node.source or node.name}: {words(node)} runs once on the decoded output"
            )
            return
        if any(name not in self.values for name in node.inputs):
            return
        rule = self._rules.get(node.op)
        try:
            if rule is None:
                raise CannotExpress(f"{self.form} has no node for {words(node)}")
            self.values[node.name] = rule(node)
        except CannotExpress as problem:
            self._problem(node, str(problem))
            # Nodes after it are examined as if it had been written.
            if node.op not in ("input", "readout") and node.shape:
                self.values[node.name] = Value((), order_of(node.shape))

    def _problem(self, node: Node, text: str) -> None:
        self.problems.append(f"{node.source or node.name}: {text}")

    def _input(self, node: Node) -> Value:
        if not 1 <= len(node.shape) <= 3:
            raise CannotExpress(
                f"input of shape {node.shape}; layers in {self.form} take 1 to 3 axes"
            )
        arrays = {"scale": node.arrays["scale"]} if "scale" in node.arrays else {}
        shape = channels_first(node.shape)
        return self._put(
            Part(node.name, kinds.INPUT, (), shape, arrays=arrays), order_of(node.shape)
        )

    def _rearrange(self, node: Node) -> Value:
        """Change the meaning of the elements' order; nothing is written."""
        value = self.values[node.inputs[0]]
        shape = self.graph[node.inputs[0]].shape
        rearranged = node.operation.rearranged
        assert rearranged is not None
        after = rearranged(node, np.arange(value.order.size).reshape(shape))
        place = np.argsort(after, axis=None)
        order = place[value.order]
        if len(node.shape) == 1:
            value = self._vector(node.inputs[0])
            order = order.ravel()
        return Value(value.parts, order, value.gain)

    def _joined(self, node: Node, values: list[Value]) -> Value:
        """Return the sum of values of one shape and order."""
        first = values[0]
        names = [name for value in values for name in value.parts]
        if any(
            value.shape != first.shape or (value.order != first.order).any() for value in values
        ):
            raise CannotExpress(f"{self.form} adds tensors of one shape only")
        if len(set(names)) < len(names):
            values = [self._times(v, 1.0, f"{node.name}:term{i}") for i, v in enumerate(values)]
            names = [name for value in values for name in value.parts]
        return Value(tuple(names), first.order)

    def _add(self, node: Node) -> Value:
        values = [self._finished(node, index) for index in range(len(node.inputs))]
        return self._joined(node, values)

    def _subtract(self, node: Node) -> Value:
        first = self._finished(node)
        second = self._times(self.values[node.inputs[1]], -1.0, f"{node.name}:minus")
        return self._joined(node, [first, second])

    def _concatenate(self, node: Node) -> Value:
        """Put each input at its channels; the concatenation is their sum."""
        if node["axis"] not in (-1, len(node.shape)):
            raise CannotExpress(f"{self.form} joins channels only, not positions")
        if len(node.shape) > 3:
            raise CannotExpress(f"{self.form} has no layer for {len(node.shape)} axes")
        names, first = [], 0
        for index, name in enumerate(node.inputs):
            vector = len(node.shape) == 1
            value = self._vector(name) if vector else self._map(node, index)
            size = value.shape[0]
            weight = np.zeros((node.shape[-1], size), np.float32)
            weight[first + (value.order if vector else np.arange(size)), np.arange(size)] = 1
            weight, own = gained(weight, value.gain), f"{node.name}:place{index}"
            self.parts.append(mixed(own, value, channels_first(node.shape), weight=weight))
            names.append(own)
            first += size
        return Value(tuple(names), order_of(node.shape))

    def _neuron(self, node: Node) -> Value:
        problem = unlike_binary(node, self.form)
        if problem:
            raise CannotExpress(problem)
        value = self._finished(node)
        if value.gain != 1 or node["max_spikes_per_step"] != 1:
            raise CannotExpress(f"neurons in {self.form} send one spike a step")

        def arranged(array: np.ndarray) -> Float32Array:
            whole = np.broadcast_to(np.asarray(array, np.float32), node.shape)
            return np.ascontiguousarray(whole.ravel()[value.order])

        threshold = arranged(node.arrays["threshold"])
        initial = np.float32(node["initial_potential"]) * threshold
        if self.whole:
            initial = np.floor(node["initial_potential"] * threshold.astype(float))
        constant = node.array("constant_input0")
        if constant is not None:
            initial = initial + arranged(constant)
        arrays = {"threshold": threshold, "initial": np.asarray(initial, np.float32)}
        if self.whole:
            unit = np.broadcast_to(self._unit(node), node.shape)
            arrays["unit"] = np.ascontiguousarray(unit.ravel()[value.order])
        part = Part(
            node.name,
            kinds.NEURONS,
            value.parts,
            value.shape,
            arrays=arrays,
            start=self.starts.get(node.name, 0),
            reset=node["reset"],
        )
        return self._put(part, value.order)

    def _unit(self, node: Node) -> np.ndarray:
        """Return the value of a whole 1 in neurons or a read-out."""
        form = self.graph.integers
        assert form is not None
        return form.units[node.name]

    def _readout(self, node: Node) -> Value:
        value = self._finished(node)
        shape = node.shape
        if value.order.ndim != len(shape) or (value.order != order_of(shape)).any():
            raise CannotExpress(f"its output, of shape {shape}, is in another order")
        arrays = {name: a for name in ("scale", "offset") if (a := node.array(name)) is not None}
        if self.whole:
            arrays["unit"] = self._unit(node)
        part = Part(
            node.name,
            kinds.OUTPUT,
            value.parts,
            value.shape,
            arrays=arrays,
            start=self.starts.get(node.name, 0),
        )
        return self._put(part, value.order)
