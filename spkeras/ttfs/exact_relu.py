"""Exact spike times for ReLU activations, in continuous time: the lossless reference.

A layer fires in its window [t_min, t_max), where t_min is the end of the window before. With
inputs at the times t_j of a window that ends at t_min,

    t_i = t_max - D_i - sum_j W_ij (t_min - t_j),   silent (t_i = t_max) where that is later

so that t_max - t_i = ReLU(sum_j W_ij x_j + D_i) with x_j = t_min - t_j: the network of ReLUs,
exactly. A pixel x fires at 1 - x; a maximum is the earliest spike; the output is read as a
potential. The length of a window is 1.5 times the largest activation on calibration data.

Reference: Stanojevic et al., Nature Communications 2024, and its reference
code (IBM, equivalent-training-ReLUnetwork-SNN).
"""

from dataclasses import dataclass

import numpy as np

from spkeras.errors import DataError
from spkeras.ttfs.ann import rectified
from spkeras.ttfs.closed_form import summed
from spkeras.ttfs.plan import EARLIEST, ENCODER, READOUT, FirstSpikePlan
from spkeras.ttfs.windows import gathered

# Length of a window over the largest activation on calibration data.
MARGIN = 1.5


@dataclass(frozen=True, eq=False)
class ExactNetwork:
    """A network of ReLUs with a window for each layer.

    Attributes:
        plan: Plan from `spkeras.ttfs.lower.lower_rectified`.
        windows: (t_min, t_max) by layer; a pool shares the window of its source.
    """

    plan: FirstSpikePlan
    windows: dict[str, tuple[float, float]]


def calibrated(plan: FirstSpikePlan, inputs: np.ndarray) -> ExactNetwork:
    """Return a network with windows from calibration data.

    Layers of one depth share a window, since each window begins where the one before ends.

    Args:
        plan: Plan from `lower_rectified`.
        inputs: Calibration samples (samples, ...), from 0 to 1.

    Raises:
        DataError: an input is outside 0 to 1.
    """
    _check(inputs)
    values, _ = rectified(plan, inputs)
    lengths = {0: 1.0}
    for layer in plan.layers:
        if layer.kind not in (ENCODER, READOUT):
            own = MARGIN * float(values[layer.name].max(initial=0.0))
            lengths[layer.depth] = max(lengths.get(layer.depth, 0.0), own, 1e-6)
    ends = np.cumsum([lengths[depth] for depth in range(plan.windows)])
    starts = ends - [lengths[depth] for depth in range(plan.windows)]
    return ExactNetwork(
        plan,
        {
            layer.name: (float(starts[layer.depth]), float(ends[layer.depth]))
            for layer in plan.layers
            if layer.kind != READOUT
        },
    )


def exact_times(
    network: ExactNetwork, inputs: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compute the spike times of all layers and the read-out's potential, in float64.

    Args:
        network: Network from `calibrated`.
        inputs: Inputs (samples, ...), from 0 to 1.

    Returns:
        Times by layer, float64 (samples, positions, channels), t_max for silence; potentials
        (samples, *output shape).

    Raises:
        DataError: an input is outside 0 to 1, or a neuron would fire before its window.
    """
    _check(inputs)
    times: dict[str, np.ndarray] = {}
    potentials: dict[str, np.ndarray] = {}
    for layer in network.plan.layers:
        carried = {b.source: network.windows[b.source][1] - times[b.source] for b in layer.branches}
        if layer.kind == READOUT:
            potentials[layer.name] = summed(network.plan, layer, carried)
            continue
        begin, end = network.windows[layer.name]
        if layer.kind == ENCODER:
            flat = np.asarray(inputs, np.float64)
            times[layer.name] = end - flat.reshape(len(flat), layer.positions, layer.channels)
        elif layer.kind == EARLIEST:
            (branch,) = layer.branches
            # Shifted by the end: 0 is silence, also for padding, and spikes are negative.
            before = gathered(times[branch.source] - end, branch.index)
            times[layer.name] = before.min(2) + end
        else:
            found = np.minimum(end - summed(network.plan, layer, carried), end)
            _check_window(layer.name, found, begin)
            times[layer.name] = found
    return times, network.plan.answered(potentials)


def _check(inputs: np.ndarray) -> None:
    low, high = float(np.min(inputs, initial=0.0)), float(np.max(inputs, initial=0.0))
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"inputs: received {low:g} to {high:g}; allowed: 0 to 1, since a pixel x fires at 1 - x"
        )


def _check_window(name: str, times: np.ndarray, begin: float) -> None:
    early = int((times < begin).sum())
    if early:
        raise DataError(
            f"{name}: {early} neurons exceed {MARGIN} times the largest activation of the "
            "calibration data; calibrate on samples like these"
        )
