"""The facade: a trained CNN in, a spiking Keras model and what it is worth out."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from spkeras.calibrate import calibrate
from spkeras.errors import DataError
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph
from spkeras.metrics import Evaluation, Score, activity
from spkeras.passes.recipes import Options, finish, neurons_of, prepare
from spkeras.simulate import Simulation, equal_slices
from spkeras.snn.network import analogue
from spkeras.snn.spike_loop import build, configured, loop_of

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
    neuron: str = "binary",
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
        recipe: "ecc", explicit current control (Wu et al. 2022).
        timesteps: T, counted from the first input. Changes later: `spkeras.configure`.
        percentile: Share of a layer's activations below its scale, in %; default 99.9, the
            paper's is 100 (the maximum).
        per_channel: One scale per channel (default) or per layer (the paper's).
        neuron: "binary", "signed", "burst" or "signed_burst"; see `spkeras.ops.neuron`.
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
    chosen = Options(recipe, neuron=neuron, limit=limit, reset=reset, alpha=alpha,
                     readout=readout, weight_bits=weight_bits)  # fmt: skip
    if percentile is not None:
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
        _batches(samples, batch_size),
        lambda done: told(done, total),
    )
    return build(finish(neurons, stats, chosen), **simulation)


def as_samples(graph: Graph, data: Any) -> list[np.ndarray]:
    """Data as one array per input of the graph.

    Raises:
        DataError: another number of inputs, another shape, no sample, NaN or infinity.
    """
    inputs = graph.of("input")
    several = isinstance(data, (list, tuple)) and len(inputs) > 1
    arrays = [np.asarray(array) for array in (data if several else [data])]
    if len(arrays) != len(inputs):
        raise DataError(f"data: received {len(arrays)} inputs, the network has {len(inputs)}")
    for node, array in zip(inputs, arrays, strict=True):
        if array.shape[1:] != node.shape or array.ndim == 0:
            raise DataError(
                f"data for {node.name}: received shape {array.shape}, allowed: "
                f"(samples, {', '.join(map(str, node.shape))})"
            )
        if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
            raise DataError(f"data for {node.name}: received {array.dtype}, allowed: numbers")
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise DataError(f"data for {node.name}: holds NaN or infinity; clean it first")
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or lengths == {0}:
        raise DataError(f"data: {sorted(lengths)} samples; allowed: one number, at least 1")
    return arrays


def _batches(samples: list[np.ndarray], batch_size: int) -> Iterator[list[np.ndarray]]:
    for rows in equal_slices(len(samples[0]), batch_size):
        yield [array[rows].astype("float32") for array in samples]


def evaluate(
    snn: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 100,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """Run a converted network once to T and score it at every step.

    Args:
        snn: From `convert`, or loaded from a file.
        x: Samples, as the CNN takes them; a list for several inputs.
        y: Labels (whole numbers or one-hot), real targets, or None; a list for several
            outputs.
        batch_size: Most samples at once; memory depends on it, not on T or the data.
        progress: Told (sample steps done, sample steps in all).
        settings: `timesteps`, `schedule`, `stagger`, `coding`, `seed` for this run instead of
            the network's own.

    Returns:
        Accuracy (or error), agreement with the CNN, spikes and operations.

    Raises:
        DataError: samples or targets do not fit.
        OptionError: a setting out of its range.
    """
    loop = loop_of(snn)
    graph = loop.graph
    samples = as_samples(graph, x)
    with configured(loop, settings):
        simulation = Simulation(loop)
        steps = simulation.steps()
        scores = _scores(graph, y, len(samples[0]), len(steps))
        told, total = progress or _quiet, len(samples[0]) * len(steps)
        start = time.perf_counter()

        def observe(rows: slice, index: int, outputs: list[np.ndarray]) -> None:
            if index == 0:
                cnn = simulation.analogue([array[rows] for array in samples])
                for score, reference in zip(scores, cnn, strict=True):
                    score.reference(rows, reference)
            for score, output in zip(scores, outputs, strict=True):
                score.add(rows, index, output)

        trace = simulation.run(samples, batch_size, observe, lambda done: told(done, total))
        seconds = time.perf_counter() - start
        return Evaluation(
            snn.name,
            loop.schedule,
            loop.timesteps,
            loop.latency,
            {**graph.settings, **loop.settings},
            len(samples[0]),
            steps,
            tuple(score.result() for score in scores),
            activity(graph, trace),
            trace.layer_spikes,
            _warnings(trace.inputs_beyond, trace.range_exceeded),
            seconds,
        )


def _scores(graph: Graph, y: Any, samples: int, steps: int) -> list[Score]:
    targets = y if isinstance(y, (list, tuple)) and len(graph.outputs) > 1 else [y]
    targets = [*targets, *[None] * (len(graph.outputs) - len(targets))]
    scores = []
    for name, target in zip(graph.outputs, targets, strict=True):
        if target is not None and len(target) != samples:
            raise DataError(f"targets of {name}: {len(target)} for {samples} samples")
        node = graph[name]
        sigmoid = node.op == "activation" and node["function"] == "sigmoid"
        array = None if target is None else np.asarray(target)
        label = name.removesuffix(":readout").removesuffix(":linear")
        scores.append(Score(label, node.shape, array, steps, 0.5 if sigmoid else 0.0))
    return scores


def _warnings(beyond: float, share: float) -> tuple[str, ...]:
    if beyond <= 1.25:
        low = "" if beyond > 0.2 else (
            f"the data reach only {beyond:.2g} of the range the network was calibrated on; "
            "is the input scaled as in calibration?"
        )  # fmt: skip
        return (low,) if low else ()
    return (
        f"the data reach {beyond:.3g} times the range the network was calibrated on "
        f"({share:.1%} of the values lie outside); is the input scaled as in calibration?",
    )


