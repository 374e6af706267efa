"""The result of a verification: where a converted network departs from its CNN, and why."""

from dataclasses import asdict, dataclass
from typing import Any

from spkeras.metrics.evaluation import plain


@dataclass(frozen=True)
class LayerCheck:
    """One layer of the CNN against the folded graph, in floating point.

    Attributes:
        name: The Keras layer's name.
        error: Largest absolute difference.
        relative: The same over the largest magnitude of the CNN's layer.
    """

    name: str
    error: float
    relative: float


@dataclass(frozen=True)
class NeuronCheck:
    """One layer of neurons against the activations it stands for.

    Attributes:
        name: The layer's name.
        correlation: Pearson's r of firing rates and activations.
        bias: Mean of (rate - activation), in units of the layer's scale.
        error: Root mean square of (rate - activation), in units of the layer's scale.
        clipping: Part of `error` due to activations beyond the scale (rms of the clipped
            network against the exact one).
        quantization: Part due to whole numbers of spikes (rms of the closed form against the
            clipped network).
        unevenness: Part due to when spikes arrive (rms of the simulation against the closed
            form); 0 for a layer-synchronous network.
        exact: Share of neurons and samples whose spike count equals the closed form's.
        saturated: Share of neurons and samples that fired at every step.
        silent: Share that never fired.
    """

    name: str
    correlation: float
    bias: float
    error: float
    clipping: float
    quantization: float
    unevenness: float
    exact: float
    saturated: float
    silent: float


@dataclass(frozen=True)
class Verification:
    """A converted network held against its CNN, layer by layer.

    Attributes:
        model: Name of the converted model.
        schedule: The schedule of the simulation.
        timesteps: T.
        samples: Number of samples.
        layers: The folded graph against the CNN.
        neurons: Rates against activations.
        departs_first: The first layer of neurons whose error exceeds twice what its levels
            explain (rms > 1 / T), or None.
        faithful: Whether every layer of the folded graph is within 1e-5 (relative).
        decisions: Share of decisions equal to the CNN's after each stage: "folded",
            "clipped", "quantized", "simulated"; empty for regression.
        output_error: Root mean square difference of the outputs to the CNN's, by stage.
    """

    model: str
    schedule: str
    timesteps: int
    samples: int
    layers: tuple[LayerCheck, ...]
    neurons: tuple[NeuronCheck, ...]
    departs_first: str | None
    faithful: bool
    decisions: dict[str, float]
    output_error: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return plain(asdict(self))
