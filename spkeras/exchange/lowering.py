"""From a graph with neurons to the nodes of NIR, or the list of all that NIR cannot say."""

from collections.abc import Callable

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.building import (
    Value, channelwise, conv_part, ends_of, gained, mixed, per_channel_of, shape_of, unlike_binary, words,
)
from spkeras.exchange.linear import per_channel
from spkeras.exchange.parts import Part, channels_first, order_of
from spkeras.graph import Graph, Node
from spkeras.ops.arrays import Float32Array, Int64Array

POOLS = ("sum", "average", "conv")


class CannotExpress(Exception):
    """A node that NIR has no words for; the message says what it is."""


def lowered(
    graph: Graph, starts: dict[str, int], pools: str
) -> tuple[list[Part], list[str], list[str]]:
    """Return the parts of a network, its problems, and what runs after the read-out.

    Args:
        graph: With neurons.
        starts: Step, from 0, at which each layer of neurons starts.
        pools: How average pooling is written, one of `POOLS`.
    """
    lowering = Lowering(graph, starts, pools)
    for node in graph.nodes:
        lowering.add(node)
    return lowering.parts, lowering.problems, lowering.ends


class Lowering:
    """One pass over the nodes of a graph in order."""

    def __init__(self, graph: Graph, starts: dict[str, int], pools: str) -> None:
        self.graph, self.starts, self.pools = graph, starts, pools
        self.parts: list[Part] = []
        self.problems: list[str] = []
        self.ends: list[str] = []
        self.values: dict[str, Value] = {}
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
                raise CannotExpress(f"NIR has no node for {words(node)}")
            self.values[node.name] = rule(node)
        except CannotExpress as problem:
            self._problem(node, str(problem))
            # Nodes after it are examined as if it had been written.
            if node.op not in ("input", "readout") and node.shape:
                self.values[node.name] = Value((), order_of(node.shape))

    def _problem(self, node: Node, text: str) -> None:
        self.problems.append(f"{node.source or node.name}: {text}")

    def _put(self, part: Part, order: Int64Array, gain: float = 1.0) -> Value:
        self.parts.append(part)
        return Value((part.name,), order, gain)

    def _map(self, node: Node, index: int = 0) -> Value:
        """Return an input with channels first; refuse one in another order."""
        name = node.inputs[index]
        value, shape = self.values[name], self.graph[name].shape
        order = order_of(shape)
        if value.shape == order.shape and (value.order == order).all():
            return value
        raise CannotExpress(f"NIR has no node that gives its input the shape {shape} again")

    def _vector(self, name: str) -> Value:
        """Return a value as a vector, in any order."""
        value = self.values[name]
        if value.order.ndim == 1:
            return value
        flat = f"{name}:flatten"
        if all(part.name != flat for part in self.parts):
            self.parts.append(Part(flat, kinds.FLATTEN, value.parts, (value.order.size,)))
        return Value((flat,), value.order.ravel(), value.gain)

    def _finished(self, node: Node, index: int = 0) -> Value:
        """Return an input without a gain left."""
        value = self.values[node.inputs[index]]
        return value if value.gain == 1 else self._times(value, 1.0, f"{node.name}:gain{index}")

    def _times(self, value: Value, factor: float, name: str) -> Value:
        """Add a part that scales a value."""
        size = value.shape[0]
        factors = np.full(size, factor * value.gain, np.float32)
        return self._put(channelwise(name, value, factors, np.zeros(size)), value.order)

    def _input(self, node: Node) -> Value:
        if not 1 <= len(node.shape) <= 3:
            raise CannotExpress(f"input of shape {node.shape}; NIR's layers take 1 to 3 axes")
        arrays = {"scale": node.arrays["scale"]} if "scale" in node.arrays else {}
        shape = channels_first(node.shape)
        return self._put(Part(node.name, kinds.INPUT, (), shape, arrays), order_of(node.shape))

    def _conv(self, node: Node) -> Value:
        kernel = node.arrays["kernel"]
        axes = kernel.ndim - 2
        if axes > 2:
            raise CannotExpress(f"NIR has no convolution over {axes} axes")
        value = self._map(node)
        depthwise = node.op == "depthwise_conv"
        groups = self.graph[node.inputs[0]].shape[-1] if depthwise else int(node["groups"])
        if depthwise:
            kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)
        weight = np.transpose(kernel, (axes + 1, axes, *range(axes)))
        ends = [
            ends_of(node["padding"], size, span=d * (taps - 1) + 1, stride=stride)
            for size, taps, stride, d in zip(
                value.shape[1:], kernel.shape[:-2], node["strides"], node["dilation"], strict=True
            )
        ]
        return self._put(
            conv_part(
                node.name,
                value,
                channels_first(node.shape),
                weight=gained(weight, value.gain),
                bias=node.array("bias"),
                ends=ends,
                stride=tuple(node["strides"]),
                dilation=tuple(node["dilation"]),
                groups=groups,
            ),
            order_of(node.shape),
        )

    def _dense(self, node: Node) -> Value:
        kernel, bias = node.arrays["kernel"], node.array("bias")
        if len(node.shape) > 1:
            value = self._map(node)
            axes = len(node.shape) - 1
            if axes > 2:
                raise CannotExpress(f"NIR has no layer for {axes + 1} axes")
            weight = gained(kernel.T.reshape(*kernel.T.shape, *[1] * axes), value.gain)
            part = conv_part(
                node.name, value, channels_first(node.shape), weight=weight, bias=bias, groups=1
            )
            return self._put(part, order_of(node.shape))
        value = self._vector(node.inputs[0])
        weight = gained(kernel.T[:, value.order], value.gain)
        bias = np.zeros(node.shape, np.float32) if bias is None else bias
        arrays = {"weight": weight, "bias": bias}
        part = Part(node.name, kinds.AFFINE, value.parts, node.shape, arrays)
        return self._put(part, np.arange(node.shape[0]))

    def _scale(self, node: Node) -> Value:
        value = self.values[node.inputs[0]]
        scale, offset = (per_channel_of(node.array(name), node, value) for name in ("scale", "offset"))
        if scale is None or offset is None or value.shape != shape_of(node, value):
            raise CannotExpress("NIR has no scale that differs between positions")
        return self._put(
            channelwise(node.name, value, gained(scale, value.gain), offset), value.order
        )

    def _move(self, node: Node) -> Value:
        value, sign = self._map(node), 1 if node.op == "pad" else -1
        if not 2 <= value.order.ndim <= 3:
            raise CannotExpress(f"NIR has no padding of {value.order.ndim} axes")
        ends = [(sign * before, sign * after) for before, after in node["amounts"]]
        channels = value.shape[0]
        part = conv_part(
            node.name,
            value,
            channels_first(node.shape),
            weight=per_channel(np.ones(channels), len(ends)),
            ends=ends,
            groups=channels,
        )
        return self._put(part, order_of(node.shape), value.gain)

    def _pool(self, node: Node) -> Value:
        value = self._map(node)
        axes = len(value.shape) - 1
        if not 1 <= axes <= 2:
            raise CannotExpress(f"NIR has no pooling over {axes} axes")
        window, stride = value.shape[1:], value.shape[1:]
        if node.op == "average_pool":
            window, stride = tuple(node["pool_size"]), tuple(node["strides"])
            found = zip(value.shape[1:], window, stride, strict=True)
            ends = [ends_of(node["padding"], n, span=k, stride=s) for n, k, s in found]
            if any(end != (0, 0) for end in ends):
                raise CannotExpress("NIR's pools count the zeros of a padding, these leave them out")
        sizes = zip(value.shape[1:], window, stride, strict=True)
        shape = (value.shape[0], *((n - k) // s + 1 for n, k, s in sizes))
        name = node.name if shape == channels_first(node.shape) else f"{node.name}:pool"
        pooled = self._pooled(name, value, shape, window=window, stride=stride)
        order = np.arange(shape[0]).reshape(shape[:1] + (1,) * axes)
        return Value(
            pooled.parts,
            order if node.op != "average_pool" else order_of(node.shape),
            pooled.gain,
        )

    def _pooled(
        self,
        name: str,
        value: Value,
        shape: tuple[int, ...],
        *,
        window: tuple[int, ...],
        stride: tuple[int, ...],
    ) -> Value:
        """Add a pooling in the form that was chosen."""
        taps = int(np.prod(window))
        nowhere = np.zeros(shape, np.int64)
        if self.pools == "conv" or len(window) == 1:
            channels = value.shape[0]
            eye = np.eye(channels, dtype=np.float32) * np.float32(value.gain / taps)
            weight = np.broadcast_to(
                eye.reshape(channels, channels, *[1] * len(window)), (channels, channels, *window)
            )
            part = conv_part(name, value, shape, weight=weight, stride=stride, groups=1)
            return self._put(part, nowhere)
        kind = kinds.SUM_POOL if self.pools == "sum" else kinds.AVERAGE_POOL
        numbers = {"window": window, "stride": stride, "padding": (0,) * len(window)}
        part = Part(name, kind, value.parts, shape, **numbers)
        return self._put(part, nowhere, value.gain / taps if self.pools == "sum" else value.gain)

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
        if any(value.shape != first.shape or (value.order != first.order).any() for value in values):
            raise CannotExpress("NIR adds tensors of one shape only")
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
            raise CannotExpress("NIR joins channels only, not positions")
        if len(node.shape) > 3:
            raise CannotExpress(f"NIR has no layer for {len(node.shape)} axes")
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
        problem = unlike_binary(node)
        if problem:
            raise CannotExpress(problem)
        value = self._finished(node)
        if value.gain != 1 or node["max_spikes_per_step"] != 1:
            raise CannotExpress("NIR's neurons send one spike a step")

        def arranged(array: np.ndarray) -> Float32Array:
            whole = np.broadcast_to(np.asarray(array, np.float32), node.shape)
            return np.ascontiguousarray(whole.ravel()[value.order])

        threshold = arranged(node.arrays["threshold"])
        initial = np.float32(node["initial_potential"]) * threshold
        constant = node.array("constant_input0")
        if constant is not None:
            initial = initial + arranged(constant)
        part = Part(
            node.name,
            kinds.NEURONS,
            value.parts,
            value.shape,
            {"threshold": threshold, "initial": initial},
            start=self.starts.get(node.name, 0),
            reset=node["reset"],
        )
        return self._put(part, value.order)

    def _readout(self, node: Node) -> Value:
        value = self._finished(node)
        shape = node.shape
        if value.order.ndim != len(shape) or (value.order != order_of(shape)).any():
            raise CannotExpress(f"its output, of shape {shape}, is in another order")
        arrays = {name: a for name in ("scale", "offset") if (a := node.array(name)) is not None}
        part = Part(
            node.name,
            kinds.OUTPUT,
            value.parts,
            value.shape,
            arrays,
            start=self.starts.get(node.name, 0),
        )
        return self._put(part, value.order)
