"""The values that a window of spikes can represent, in NumPy, for the error of a threshold."""

from dataclasses import dataclass

import numpy as np

from spkeras.ops.arrays import Float32Array

_MANTISSA = 23  # bits of a float32


@dataclass(frozen=True)
class Coder:
    """The spikes of one neuron in a window of T steps, as a function of the value to send.

    Attributes:
        timesteps: T.
        graded: Whether spikes have a sign, an exponent and a short mantissa; else whole numbers.
        rate: Whether the mean over the window is the value; else the sum.
        initial_potential: Initial potential as a fraction of the threshold, for whole spikes.
        max_spikes_per_step: Largest number of whole spikes in one step.
        levels: Number of exponents of a graded spike.
        mantissa_bits: Bits after the leading one of a graded spike.
    """

    timesteps: int
    graded: bool = False
    rate: bool = True
    initial_potential: float = 0.5
    max_spikes_per_step: int = 1
    levels: int = 8
    mantissa_bits: int = 0

    def carried(self, x: np.ndarray) -> np.ndarray:
        """Return the received value after T steps for constant x >= 0, in units of the threshold."""
        window = self.timesteps if self.rate else 1
        if not self.graded:
            # Whole spikes under other codes reach a value to the same error as under the rate code.
            count = np.floor(self.timesteps * x + self.initial_potential)
            return np.clip(count, 0, self.timesteps * self.max_spikes_per_step) / self.timesteps
        missing = (window * x).astype(np.float32)
        sent = np.zeros_like(missing)
        for _ in range(self.timesteps):
            sent += rounded_float(missing - sent, self.levels, self.mantissa_bits)
        return sent / window


def rounded_float(x: Float32Array, levels: int, mantissa_bits: int) -> Float32Array:
    """Return one graded spike for float32 values: `quantizer.rounded_float` of ops in NumPy."""
    half = 1 << (_MANTISSA - mantissa_bits - 1)
    bits = x.view(np.int32) + np.int32(half)
    # Clear the sign and the bits that rounding removes.
    size = (bits & np.int32(0x7FFFFFFF ^ (2 * half - 1))).view(np.float32)
    size = np.where(size >= np.float32(2.0 ** (1 - levels)), np.minimum(size, 1), 0)
    return np.sign(x) * size.astype(np.float32)
