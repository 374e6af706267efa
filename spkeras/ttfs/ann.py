"""The ReLU network of a plan, computed in float64: the reference of other codes."""

import numpy as np

from spkeras.ttfs.closed_form import summed
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, Branch, FirstSpikePlan
from spkeras.ttfs.windows import gathered


def rectified(plan: FirstSpikePlan, inputs: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compute the values of all layers and the output of a network of ReLUs.

    Args:
        plan: Plan from `spkeras.ttfs.lower.lower_rectified`.
        inputs: Inputs (samples, ...).

    Returns:
        Values by layer, float64 (samples, positions, channels), and outputs (samples, *output
        shape).
    """
    values: dict[str, np.ndarray] = {}
    for layer in plan.layers:
        if layer.kind == ENCODER:
            flat = np.asarray(inputs, np.float64)
            values[layer.name] = flat.reshape(len(flat), layer.positions, layer.channels)
        elif layer.kind == EARLIEST:
            (branch,) = layer.branches
            values[layer.name] = largest(values[branch.source], branch)
        else:
            total = summed(plan, layer, values)
            values[layer.name] = np.maximum(total, 0.0) if layer.kind == NEURONS else total
    logits = {name: values.pop(name) for name in plan.outputs}
    return values, plan.answered(logits)


def largest(values: np.ndarray, branch: Branch) -> np.ndarray:
    """Return the largest value in each window; values are >= 0, so that padding has no effect."""
    return gathered(values, branch.index).max(2)
