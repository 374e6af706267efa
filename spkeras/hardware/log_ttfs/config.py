"""Configuration of a log-TTFS processor."""

from dataclasses import asdict, dataclass
from typing import Any

from spkeras.errors import OptionError
from spkeras.ops.log_weights import LogFormat

# int64 and float64 hold every sum exactly below this.
MOST_ACCUMULATOR_BITS = 53


@dataclass(frozen=True)
class HardwareConfig:
    """Widths, tables and sizes of the processor; those of the published chip are unknown.

    Defaults: 5-bit weights are the published choice. Half octaves resolve 15 magnitudes over 7
    octaves, the span of trained kernels. A table of 12 bits makes products exact to 2^-12, far
    below the step of 19 % between two spike times at tau = 4. 32-bit accumulators hold every sum
    of a VGG16 without truncating a product. `docs/hardware.md` shows the cost of each.

    Attributes:
        weight_bits: Bits of a weight code, sign included.
        weight_steps: z, weight levels per octave: 1, 2, 4 or 8.
        zero_code: Whether one exponent is reserved for the weight 0.
        rounding: "log" or "linear": domain in which weights are rounded.
        full_scale: "ceil", "nearest" or "mse": rule for the full-scale range.
        timesteps: T; None for T of the trained model.
        tau: Steps in which the threshold halves, a power of two; None for that of the model.
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

    weight_bits: int = 5
    weight_steps: int = 2
    zero_code: bool = True
    rounding: str = "log"
    full_scale: str = "mse"
    timesteps: int | None = None
    tau: int | None = None
    table_bits: int = 12
    accumulator_bits: int = 32
    fraction_bits: int | None = None
    saturate: bool = False
    input_bits: int = 8
    pe_count: int = 128
    clock_hz: float = 250e6
    weight_kib: int = 1024
    membrane_kib: int = 32

    def __post_init__(self) -> None:
        self.weight_format  # refuses an invalid weight code
        ranges = {
            "timesteps": (1, 255),
            "table_bits": (2, 30),
            "accumulator_bits": (4, MOST_ACCUMULATOR_BITS),
            "fraction_bits": (-24, 48),
            "input_bits": (1, 16),
            "pe_count": (1, 1 << 20),
            "clock_hz": (1, 1e12),
            "weight_kib": (1, 1 << 30),
            "membrane_kib": (1, 1 << 30),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            optional = name in ("timesteps", "fraction_bits")
            if not (value is None and optional) and not low <= value <= high:
                raise OptionError(f"{name}={value!r}; allowed: {low} to {high}")
        if self.fraction_bits is not None and self.fraction_bits + self.table_bits > 60:
            raise OptionError(
                f"fraction_bits={self.fraction_bits} after a table of {self.table_bits} bits: "
                "products of more than 60 bits; use fewer"
            )
        if self.tau is not None and self.tau not in (1, 2, 4, 8, 16, 32):
            raise OptionError(
                f"tau={self.tau!r}; allowed: 1, 2, 4, 8, 16 or 32, so that k / tau is a shift"
            )

    @property
    def weight_format(self) -> LogFormat:
        """Format of the weight codes."""
        return LogFormat(
            bits=self.weight_bits,
            steps=self.weight_steps,
            zero=self.zero_code,
            rounding=self.rounding,
            full_scale=self.full_scale,
        )

    @property
    def input_levels(self) -> int:
        """Largest input value; it encodes the input 1."""
        return 2**self.input_bits - 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by name."""
        return asdict(self)
