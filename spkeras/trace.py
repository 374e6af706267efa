"""What a simulation leaves behind: a plain record."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
        exponents: Estimated from some samples of each batch (from all of batches of up to eight),
            scaled to all, as are the next two: graded spikes by exponent k = 0, 1, ... over all samples and steps, by layer;
            layers of one-bit or counting neurons are left out.
        unit_spikes: Of the graded spikes of each neuron those of size 1, by layer.
        bits: Bits that are set in the graded spikes of each neuron: the additions of a synapse.
        settled: Last step at which each sample sent a spike, (samples,); under the delta code
            nothing changes any more behind it. None under the others.
        starts: Index of the step at which each layer of neurons and each read-out starts; those
            that are left out start with the input.
        input_encoding: How inputs enter: as a "constant" current, or as spikes of some kind.
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
    exponents: Mapping[str, np.ndarray] = field(default_factory=dict)
    unit_spikes: Mapping[str, np.ndarray] = field(default_factory=dict)
    bits: Mapping[str, np.ndarray] = field(default_factory=dict)
    settled: np.ndarray | None = None
    starts: Mapping[str, int] = field(default_factory=dict)
    input_encoding: str = "constant"
