"""Convolutions, products, scales and pools as nodes of NIR."""

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.building import (
    CannotExpress,
    Value,
    channelwise,
    conv_part,
    ends_of,
    gained,
    per_channel_of,
    shape_of,
)
from spkeras.exchange.linear import per_channel
from spkeras.exchange.parts import Part, channels_first, order_of
from spkeras.exchange.whole import is_whole
from spkeras.graph import Graph, Node
from spkeras.ops.arrays import Int64Array

POOLS = ("sum", "average", "conv")


class MapLowering:
    """The parts so far, and the rules of linear maps.

    Attributes:
        parts: The parts, in order.
        values: The output of each node.
    """

    def __init__(self, graph: Graph, pools: str, form: str) -> None:
        self.graph, self.pools, self.form = graph, pools, form
        self.whole = is_whole(graph)
        self.parts: list[Part] = []
        self.values: dict[str, Value] = {}

    def _step(self, node: Node, gain: float) -> dict[str, np.ndarray]:
        """Return the step of weights of few bits in real numbers, where a layer has one."""
        form = self.graph.integers
        step = None if form is None or self.whole else form.steps.get(node.name)
        return {} if step is None or step.size != 1 else {"step": step.reshape(()) * gain}

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
        raise CannotExpress(f"{self.form} has no node that gives its input the shape {shape} again")

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

    def _conv(self, node: Node) -> Value:
        kernel = node.arrays["kernel"]
        axes = kernel.ndim - 2
        if axes > 2:
            raise CannotExpress(f"{self.form} has no convolution over {axes} axes")
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
        part = conv_part(
            node.name,
            value,
            channels_first(node.shape),
            weight=gained(weight, value.gain),
            bias=node.array("bias"),
            ends=ends,
            stride=tuple(node["strides"]),
            dilation=tuple(node["dilation"]),
            groups=groups,
        )
        part = part.with_arrays(**self._step(node, value.gain))
        return self._put(part, order_of(node.shape))

    def _dense(self, node: Node) -> Value:
        kernel, bias = node.arrays["kernel"], node.array("bias")
        if len(node.shape) > 1:
            value = self._map(node)
            axes = len(node.shape) - 1
            if axes > 2:
                raise CannotExpress(f"{self.form} has no layer for {axes + 1} axes")
            weight = gained(kernel.T.reshape(*kernel.T.shape, *[1] * axes), value.gain)
            part = conv_part(
                node.name, value, channels_first(node.shape), weight=weight, bias=bias, groups=1
            )
            part = part.with_arrays(**self._step(node, value.gain))
            return self._put(part, order_of(node.shape))
        value = self._vector(node.inputs[0])
        weight = gained(kernel.T[:, value.order], value.gain)
        bias = np.zeros(node.shape, np.float32) if bias is None else bias
        arrays = {"weight": weight, "bias": bias, **self._step(node, value.gain)}
        part = Part(node.name, kinds.AFFINE, value.parts, node.shape, arrays=arrays)
        return self._put(part, np.arange(node.shape[0]))

    def _scale(self, node: Node) -> Value:
        value = self.values[node.inputs[0]]
        scale, offset = (
            per_channel_of(node.array(name), node, value) for name in ("scale", "offset")
        )
        if scale is None or offset is None or value.shape != shape_of(node, value):
            raise CannotExpress(f"{self.form} has no scale that differs between positions")
        return self._put(
            channelwise(node.name, value, gained(scale, value.gain), offset), value.order
        )

    def _move(self, node: Node) -> Value:
        value, sign = self._map(node), 1 if node.op == "pad" else -1
        if not 2 <= value.order.ndim <= 3:
            raise CannotExpress(f"{self.form} has no padding of {value.order.ndim} axes")
        ends = [(sign * before, sign * after) for before, after in node["amounts"]]
        channels = value.shape[0]
        part = conv_part(
            node.name,
            value,
            channels_first(node.shape),
            weight=per_channel(np.ones(channels), len(ends)),
            ends=ends,
            groups=1,
        )
        return self._put(part, order_of(node.shape), value.gain)

    def _pool(self, node: Node) -> Value:
        value = self._map(node)
        axes = len(value.shape) - 1
        if not 1 <= axes <= 2:
            raise CannotExpress(f"{self.form} has no pooling over {axes} axes")
        window, stride = value.shape[1:], value.shape[1:]
        if node.op == "average_pool":
            window, stride = tuple(node["pool_size"]), tuple(node["strides"])
            found = zip(value.shape[1:], window, stride, strict=True)
            ends = [ends_of(node["padding"], n, span=k, stride=s) for n, k, s in found]
            if any(end != (0, 0) for end in ends):
                raise CannotExpress(
                    f"pools in {self.form} count the zeros of a padding, these leave them out"
                )
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
        # In whole numbers average pools sum: their divisor is part of the unit.
        taps = 1 if self.whole else int(np.prod(window))
        if self.whole and self.pools == "average":
            raise CannotExpress("averages of whole numbers are none; choose pools 'sum' or 'conv'")
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
        padding = (0,) * len(window)
        part = Part(name, kind, value.parts, shape, window=window, stride=stride, padding=padding)
        return self._put(part, nowhere, value.gain / taps if self.pools == "sum" else value.gain)
