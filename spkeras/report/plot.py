"""Plots of records; matplotlib without a window and without global state."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from spkeras.metrics import Evaluation, OutputScore
from spkeras.report.tables import schedule


def accuracy_over_time(evaluation: Evaluation) -> Figure:
    """How good the answer is, and how many spikes it took, over the steps.

    Args:
        evaluation: One run.

    Returns:
        A figure of two panels over a common axis of T (powers of two): accuracy (without
        labels the share of the CNN's decisions, for regression the rms error) with the CNN
        dashed, and spikes per neuron of each layer.
    """
    figure = Figure(figsize=(7, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for score in evaluation.scores:
        _draw_score(above, evaluation.steps, score, len(evaluation.scores) > 1)
    _draw_spikes(below, evaluation)
    above.legend()
    for axes in (above, below):
        axes.set_xscale("log", base=2)
        axes.grid(alpha=0.3)
    below.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    below.set_xlabel(f"time steps T ({schedule(evaluation)})")
    figure.suptitle(f"{evaluation.model}, {evaluation.samples} samples")
    return figure


def _draw_score(axes: Axes, steps: np.ndarray, score: OutputScore, named: bool) -> None:
    values, cnn, label = _course(score)
    prefix = f"{score.name}: " if named else ""
    (line,) = axes.plot(steps, values, label=f"{prefix}SNN")
    if cnn is not None:
        axes.axhline(cnn, linestyle="--", color=line.get_color(), label=f"{prefix}CNN")
    axes.set_ylabel(label)


def _course(score: OutputScore) -> tuple[np.ndarray, float | None, str]:
    if score.accuracy is not None:
        cnn = None if score.cnn_accuracy is None else 100 * score.cnn_accuracy
        return 100 * score.accuracy, cnn, "accuracy [%]"
    if score.agreement is not None:
        return 100 * score.agreement, None, "same decision as the CNN [%]"
    if score.error is not None:
        return score.error, score.cnn_error, "rms error"
    return score.deviation, None, "rms difference to the CNN"


def _draw_spikes(axes: Axes, evaluation: Evaluation) -> None:
    for layer in evaluation.activity.layers:
        spikes = evaluation.layer_spikes[layer.name] / layer.neurons
        axes.plot(evaluation.steps, spikes, linewidth=1, label=layer.name)
    if 0 < len(evaluation.activity.layers) <= 8:
        axes.legend(fontsize="small")
    axes.set_ylabel("spikes per neuron")
