"""Turn a trained CNN into a spiking Keras model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from spkeras.errors import OptionError
from spkeras.facade import automatic
from spkeras.facade.calibrated import Calibrated
from spkeras.facade.plausible import check_calibration
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph
from spkeras.ops.code import keeps_values
from spkeras.ops.names import TRAINED
from spkeras.ops.published import PUBLISHED, for_conversion
from spkeras.passes.as_published import check_trained
from spkeras.passes.learned import trained_steps
from spkeras.passes.recipes import Options
from spkeras.snn.settings import check_settings, check_start
from spkeras.training.correction import check_correction, correct
from spkeras.training.thresholds import train_thresholds

Progress = Callable[[int, int], None]
# T where nothing else is said, by what a spike can carry.
STEPS = {"binary": 64, "signed": 16, "graded": 4}
DEFAULT_SPIKES = "graded"


def _quiet(done: int, total: int) -> None:
    """No progress shown."""


def convert(
    model: keras.Model,
    data: Any,
    *,
    recipe: str = "ecc",
    published: bool = False,
    spikes: str | None = None,
    timesteps: int | None = None,
    percentile: float | None = None,
    per_channel: bool | None = None,
    thresholds: str | None = None,
    correction: str | None = None,
    neuron: str | None = None,
    code: str | None = None,
    levels: int | None = None,
    headroom: int | None = None,
    mantissa_bits: int | None = None,
    limit: int | None = None,
    reset: str | None = None,
    alpha: float | None = None,
    stagger: float | None = None,
    coding: str | None = None,
    readout: str | None = None,
    schedule: str = "clock_driven",
    weight_bits: int | None = None,
    pooling_neurons: bool | None = None,
    seed: int = 0,
    batch_size: int = 100,
    insist: bool = False,
    progress: Progress | None = None,
) -> keras.Model:
    """Turn a trained CNN into a spiking network, an ordinary Keras model.

    What is None is left to the recipe; `Options` says what it is then.

    Args:
        model: Any functional or Sequential Keras model that `spkeras.inspect` calls
            convertible.
        data: Calibration samples, as the model wants them: an array (samples, ...), or a list
            of arrays for several inputs. 500 to 1,000 training samples do; all are used.
        recipe: "ecc", explicit current control (Wu et al. 2022); "sigma_delta", graded spikes
            that carry changes, for any feed-forward network; "cq", "cq+", "low_latency" or
            "qcfs" for a CNN that was trained for spikes (`spkeras.training`); or "auto": the
            best by the calibration samples of what the hardware's `spikes` allow.
        published: Whether all settings are those of the recipe's publication
            (`spkeras.ops.published`; docs/papers.md). An option given beside it that
            contradicts them is refused, as is a network that was trained with others.
        spikes: With "auto": "binary", "signed" (one bit and a sign) or "graded" (default).
        timesteps: T, counted from the first input: 64, 4 where spikes carry values, or what the
            CNN was trained for. Changes
            later: `spkeras.configure`, then with the scales chosen for this one.
        percentile: Share of a layer's activations below its scale, in %; the paper's is 100
            (the maximum). Chosen from T: 99.97 for 64 and where spikes carry values.
        per_channel: One scale per channel (default) or per layer (the paper's).
        thresholds: "mse", "iteration" or "balance": fitted to the distribution of each layer's
            values and the steps for which it fires (`spkeras.passes.thresholds`); or the
            "percentile" itself. Below T = 64 "mse" for binary neurons with soft reset, if no
            percentile is given; else "percentile". For a CNN trained for spikes "learned" or
            "trained": per channel by the data, as cq+ does.
        correction: "light", "advanced" or "both": biases, initial potentials, or both of them,
            that make up on average for what clock-driven spikes lose
            (`spkeras.training.correct`).
        neuron: "binary" (default of ecc), "signed", "burst", "signed_burst",
            "multi_threshold" or "sigma_delta"; see `spkeras.ops.neuron`.
        code: What spikes mean: "rate", "differential" or, for sigma_delta alone, "delta"; see
            `spkeras.ops.code`.
        levels: Exponents of a graded spike (16 for sigma_delta, 8 for multi_threshold); its
            payload is a sign, log2(levels) bits and the mantissa bits.
        headroom: How many of them lie above a layer's scale, for the few values that do
            (6 of 16).
        mantissa_bits: Bits behind the leading one: 1 for sigma_delta, 0 (powers of two) for
            multi_threshold.
        limit: Most spikes in one step, for the burst neurons (4).
        reset: "subtract" (soft) or "zero".
        alpha: Thresholding for residual elimination: share of a level given in advance (1/2).
        stagger: Steps by which each layer starts after the one before, sixteenths allowed;
            chosen from T and the number of layers (`spkeras.snn.settings.automatic_stagger`).
        coding: Input as "constant" current (default), "regular" spike train or "bernoulli" spikes.
        readout: Output from the last layer's "membrane" (default) or from "spikes".
        schedule: "clock_driven" or "layer_synchronous".
        weight_bits: n-bit weights, or None for float32.
        pooling_neurons: Whether average poolings have neurons, for ecc (as published); by
            default they are part of the synapses.
        seed: Of everything drawn at random: Bernoulli spikes, and the positions that calibration
            counts in maps too large to count whole (`spkeras.calibrate`).
        batch_size: Samples at once during calibration.
        insist: Accept calibration samples that are all the same, or whose range is absurd behind
            the CNN's own Rescaling or Normalization, too.
        progress: Told (samples done, samples in all).

    Returns:
        A `keras.Model`: `predict`, `evaluate`, `summary`, `save` and
        `keras.models.load_model` work as on any other. Where the CNN ends in softmax it
        returns the logits.

    Raises:
        UnsupportedLayerError: layers that cannot be converted, all of them at once.
        DataError: samples of another shape, none, or NaN; all the same, or of an absurd range.
        OptionError: an option out of its range; a read-out that would start after T.
        WeightsError: weights that are NaN or infinite.

    Reference:
        Wu, Yi, Huang 2022, "A little energy goes a long way", Front. Neurosci. 15:759900.
    """
    options: dict[str, Any] = {
        "percentile": percentile,
        "per_channel": per_channel,
        "thresholds": thresholds,
        "neuron": neuron,
        "code": code,
        "levels": levels,
        "headroom": headroom,
        "mantissa_bits": mantissa_bits,
        "limit": limit,
        "reset": reset,
        "alpha": alpha,
        "readout": readout,
        "weight_bits": weight_bits,
        "pooling_neurons": pooling_neurons,
    }
    given = {name: value for name, value in options.items() if value is not None}
    if published:
        others = {"timesteps": timesteps, "stagger": stagger, "coding": coding,
                  "correction": correction}  # fmt: skip
        settings = _as_published(model, recipe, schedule, {**given, **others})
        timesteps, stagger, coding = (settings.pop(name, None) for name in list(others)[:3])
        given = settings
    coding = coding or "constant"
    simulation = {"schedule": schedule, "stagger": stagger, "coding": coding, "seed": seed}
    told = progress or _quiet
    if recipe == "auto" and correction is not None:
        raise OptionError(f"correction={correction!r} with recipe='auto'; allowed: another recipe")
    if recipe == "auto":
        own = STEPS.get(spikes or DEFAULT_SPIKES, 1)
        steps = own if timesteps is None else timesteps
        candidates = automatic.candidates(spikes or DEFAULT_SPIKES, steps, given, simulation)
        return automatic.choose(model, data, candidates, steps, batch_size, told, insist)
    if spikes is not None:
        raise OptionError(f"spikes={spikes!r} with recipe={recipe!r}; allowed: recipe='auto'")
    chosen = Options(recipe, **given)
    own = STEPS["graded" if keeps_values(str(chosen.code)) else "binary"]
    steps = own if timesteps is None else timesteps
    if recipe in TRAINED and timesteps is None:
        steps = trained_steps(read_graph(model)) or own
    check_settings(steps, schedule, stagger, coding, str(chosen.code))
    if correction is not None:
        check_correction(correction, schedule, str(chosen.neuron), str(chosen.code))
    trains = chosen.thresholds == "trained"
    if trains and schedule != "clock_driven":
        raise OptionError(
            f"schedule={schedule!r} with thresholds='trained'; allowed: 'clock_driven', for "
            "which they are trained: layer-synchronous counts equal the closed form without it"
        )
    shown = _quiet if trains else told
    calibrated = Calibrated(model, data, chosen, batch_size, shown, seed,
                            _checks(model, steps, schedule, stagger, insist))  # fmt: skip
    snn = calibrated.network(chosen, steps, **simulation)
    if trains:
        snn = train_thresholds(snn, data, progress=told)
    return snn if correction is None else correct(snn, data, correction, progress=told)


def _as_published(
    model: keras.Model, recipe: str, schedule: str, given: dict[str, Any]
) -> dict[str, Any]:
    """The options given, completed by the published ones; refuses a net trained otherwise."""
    settings = for_conversion(recipe, schedule, given)
    if recipe in TRAINED:
        check_trained(read_graph(model), recipe, PUBLISHED[recipe].training)
    return settings


def _checks(
    model: keras.Model, steps: int, schedule: str, stagger: float | None, insist: bool
) -> Callable[[Graph, list[np.ndarray]], None]:
    """What is checked before a sample runs: where the read-out starts, and the samples."""

    def check(graph: Graph, samples: list[np.ndarray]) -> None:
        check_start(graph, steps, schedule, stagger)
        if not insist:
            check_calibration(model, samples)

    return check
