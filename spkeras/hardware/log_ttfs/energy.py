"""Energy of a run under a named cost table: an estimate by a model, not a measurement."""

from dataclasses import dataclass

from spkeras.hardware.config import HardwareConfig
from spkeras.hardware.log_ttfs.operations import Operations
from spkeras.metrics.costs import CostTable

# Published for a 28 nm chip (Lew, Lee & Park 2022, abstract): VGG-16, 5-bit weights. Shown next
# to an estimate as literature, never used in it.
LITERATURE_UJ = {"CIFAR-10": 486.7, "CIFAR-100": 503.6, "Tiny-ImageNet": 1426.0}

# Width of the sum of two exponents: 8 bits hold 4 fractions of an octave over 64 octaves.
_EXPONENT_BITS = 8


@dataclass(frozen=True)
class Energy:
    """Energy in uJ for one sample.

    Attributes:
        table: Name of the cost table.
        node: Process of the cost table.
        arithmetic: Additions, table reads, shifts, comparisons.
        weights: Reading weights on the chip.
        membranes: Reading and writing accumulators.
        offchip: Fetching the weights that do not fit on the chip.
    """

    table: str
    node: str
    arithmetic: float
    weights: float
    membranes: float
    offchip: float

    @property
    def total(self) -> float:
        """Sum of all parts."""
        return self.arithmetic + self.weights + self.membranes + self.offchip


def energy(operations: Operations, config: HardwareConfig, table: CostTable) -> Energy:
    """Return the energy of the operations of one sample (or of one layer of it)."""
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
    offchip = operations.offchip_words * table.offchip(config.weight_bits)
    parts = (arithmetic, weights, membranes, offchip)
    return Energy(table.name, table.node, *(part * 1e-6 for part in parts))
