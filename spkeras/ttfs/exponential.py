"""T2FSNN: first spikes with a natural-exponential kernel that is fitted layer by layer.

A neuron fires at the first step t of its window with u >= exp(-(t - t_d) / tau), and its spike
represents that value. Each layer has its tau and t_d. Gradient descent without labels makes the
kernel precise in the range of the activations, and wide enough for the smallest and largest.

Reference: Park, Kim, Na & Yoon, T2FSNN, DAC 2020, and its reference code (lib_snn.py): kernel,
losses, and the steps 10, 100 and 1 of the updates.
"""

from dataclasses import dataclass

import numpy as np

from spkeras.ops.arrays import Float64Array
from spkeras.ops.ttfs import decode, encode

# Lower bound of the threshold.
LEAST = 1e-5
# Percentiles of the activations: of each neuron for the scale, of all for the smallest value.
_LARGEST, _SMALLEST = 99.9, 2.0
# Steps of the published updates, for the losses of precision, smallest and largest value.
_PRECISION, _MIN, _MAX = 10.0, 100.0, 1.0


@dataclass(frozen=True)
class Exponential:
    """The kernel of one layer.

    Attributes:
        tau: Steps in which the threshold falls to 1 / e.
        delay: t_d, step at which the threshold is 1.
    """

    tau: float
    delay: float = 0.0

    def table(self, timesteps: int) -> Float64Array:
        """Return the thresholds, which are the values of spikes, float64 (T,)."""
        falling: Float64Array = np.exp(-(np.arange(timesteps) - self.delay) / self.tau)
        return np.maximum(falling, LEAST)


def fitted(
    values: np.ndarray, timesteps: int, tau: float, updates: int, batch: int = 50
) -> Float64Array:
    """Return the thresholds of a layer of neurons, in units of its activations, float64 (T,).

    Args:
        values: Activations on calibration data (samples, ...); more than a hundred samples.
        timesteps: T.
        tau: First tau (published: 20 for T = 80, 5 for T = 20).
        updates: Updates of the kernel; 0 for none.
        batch: Samples in an update.
    """
    scale = _scale(values)
    kernel, scaled = Exponential(tau), values / scale
    for step in range(updates):
        start = step * batch % max(len(scaled) - batch + 1, 1)
        kernel = updated(kernel, scaled[start : start + batch], timesteps)
    return scale * kernel.table(timesteps)


def _scale(values: np.ndarray) -> float:
    """Return the largest of the neurons' 99.9th percentiles; 1 if it is 0."""
    by_neuron = np.percentile(values, _LARGEST, axis=0)
    return float(by_neuron.max()) or 1.0


def updated(kernel: Exponential, values: np.ndarray, timesteps: int) -> Exponential:
    """Return the kernel after one step of gradient descent on three losses.

    These are the precision (x - x')^2 / 2, as the mean over spikes;
    (x_min - exp(-(T - t_d) / tau))^2 / 2 with the 2nd percentile; and
    (x_max - exp(t_d / tau))^2 / 2 with the largest value.

    Args:
        kernel: The kernel before.
        values: Activations divided by the layer's scale.
        timesteps: T.
    """
    tau, delay = kernel.tau, kernel.delay
    table = kernel.table(timesteps)
    positive = values[values > 0]
    if not positive.size:
        return kernel
    times = encode(positive, table)
    fired = times < timesteps
    x, t = positive[fired], times[fired]
    sent = decode(t, table)
    slope = sent * (t - delay) / tau**2
    precision = float(((x - sent) * slope).mean()) if x.size else 0.0
    least, most = np.exp(-(timesteps - delay) / tau), np.exp(delay / tau)
    smallest, largest = float(np.percentile(positive, _SMALLEST)), float(positive.max())
    lower = (smallest - least) * least * (timesteps - delay) / tau**2
    upper = (largest - most) * most / tau
    tau = max(tau + _PRECISION * precision + _MIN * lower, 1e-3)
    return Exponential(float(tau), float(delay + _MAX * upper))
