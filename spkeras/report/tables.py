"""Tables of text, used by the terminal and by HTML."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spkeras.metrics import Convergence, Evaluation, OutputScore, Verification
from spkeras.ops.names import NEURON_MODELS
from spkeras.report.numbers import count, percent, ratio, small
from spkeras.report.steps import built_for, first_row, mark

if TYPE_CHECKING:
    # Imports Keras, which reading a record does not need.
    from spkeras.frontend.verdict import LayerVerdict

# Title, values at each step, formatter of a value, and the CNN's value.
_Column = tuple[str, np.ndarray, Callable[[float | None], str], float | None]

SCHEDULES = {
    "clock_driven": "clock-driven",
    "layer_synchronous": "layer-synchronous",
    "early_firing": "early firing",
}


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: What the table shows.
        header: Names of the columns. The first column holds names, the others hold numbers
            unless `words` says otherwise.
        rows: One text per column.
        footer: Last row, with sums; empty for none.
        words: Indices of the columns that hold words, aligned left.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footer: tuple[str, ...] = ()
    words: frozenset[int] = field(default_factory=lambda: frozenset({0}))


def summary(evaluation: Evaluation) -> str:
    """Return what was run and how, in one line; it applies to every figure of the evaluation."""
    return (
        f"{evaluation.model}: {evaluation.samples} samples, {built_for(evaluation)}, "
        f"{schedule(evaluation)}, latency {_time(evaluation)}"
        f"{_settings(evaluation.settings)}, "
        f"{evaluation.seconds:.1f} s ({evaluation.engine})"
    )


def latency(evaluation: Evaluation) -> str:
    """Return when the answer is complete, on both kinds of hardware, and when samples settle."""
    steps, depth, last = evaluation.timesteps, evaluation.depth, evaluation.convergence
    if steps is None or evaluation.windows:
        return _windows(evaluation)
    text = (
        f"Latency: {evaluation.latency} steps where a spike passes all layers within its step; "
        f"{evaluation.pipelined_latency} on pipelined hardware, one more for each of {depth} "
        f"layers of neurons in a row, with one sample every {steps} steps."
    )
    return text if last is None else f"{text} {_settled(last, steps)}"


def _windows(evaluation: Evaluation) -> str:
    """Return the latency of a network whose layers fire in windows."""
    count, steps = evaluation.windows, evaluation.timesteps
    if steps is None:
        return (
            f"Latency: {evaluation.latency:.4g} in continuous time, in which the window of the "
            f"input takes 1; {count} windows, one for the input and one for each layer in a row."
        )
    return (
        f"Latency: {evaluation.latency} steps: {count} windows of {steps} steps, one for the input "
        f"and one for each layer of neurons in a row; on pipelined hardware one sample every {steps} "
        "steps."
    )


def _time(evaluation: Evaluation) -> str:
    """Return the latency with its unit."""
    if evaluation.timesteps is None:
        return f"{evaluation.latency:.4g} (continuous time)"
    pipelined = evaluation.pipelined_latency
    return f"{evaluation.latency} steps" + (f" ({pipelined} pipelined)" if pipelined else "")


def _settled(settling: Convergence, steps: int) -> str:
    if settling.share == 0:
        return f"No sample settles within T = {steps}."
    mean = f"after {small(settling.mean)} steps on average, {settling.maximum} at most"
    if settling.share == 1:
        return f"All samples settle: {mean}."
    return (
        f"{percent(settling.share)} of the samples settle within T = {steps}: {mean}, counting "
        f"those that still fire as {steps}."
    )


def schedule(record: Evaluation | Verification) -> str:
    """Return the schedule in words."""
    return SCHEDULES.get(record.schedule, record.schedule)


def _settings(settings: Mapping[str, Any]) -> str:
    model = NEURON_MODELS.get(settings.get("neuron", ""))
    graded = ("levels", "levels_above_scale", "mantissa_bits") if model and model.graded else ()
    shown = ("recipe", "kernel", "neuron", "spike_code", *graded)
    shown += ("input_encoding", "readout", "stagger", "start", "weight_bits")
    shown += ("threshold_bits", "membrane_bits", "relays")
    given = [f"{name} {settings[name]}" for name in shown if settings.get(name) is not None]
    return "".join(f", {text}" for text in given)


def phrase(reference: str) -> str:
    """Return a reference's name for use within a sentence."""
    return reference if reference == "own weights" else f"the {reference}"


def reference_sentence(evaluation: Evaluation) -> str:
    """Return which network the last row shows where it is not the CNN; "" where it is."""
    return {
        "twin": "The twin is the CNN as it was trained for spikes (`spkeras finetune`), the "
        "network that was converted. The accuracy of the CNN before that training is not measured here.",
        "own weights": "The row of own weights shows this network on real values, with all changes "
        "made since the conversion: it is not the CNN.",
    }.get(evaluation.reference, "")


