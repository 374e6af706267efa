"""Offset-spike correction: a first look at each sample, then the run."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from spkeras.calibration.layerwise import LayerwiseSimulation, State, Steps
from spkeras.data.batches import as_samples, check_range, equal_slices
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.ops.types import Tensor
from spkeras.snn.settings import configured
from spkeras.snn.spike_loop import SpikeLoop, loop_of

# How far behind the threshold a shifted potential stays (in thresholds), as published.
_MARGIN = 0.001


def offset_spikes(
    snn: keras.Model,
    x: Tensor,
    presteps: int = 4,
    *,
    batch_size: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Run a network whose neurons correct, sample by sample, what they begin with.

    A layer first takes `presteps` steps and sends nothing. In units of the threshold, a neuron
    that fired although its potential v ends below 0 has fired too often, one that ends at 1 or
    above too seldom:

        v < 0, fired:  v0 <- v0 - max(1, lowest potential at which it fired - 0.999),
        v >= 1:        v0 <- v0 + max(1, 1.001 - highest potential at which it did not),

    so that about one spike less, or more, comes out of the same input. Then it takes all T steps
    from the new v0, from the first one on, and the next layer begins. A neuron that fired in
    every step keeps its v0: it cannot send more.

    *Latency*: each layer receives what came in meanwhile `presteps` steps late, so that the
    answer stands after T + presteps times the layers of neurons in a row; a neuron has to keep
    that many currents. The papers count T (or T + presteps) instead.

    Args:
        snn: A clock-driven network of binary integrate-and-fire neurons; not changed. Its
            stagger does not count: layers wait for each other anyway.
        x: Samples, as the CNN takes them; a list for several inputs.
        presteps: rho, from 1 to T.
        batch_size: Samples at once; memory holds a bit for each of their neurons and steps.
        progress: Told (samples done, samples in all).

    Returns:
        The outputs after each step, (T, samples, ...); a list where there are several.

    Raises:
        OptionError: another network, or presteps out of range.
        UnsupportedLayerError: neurons without a potential (max pooling), all at once.
        DataError: samples that do not fit.

    Reference:
        Hao et al. 2023, "Bridging the gap between ANNs and SNNs by calibrating offset spikes",
        ICLR (one round, as in the published code).
    """
    loop = loop_of(snn)
    _check(loop, presteps, batch_size)
    samples = as_samples(loop.graph, x)
    check_range(loop.graph, samples)
    count, found = len(samples[0]), []
    with configured(loop, {"stagger": 0}):
        passage = None
        for rows in equal_slices(count, batch_size):
            part = [array[rows] for array in samples]
            if passage is None:
                passage = LayerwiseSimulation(loop, part, batch_size)
            passage.take(part)
            for index in range(len(loop.network.neurons)):
                passage.run(index, _Shift(loop, index, presteps))
            found.append([np.stack(steps) for steps in zip(*passage.outputs(), strict=True)])
            if progress is not None:
                progress(rows.stop, count)
    outputs = [np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)]
    return outputs if len(outputs) > 1 else outputs[0]


class _Shift:
    """What a layer begins with after a first look."""

    def __init__(self, loop: SpikeLoop, index: int, presteps: int) -> None:
        layer = loop.network.layers[loop.network.neurons[index].name]
        self.threshold, self.presteps = ops.convert_to_numpy(layer.threshold), presteps

    def __call__(self, state: State, steps: Steps) -> State:
        (start,) = (ops.convert_to_numpy(potential) for potential in state)
        lowest, highest = np.full_like(start, np.inf), np.full_like(start, -np.inf)
        for _, (spikes, (after,)) in zip(range(self.presteps), steps(state), strict=False):
            left = ops.convert_to_numpy(after) / self.threshold
            fired = spikes > 0
            lowest = np.minimum(lowest, np.where(fired, left + 1, np.inf))
            highest = np.maximum(highest, np.where(fired, -np.inf, left))
        return [start + shift(left, lowest, highest) * self.threshold]


def shift(left: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """By how much neurons' initial potentials change, in thresholds.

    Args:
        left: Potential after the first steps, in thresholds, any shape.
        lowest: Lowest potential at which each fired, before its reset; infinity for none.
        highest: Highest potential at which each did not fire; minus infinity for none.
    """
    fewer = np.where((left < 0) & np.isfinite(lowest), np.maximum(1, lowest - 1 + _MARGIN), 0)
    more = np.where((left >= 1) & np.isfinite(highest), np.maximum(1, 1 + _MARGIN - highest), 0)
    return (more - fewer).astype(left.dtype)


def _check(loop: SpikeLoop, presteps: int, batch_size: int) -> None:
    if loop.schedule != "clock_driven" or loop.spike_code != "rate":
        raise OptionError(
            f"schedule={loop.schedule!r}, spike_code={loop.spike_code!r}; "
            "allowed: 'clock_driven', 'rate': "
            "layer-synchronous counts have no offset"
        )
    if int(presteps) != presteps or not 1 <= presteps <= loop.timesteps:
        raise OptionError(f"presteps={presteps!r}; allowed: whole numbers, 1 to T={loop.timesteps}")
    if batch_size < 1:
        raise OptionError(f"batch_size={batch_size!r}; allowed: whole numbers from 1")
    problems = [
        f"{node.source or node.name}: a {node['model']} neuron of {node['function']}"
        f"{' with max pooling' if node['pool'] else ''} has no potential to shift; allowed: binary "
        "ReLU neurons with soft reset, so convert with average pooling, or without this correction"
        for node in loop.network.neurons
        if not node.is_plain or node["reset"] != "subtract"
    ]
    if problems:
        raise UnsupportedLayerError(problems)
