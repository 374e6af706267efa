"""The program of a log-TTFS processor: whole numbers and addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spkeras.hardware.config import HardwareConfig
from spkeras.hardware.log_ttfs.arithmetic import product_table
from spkeras.ops.arrays import BoolArray, Int32Array, Int64Array, UInt16Array
from spkeras.ttfs.plan import ENCODER, Branch, WindowLayer


@dataclass(frozen=True, eq=False)
class ProgramBranch:
    """Synapses from one layer to another.

    Attributes:
        source: Name of the sending layer.
        name: Name of the layer that the kernel comes from.
        index: int32 (positions, taps), indices of cells; -1 where no spike arrives.
        cells: int32 (cells, members), positions of the source; None: one cell per position.
        negative: bool (taps, channels in / groups, channels reached), sign of each weight.
        exponents: uint16 of that shape, q of each weight.
        full_scale: n of the full-scale range 2^(n / z).
        offset: o, distance of the branch's largest product below the layer's, in 1 / G octave.
        weighted: False for connections of weight 1, which need no weight memory.
        groups: Shares of the channels that do not mix, as in `spkeras.ttfs.plan.Branch`.
        first: Index of the first channel reached.
    """

    source: str
    name: str
    index: Int32Array
    cells: Int32Array | None
    negative: BoolArray
    exponents: UInt16Array
    full_scale: int
    offset: int
    weighted: bool
    groups: int = 1
    first: int = 0

    @cached_property
    def geometry(self) -> Branch:
        """The same synapses without weights."""
        empty = np.zeros((1, 1, 1), np.float32)
        return Branch(
            source=self.source,
            index=self.index,
            kernel=empty,
            scale=1.0,
            cells=self.cells,
            weighted=self.weighted,
            name=self.name,
        )

    @property
    def members(self) -> int:
        """Number of source positions in one cell."""
        return 1 if self.cells is None else self.cells.shape[1]

    @property
    def reached(self) -> slice:
        """Channels of the layer that the branch adds to."""
        return slice(self.first, self.first + self.exponents.shape[-1])

    @property
    def fan_out(self) -> int:
        """Number of channels that one spike reaches at a position."""
        return int(self.exponents.shape[-1]) // self.groups

    def inputs_of(self, outputs: Int64Array) -> Int64Array:
        """Return the source channels of each output channel (counted from 0), (outputs, width)."""
        width = self.exponents.shape[1]
        first: Int64Array = outputs[:, None] // self.fan_out * width
        return first + np.arange(width)

    def synapses(self, chosen: BoolArray) -> Int64Array:
        """Return the chosen weights that each channel of the source reaches, (taps, channels)."""
        taps, width, _ = chosen.shape
        met: Int64Array = chosen.reshape(taps, width, self.groups, -1).sum(-1)
        return met.transpose(0, 2, 1).reshape(taps, -1)


@dataclass(frozen=True, eq=False)
class ProgramLayer(WindowLayer):
    """One layer of a program.

    Attributes:
        branches: Synapses to the layer.
        bias: int64 (channels,), in units of the accumulator's last bit.
        thresholds: int64 (T,), in the same units; of an encoder in units of the input; else
            empty.
        fraction: X, bits of the accumulator below the table's last one.
        unit: Value of the accumulator's last bit, used to read potentials, never in the data
            path; of an encoder the input that the largest whole number codes, such as 1 or 255.
        port: Index of the input that an encoder reads.
        low, high: Least and largest sum possible for any input, in any order of additions.
    """

    branches: tuple[ProgramBranch, ...] = ()
    bias: Int64Array = field(default_factory=lambda: np.zeros(0, np.int64))
    thresholds: Int64Array = field(default_factory=lambda: np.zeros(0, np.int64))
    fraction: int = 0
    unit: float = 1.0
    low: int = 0
    high: int = 0
    port: int = 0

    @property
    def needed_bits(self) -> int:
        """Bits of the smallest accumulator that no input can overflow."""
        return bits_for(self.low, self.high)


def bits_for(low: int, high: int) -> int:
    """Return the bits of the smallest two's complement number that holds both."""
    ends = int(low), int(high)
    return 1 + max((~end if end < 0 else end).bit_length() for end in ends)


@dataclass(frozen=True, eq=False)
class Program:
    """Complete input of the processor: tables, layers and their weights.

    Attributes:
        name: Name of the model.
        config: Widths and sizes, with T and tau filled in.
        mantissa: int64 (G,), mantissa table.
        times: int64 (T,), k G / tau for each step: a spike's exponent.
        layers: Layers in order; the first one encodes an input.
        outputs: Shape of each output, by the name of its read-out.
        golden: Inputs and results of every layer; see `spkeras.hardware.log_ttfs.golden`.
        notes: Sentences for the user.
        origin: Paths of the networks that it was made from, "cat" and "cnn", to compare with.
    """

    name: str
    config: HardwareConfig
    mantissa: Int64Array
    times: Int64Array
    layers: tuple[ProgramLayer, ...]
    outputs: Mapping[str, tuple[int, ...]]
    golden: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def timesteps(self) -> int:
        """T; also the time of a neuron without a spike."""
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
        """Encoder of each input, by port."""
        found = {layer.port: layer for layer in self.layers if layer.kind == ENCODER}
        return dict(sorted(found.items()))

    @property
    def windows(self) -> int:
        """Number of windows in sequence."""
        return max(layer.depth for layer in self.layers)

    def table(self, layer: ProgramLayer, branch: ProgramBranch) -> Int64Array:
        """Return the products of a branch, int64 (exponents, T + 1), by `product_table`."""
        form = self.config.weight_format
        return product_table(
            form.zero_exponent,
            self.grid // form.steps,
            self.times,
            offset=branch.offset,
            mantissa=self.mantissa,
            fraction=layer.fraction,
        )
