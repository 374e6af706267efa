"""What a simulation leaves behind: a plain record."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Trace:
    """Spikes of one run over a set of samples.

    Attributes:
        schedule: "clock_driven" or "layer_synchronous".
        timesteps: T, counted from the first input.
        steps: The numbers of steps at which the run was looked at, increasing, up to T.
        samples: Number of samples.
        spikes: Spikes (of either sign) of each neuron over all samples and steps, by layer;
            each array has the shape of the layer.
        layer_spikes: Mean spikes per sample of each layer up to each of `steps`, by layer.
        input_spikes: Spikes of each input element, by input; empty for a constant current.
        range_exceeded: Share of input values beyond the calibrated range, over all inputs.
        inputs_beyond: Largest magnitude of an input in units of its calibrated maximum.
    """

    schedule: str
    timesteps: int
    steps: np.ndarray
    samples: int
    spikes: Mapping[str, np.ndarray]
    layer_spikes: Mapping[str, np.ndarray]
    input_spikes: Mapping[str, np.ndarray]
    range_exceeded: float
    inputs_beyond: float
