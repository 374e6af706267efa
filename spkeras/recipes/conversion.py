"""The settings of the passes, all chosen."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """The choices of a recipe for one T; made by `Recipe.conversion`.

    Attributes:
        neuron: One of `spkeras.ops.names.NEURON_MODELS`.
        spike_code: One of `spkeras.ops.names.CODES`.
        reset: "subtract" or "zero".
        initial_potential: As a fraction of the threshold; None: as the CNN was trained.
        max_spikes_per_step: Most spikes of a burst neuron in one step; 1 for other neurons.
        levels: Exponents of a graded spike.
        levels_above_scale: Exponents above the layer's scale.
        mantissa_bits: Bits after the leading one of a graded spike.
        percentile: Share of the activations below a layer's scale, in %.
        per_channel: One scale per channel instead of one per layer.
        thresholds: One of `spkeras.recipes.statistics.METHODS`, "learned" or "trained".
        learned: Whether the activations of the CNN define the value of a spike.
        readout: "membrane" or "spikes".
        weight_bits: n-bit weights, or None for float32.
        pooling_neurons: Whether average pooling is followed by neurons.
        whole: Whether all numbers become whole ones after the last change of the network.
        relays: Whether neurons of the identity stand between linear layers.
    """

    neuron: str = "binary"
    spike_code: str = "rate"
    reset: str = "subtract"
    initial_potential: float | None = 0.5
    max_spikes_per_step: int = 1
    levels: int = 8
    levels_above_scale: int = 0
    mantissa_bits: int = 0
    percentile: float = 100.0
    per_channel: bool = True
    thresholds: str = "percentile"
    learned: bool = False
    readout: str = "membrane"
    weight_bits: int | None = None
    pooling_neurons: bool = False
    relays: bool = False
    whole: bool = False
