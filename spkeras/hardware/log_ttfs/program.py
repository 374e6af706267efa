"""The program of a log-TTFS processor: whole numbers, and where they belong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spkeras.hardware.log_ttfs.arithmetic import product_table
from spkeras.hardware.log_ttfs.config import HardwareConfig
from spkeras.ttfs.plan import ENCODER, Branch


@dataclass(frozen=True, eq=False)
class ProgramBranch:
    """Synapses from one layer to another.

    Attributes:
        source: Name of the layer that sends.
        name: Name of the layer whose kernel it is.
        index: int32 (positions, taps) into the cells; -1 where nothing arrives.
        cells: int32 (cells, members) into the source's positions; None: each its own cell.
        negative: bool (taps, channels in / groups, channels reached), sign of each weight.
        exponents: uint16 of that shape, q of each weight.
        full_scale: n of the full-scale range 2^(n / z).
        offset: o, by how much the branch's largest product stays below the layer's, in 1 / G.
        weighted: False for connections of weight 1 that need no weight memory.
        groups: Shares of the channels that do not mix, as in `spkeras.ttfs.plan.Branch`.
        first: The first channel that is reached.
    """

    source: str
    name: str
    index: np.ndarray
    cells: np.ndarray | None
    negative: np.ndarray
    exponents: np.ndarray
    full_scale: int
    offset: int
    weighted: bool
    groups: int = 1
    first: int = 0

    @cached_property
    def geometry(self) -> Branch:
        """The same synapses without their weights."""
        empty = np.zeros((1, 1, 1), np.float32)
        return Branch(self.source, self.index, empty, 1.0, self.cells, self.weighted, self.name)

    @property
    def members(self) -> int:
        """Positions of the source in one cell."""
        return 1 if self.cells is None else self.cells.shape[1]

    @property
    def reached(self) -> slice:
        """The channels of the layer that it adds to."""
        return slice(self.first, self.first + self.exponents.shape[-1])

    @property
    def fan_out(self) -> int:
        """Channels that one spike reaches at a position."""
        return self.exponents.shape[-1] // self.groups

    def inputs_of(self, outputs: np.ndarray) -> np.ndarray:
        """The source's channels behind channels reached (counted from 0), (outputs, width)."""
        width = self.exponents.shape[1]
        return outputs[:, None] // self.fan_out * width + np.arange(width)

    def synapses(self, chosen: np.ndarray) -> np.ndarray:
        """How many of the chosen weights each channel of the source meets, (taps, channels)."""
        taps, width, _ = chosen.shape
        met = chosen.reshape(taps, width, self.groups, -1).sum(-1)
        return met.transpose(0, 2, 1).reshape(taps, -1)


@dataclass(frozen=True, eq=False)
class ProgramLayer:
    """One layer.

    Attributes:
        name: Name of the Keras layer it comes from.
        kind: As in `spkeras.ttfs.plan`.
        shape: (spatial sizes ..., channels).
        depth: Windows before its own.
        branches: Its synapses.
        bias: int64 (channels,), in units of the accumulator's last bit.
        thresholds: int64 (T,), likewise; of an encoder in units of the input; else empty.
        fraction: X, bits of the accumulator below the table's last one.
        unit: What the accumulator's last bit stands for; to read potentials with, never in the
            data path.
        port: Which input an encoder reads.
        low, high: Least and largest sum that any input can lead to, in any order of additions.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    depth: int
    branches: tuple[ProgramBranch, ...] = ()
    bias: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    thresholds: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    fraction: int = 0
    unit: float = 1.0
    low: int = 0
    high: int = 0
    port: int = 0

    @property
    def positions(self) -> int:
        """Number of positions of its map."""
        return int(np.prod(self.shape[:-1], dtype=np.int64))

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[-1]

    @property
    def needed_bits(self) -> int:
        """Smallest accumulator that no input can drive out of its range."""
        return bits_for(self.low, self.high)


def bits_for(low: int, high: int) -> int:
    """Bits of the smallest two's complement number that holds both."""
    ends = int(low), int(high)
    return 1 + max((~end if end < 0 else end).bit_length() for end in ends)


@dataclass(frozen=True, eq=False)
class Program:
    """All that the processor is given.

    Attributes:
        name: The model's name.
        config: Widths and sizes, with T and tau filled in.
        mantissa: int64 (G,), the table of products.
        times: int64 (T,), k G / tau for each step: a spike's exponent.
        layers: In order; the first one encodes an input.
        outputs: Shape of each output, by the name of its read-out.
        golden: Inputs and what every layer makes of them; see `spkeras.hardware.log_ttfs.golden`.
        notes: One sentence per thing that a user should know.
    """

    name: str
    config: HardwareConfig
    mantissa: np.ndarray
    times: np.ndarray
    layers: tuple[ProgramLayer, ...]
    outputs: Mapping[str, tuple[int, ...]]
    golden: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def timesteps(self) -> int:
        """T; also the time that stands for silence."""
        return len(self.times)

    @property
    def grid(self) -> int:
        """G, exponents per octave."""
        return len(self.mantissa)

    @cached_property
    def by_name(self) -> dict[str, ProgramLayer]:
        """Layers by name."""
        return {layer.name: layer for layer in self.layers}

    @property
    def readout(self) -> ProgramLayer:
        """The read-out of the first output."""
        return self.by_name[next(iter(self.outputs))]

    @property
    def encoders(self) -> dict[int, ProgramLayer]:
        """An encoder for each input, by port."""
        found = {layer.port: layer for layer in self.layers if layer.kind == ENCODER}
        return dict(sorted(found.items()))

    @property
    def windows(self) -> int:
        """Windows that follow one another."""
        return max(layer.depth for layer in self.layers)

    def table(self, layer: ProgramLayer, branch: ProgramBranch) -> np.ndarray:
        """Products of a branch, int64 (exponents, T + 1): see `arithmetic.product_table`."""
        form = self.config.weight_format
        return product_table(
            form.zero_exponent, self.grid // form.steps, self.times, branch.offset,
            self.mantissa, layer.fraction,
        )  # fmt: skip
