"""Score a converted network over a data set, in one run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from spkeras.data import DataLike
from spkeras.data.values import is_array
from spkeras.errors import OptionError
from spkeras.facade.measures import Measure, check_measures, measured
from spkeras.facade.scoring import scored
from spkeras.facade.shards import EvaluationPlan
from spkeras.metrics.early_exit import EarlyExit
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress
from spkeras.recipes.arguments import check_arguments
from spkeras.report.objects import Evaluation
from spkeras.snn.converted import converted_of
from spkeras.snn.settings import configured


def evaluate(
    snn: keras.Model,
    x: DataLike,
    y: object = None,
    *,
    sample_weight: object = None,
    batch_size: int = 100,
    any_range: bool = False,
    insist: bool = False,
    engine: str = "auto",
    early_exit: EarlyExit | float | None = None,
    cnn: keras.Model | None = None,
    predictions: bool = False,
    metrics: Sequence[Measure] = (),
    progress: Progress | None = None,
    verbose: str | int = "auto",
    **settings: Any,
) -> Evaluation:
    """Run a converted network once to T and score it at every step.

    Args:
        snn: From `convert`, or loaded from a file.
        x: Samples, as the CNN takes them; a list for several inputs; or any other form of
            docs/data.md, also with labels. A stream is read batch by batch. Frames in time
            (samples, T, ...) are fed step by step: the input of step t is frame t.
        y: Labels (whole numbers or one-hot), real targets, or None; a list for several
            outputs. None for data that have labels.
        sample_weight: A number from 0 for each sample, (samples,); also as (x, y, sample_weight) in
            `x`. Accuracy, agreement, errors and `metrics` are weighted means; spikes and operations
            are means over all samples, and no interval is given.
        batch_size: Most samples at once; memory depends on it, not on T or the data.
        any_range: Accept samples far outside the calibrated range.
        insist: Accept labels on which the CNN is near chance.
        engine: "dense" runs one Keras pass a step on any backend; "events" follows the spikes
            (needs numba); "auto" takes events wherever they can run the network. Both compute
            in float32; the result names the one that ran.
        early_exit: Report what it saves and costs to stop each sample once its decision is
            stable: a margin, or an `EarlyExit`, whose `stop` ends their simulation.
        cnn: The Keras model that was converted, to compare with. None: what the network holds of
            it; `Evaluation.reference` says whose figures stand there.
        predictions: Keep the outputs of each sample, for `result.predictions`, `confusion`,
            `changed` and `top`.
        metrics: More measures of the first output after T steps: "top5" and the like, Keras
            metrics or their names; they take logits where the CNN ends in softmax. The result
            has them in `measures`.
        progress: Called with (sample steps done, sample steps in all); of a stream whose
            length is not known, 0 in all.
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.
        settings: `timesteps`, `schedule`, `stagger`, `input_encoding`, `seed` for this run instead of
            the network's own.

    Returns:
        Accuracy (or error), agreement with the CNN, spikes and operations, latency, and when
        samples settled or would stop. Its warnings go to the logger "spkeras", too.

    Raises:
        DataError: samples or targets do not fit, samples reach beyond twice the range the
            network was calibrated on, `cnn` is another model than the one converted, or the
            CNN's decisions have nothing to do with the labels.
        WeightsError: weights or thresholds are NaN or infinite.
        OptionError: a setting out of its range, an engine that cannot run the network, or early
            exit where no decision is taken step by step.
    """
    flags = {"any_range": any_range, "insist": insist}
    check_arguments(batch_size=batch_size, progress=progress, early_exit=early_exit, **flags)
    if cnn is not None:
        check_arguments(cnn=cnn)
    check_measures(metrics)
    x, y = _weighted(x, y, sample_weight)
    loop = converted_of(snn)
    with configured(loop, settings), reported(progress, verbose, "sample step") as report:
        plan = EvaluationPlan(
            snn.name,
            loop,
            x,
            y,
            batch_size=batch_size,
            any_range=any_range,
            engine=engine,
            early_exit=early_exit,
            cnn=cnn,
            predictions=predictions or bool(metrics),
        )
        result = scored(plan, engine, insist, report)
    if not metrics:
        return result
    kept = result.answers if predictions else ()
    return replace(result, measures=measured(result.answers[0], metrics), answers=kept)


def _weighted(x: Any, y: object, weights: object) -> tuple[Any, object]:
    """Return samples and labels, with weights among the samples where they are given apart."""
    if weights is None:
        return x, y
    if not is_array(x) and not isinstance(x, list):
        raise OptionError(
            f"sample_weight with samples as {type(x).__name__}; allowed: with arrays; else samples, "
            "labels and weights together, (x, y, sample_weight)"
        )
    return (x, y, weights), None
