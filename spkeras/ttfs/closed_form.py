"""First-spike times of a whole network in one pass, in float64: what the windows end in.

Each layer integrates its whole window before it fires, so that its spikes follow from its final
potential. `spkeras.ttfs.simulate` goes through the same network step by step.
"""

from collections.abc import Mapping

import numpy as np

from spkeras.ops.ttfs import decode, encode
from spkeras.ttfs.plan import EARLIEST, ENCODER, READOUT, Branch, Layer, Plan
from spkeras.ttfs.windows import gathered

# Values under all taps at once, in one block of samples: 64 MB.
BLOCK = 1 << 23


def spike_times(plan: Plan, inputs: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Times of all layers and the read-out's potential, for a batch.

    Args:
        plan: The network.
        inputs: (samples, ...) as the Keras model takes them.

    Returns:
        First-spike times by layer, uint8 (samples, positions, channels), T for silence; and
        the potentials of the read-out, float64 (samples, *output shape).
    """
    times: dict[str, np.ndarray] = {}
    for layer in plan.layers:
        if layer.kind == READOUT:
            continue
        times[layer.name] = layer_times(plan, layer, times, inputs)
    logits = potential(plan, plan.layers[-1], times)
    return times, logits.reshape(len(inputs), *plan.output)


def layer_times(
    plan: Plan, layer: Layer, times: Mapping[str, np.ndarray], inputs: np.ndarray
) -> np.ndarray:
    """Times of one layer from those of the layers before it."""
    if layer.kind == EARLIEST:
        (branch,) = layer.branches
        return earliest(times[branch.source], branch, plan.timesteps)
    if layer.kind == ENCODER:
        u = np.asarray(inputs, np.float64).reshape(len(inputs), layer.positions, layer.channels)
    else:
        u = potential(plan, layer, times)
    return encode(u, plan.table(layer)).astype(np.uint8)


def earliest(times: np.ndarray, branch: Branch, silent: int) -> np.ndarray:
    """The earliest spike in each window; padding never fires."""
    border = np.full_like(times[:, :1], silent)
    padded = np.concatenate([times, border], 1)
    found = padded[:, branch.index[:, 0]]
    for tap in range(1, branch.index.shape[1]):
        found = np.minimum(found, padded[:, branch.index[:, tap]])
    return found


def potential(plan: Plan, layer: Layer, times: Mapping[str, np.ndarray]) -> np.ndarray:
    """What a layer has integrated at the end of its window, float64 (samples, positions, C)."""
    total: np.ndarray | float = layer.bias.astype(np.float64)
    for branch in layer.branches:
        table = plan.table(plan.by_name[branch.source])
        total = total + received(branch, decode(times[branch.source], table))
    return np.asarray(total)


def received(branch: Branch, values: np.ndarray) -> np.ndarray:
    """The sum over a branch's synapses of weight times value.

    Args:
        branch: The synapses.
        values: float64 (samples, positions, channels) of the source.

    Returns:
        float64 (samples, positions out, channels out).
    """
    if branch.cells is not None:
        values = gathered(values, branch.cells).sum(2)
    kernel = branch.scale * branch.kernel.astype(np.float64)
    taps, channels, out = kernel.shape
    positions = len(branch.index)
    block = max(BLOCK // (positions * taps * channels), 1)
    parts = []
    for start in range(0, len(values), block):
        under = gathered(values[start : start + block], branch.index)
        rows = under.reshape(-1, taps * channels) @ kernel.reshape(-1, out)
        parts.append(rows.reshape(-1, positions, out))
    return np.concatenate(parts)
