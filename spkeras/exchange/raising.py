"""From the nodes of NIR to a graph with neurons, channels last."""

from dataclasses import replace
from typing import Any

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.building import BINARY, Value
from spkeras.exchange.parts import Exchange, Part, channel_scale, channels_last, compact, order_of
from spkeras.exchange.whole import with_form
from spkeras.graph import Graph, Node


def raised(network: Exchange) -> Graph:
    """Return the graph of a network without pulses and ties."""
    raising = _Raising(network)
    for part in network.parts:
        raising.add(part)
    outputs = tuple(part.name for part in network.of(kinds.OUTPUT))
    graph = Graph(network.name, tuple(raising.nodes.values()), outputs)
    if network.integers is None:
        return graph
    return with_form(graph, network.integers, raising.steps, raising.units if network.whole else {})


class _Raising:
    """One pass over the parts; a value's parts are the names of nodes."""

    def __init__(self, network: Exchange) -> None:
        self.network = network
        self.nodes: dict[str, Node] = {}
        self.values: dict[str, Value] = {}
        self.depth: dict[str, int] = {}
        # Of vectors in the order of a flattened map: its shape.
        self.maps: dict[str, tuple[int, ...]] = {}
        # Of whole numbers: the value of a code 1 by weights, and of a potential of 1 by neurons.
        self.steps: dict[str, float] = {}
        self.units: dict[str, np.ndarray] = {}

    def add(self, part: Part) -> None:
        """Add the nodes of a part."""
        rules = {
            kinds.INPUT: self._input,
            kinds.OUTPUT: self._output,
            kinds.CONV: self._conv,
            kinds.AFFINE: self._affine,
            kinds.FLATTEN: self._flatten,
            kinds.NEURONS: self._neurons,
        }
        self.depth[part.name] = max((self.depth[name] for name in part.inputs), default=0)
        self.values[part.name] = rules.get(part.kind, self._pool)(part)

    def _node(self, node: Node) -> str:
        self.nodes[node.name] = node
        return node.name

    def _before(self, part: Part, gained: bool = False) -> Value:
        """Return the sum of a part's inputs as one node.

        Args:
            part: The part.
            gained: Whether the part takes a gain into its weights.
        """
        values = [self.values[name] for name in part.inputs]
        if len(values) == 1 and (gained or values[0].gain == 1):
            return values[0]
        if any((value.order != values[0].order).any() for value in values):
            values = [self._straight(v, f"{part.name}:order{i}") for i, v in enumerate(values)]
        names = [self._whole(value, f"{part.name}:term{i}") for i, value in enumerate(values)]
        first = values[0]
        shape = self._shape(names[0])
        if len(names) == 1:
            return replace(first, parts=(names[0],), gain=1.0)
        name = self._node(
            Node(
                name=f"{part.name}:sum",
                op="add",
                inputs=tuple(names),
                shape=shape,
                source=part.name,
            )
        )
        return Value((name,), first.order)

    def _straight(self, value: Value, name: str) -> Value:
        """Return a vector in the order of its part: that of a flattened map, channels first."""
        order = np.arange(value.order.size)
        if (value.order == order).all():
            return value
        (own,) = value.parts
        shape, last = self.maps[own], len(self.maps[own])
        moved = {"axes": (last, *range(1, last))}
        for suffix, op, sizes, attributes in (
            ("map", "reshape", shape, {}),
            ("first", "permute", (shape[-1], *shape[:-1]), moved),
            ("flat", "reshape", (order.size,), {}),
        ):
            node = Node(
                name=f"{name}:{suffix}", op=op, inputs=(own,), shape=sizes, attributes=attributes
            )
            own = self._node(node)
        return Value((own,), order, value.gain)

    def _take(self, part: Part, gain: float) -> None:
        """Keep the factor of a part's codes."""
        if self.network.whole or "step" in part.arrays:
            self.steps[part.name] = gain * float(part.arrays.get("step", np.ones(())).reshape(()))

    def _shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a node."""
        return self.nodes[name].shape

    def _whole(self, value: Value, name: str) -> str:
        """Return the name of a node with the value; a gain becomes a scale."""
        (own,) = value.parts
        if value.gain == 1:
            return own
        scale = {"scale": np.asarray(value.gain, np.float32)}
        if self.network.whole:
            self.steps[name] = value.gain
        return self._node(
            Node(name=name, op="scale", inputs=(own,), shape=self._shape(own), arrays=scale)
        )

    def _input(self, part: Part) -> Value:
        shape = channels_last(part.shape)
        scale = {"scale": part.arrays.get("scale", np.ones((), np.float32))}
        node = Node(
            name=part.name,
            op="input",
            inputs=(),
            shape=shape,
            attributes={"dtype": "float32"},
            arrays=scale,
            source=part.name,
        )
        return Value((self._node(node),), order_of(shape))

    def _output(self, part: Part) -> Value:
        value = self._before(part)
        if value.order.ndim == 1:
            value = self._straight(value, f"{part.name}:order")
        self.units[part.name] = part.arrays.get("unit", np.ones(())).reshape(())
        node = Node(
            name=part.name,
            op="readout",
            inputs=value.parts,
            shape=self._shape(value.parts[0]),
            attributes={"depth": self.depth[part.name], "spike_code": "rate"},
            arrays={name: array for name, array in part.arrays.items() if name != "unit"},
            source=part.name,
        )
        return Value((self._node(node),), value.order)

    def _conv(self, part: Part) -> Value:
        value = self._before(part, gained=True)
        weight = part.arrays["weight"] * np.float32(value.gain)
        self._take(part, value.gain)
        shape, axes = channels_last(part.shape), len(part.stride)
        bias = part.arrays["bias"]
        channels = value.order.shape[0]
        scale = channel_scale(part, weight)
        if scale is not None:
            arrays = {"scale": scale, **({"offset": bias} if bias.any() else {})}
            node = Node(
                name=part.name,
                op="scale",
                inputs=value.parts,
                shape=shape,
                arrays=arrays,
                source=part.name,
            )
            return Value((self._node(node),), order_of(shape))
        source, padding = self._padded(part, value.parts[0])
        kernel = weight.transpose(*range(2, axes + 2), 1, 0)
        attributes: dict[str, Any] = {
            "strides": part.stride,
            "padding": padding,
            "dilation": part.dilation,
        }
        op = "conv"
        if part.groups == channels > 1:
            op, kernel = "depthwise_conv", kernel.reshape(*kernel.shape[:-2], channels, -1)
        else:
            attributes["groups"] = part.groups
        arrays = {"kernel": kernel, **({"bias": bias} if bias.any() else {})}
        node = Node(
            name=part.name,
            op=op,
            inputs=(source,),
            shape=shape,
            attributes=attributes,
            arrays=arrays,
            source=part.name,
        )
        return Value((self._node(node),), order_of(shape))

    def _padded(self, part: Part, source: str) -> tuple[str, str]:
        """Return the node that a window reads, with its padding, and the padding that is left."""
        if not any(part.padding):
            return source, "valid"
        window = part.window or part.arrays["weight"].shape[2:]
        dilation = part.dilation or (1,) * len(window)
        spans = [d * (k - 1) for k, d in zip(window, dilation, strict=True)]
        same = [2 * p == span for p, span in zip(part.padding, spans, strict=True)]
        if part.kind == kinds.CONV and set(part.stride) == {1} and all(same):
            return source, "same"
        before = self._shape(source)
        sizes = tuple(n + 2 * p for n, p in zip(before[:-1], part.padding, strict=True))
        node = Node(
            name=f"{part.name}:pad",
            op="pad",
            inputs=(source,),
            shape=(*sizes, before[-1]),
            attributes={"amounts": tuple((p, p) for p in part.padding)},
            source=part.name,
        )
        return self._node(node), "valid"

    def _affine(self, part: Part) -> Value:
        value = self._before(part, gained=True)
        weight, bias = part.arrays["weight"] * np.float32(value.gain), part.arrays["bias"]
        self._take(part, value.gain)
        kernel = np.empty(weight.T.shape, np.float32)
        kernel[value.order] = weight.T
        arrays = {"kernel": kernel, **({"bias": bias} if bias.any() else {})}
        node = Node(
            name=part.name,
            op="dense",
            inputs=value.parts,
            shape=part.shape,
            arrays=arrays,
            source=part.name,
        )
        return Value((self._node(node),), np.arange(part.shape[0]))

    def _flatten(self, part: Part) -> Value:
        value = self._before(part, gained=True)
        node = Node(
            name=part.name,
            op="reshape",
            inputs=value.parts,
            shape=(value.order.size,),
            source=part.name,
        )
        self.maps[part.name] = self._shape(value.parts[0])
        return Value((self._node(node),), value.order.ravel(), value.gain)

    def _pool(self, part: Part) -> Value:
        value = self._before(part, gained=True)
        source, _ = self._padded(part, value.parts[0])
        shape = channels_last(part.shape)
        node = Node(
            name=part.name,
            op="average_pool",
            inputs=(source,),
            shape=shape,
            attributes={"pool_size": part.window, "strides": part.stride, "padding": "valid"},
            source=part.name,
        )
        gain = float(np.prod(part.window)) if part.kind == kinds.SUM_POOL else 1.0
        return Value((self._node(node),), order_of(shape), value.gain * gain)

    def _neurons(self, part: Part) -> Value:
        value = self._before(part)
        shape = self._shape(value.parts[0])

        def arranged(name: str) -> np.ndarray:
            given = part.arrays.get(name, np.ones((), np.float32))
            whole = np.empty(value.order.size, given.dtype)
            whole[value.order.ravel()] = np.broadcast_to(given, value.order.shape).ravel()
            return whole.reshape(shape)

        threshold, initial = arranged("threshold"), arranged("initial")
        fraction = float(initial.flat[0] / threshold.flat[0])
        exact = 0 <= fraction <= 1 and (np.float32(fraction) * threshold == initial).all()
        arrays = {"threshold": compact(threshold)}
        self.units[part.name] = compact(arranged("unit"))
        if not exact:
            arrays["constant_input0"] = initial
        node = Node(
            name=part.name,
            op="neuron",
            inputs=value.parts,
            shape=shape,
            attributes={
                **BINARY,
                "reset": part.reset,
                "initial_potential": fraction if exact else 0.0,
                "depth": self.depth[part.name],
            },
            arrays=arrays,
            source=part.name,
        )
        self.depth[part.name] += 1
        if value.parts[0] in self.maps:
            self.maps[part.name] = self.maps[value.parts[0]]
        return Value((self._node(node),), value.order)
