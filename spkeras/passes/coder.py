"""What a window of spikes can carry, in NumPy: the error that a threshold stands for."""

from dataclasses import dataclass

import numpy as np

_MANTISSA = 23  # bits of a float32


@dataclass(frozen=True)
class Coder:
    """The spikes of one neuron in a window of T steps, as a function of the value to be sent.

    Attributes:
        timesteps: T.
        graded: Spikes of a sign, an exponent and a short mantissa; else whole numbers.
        rate: The mean over the window is the value; else the sum.
        alpha: Share of a level given in advance, for whole spikes.
        limit: Most whole spikes in one step.
        levels: Exponents of a graded spike.
        mantissa_bits: Bits behind its leading one.
    """

    timesteps: int
    graded: bool = False
    rate: bool = True
    alpha: float = 0.5
    limit: int = 1
    levels: int = 8
    mantissa_bits: int = 0

    def carried(self, x: np.ndarray) -> np.ndarray:
        """What listeners hold after T steps for constant values x >= 0, in thresholds."""
        window = self.timesteps if self.rate else 1
        if not self.graded:
            # Whole spikes that add up to a value come as near to it as those of a rate do.
            count = np.floor(self.timesteps * x + self.alpha)
            return np.clip(count, 0, self.timesteps * self.limit) / self.timesteps
        missing = (window * x).astype(np.float32)
        sent = np.zeros_like(missing)
        for _ in range(self.timesteps):
            sent += rounded_float(missing - sent, self.levels, self.mantissa_bits)
        return sent / window


def rounded_float(x: np.ndarray, levels: int, mantissa_bits: int) -> np.ndarray:
    """One graded spike for float32 values: `spkeras.ops.quantizer.rounded_float` in NumPy."""
    half = 1 << (_MANTISSA - mantissa_bits - 1)
    bits = x.view(np.int32) + np.int32(half)
    # Neither the sign nor what has been rounded away.
    size = (bits & np.int32(0x7FFFFFFF ^ (2 * half - 1))).view(np.float32)
    size = np.where(size >= np.float32(2.0 ** (1 - levels)), np.minimum(size, 1), 0)
    return np.sign(x) * size.astype(np.float32)