def accuracy_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """Return one table per output: its quality after 1, 2, 4, ... T steps, and the reference.

    A table begins at the first step at which the read-out has received a spike. It marks the T
    that the network was built for.
    """
    return tuple(_score_table(evaluation, score) for score in evaluation.scores)


def doubling(steps: Sequence[int] | np.ndarray, first: int = 0) -> list[int]:
    """Return the indices of `first`, of later steps that are powers of two, and of the last."""
    wanted = [i for i, step in enumerate(steps) if i >= first and not int(step) & (int(step) - 1)]
    return sorted({first, *wanted, len(steps) - 1})


def _score_table(evaluation: Evaluation, score: OutputScore) -> Table:
    first = first_row(evaluation, score)
    rows = sorted({*doubling(evaluation.steps, first), *_built(evaluation, first)})
    columns: list[_Column] = []
    reference = evaluation.reference
    if score.accuracy is not None:
        columns.append(("accuracy", score.accuracy, percent, score.cnn_accuracy))
    if score.agreement is not None:
        columns.append((f"same decision as {reference}", score.agreement, percent, 1.0))
    if score.error is not None:
        columns.append(("rms error", score.error, small, score.cnn_error))
    columns.append((f"rms difference to {reference}", score.deviation, small, 0.0))
    columns += _course_columns(evaluation)
    body = tuple(
        (
            mark(evaluation, evaluation.steps[row]),
            *(show(values[row]) for _, values, show, _ in columns),
        )
        for row in rows
    )
    when = "once all windows are over" if evaluation.windows else "after T steps"
    return Table(
        f"{score.name}: {score.task} {when}, {schedule(evaluation)}",
        ("latency" if evaluation.windows else "T", *(name for name, *_ in columns)),
        body,
        (reference, *(show(cnn) for _, _, show, cnn in columns)),
    )


def _built(evaluation: Evaluation, first: int) -> list[int]:
    """Return the index of the step the network was built for; empty if the run ends before."""
    places = np.flatnonzero(evaluation.steps == evaluation.built_for)
    return [int(place) for place in places if place >= first]


def _course_columns(evaluation: Evaluation) -> list[_Column]:
    """Return the columns of cost after each number of steps: spikes, latency, operations."""
    steps, settling = evaluation.steps, evaluation.convergence
    spikes = np.sum(list(evaluation.layer_spikes.values()), axis=0, dtype=float)
    columns: list[_Column] = [
        ("spikes per sample", np.broadcast_to(spikes, len(steps)), count, None)
    ]
    if evaluation.windows or evaluation.timesteps is None:
        return [*columns, *_window_columns(evaluation)]
    if settling is not None:
        columns.append(("settled", settling.within, percent, None))
    total, own = evaluation.latency, evaluation.timesteps
    # Windows follow one another; steps before the first spike of a layer are the same for all T.
    waits = evaluation.schedule != "clock_driven"
    latencies = steps * (total // own) if waits else steps + (total - own)
    if evaluation.latency != evaluation.timesteps:
        columns.append(("latency", latencies, _whole, None))
    columns.append(("pipelined latency", latencies + evaluation.depth, _whole, None))
    return [*columns, *_operation_columns(evaluation)]


def _window_columns(evaluation: Evaluation) -> list[_Column]:
    """Return operations over the CNN's MACs for the one answer of a network of windows."""
    activity = evaluation.activity
    if not activity.cnn_macs:
        return []
    share = np.array([activity.synaptic_operations / activity.cnn_macs])
    return [("SOPs / CNN MACs", share, ratio, None)]


def _operation_columns(evaluation: Evaluation) -> list[_Column]:
    """Return operations so far over the CNN's MACs; the loop's only where there are any."""
    activity = evaluation.activity
    if not activity.cnn_macs:
        return []
    titles = {
        "synaptic_operations": "SOPs / CNN MACs",
        "loop_macs": "loop MACs / CNN MACs",
        "membrane_updates": "updates / CNN MACs",
    }
    shown = (name for name in titles if name != "loop_macs" or activity.loop_macs)
    return [
        (titles[name], np.array(activity.courses[name]) / activity.cnn_macs, ratio, None)
        for name in shown
        if name in activity.courses
    ]


def _whole(number: float | None) -> str:
    return "" if number is None else str(int(number))


def verdict_table(verdicts: "Sequence[LayerVerdict]") -> Table:
    """Return a table with the verdict on each layer."""
    rows = tuple(
        (
            layer.name,
            layer.kind,
            "x".join("?" if size is None else str(size) for size in layer.shape),
            count(layer.parameters),
            count(layer.macs),
            layer.verdict,
            layer.reason,
        )
        for layer in verdicts
    )
    header = ("layer", "kind", "shape", "parameters", "MACs", "verdict", "why")
    return Table("Layers", header, rows, words=frozenset({0, 1, 2, 5, 6}))
