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

    What spikes come to is a rate (spikes per step) or, under a code that keeps values, the
    value that its listeners hold; both in units of the layer's scale.

    Attributes:
        name: The layer's name.
        correlation: Pearson's r of rates, or values, and activations.
        bias: Mean of (rate - activation), in units of the layer's scale.
        error: Root mean square of (rate - activation), in units of the layer's scale.
        clipping: Part of `error` due to activations beyond what can be sent (rms of the
            clipped network against the one on real values).
        quantization: Part due to the resolution of the spikes (rms of the network whose layers
            are coded once their inputs are final, against the clipped one).
        unevenness: Part due to when spikes arrive (rms of the simulation against the layers
            coded at once); 0 for a layer-synchronous network.
        exact: Share of neurons and samples whose spikes come to what they do coded at once.
        saturated: Share of neurons and samples that sent the largest spike at every step.
        silent: Share that never sent one.
        course: Relative error after each of the verification's `steps`: rms of (rate so far -
            activation) over rms of the activation.
        settled: Last step at which the layer sent a spike, mean over the samples; None where
            the code never settles.
        parameters: Part of `error` due to n-bit weights, trained thresholds and corrections
            (rms of the network on real values against the net that was converted).
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
    course: tuple[float, ...] = ()
    settled: float | None = None
    parameters: float = 0.0


@dataclass(frozen=True)
class Verification:
    """A converted network held against its CNN, layer by layer.

    Attributes:
        model: Name of the converted model.
        schedule: The schedule of the simulation.
        timesteps: T.
        samples: Number of samples.
        layers: The folded graph against the CNN.
        neurons: Rates, or values, against activations.
        departs_first: The first layer of neurons whose error exceeds twice what its levels
            explain (rms > 1 / T; under the delta code the last exponent of its spikes, or what
            T roundings leave), or None.
        faithful: Whether every layer of the folded graph is within 1e-5 (relative).
        decisions: Share of decisions equal to the CNN's after each stage: "folded", with "parameters"
            of its own (where the network was changed after the conversion), "clipped",
            "quantized", "simulated"; empty for regression.
        output_error: Root mean square difference of the outputs to the CNN's, by stage.
        code: What spikes mean: "rate", "differential" or "delta".
        steps: Steps after which the neurons' `course` was taken; none for a layer-synchronous
            network, which has no answer before its window is over.
        settles_last: The layer that sends longest, mean over the samples; the deepest of
            several; None where the code never settles.
        reference: Whose activations the neurons are held against: "CNN", "twin" or "own weights",
            as `Evaluation.reference`.
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
    code: str = "rate"
    steps: tuple[int, ...] = ()
    settles_last: str | None = None
    reference: str = "CNN"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return plain(asdict(self))
