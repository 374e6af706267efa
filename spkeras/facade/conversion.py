"""Turn a trained CNN into a spiking Keras model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras

from spkeras.calibrate import calibrate
from spkeras.facade.samples import as_samples, batches
from spkeras.frontend.walk import read_graph
from spkeras.ops.code import keeps_values
from spkeras.passes.offsets import lift_biases
from spkeras.passes.recipes import Options, finish, neurons_of, prepare
from spkeras.passes.scales import automatic_percentile
from spkeras.snn.network import analogue, resting_currents
from spkeras.snn.settings import check_settings
from spkeras.snn.spike_loop import build

Progress = Callable[[int, int], None]


def _quiet(done: int, total: int) -> None:
    """No progress shown."""


def convert(
    model: keras.Model,
    data: Any,
    *,
    recipe: str = "ecc",
    timesteps: int = 64,
    percentile: float | None = None,
    per_channel: bool | None = None,
    neuron: str | None = None,
    code: str | None = None,
    levels: int = 8,
    mantissa_bits: int | None = None,
    limit: int = 4,
    reset: str = "subtract",
    alpha: float = 0.5,
    stagger: int | None = None,
    coding: str = "constant",
    readout: str = "membrane",
    schedule: str = "clock_driven",
    weight_bits: int | None = None,
    seed: int = 0,
    batch_size: int = 100,
    progress: Progress | None = None,
) -> keras.Model:
    """Turn a trained CNN into a spiking network, an ordinary Keras model.

    Args:
        model: Any functional or Sequential Keras model that `spkeras.inspect` calls
            convertible.
        data: Calibration samples, as the model wants them: an array (samples, ...), or a list
            of arrays for several inputs. 500 to 1,000 training samples do; all are used.
        recipe: "ecc", explicit current control (Wu et al. 2022), or "sigma_delta", graded
            spikes that carry changes, for any feed-forward network.
        timesteps: T, counted from the first input. Changes later: `spkeras.configure`, then
            with the scales chosen for this one.
        percentile: Share of a layer's activations below its scale, in %; the paper's is 100
            (the maximum); None chooses from T, 99.97 for 64.
        per_channel: One scale per channel (default) or per layer (the paper's).
        neuron: "binary" (default of ecc), "signed", "burst", "signed_burst",
            "multi_threshold" or "sigma_delta"; see `spkeras.ops.neuron`.
        code: What spikes mean: "rate", "differential" or, for sigma_delta alone, "delta"; see
            `spkeras.ops.code`.
        levels: Exponents of a graded spike, which carries a sign, log2(levels) bits and
        mantissa_bits: Bits behind the leading one: 1 for sigma_delta, 0 (powers of two) for
            multi_threshold, unless said otherwise.
        limit: Most spikes in one step, for the burst neurons.
        reset: "subtract" (soft) or "zero".
        alpha: Thresholding for residual elimination: share of a level given in advance.
        stagger: Steps by which each layer starts after the one before; None chooses from T
            and the number of layers.
        coding: Input as "constant" current, "regular" spike train or "bernoulli" spikes.
        readout: Output from the last layer's "membrane" or from "spikes".
        schedule: "clock_driven" or "layer_synchronous".
        weight_bits: n-bit weights, or None.
        seed: Of Bernoulli spikes.
        batch_size: Samples at once during calibration.
        progress: Told (samples done, samples in all).

    Returns:
        A `keras.Model`: `predict`, `evaluate`, `summary`, `save` and
        `keras.models.load_model` work as on any other. Where the CNN ends in softmax it
        returns the logits.

    Raises:
        UnsupportedLayerError: layers that cannot be converted, all of them at once.
        DataError: samples of another shape, none, or NaN.
        OptionError: an option out of its range.

    Reference:
        Wu, Yi, Huang 2022, "A little energy goes a long way", Front. Neurosci. 15:759900.
    """
    chosen = Options(recipe, neuron=neuron, code=code, levels=levels,
                     mantissa_bits=mantissa_bits, limit=limit, reset=reset, alpha=alpha,
                     readout=readout, weight_bits=weight_bits)  # fmt: skip
    check_settings(timesteps, schedule, stagger, coding, str(chosen.code))
    if percentile is None:
        percentile = automatic_percentile(timesteps)
    chosen = replace(chosen, percentile=percentile)
    if per_channel is not None:
        chosen = replace(chosen, per_channel=per_channel)
    simulation = {"timesteps": timesteps, "schedule": schedule, "stagger": stagger,
                  "coding": coding, "seed": seed}  # fmt: skip
    graph = prepare(read_graph(model), chosen)
    neurons = neurons_of(graph, chosen)
    samples = as_samples(neurons, data)
    names = [node.name for node in neurons.of("input", "neuron")]
    total, told = len(samples[0]), progress or _quiet
    stats = calibrate(
        analogue(graph, names),
        names,
        batches(samples, batch_size),
        lambda done: told(done, total),
    )
    graph = finish(neurons, stats, chosen)
    if keeps_values(str(chosen.code)):
        graph = lift_biases(graph, resting_currents(graph))
    return build(graph, **simulation)
