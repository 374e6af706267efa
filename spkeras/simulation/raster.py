"""Spikes of some neurons of each layer at every step of a run."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from spkeras.errors import OptionError
from spkeras.ops.types import Tensor
from spkeras.snn.spike_loop import SpikeLoop
from spkeras.snn.steps import State, Steps

# Neurons of a layer that are followed; the others are left out evenly.
MOST = 40


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes of one layer.

    Attributes:
        name: The layer's name.
        neurons: Number of its neurons.
        followed: Indices of those that are followed, in the layer's flattened order.
        spikes: (samples, T, followed): 0, 1, -1, a number of spikes or the value of a graded one.
    """

    name: str
    neurons: int
    followed: np.ndarray
    spikes: np.ndarray


def rasters(loop: SpikeLoop, samples: list[np.ndarray], most: int = MOST) -> tuple[Raster, ...]:
    """Run samples to T and return the spikes of up to `most` neurons of each layer.

    Args:
        loop: The spike loop of a converted network.
        samples: One array per input.
        most: Largest number of neurons of a layer.

    Raises:
        OptionError: the network is layer-synchronous, whose windows have no order of steps.
    """
    if loop.schedule != "clock_driven":
        raise OptionError(
            f"raster of a network with schedule={loop.schedule!r}; allowed: 'clock_driven', whose "
            "spikes have a step"
        )
    neurons = loop.network.neurons
    sizes = [int(np.prod(node.shape, dtype=np.int64)) for node in neurons]
    followed = [np.unique(np.linspace(0, size - 1, most).astype("int32")) for size in sizes]
    steps = Steps(loop, partial(_read, followed))
    scaled = loop.units([np.asarray(x, "float32") for x in samples])
    seen = [[ops.convert_to_numpy(s) for s in step.read] for step in steps.over(scaled)]
    return tuple(
        Raster(node.name, size, places, np.stack([step[index] for step in seen], axis=1))
        for index, (node, size, places) in enumerate(zip(neurons, sizes, followed, strict=True))
    )


def _read(followed: list[np.ndarray], state: State, spikes: Any, carry: Any) -> tuple[Any, Any]:
    return [_some(spike, places) for spike, places in zip(spikes, followed, strict=True)], carry


def _some(spikes: Tensor, places: np.ndarray) -> Tensor:
    flat = ops.reshape(spikes, (spikes.shape[0], -1))
    return ops.take(flat, places, axis=1)
