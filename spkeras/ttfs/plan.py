"""A first-spike network as a plain record: its layers and the synapses between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spkeras.errors import DataError
from spkeras.ops.arrays import Float64Array, Int32Array, Samples

# Encoders turn inputs into spikes; neurons integrate and fire; pools pass on the earliest spike
# of a window; the read-out integrates and never fires.
ENCODER, NEURONS, EARLIEST, READOUT = "encoder", "neurons", "earliest", "readout"


@dataclass(frozen=True, eq=False)
class Branch:
    """The synapses from one layer of spikes to one layer of neurons.

    The synapse from cell index[p, t] and channel c to the neuron at position p and channel o has
    the weight scale * kernel[t, c, o], for each member of the cell: average pooling is by weights.
    With groups, channels in and out are divided into groups, and each group of the outputs
    receives only from the same group of the source.

    Attributes:
        source: Name of the sending layer.
        index: Cell under each tap, int32 (positions out, taps); -1 for zero padding.
        kernel: Weights (taps, channels in / groups, channels reached).
        scale: Factor of all weights, such as 1 / members for an average.
        cells: Positions of the source in each cell, int32 (cells, members); None: one each.
        weighted: Whether the kernel is that of a layer; False for connections of weight 1.
        name: Name of the kernel's layer.
        groups: Number of channel groups.
        first: First channel of the neurons that the branch reaches.
    """

    source: str
    index: Int32Array
    kernel: np.ndarray
    scale: float = 1.0
    cells: Int32Array | None = None
    weighted: bool = True
    name: str = ""
    groups: int = 1
    first: int = 0

    @property
    def members(self) -> int:
        """Positions of the source in one cell."""
        return 1 if self.cells is None else self.cells.shape[1]

    def reach(self, positions: int) -> Float64Array:
        """Count the output positions that each position of the source reaches through each tap.

        Args:
            positions: Number of positions of the source.

        Returns:
            Numbers, float64 (positions, taps).
        """
        count = _counted(self.index, positions if self.cells is None else len(self.cells))
        if self.cells is None:
            return count
        spread = np.zeros((positions + 1, count.shape[1]))
        for member in range(self.members):
            np.add.at(spread, self.cells[:, member], count)
        return spread[:-1]


def _counted(index: Int32Array, cells: int) -> Float64Array:
    """Count each cell in each column; -1 is counted in an extra row, which is removed."""
    count = np.zeros((cells + 1, index.shape[1]))
    for tap in range(index.shape[1]):
        np.add.at(count[:, tap], index[:, tap], 1.0)
    return count[:-1]


@dataclass(frozen=True, eq=False)
class WindowLayer:
    """A layer of neurons, an encoder, a pool or a read-out, without its synapses.

    Attributes:
        name: Name of its Keras layer.
        kind: ENCODER, NEURONS, EARLIEST or READOUT.
        shape: Shape of its output, (spatial sizes ..., channels).
        depth: Layers of neurons and encoders before it on the longest path, which is the number of
            windows before its own; a pool has the depth of its source.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    depth: int

    @property
    def positions(self) -> int:
        """Number of positions of its map."""
        return int(np.prod(self.shape[:-1], dtype=np.int64))

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[-1]


@dataclass(frozen=True, eq=False)
class Layer(WindowLayer):
    """A layer of a plan, with real weights.

    Attributes:
        theta0: Threshold and spike value at the first step of its window.
        branches: Its synapses; for EARLIEST one branch, without weights.
        bias: Bias, float32 (channels,), added once per window.
        port: Index of the model's input that an encoder reads.
    """

    theta0: float = 1.0
    branches: tuple[Branch, ...] = ()
    bias: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))
    port: int = 0


@dataclass(frozen=True, eq=False)
class FirstSpikePlan:
    """All layers of a network, in an order of computation.

    Attributes:
        name: The model's name.
        layers: Encoders of the inputs, layers of neurons and pools, read-outs.
        timesteps: T, steps of a firing window.
        tau: Steps in which the threshold halves.
        outputs: Shape of each of the network's outputs, by the name of its read-out.
        notes: One sentence per change that a user should know.
    """

    name: str
    layers: tuple[Layer, ...]
    timesteps: int
    tau: float
    outputs: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """Layers by name."""
        return {layer.name: layer for layer in self.layers}

    @property
    def windows(self) -> int:
        """Number of firing windows before the last read-out, which has none."""
        return max(layer.depth for layer in self.layers)


def by_port(name: str, ports: int, inputs: Samples) -> tuple[np.ndarray, ...]:
    """Return the inputs of a network, one array for each port.

    Args:
        name: Name of the network.
        ports: Number of its inputs.
        inputs: An array for one input, else a list or tuple of arrays.

    Raises:
        DataError: the number of arrays is wrong, or they have different numbers of samples.
    """
    given = inputs if isinstance(inputs, Sequence) and ports > 1 else [inputs]
    arrays = tuple(np.asarray(array) for array in given)
    if len(arrays) != ports or len({len(array) for array in arrays}) != 1:
        raise DataError(
            f"inputs: received arrays of {[len(array) for array in arrays]} samples; {name} takes "
            f"{ports} with equal numbers of samples"
        )
    return arrays
