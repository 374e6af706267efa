"""Configuration of a log-TTFS processor."""

from dataclasses import dataclass
from typing import Unpack

from spkeras.errors import OptionError
from spkeras.recipes.fields import Default, Details, option
from spkeras.recipes.weights import LogWeights

# int64 and float64 hold every sum exactly below this.
MOST_ACCUMULATOR_BITS = 53


def _arithmetic(default: Default, text: str, **details: Unpack[Details]) -> Default:
    own: Details = {**details, "group": "arithmetic"}
    return option(default, text, **own)


def _processor(default: Default, text: str, high: float, unit: str = "") -> Default:
    return option(default, text, low=1, high=high, unit=unit, group="processor")


@dataclass(frozen=True, kw_only=True)
class HardwareConfig(LogWeights):
    """Widths, tables and sizes of the processor; those of the published chip are unknown.

    Defaults: 5-bit weights are the published choice. Half octaves resolve 15 magnitudes over 7
    octaves, the span of trained kernels. A table of 16 bits changes at most 2 in 1,000
    spike times of ResNet8 and VGG16 (one of 12 bits 4 in 100: errors of the table add up over the
    synapses of a neuron). 32-bit accumulators hold every sum of a VGG16. `docs/hardware.md` shows the cost of each.

    Attributes:
        timesteps: T; None for T of the trained model.
        tau: Steps in which the threshold halves, a power of two, so that k / tau is a shift;
            None for that of the model.
        table_bits: W, width of an entry of the mantissa table.
        accumulator_bits: Width of the accumulator, sign included.
        fraction_bits: Bits of the accumulator below the table's last one for the largest
            product. None: as many as the width allows, up to those that truncate nothing.
        saturate: Whether sums that can leave the accumulator are accepted; they are clipped at
            each addition, and counted.
        input_bits: Bits of an input value; 2^bits - 1 is the input 1.
        pe_count: Processing elements; each handles one synapse per cycle.
        clock_hz: Cycles per second.
        weight_kib: On-chip weight memory in KiB. It sets the cost of reading a word, and the
            number of words that each sample fetches from off-chip memory.
        membrane_kib: On-chip memory of accumulators in KiB. It sets the cost of a read or write,
            and the number of output channels computed at a time.

    Raises:
        OptionError: a value is out of its range.
    """

    timesteps: int | None = option(
        None, "T of a window.", low=1, high=255, unit="steps", group="timing", shown="the model's"
    )
    tau: int | None = option(
        None,
        "Steps in which the threshold halves.",
        choices=(1, 2, 4, 8, 16, 32),
        group="timing",
        shown="the model's",
    )
    table_bits: int = _arithmetic(
        16, "Width of an entry of the mantissa table.", low=2, high=30, unit="bits"
    )
    accumulator_bits: int = _arithmetic(
        32,
        "Width of the accumulator, sign included.",
        low=4,
        high=MOST_ACCUMULATOR_BITS,
        unit="bits",
    )
    fraction_bits: int | None = _arithmetic(
        None,
        "Accumulator bits below the last bit of the table.",
        low=-24,
        high=48,
        unit="bits",
        shown="as many as fit",
    )
    saturate: bool = option(False, "Accept sums that clip.", group="arithmetic")
    input_bits: int = _arithmetic(8, "Bits of an input value.", low=1, high=16, unit="bits")
    pe_count: int = _processor(128, "Processing elements.", 1 << 20)
    clock_hz: float = _processor(250e6, "Clock frequency.", 1e12, "Hz")
    weight_kib: int = _processor(1024, "On-chip weight memory.", 1 << 30, "KiB")
    membrane_kib: int = _processor(32, "On-chip memory of accumulators.", 1 << 30, "KiB")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fraction_bits is not None and self.fraction_bits + self.table_bits > 60:
            raise OptionError(
                f"fraction_bits={self.fraction_bits} after a table of {self.table_bits} bits: "
                "products of more than 60 bits; use fewer"
            )

    @property
    def input_levels(self) -> int:
        """Largest input value; it encodes the input 1."""
        return (1 << self.input_bits) - 1
