"""First-spike times of a whole network in closed form, one layer at a time, in float64.

Each layer integrates its whole window before it fires, so that its spikes follow from its final
potential. `tests.ttfs.stepping` simulates the same network step by step.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spkeras.ops.ttfs import decode, encode, kernel_table
from spkeras.ttfs.plan import EARLIEST, ENCODER, READOUT, Branch, FirstSpikePlan, Layer, by_port
from spkeras.ttfs.windows import gathered

# Maximum number of values under all taps in one block of samples: 64 MB.
BLOCK = 1 << 23


def spike_times(
    plan: FirstSpikePlan, inputs: Any, levels: Any = None
) -> tuple[dict[str, np.ndarray], Any]:
    """Compute the times of all layers and the potential of the read-out, for a batch.

    Args:
        plan: The network.
        inputs: Inputs of the Keras model, (samples, ...); a list of them for several inputs.
        levels: Thresholds by layer that replace the plan's base-2 kernels.

    Returns:
        First-spike times by layer, uint8 (samples, positions, channels), T for silence; and
        the potentials of the read-out, float64 (samples, *output shape), a tuple of them for
        several outputs.

    """
    given = by_port(plan.name, 1 + max(layer.port for layer in plan.layers), inputs)
    times: dict[str, np.ndarray] = {}
    potentials = {}
    for layer in plan.layers:
        if layer.kind == READOUT:
            potentials[layer.name] = potential(plan, layer, times, levels)
        else:
            times[layer.name] = layer_times(plan, layer, times, given, levels=levels)
    return times, answered(plan, potentials)


def layer_times(
    plan: FirstSpikePlan,
    layer: Layer,
    times: Mapping[str, np.ndarray],
    inputs: Sequence[np.ndarray],
    *,
    levels: Any = None,
) -> np.ndarray:
    """Compute the times of one layer from those of the layers before it."""
    if layer.kind == EARLIEST:
        (branch,) = layer.branches
        return earliest(times[branch.source], branch, plan.timesteps)
    if layer.kind == ENCODER:
        own = inputs[layer.port].astype(np.float64)
        u = own.reshape(len(own), layer.positions, layer.channels)
    else:
        u = potential(plan, layer, times, levels)
    return encode(u, table(plan, layer, levels)).astype(np.uint8)


def table(plan: FirstSpikePlan, layer: Layer, levels: Any = None) -> np.ndarray:
    """Return the thresholds of a layer, which are the values of its spikes, float64 (T,)."""
    if levels is not None:
        return np.asarray(levels[layer.name])
    return kernel_table(plan.timesteps, plan.tau, layer.theta0)


def answered(plan: FirstSpikePlan, potentials: Mapping[str, np.ndarray]) -> Any:
    """Return the potentials of the read-outs as the model does: one array, or a tuple."""
    found = tuple(potentials[name].reshape(-1, *shape) for name, shape in plan.outputs.items())
    return found if len(found) > 1 else found[0]


def earliest(times: np.ndarray, branch: Branch, silent: int) -> np.ndarray:
    """Return the earliest spike in each window; padding never fires."""
    border = np.full_like(times[:, :1], silent)
    padded = np.concatenate([times, border], 1)
    found = padded[:, branch.index[:, 0]]
    for tap in range(1, branch.index.shape[1]):
        found = np.minimum(found, padded[:, branch.index[:, tap]])
    return found


def potential(plan, layer, times, levels=None) -> np.ndarray:
    """Compute a layer's potential at the end of its window, float64 (samples, positions, C)."""
    return summed(
        plan,
        layer,
        {
            branch.source: decode(
                times[branch.source], table(plan, plan.by_name[branch.source], levels)
            )
            for branch in layer.branches
        },
    )


def summed(plan: FirstSpikePlan, layer: Layer, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Sum the bias and the weighted values of all branches, float64 (samples, positions, C).

    Args:
        plan: The network.
        layer: The receiving layer.
        values: Values by source, float64 (samples, positions, channels).
    """
    samples = len(next(iter(values.values())))
    total = np.zeros((samples, layer.positions, layer.channels)) + layer.bias.astype(np.float64)
    for branch in layer.branches:
        reached = slice(branch.first, branch.first + branch.kernel.shape[-1])
        total[..., reached] += received(branch, values[branch.source])
    return total


def received(branch: Branch, values: np.ndarray) -> np.ndarray:
    """Sum weight times value over a branch's synapses.

    Args:
        branch: The synapses.
        values: Values of the source, float64 (samples, positions, channels).

    Returns:
        Sums, float64 (samples, positions out, channels reached).
    """
    if branch.cells is not None:
        values = gathered(values, branch.cells).sum(2)
    kernel = branch.scale * branch.kernel.astype(np.float64)
    positions, taps = branch.index.shape
    block = max(BLOCK // (positions * taps * values.shape[-1]), 1)
    parts = []
    for start in range(0, len(values), block):
        under = gathered(values[start : start + block], branch.index)
        rows = weighted(under.reshape(-1, taps, values.shape[-1]), kernel, branch.groups)
        parts.append(rows.reshape(-1, positions, kernel.shape[-1]))
    return np.concatenate(parts)


def weighted(rows: np.ndarray, kernel: np.ndarray, groups: int) -> np.ndarray:
    """Multiply the values under the taps by a kernel and sum them, group by group.

    Args:
        rows: Values (rows, taps, channels).
        kernel: Weights (taps, channels / groups, channels out).
        groups: Number of channel groups.

    Returns:
        Sums (rows, channels out).
    """
    taps, width, out = kernel.shape
    own = rows.reshape(len(rows), taps, groups, width)
    parts = kernel.reshape(taps, width, groups, -1)
    return np.einsum("rtgw,twgo->rgo", own, parts).reshape(len(rows), out)
