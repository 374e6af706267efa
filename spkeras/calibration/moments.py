"""Mean products of the inputs of each kernel, for codes that give the same currents."""

import math
from collections.abc import Sequence

import numpy as np
from keras import ops

from spkeras.calibration.statistics import MOST_VALUES
from spkeras.data.batches import equal_slices
from spkeras.graph import Graph, Node
from spkeras.graph.connections import groups_of, tables
from spkeras.graph.operations import WITH_KERNEL
from spkeras.graph.windows import positions
from spkeras.ops.arrays import Float32Array, Float64Array, Int32Array
from spkeras.ops.compiled import compiled
from spkeras.passes.fitted import Moments
from spkeras.snn.network import as_list
from spkeras.snn.spike_loop import SpikeLoop

# Windows of each map that are drawn over all samples.
_WINDOWS = 1 << 14
# Inputs of a kernel whose products are kept together.
_BLOCK = 1 << 11


def moments(loop: SpikeLoop, arrays: Sequence[np.ndarray], seed: int = 0) -> Moments:
    """Return the mean products of the inputs of each kernel, at the rates of the CNN.

    Args:
        loop: A network of real numbers.
        arrays: Samples, one array (samples, ...) per input.
        seed: Seed of the positions that are drawn from each map.
    """
    graph, rng = loop.graph, np.random.default_rng(seed)
    readers = [_Reader(graph, n) for n in graph.of(*WITH_KERNEL) if n.name not in graph.head]
    names = list(dict.fromkeys(reader.source for reader in readers))
    model = loop.network.values(names)
    run = compiled(lambda given: as_list(model(given, training=False)), model.variables)
    window = ops.convert_to_tensor(np.array([loop.timesteps], np.float32))
    samples = len(arrays[0])
    drawn = -(-_WINDOWS // samples)
    values_each = sum(math.prod(graph[name].shape) for name in names)
    for rows in equal_slices(samples, max(1, min(samples, MOST_VALUES // values_each))):
        scaled = loop.units([array[rows].astype("float32") for array in arrays])
        values = [ops.convert_to_numpy(value) for value in run([*scaled, window])]
        found = dict(zip(names, values, strict=True))
        for reader in readers:
            reader.add(found[reader.source], drawn, rng)
    return {reader.name: reader.means() for reader in readers}


class _Reader:
    """The sums of products of the inputs of one kernel."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.name, self.source = node.name, node.inputs[0]
        shape = graph[self.source].shape
        self.window: Int32Array = positions(tables(node, [shape])[:-1], shape[:-1])
        self.groups, self.rows = groups_of(node, shape[-1]) or 1, 0
        inputs = self.window.shape[1] * (shape[-1] // self.groups)
        self.blocks = [slice(at, min(at + _BLOCK, inputs)) for at in range(0, inputs, _BLOCK)]
        self.sums = [
            [np.zeros((block.stop - block.start + 1,) * 2) for block in self.blocks]
            for _ in range(self.groups)
        ]

    def add(self, values: Float32Array, drawn: int, rng: np.random.Generator) -> None:
        """Add windows of a batch (samples, *shape) at random positions."""
        samples, channels = len(values), values.shape[-1]
        flat = values.reshape(samples, -1, channels)
        # Position -1 is outside the map.
        flat = np.concatenate([flat, np.zeros((samples, 1, channels), np.float32)], axis=1)
        count = min(drawn, len(self.window))
        taken = self.window[rng.integers(0, len(self.window), (samples, count))]
        inputs = flat[np.arange(samples)[:, None, None], taken].astype(np.float64)
        split = inputs.reshape(samples * count, -1, self.groups, channels // self.groups)
        self.rows += len(split)
        for group, sums in enumerate(self.sums):
            own = split[:, :, group].reshape(len(split), -1)
            for block, total in zip(self.blocks, sums, strict=True):
                ones = np.ones((len(own), 1))
                rows = np.concatenate([ones, own[:, block]], axis=1)
                total += rows.T @ rows

    def means(self) -> list[list[Float64Array]]:
        """Return the mean products."""
        return [[total / self.rows for total in sums] for sums in self.sums]
