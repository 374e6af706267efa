"""T2FSNN: first spikes with a natural-exponential kernel that is fitted layer by layer.

A neuron fires at the first step t of its window with u >= exp(-(t - t_d) / tau), and its spike
represents that value. Each layer has its tau and t_d. Gradient descent without labels makes the
kernel precise in the range of the activations, and wide enough for the smallest and largest.

Reference: Park, Kim, Na & Yoon, T2FSNN, DAC 2020, and its reference code (lib_snn.py): kernel,
losses, and the steps 10, 100 and 1 of the updates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spkeras.errors import OptionError
from spkeras.ops.ttfs import decode, encode
from spkeras.ttfs.ann import rectified
from spkeras.ttfs.plan import EARLIEST, ENCODER, READOUT, Branch, FirstSpikePlan, Layer

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

    def table(self, timesteps: int) -> np.ndarray:
        """Return the thresholds, which are the values of spikes, float64 (T,)."""
        falling = np.exp(-(np.arange(timesteps) - self.delay) / self.tau)
        return np.maximum(falling, LEAST)


def convert_exponential(
    plan: FirstSpikePlan, inputs: np.ndarray, tau: float, steps: int = 0, batch: int = 50
) -> tuple[FirstSpikePlan, dict[str, Exponential]]:
    """Convert a network of ReLUs to a T2FSNN.

    Args:
        plan: Plan from `spkeras.ttfs.lower.lower_rectified`, with the T of the T2FSNN.
        inputs: Calibration samples from 0 to 1; more than a hundred.
        tau: First tau of all layers (published: 20 for T = 80, 5 for T = 20).
        steps: Updates of each kernel; 0 for none.
        batch: Samples in an update.

    Returns:
        The plan with weights divided by the layers' scales (the scales are its theta0) and a
        kernel for each layer; and the kernels.

    Raises:
        OptionError: tau or steps is out of range.
    """
    if not 0 < tau < np.inf or steps < 0:
        raise OptionError(f"tau={tau!r}, steps={steps!r}; allowed: tau above 0, steps from 0")
    values, _ = rectified(plan, inputs)
    # Inputs are compared with the kernel directly: their scale is 1.
    scales = {
        name: 1.0 if plan.by_name[name].kind == ENCODER else _scale(found)
        for name, found in values.items()
    }
    kernels = {}
    for name, found in values.items():
        kernel = Exponential(tau)
        scaled = found / scales[name]
        for step in range(steps):
            start = step * batch % max(len(scaled) - batch + 1, 1)
            kernel = updated(kernel, scaled[start : start + batch], plan.timesteps)
        kernels[name] = kernel
    for layer in plan.layers:
        if layer.kind == EARLIEST:
            # A pool passes on the spikes it receives.
            source = layer.branches[0].source
            kernels[layer.name], scales[layer.name] = kernels[source], scales[source]
    layers = tuple(_coded(layer, plan, scales, kernels) for layer in plan.layers)
    return replace(plan, layers=layers), kernels


def _scale(values: np.ndarray) -> float:
    """Return the largest of the neurons' 99.9th percentiles; 1 if it is 0."""
    by_neuron = np.percentile(values, _LARGEST, axis=0)
    return float(by_neuron.max()) or 1.0


def _coded(
    layer: Layer,
    plan: FirstSpikePlan,
    scales: Mapping[str, float],
    kernels: Mapping[str, Exponential],
) -> Layer:
    own = 1.0 if layer.kind == READOUT else scales[layer.name]
    kernel = None if layer.kind == READOUT else kernels[layer.name].table(plan.timesteps)
    branches = tuple(_scaled(branch, scales[branch.source] / own) for branch in layer.branches)
    if layer.kind == EARLIEST:
        branches = layer.branches
    return replace(
        layer, branches=branches, bias=layer.bias / np.float32(own), kernel=kernel, theta0=own
    )


def _scaled(branch: Branch, factor: float) -> Branch:
    return replace(branch, scale=branch.scale * factor)


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
