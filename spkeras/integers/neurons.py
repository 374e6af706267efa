"""Layers of neurons on whole numbers, with their state."""

import math

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.integers import Integers
from spkeras.graph.windows import pool_tables, positions
from spkeras.ops.arrays import Int32Array, Int64Array


class Neurons:
    """The constants of one layer of neurons; `Potentials` is its state.

    Args:
        graph: A network of whole numbers.
        node: A layer of neurons of it.
        resting: Constant current of its input, without the batch.
        form: Widths.
    """

    def __init__(self, graph: Graph, node: Node, resting: np.ndarray, form: Integers) -> None:
        self.node = node
        self.received = graph[node.inputs[0]].shape
        self.constant = _flat(resting, self.received)
        self.threshold = _flat(node.arrays["threshold"], node.shape)
        self.initial = np.floor(node["initial_potential"] * self.threshold).astype(np.int32)
        offset = node.array("constant_input0")
        self.offset = _flat(np.zeros(()) if offset is None else offset, self.received)
        most = int(node["max_spikes_per_step"])
        self.limits = np.array(
            [
                form.lowest,
                form.highest,
                form.overflow == "wrap",
                -most if node.neuron.signed else 0,
                most,
                node["reset"] == "zero",
            ],
            np.int64,
        )
        self.rectified = node["function"] != "linear"
        self.window: Int32Array | None = None
        if node["pool"] is not None:
            found = pool_tables(node["pool"], self.received, node.shape)
            self.window = positions(found, self.received[:-1])

    @property
    def counts(self) -> bool:
        """Whether spikes depend on those sent before: a rectifier takes back no more."""
        return self.window is not None or (self.node.neuron.signed and self.rectified)


class Potentials:
    """The state of one layer of neurons for a batch of samples.

    Attributes:
        seen: Lowest and highest potential so far, before the range is applied.
    """

    def __init__(self, layer: Neurons, samples: int) -> None:
        self.layer = layer
        size = math.prod(layer.node.shape)
        start = layer.offset + (0 if layer.window is not None else layer.initial)
        self.potential = np.repeat(start[None].astype(np.int32), samples, axis=0)
        self.sent = np.zeros((samples, size if layer.counts else 0), np.int32)
        self.seen = np.zeros(2, np.int64)

    def step(self, current: Int32Array) -> Int32Array:
        """Return the spikes of one step, int32 (samples, *shape)."""
        from spkeras.integers import kernels

        layer, samples = self.layer, len(current)
        spikes = np.zeros((samples, *layer.node.shape), np.int32)
        flat = np.ascontiguousarray(current.reshape(samples, -1), np.int32)
        if layer.window is None:
            kernels.fire(
                self.potential,
                self.sent,
                flat,
                layer.constant,
                layer.threshold,
                layer.limits,
                spikes.reshape(samples, -1),
                self.seen,
            )
            return spikes
        kernels.receive(self.potential, flat, layer.constant, layer.limits, self.seen)
        channels = layer.received[-1]
        kernels.largest(
            self.potential.reshape(samples, -1, channels),
            layer.window,
            layer.rectified,
            layer.initial.reshape(-1, channels),
            layer.threshold.reshape(-1, channels),
            self.sent.reshape(samples, -1, channels),
            layer.limits,
            spikes.reshape(samples, -1, channels),
        )
        return spikes

    def keep(self, rows: Int64Array) -> None:
        """Continue only with these samples."""
        self.potential, self.sent = self.potential[rows], self.sent[rows]


def _flat(values: np.ndarray, shape: tuple[int, ...]) -> Int32Array:
    """Return whole numbers for each element of a shape, flat."""
    return np.ascontiguousarray(np.broadcast_to(np.rint(values), shape).reshape(-1), np.int32)
