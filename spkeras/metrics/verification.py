"""The result of a verification: the differences of a network to its CNN, and their causes."""

from dataclasses import asdict, dataclass
from typing import Any

from spkeras.metrics.evaluation import plain


@dataclass(frozen=True)
class LayerCheck:
    """The comparison of one layer of the CNN with the folded graph, in floating point.

    Attributes:
        name: The Keras layer's name.
        error: Largest absolute difference.
        relative: Largest absolute difference over the largest magnitude of the CNN's layer.
    """

    name: str
    error: float
    relative: float


@dataclass(frozen=True)
class NeuronCheck:
    """The comparison of one layer of neurons with the CNN's activations.

    The value of spikes is a rate (spikes per step) or, under a code that keeps values, the value
    at the receiving neurons. Both are in units of the layer's scale; "rate" means either below.

    Attributes:
        name: The layer's name.
        correlation: Pearson's r of rates and activations.
        bias: Mean of (rate - activation), in units of the layer's scale.
        error: Root mean square of (rate - activation), in units of the layer's scale.
        clipping: Part of `error` due to activations beyond the range of the spikes (rms of the
            clipped network against the one on real values).
        quantization: Part due to the resolution of the spikes (rms of the network whose layers
            are coded after their inputs are complete, against the clipped one).
        unevenness: Part due to the arrival times of spikes (rms of the simulation against layers
            that are coded after their inputs are complete); 0 for a layer-synchronous network.
        exact: Share of neurons and samples whose simulated rate equals that of layers coded after
            their inputs are complete.
        saturated: Share of neurons and samples with the largest spike at every step.
        silent: Share of neurons and samples without a spike.
        course: Relative error after each of the verification's `steps`: rms of (rate so far -
            activation) over rms of the activation.
        settled: Last step at which the layer fires, mean over the samples; None where the code
            never settles.
        parameters: Part of `error` due to n-bit weights, trained thresholds and corrections
            (rms of the network on real values against the converted CNN).
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
    """The comparison of a converted network with its CNN, layer by layer.

    Attributes:
        model: Name of the converted model.
        schedule: The schedule of the simulation.
        timesteps: T; None in continuous time.
        samples: Number of samples.
        layers: Comparisons of the folded graph with the CNN.
        neurons: Comparisons of rates, or values, with activations.
        departs_first: The first layer of neurons whose error exceeds twice the error that its
            levels explain (1 / T; under the delta code the last exponent of its spikes, or the
            error after T roundings), or None.
        faithful: Whether every layer of the folded graph is within `tolerance` (relative).
        decisions: Share of decisions equal to the CNN's after each stage: "folded", "parameters"
            (where the network was changed after the conversion), "clipped", "quantized",
            "simulated"; empty for regression.
        output_error: Root mean square difference of the outputs to the CNN's, by stage.
        spike_code: Spike code: "rate", "differential", "delta", or "ttfs", "phase", "burst" in
            windows.
        steps: Steps of the neurons' `course`; none for a layer-synchronous network, which has no
            output before the end of its window.
        settles_last: The layer with the latest last spike, by the mean over the samples; the
            deepest of several; None where the code never settles.
        reference: The network whose activations are compared: "CNN", "twin" or "own weights", as
            `Evaluation.reference`.
        tolerance: Largest relative difference that rounding explains: 1e-5, or more for a CNN that
            computes in half precision.
    """

    model: str
    schedule: str
    timesteps: int | None
    samples: int
    layers: tuple[LayerCheck, ...]
    neurons: tuple[NeuronCheck, ...]
    departs_first: str | None
    faithful: bool
    decisions: dict[str, float]
    output_error: dict[str, float]
    spike_code: str = "rate"
    steps: tuple[int, ...] = ()
    settles_last: str | None = None
    reference: str = "CNN"
    tolerance: float = 1e-5

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: plain(value) for name, value in asdict(self).items()}
