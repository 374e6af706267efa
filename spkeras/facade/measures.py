"""Measures beyond accuracy, of a network and of its CNN."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import keras
import numpy as np

from spkeras.errors import OptionError
from spkeras.metrics.answers import Answers, top

Measure: TypeAlias = str | keras.metrics.Metric
_TOP = re.compile(r"top(\d+)")


def measured(answers: Answers, measures: Sequence[Measure]) -> dict[str, dict[str, float]]:
    """Return each measure of the spiking network and of the CNN, by name.

    Args:
        answers: Of the output, with targets.
        measures: "top5" and the like, names of Keras metrics, or Keras metrics.

    Raises:
        OptionError: no targets, an unknown name, or a metric that does not take the outputs.
    """
    if answers.targets is None:
        raise OptionError("metrics: the samples have no targets; give them to evaluate")
    found = {}
    for measure in measures:
        match = _TOP.fullmatch(measure) if isinstance(measure, str) else None
        if match:
            count = int(match[1])
            values = {"snn": top(answers, count), "cnn": top(answers, count, of_cnn=True)}
            found[str(measure)] = values
            continue
        metric = check_measure(measure)
        outputs = {"snn": answers.outputs, "cnn": answers.cnn}
        found[metric.name] = {n: _value(metric, answers, v) for n, v in outputs.items()}
    return found


def check_measure(measure: Measure) -> keras.metrics.Metric:
    """Return a Keras metric of that name, or the metric itself.

    Raises:
        OptionError: there is none.
    """
    if isinstance(measure, keras.metrics.Metric):
        return measure
    try:
        known = keras.metrics.get(measure)
    except ValueError as error:
        raise OptionError(
            f"metrics: {measure!r}; allowed: 'top5' and the like, names of Keras metrics, or Keras "
            "metrics"
        ) from error
    if isinstance(known, keras.metrics.Metric):
        return known
    return keras.metrics.MeanMetricWrapper(known, name=str(measure))


def check_measures(measures: Sequence[Measure]) -> None:
    """Refuse unknown measures before the work.

    Raises:
        OptionError: see `check_measure`.
    """
    for measure in measures:
        if not (isinstance(measure, str) and _TOP.fullmatch(measure)):
            check_measure(measure)


def _value(metric: keras.metrics.Metric, answers: Answers, outputs: np.ndarray) -> float:
    targets = np.asarray(answers.targets)
    metric.reset_state()
    try:
        metric.update_state(targets, outputs, sample_weight=answers.weights)
        result = metric.result()
    except Exception as error:  # every backend has its own
        raise OptionError(
            f"metrics: {metric.name} does not take targets of shape {targets.shape} with outputs of "
            f"{outputs.shape} ({error})"
        ) from error
    if isinstance(result, Mapping):
        raise OptionError(f"metrics: {metric.name} gives several values; give metrics of one")
    return float(np.mean(keras.ops.convert_to_numpy(result)))
