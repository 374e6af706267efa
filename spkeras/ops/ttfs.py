"""Time-to-first-spike coding with a base-2 kernel: one table for training and for simulation.

    kappa(k) = theta0 2^(-k / tau),  k = 0 ... T - 1

A neuron with potential u fires at the first k with u >= kappa(k), and its spike represents
kappa(k); below the last threshold it stays silent, which represents 0. Encoding compares with the
table and decoding reads it: no logarithm is rounded, and all modules agree.
`spkeras.ops.ttfs_tensors` has the same for tensors.

Reference: Lew, Lee & Park, DAC 2022 (arXiv:2208.04494), reconstructed from the abstract: T, tau
and theta0 of the paper are not known, so they are parameters here.
"""

from collections.abc import Sequence

import numpy as np

from spkeras.errors import OptionError
from spkeras.ops.arrays import Float64Array, Int64Array

# A spike's time is one byte in files and messages; the last of its 256 values means silence.
MOST_TIMESTEPS = 255


def check_kernel(timesteps: int, tau: float, theta0: float) -> None:
    """Refuse the parameters of a kernel that does not give a falling, positive table.

    Raises:
        OptionError: a parameter is out of range.
    """
    if not 1 <= int(timesteps) <= MOST_TIMESTEPS or int(timesteps) != timesteps:
        raise OptionError(
            f"timesteps={timesteps!r}; allowed: whole numbers from 1 to {MOST_TIMESTEPS}"
        )
    if not 0 < tau < np.inf:
        raise OptionError(
            f"tau={tau!r} (steps in which the threshold halves); allowed: numbers above 0"
        )
    if not 0 < theta0 < np.inf:
        raise OptionError(f"theta0={theta0!r} (largest value of a spike); allowed: numbers above 0")


def check_levels(levels: Sequence[float]) -> list[float]:
    """Return a table of levels given by the caller, as plain numbers.

    Raises:
        OptionError: the levels are not positive numbers that never rise.
    """
    table = np.asarray(levels, np.float64).reshape(-1)
    falls = bool(np.isfinite(table).all() and (table > 0).all() and (np.diff(table) <= 0).all())
    if not len(table) or not falls:
        raise OptionError(f"{len(table)} levels; allowed: positive numbers that never rise")
    return [float(level) for level in table]


def kernel_table(timesteps: int, tau: float, theta0: float = 1.0) -> Float64Array:
    """Return the thresholds of a window, which are also the values of its spikes.

    Args:
        timesteps: T, steps of the window, 1 to 255.
        tau: Steps in which the threshold halves.
        theta0: Threshold at the first step, in units of the potential.

    Returns:
        theta0 2^(-k / tau) for k = 0 ... T - 1, float64 (T,), falling.

    Raises:
        OptionError: a parameter is out of range.

    Example:
        >>> kernel_table(3, 1)
        array([1.  , 0.5 , 0.25])
    """
    check_kernel(timesteps, tau, theta0)
    # Python's power: NumPy's vectorised one differs in the last bit between processors.
    return np.array([theta0 * 2.0 ** (-k / tau) for k in range(timesteps)])


def encode(u: np.ndarray, table: Float64Array) -> Int64Array:
    """Return the first-spike times of potentials; `len(table)` where a neuron stays silent.

    Args:
        u: Potentials, any shape.
        table: Falling thresholds (T,), compared in the dtype of `u`.

    Returns:
        Times 0 ... T, int64, of the same shape.

    Invariants:
        encode(table, table) = 0 ... T - 1 for a strictly falling table; a larger u never has a
        later time.
    """
    falling = np.asarray(table, u.dtype if u.dtype.kind == "f" else None)
    # The time equals the number of thresholds above u, here counted in a rising table.
    reached: Int64Array = np.searchsorted(falling[::-1], u, side="right")
    return len(falling) - reached


def decode(times: np.ndarray, table: Float64Array) -> Float64Array:
    """Return the values of first-spike times: table[k], and 0 for silence (k = T)."""
    values: Float64Array = np.append(table, table.dtype.type(0))[times]
    return values
