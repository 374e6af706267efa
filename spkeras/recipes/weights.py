"""Options of logarithmic weights, shared by training for hardware and the hardware."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from spkeras.errors import OptionError
from spkeras.ops.names import FULL_SCALES, WEIGHT_ROUNDINGS
from spkeras.recipes.fields import Config, Default, Details, option

if TYPE_CHECKING:
    # Imports NumPy, which the help of a command does not need.
    from spkeras.ops.log_weights import LogFormat


def _weights(default: Default, text: str, **details: Unpack[Details]) -> Default:
    own: Details = {**details, "group": "weights", "stage": "plan"}
    return option(default, text, **own)


@dataclass(frozen=True, kw_only=True)
class LogWeights(Config):
    """Options of a logarithmic weight: a sign and a whole exponent.

    Attributes:
        weight_bits: Bits of a weight code, sign included.
        weight_steps: z, weight levels per octave.
        zero_code: Whether one exponent is reserved for the weight 0.
        rounding: "log" or "linear": domain in which weights are rounded.
        full_scale: "ceil", "nearest" or "mse": rule for the full-scale range.
    """

    weight_bits: int = _weights(
        5, "Bits of a weight code, sign included.", low=2, high=12, unit="bits"
    )
    weight_steps: int = _weights(2, "Weight levels per octave.", choices=(1, 2, 4, 8))
    zero_code: bool = _weights(True, "Reserve one exponent for the weight 0.")
    rounding: str = _weights(
        "log", "Domain in which weights are rounded.", choices=WEIGHT_ROUNDINGS
    )
    full_scale: str = _weights("mse", "Rule for the full-scale range.", choices=FULL_SCALES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.zero_code and self.weight_bits == 2:
            raise OptionError(
                "weight_bits=2 with zero_code=True; allowed: 3 bits or more, or zero_code=False: "
                "2 bits hold one exponent beside the sign"
            )

    @property
    def weight_format(self) -> "LogFormat":
        """Format of the weight codes."""
        from spkeras.ops.log_weights import LogFormat

        return LogFormat(
            bits=self.weight_bits,
            steps=self.weight_steps,
            zero=self.zero_code,
            rounding=self.rounding,
            full_scale=self.full_scale,
        )
