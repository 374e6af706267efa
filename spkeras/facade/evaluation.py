"""Score a converted network over a data set, in one run."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from spkeras.data.batches import as_samples, check_range
from spkeras.errors import DataError
from spkeras.graph import Graph
from spkeras.metrics import Evaluation, Score, activity, settling
from spkeras.simulate import Simulation
from spkeras.snn.settings import configured
from spkeras.snn.spike_loop import loop_of

Progress = Callable[[int, int], None]


def _quiet(done: int, total: int) -> None:
    """No progress shown."""


def evaluate(
    snn: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 100,
    any_range: bool = False,
    engine: str = "auto",
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
        any_range: Accept samples far outside the calibrated range, too.
        engine: "dense" runs one Keras pass a step on any backend; "events" follows the spikes
            (needs numba); "auto" takes events wherever they can run the network. Both compute
            in float32; the result names the one that ran.
        progress: Told (sample steps done, sample steps in all).
        settings: `timesteps`, `schedule`, `stagger`, `coding`, `seed` for this run instead of
            the network's own.

    Returns:
        Accuracy (or error), agreement with the CNN, spikes and operations, latency, and when
        samples settled.

    Raises:
        DataError: samples or targets do not fit, or samples reach beyond twice the range the
            network was calibrated on.
        OptionError: a setting out of its range, or an engine that cannot run the network.
    """
    loop = loop_of(snn)
    graph = loop.graph
    samples = as_samples(graph, x)
    if not any_range:
        check_range(graph, samples)
    with configured(loop, settings):
        simulation = Simulation(loop, engine)
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
            loop.depth,
            settling(trace),
            simulation.engine,
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
