"""Energy of a run under a named table of costs. An estimate of a model, no measurement."""

from dataclasses import dataclass

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs.config import HardwareConfig
from spkeras.hardware.log_ttfs.operations import Operations

# Published for chips of 28 nm (Lew, Lee & Park 2022, abstract): VGG-16, 5-bit weights. They
# stand beside an estimate as literature and are never its result.
LITERATURE_UJ = {"CIFAR-10": 486.7, "CIFAR-100": 503.6, "Tiny-ImageNet": 1426.0}


@dataclass(frozen=True)
class CostTable:
    """Energy of single operations, in pJ.

    Attributes:
        name: What to ask for.
        source: Where the numbers come from.
        node: Process and voltage.
        add_per_bit: An integer addition or comparison, for each bit of its width.
        shift_per_bit: A shift by a variable amount, likewise.
        table_read: Reading the mantissa table, a few entries of logic.
        sram: (KiB, pJ) for reading 64 bits from a memory of that size, rising.
    """

    name: str
    source: str
    node: str
    add_per_bit: float
    shift_per_bit: float
    table_read: float
    sram: tuple[tuple[int, float], ...]

    def memory(self, kib: int, bits: int) -> float:
        """pJ to read or write one word of so many bits in a memory of that size."""
        for size, cost in self.sram:
            if kib <= size:
                return cost * bits / 64
        return self.sram[-1][1] * bits / 64


HOROWITZ_45NM = CostTable(
    "horowitz-45nm",
    "M. Horowitz, 'Computing's energy problem', ISSCC 2014, fig. 1.1.9: integer add 0.03 pJ (8 "
    "bit), 0.1 pJ (32 bit); 64-bit SRAM read 10 pJ (8 KB), 20 pJ (32 KB), 100 pJ (1 MB). A shift "
    "is taken as an addition of its width and the table of a few entries as an 8-bit addition, "
    "which the source does not list; writes as reads; no clock tree, no leakage, no DRAM",
    "45 nm, 0.9 V",
    0.1 / 32,
    0.1 / 32,
    0.03,
    ((8, 10.0), (32, 20.0), (1024, 100.0)),
)

COST_TABLES = {table.name: table for table in (HOROWITZ_45NM,)}

# Width of the sum of two exponents: 8 bits hold 4 octave fractions over 64 octaves.
_EXPONENT_BITS = 8


@dataclass(frozen=True)
class Energy:
    """uJ for one sample.

    Attributes:
        table: Name of the cost table.
        arithmetic: Additions, table reads, shifts, comparisons.
        weights: Reading weights.
        membranes: Reading and writing accumulators.
    """

    table: str
    arithmetic: float
    weights: float
    membranes: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.arithmetic + self.weights + self.membranes


def cost_table(name: str) -> CostTable:
    """The table of that name.

    Raises:
        OptionError: there is none.
    """
    if name not in COST_TABLES:
        raise OptionError(f"cost table {name!r}; allowed: {', '.join(COST_TABLES)}")
    return COST_TABLES[name]


def energy(operations: Operations, config: HardwareConfig, table: CostTable) -> Energy:
    """Energy of the operations of one sample (or one layer of it)."""
    width = config.accumulator_bits
    synapse = (
        (_EXPONENT_BITS + width) * table.add_per_bit
        + width * table.shift_per_bit
        + table.table_read
    )
    arithmetic = operations.synaptic * synapse
    arithmetic += operations.comparisons * width * table.add_per_bit
    weights = operations.weight_words * table.memory(config.weight_kib, config.weight_bits)
    membranes = operations.membrane_words * table.memory(config.membrane_kib, width)
    return Energy(table.name, arithmetic * 1e-6, weights * 1e-6, membranes * 1e-6)
