"""A network of first spikes as a plain record: which spikes reach which neuron, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from spkeras.errors import DataError
from spkeras.ops.ttfs import kernel_table

# Encoders turn inputs into spikes, neurons integrate and fire, pools pass on the earliest spike
# of a window, the read-out integrates and stays silent.
ENCODER, NEURONS, EARLIEST, READOUT = "encoder", "neurons", "earliest", "readout"


@dataclass(frozen=True, eq=False)
class Branch:
    """The synapses from one layer of spikes to one layer of neurons.

    A neuron at position p and channel o receives from cell index[p, t] and channel c the weight
    scale * kernel[t, c, o], once for each member of the cell: pooling on average is by weights.
    With groups, channels in and out are cut into as many equal shares, and each share of the
    outputs receives from its own share of the source alone.

    Attributes:
        source: Name of the layer that sends.
        index: int32 (positions out, taps) into the cells; -1 where nothing arrives.
        kernel: float32 (taps, channels in / groups, channels reached).
        scale: Factor of all weights: 1 / members of an average, else 1.
        cells: int32 (cells, members) into the source's positions; None: each its own cell.
        weighted: Whether the kernel is a layer's own; False for connections of weight 1.
        name: The layer that the kernel comes from.
        groups: Shares that do not mix.
        first: The first channel of the neurons that is reached.
    """

    source: str
    index: np.ndarray
    kernel: np.ndarray
    scale: float = 1.0
    cells: np.ndarray | None = None
    weighted: bool = True
    name: str = ""
    groups: int = 1
    first: int = 0

    @property
    def members(self) -> int:
        """Positions of the source in one cell."""
        return 1 if self.cells is None else self.cells.shape[1]

    def reach(self, positions: int) -> np.ndarray:
        """How many output positions each position of the source meets through each tap.

        Args:
            positions: Number of positions of the source.

        Returns:
            float64 (positions, taps).
        """
        count = _counted(self.index, positions if self.cells is None else len(self.cells))
        if self.cells is None:
            return count
        spread = np.zeros((positions + 1, count.shape[1]))
        for member in range(self.members):
            np.add.at(spread, self.cells[:, member], count)
        return spread[:-1]


def _counted(index: np.ndarray, cells: int) -> np.ndarray:
    """How often each cell stands in each column; -1 is counted in a row that is dropped."""
    count = np.zeros((cells + 1, index.shape[1]))
    for tap in range(index.shape[1]):
        np.add.at(count[:, tap], index[:, tap], 1.0)
    return count[:-1]


@dataclass(frozen=True, eq=False)
class Layer:
    """Neurons, or what stands in their place.

    Attributes:
        name: The name of the Keras layer it comes from.
        kind: ENCODER, NEURONS, EARLIEST or READOUT.
        shape: (spatial sizes ..., channels) of what it gives.
        depth: Layers of neurons and encoders before it on the longest way; pools share the
            depth of what they pool.
        theta0: Threshold and spike value at the first step of its window.
        branches: What reaches it; one without a kernel of its own for EARLIEST.
        bias: float32 (channels,), added once for each window.
        kernel: A table of thresholds of the layer's own, float64 (T,), falling; None for the
            base-2 kernel of the plan.
        port: Which of the model's inputs an encoder reads.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    depth: int
    theta0: float = 1.0
    branches: tuple[Branch, ...] = ()
    bias: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))
    kernel: np.ndarray | None = None
    port: int = 0

    @property
    def positions(self) -> int:
        """Number of positions of its map."""
        return int(np.prod(self.shape[:-1], dtype=np.int64))

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[-1]


@dataclass(frozen=True, eq=False)
class Plan:
    """All layers in the order in which they can be computed.

    Attributes:
        name: The model's name.
        layers: Encoders of the inputs, layers of neurons and pools, read-outs.
        timesteps: T, steps of a firing window.
        tau: Steps in which the threshold halves.
        outputs: Shape of each of the network's outputs, by the name of its read-out.
        notes: One sentence per thing that a user should know.
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
        """Firing windows from the inputs to the last read-out, which fires in none."""
        return max(layer.depth for layer in self.layers)

    @property
    def ports(self) -> int:
        """Number of the model's inputs."""
        return 1 + max(layer.port for layer in self.layers)

    def given(self, inputs: Any) -> tuple[np.ndarray, ...]:
        """Inputs by port: an array as it is, a list or tuple one by one."""
        return by_port(self.name, self.ports, inputs)

    def answered(self, potentials: Mapping[str, np.ndarray]) -> Any:
        """Potentials of the read-outs as the model gives them: one array, or a tuple of them."""
        found = tuple(potentials[name].reshape(-1, *shape) for name, shape in self.outputs.items())
        return found if len(found) > 1 else found[0]

    def table(self, layer: Layer) -> np.ndarray:
        """Thresholds and spike values of a layer, float64 (T,)."""
        if layer.kernel is not None:
            return layer.kernel
        return kernel_table(self.timesteps, self.tau, layer.theta0)


def by_port(name: str, ports: int, inputs: Any) -> tuple[np.ndarray, ...]:
    """Inputs of a network, one array for each.

    Args:
        name: Of the network.
        ports: How many inputs it has.
        inputs: An array where it has one, else a list or tuple of arrays.

    Raises:
        DataError: another number of arrays, or of samples.
    """
    several = isinstance(inputs, Sequence) and ports > 1
    arrays = tuple(np.asarray(array) for array in inputs) if several else (np.asarray(inputs),)
    if len(arrays) != ports or len({len(array) for array in arrays}) != 1:
        raise DataError(
            f"inputs: received arrays of {[len(array) for array in arrays]} samples, {name} takes "
            f"{ports} with as many samples each"
        )
    return arrays
