"""Record of a simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spkeras.ops.arrays import Float64Array, Int64Array


@dataclass(frozen=True, eq=False)
class Trace:
    """Spikes of one run over a set of samples.

    Attributes:
        schedule: "clock_driven" or "layer_synchronous".
        timesteps: T, counted from the first input.
        steps: Numbers of steps after which the run was evaluated, increasing, up to T.
        samples: Number of samples.
        spikes: Spikes (of either sign) of each neuron over all samples and steps, by layer;
            each array has the shape of the layer.
        layer_spikes: Mean spikes per sample of each layer up to each of `steps`, by layer.
        range_exceeded: Share of input values beyond the calibrated range, over all inputs.
        inputs_beyond: Largest magnitude of an input in units of its calibrated maximum.
        exponents: Graded spikes by exponent k = 0, 1, ... over all samples and steps, by layer.
            Layers of one-bit or counting neurons are left out. This field and the next two are
            estimated from some samples of each batch, scaled to all; batches of up to eight
            samples are counted in full.
        unit_spikes: Number of graded spikes of size 1 of each neuron, by layer.
        bits: Bits set in the graded spikes of each neuron: the additions of a synapse.
        settled: Last step at which each sample sent a spike, (samples,). Under the delta code
            nothing changes after it; None under the other codes.
        starts: Index of the step at which each layer of neurons and each read-out starts; those
            that are left out start with the input.
        input_encoding: Encoding of the inputs: a "constant" current, or a kind of spikes.
    """

    schedule: str
    timesteps: int
    steps: Int64Array
    samples: int
    spikes: Mapping[str, Float64Array]
    layer_spikes: Mapping[str, Float64Array]
    range_exceeded: float
    inputs_beyond: float
    exponents: Mapping[str, np.ndarray] = field(default_factory=dict)
    unit_spikes: Mapping[str, np.ndarray] = field(default_factory=dict)
    bits: Mapping[str, np.ndarray] = field(default_factory=dict)
    settled: np.ndarray | None = None
    starts: Mapping[str, int] = field(default_factory=dict)
    input_encoding: str = "constant"
