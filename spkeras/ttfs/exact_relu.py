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

from collections.abc import Mapping

import numpy as np

from spkeras.errors import DataError
from spkeras.ttfs.plan import NEURONS, READOUT, FirstSpikePlan

# Length of a window over the largest activation on calibration data.
MARGIN = 1.5


def windows_of(
    plan: FirstSpikePlan, largest: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """Return the window (t_min, t_max) of each layer that fires.

    Layers of one depth share a window, since each window begins where the one before ends.

    Args:
        plan: Layers of the network of ReLUs.
        largest: Largest activation of each layer of neurons on calibration data.
    """
    lengths = [1.0] * plan.windows
    for depth in range(1, plan.windows):
        names = (n.name for n in plan.layers if n.kind == NEURONS and n.depth == depth)
        own = [largest[name] for name in names]
        lengths[depth] = max(MARGIN * max(own, default=0.0), 1e-6)
    ends = np.cumsum(lengths)
    return {
        layer.name: (float(ends[layer.depth] - lengths[layer.depth]), float(ends[layer.depth]))
        for layer in plan.layers
        if layer.kind != READOUT
    }


def check_inputs(inputs: np.ndarray) -> None:
    """Refuse inputs that have no spike time.

    Raises:
        DataError: an input is outside 0 to 1.
    """
    low, high = float(np.min(inputs, initial=0.0)), float(np.max(inputs, initial=0.0))
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"inputs: received {low:g} to {high:g}; allowed: 0 to 1, since an input neuron fires once, "
            "the later the smaller the input; scale the data to 0 to 1, and put a Rescaling layer "
            "that undoes it in front of the CNN"
        )
