"""Plots of records, by matplotlib without a display and without global state."""

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from spkeras.metrics import Evaluation, OutputScore
from spkeras.report.activity import scale_at
from spkeras.report.steps import first_row
from spkeras.report.tables import phrase, schedule

# Largest number of layers that get a legend.
_NAMED = 8


@rc_context({"text.parse_math": False})  # "$" in a name is no formula
def accuracy_over_time(evaluation: Evaluation) -> Figure:
    """Draw accuracy and spikes over the steps.

    The first panel shows accuracy; without labels the share of equal decisions; for regression
    the rms error. It begins at the first step at which the read-out has received a spike. A dot
    marks the T that the network was built for, a dashed line the reference. Where samples stop
    by themselves, a dotted line (right axis) shows the share that has settled.

    The second panel shows spikes per neuron of each layer. Where spikes are graded, a third
    panel shows spikes by exponent, stacked by layer.

    Args:
        evaluation: One run.

    Returns:
        The figure; its first two panels share an axis of T with powers of two.
    """
    graded = evaluation.activity.graded
    figure = Figure(figsize=(7, 9 if graded else 6), layout="constrained")
    above, below, *more = figure.subplots(3 if graded else 2, 1)
    below.sharex(above)
    for score in evaluation.scores:
        _draw_score(above, evaluation, score)
    _draw_settled(above, evaluation)
    _draw_spikes(below, evaluation)
    above.legend()
    for axes in (above, below):
        axes.set_xscale("log", base=2)
        axes.grid(alpha=0.3)
    above.tick_params(labelbottom=False)
    below.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    below.set_xlabel(f"time steps T ({schedule(evaluation)})")
    for axes in more:
        _draw_exponents(axes, evaluation)
    figure.suptitle(f"{evaluation.model}, {evaluation.samples} samples")
    return figure


def _draw_score(axes: Axes, evaluation: Evaluation, score: OutputScore) -> None:
    reference = evaluation.reference
    values, cnn, label = _course(score, reference)
    prefix = f"{score.name}: " if len(evaluation.scores) > 1 else ""
    first, steps = first_row(evaluation, score), evaluation.steps
    (line,) = axes.plot(steps[first:], values[first:], label=f"{prefix}SNN")
    if score.first > 1:
        axes.axvline(
            score.first,
            linewidth=0.8,
            color="grey",
            label=f"{prefix}read-out starts, step {score.first}",
        )
    for place in np.flatnonzero(steps == evaluation.built_for):
        axes.plot(
            steps[place],
            values[place],
            "o",
            color=line.get_color(),
            label=f"{prefix}built for T = {evaluation.built_for}",
        )
    if cnn is not None:
        axes.axhline(cnn, linestyle="--", color=line.get_color(), label=f"{prefix}{reference}")
    axes.set_ylabel(label)


def _course(score: OutputScore, reference: str) -> tuple[np.ndarray, float | None, str]:
    if score.accuracy is not None:
        cnn = None if score.cnn_accuracy is None else 100 * score.cnn_accuracy
        return 100 * score.accuracy, cnn, "accuracy [%]"
    if score.agreement is not None:
        return 100 * score.agreement, None, f"same decision as {phrase(reference)} [%]"
    if score.error is not None:
        return score.error, score.cnn_error, "rms error"
    return score.deviation, None, f"rms difference to {phrase(reference)}"


def _draw_settled(axes: Axes, evaluation: Evaluation) -> None:
    if evaluation.convergence is None:
        return
    # A second axis: on the axis of the share, differences in accuracy would vanish.
    settled = axes.twinx()
    settled.plot(evaluation.steps, 100 * evaluation.convergence.within, ":", color="grey")
    settled.set_ylim(0, 105)
    settled.set_ylabel("samples settled [%] (dotted)", color="grey")


def _draw_exponents(axes: Axes, evaluation: Evaluation) -> None:
    layers = [layer for layer in evaluation.activity.layers if layer.exponents]
    floor = np.zeros(len(evaluation.activity.exponents))
    for layer in layers:
        spikes = np.zeros_like(floor)
        spikes[: len(layer.exponents)] = layer.exponents
        axes.bar(np.arange(len(floor)), spikes, bottom=floor, label=layer.name)
        floor += spikes
    if len(layers) <= _NAMED:
        axes.legend(fontsize="small")
    axes.set_xlabel(f"exponent k of a spike{scale_at(evaluation)}")
    axes.set_ylabel("spikes per sample")


def _draw_spikes(axes: Axes, evaluation: Evaluation) -> None:
    for layer in evaluation.activity.layers:
        spikes = evaluation.layer_spikes[layer.name] / layer.neurons
        axes.plot(evaluation.steps, spikes, linewidth=1, label=layer.name)
    if 0 < len(evaluation.activity.layers) <= _NAMED:
        axes.legend(fontsize="small")
    axes.set_ylabel("spikes per neuron")
