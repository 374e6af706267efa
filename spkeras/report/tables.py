"""Records as tables of text, for the terminal and for HTML alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from spkeras.metrics import Evaluation, LayerActivity, OutputScore, Settling, Verification
from spkeras.ops.names import GRADED
from spkeras.report.numbers import count, percent, small
from spkeras.report.steps import built_for, first_row, mark

# Title, values at each step, how to show one, and the CNN's.
_Column = tuple[str, np.ndarray, Callable[[float | None], str], float | None]

SCHEDULES = {"clock_driven": "clock-driven", "layer_synchronous": "layer-synchronous"}


@dataclass(frozen=True)
class Table:
    """Text in rows.

    Attributes:
        title: What the table shows.
        header: Names of the columns. The first column is a name, the others are numbers
            unless `words` says otherwise.
        rows: One text per column.
        footer: A last row of sums, or nothing.
        words: Indices of columns that hold words.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footer: tuple[str, ...] = ()
    words: frozenset[int] = field(default_factory=lambda: frozenset({0}))


class Verdict(Protocol):
    """What `inspect` says of one layer."""

    name: str
    kind: str
    verdict: str
    reason: str
    shape: tuple[int | None, ...]
    parameters: int
    macs: int


def summary(evaluation: Evaluation) -> str:
    """What was run and how, in one line; every figure of an evaluation holds under it."""
    return (
        f"{evaluation.model}: {evaluation.samples} samples, {built_for(evaluation)}, "
        f"{schedule(evaluation)}, latency {evaluation.latency} steps "
        f"({evaluation.pipelined_latency} pipelined){_settings(evaluation.settings)}, "
        f"{evaluation.seconds:.1f} s ({evaluation.engine})"
    )


def latency(evaluation: Evaluation) -> str:
    """When the answer stands, on both kinds of hardware, and when samples stop by themselves."""
    steps, depth, last = evaluation.timesteps, evaluation.depth, evaluation.settling
    text = (
        f"Latency: {evaluation.latency} steps where a spike passes all layers within its step; "
        f"{evaluation.pipelined_latency} on pipelined hardware, one more for each of {depth} "
        f"layers of neurons in a row, with one sample every {steps} steps."
    )
    return text if last is None else f"{text} {_settled(last, steps)}"


def _settled(settling: Settling, steps: int) -> str:
    if settling.share == 0:
        return f"No sample settles within T = {steps}."
    mean = f"after {small(settling.mean)} steps on average, {settling.maximum} at most"
    if settling.share == 1:
        return f"All samples settle: {mean}."
    return (
        f"{percent(settling.share)} of the samples settle within T = {steps}: {mean}, counting "
        f"those that still send as {steps}."
    )


def schedule(record: Evaluation | Verification) -> str:
    """The schedule in words."""
    return SCHEDULES.get(record.schedule, record.schedule)


def _settings(settings: Mapping[str, Any]) -> str:
    graded = ("levels", "headroom", "mantissa_bits") if settings.get("neuron") in GRADED else ()
    shown = ("recipe", "neuron", "code", *graded, "coding", "readout", "stagger", "weight_bits")
    given = [f"{name} {settings[name]}" for name in shown if settings.get(name) is not None]
    return "".join(f", {text}" for text in given)


def accuracy_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """One table per output: how good it is after 1, 2, 4, ... T steps, and the CNN.

    It begins at the first step at which the read-out has received something, and marks the T
    that the network was built for.
    """
    return tuple(_score_table(evaluation, score) for score in evaluation.scores)


def doubling(steps: Sequence[int] | np.ndarray, first: int = 0) -> list[int]:
    """Indices, from `first`, of it, of the steps that are powers of two, and of the last."""
    wanted = [i for i, step in enumerate(steps) if i >= first and not int(step) & (int(step) - 1)]
    return sorted({first, *wanted, len(steps) - 1})


def _score_table(evaluation: Evaluation, score: OutputScore) -> Table:
    first = first_row(evaluation, score)
    rows = sorted({*doubling(evaluation.steps, first), *_built(evaluation, first)})
    columns: list[_Column] = []
    if score.accuracy is not None:
        columns.append(("accuracy", score.accuracy, percent, score.cnn_accuracy))
    if score.agreement is not None:
        columns.append(("same decision as CNN", score.agreement, percent, 1.0))
    if score.error is not None:
        columns.append(("rms error", score.error, small, score.cnn_error))
    columns.append(("rms difference to CNN", score.deviation, small, 0.0))
    columns += _course_columns(evaluation)
    body = tuple(
        (
            mark(evaluation, int(evaluation.steps[row])),
            *(show(values[row]) for _, values, show, _ in columns),
        )
        for row in rows
    )
    return Table(
        f"{score.name}: {score.task} after T steps, {schedule(evaluation)}",
        ("T", *(name for name, *_ in columns)),
        body,
        ("CNN", *(show(cnn) for _, _, show, cnn in columns)),
    )


def _built(evaluation: Evaluation, first: int) -> list[int]:
    """Index of the step that the network was built for, where the run reaches it."""
    places = np.flatnonzero(evaluation.steps == evaluation.built_for)
    return [int(place) for place in places if place >= first]


def _course_columns(evaluation: Evaluation) -> list[_Column]:
    """What it takes to run for so many steps."""
    steps, settling = evaluation.steps, evaluation.settling
    spikes = np.sum(list(evaluation.layer_spikes.values()), axis=0, dtype=float)
    columns: list[_Column] = [("spikes per sample", np.broadcast_to(spikes, len(steps)), count,
                               None)]  # fmt: skip
    if settling is not None:
        columns.append(("settled", settling.within, percent, None))
    latencies = steps * (evaluation.latency // evaluation.timesteps)
    if evaluation.latency != evaluation.timesteps:
        columns.append(("latency", latencies, _whole, None))
    columns.append(("pipelined latency", latencies + evaluation.depth, _whole, None))
    return columns


def _whole(number: float | None) -> str:
    return "" if number is None else str(int(number))


# Of a layer: what it is called, and where it stands; only where a network has any of it.
_COSTS = (
    ("accumulates", "accumulates"),
    ("shift-adds", "shift_adds"),
    ("payload bits", "payload_bits"),
    ("function evaluations", "function_evaluations"),
)


def layer_table(evaluation: Evaluation) -> Table:
    """Spikes and operations of each layer of neurons, per sample, over the whole run."""
    activity = evaluation.activity
    # Of one-bit spikes each synaptic operation is an accumulate.
    costs = [pair for pair in _COSTS if getattr(activity, pair[1])]
    costs = costs if activity.graded else [pair for pair in costs if pair[1] != "accumulates"]
    return Table(
        f"Spikes and operations per sample in T = {evaluation.timesteps} steps, "
        f"{schedule(evaluation)}",
        (
            "layer",
            "neurons",
            "spikes",
            "per neuron",
            "firing rate",
            "silent",
            "synaptic operations",
            *(title for title, _ in costs),
        ),
        tuple(
            (*_layer_row(layer), *(count(getattr(layer, name)) for _, name in costs))
            for layer in activity.layers
        ),
        (
            "all",
            "",
            count(activity.spikes),
            small(activity.spikes_per_neuron),
            "",
            "",
            count(activity.synaptic_operations),
            *(count(getattr(activity, name)) for _, name in costs),
        ),
    )


def _layer_row(layer: LayerActivity) -> tuple[str, ...]:
    return (
        layer.name,
        count(layer.neurons),
        count(layer.spikes),
        small(layer.spikes_per_neuron),
        small(layer.firing_rate),
        percent(layer.silent),
        count(layer.synaptic_operations),
    )


def activity_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """Spikes and operations by layer and, where spikes are graded, spikes by exponent."""
    layers = layer_table(evaluation)
    return (layers, _exponent_table(evaluation)) if evaluation.activity.graded else (layers,)


def _exponent_table(evaluation: Evaluation) -> Table:
    activity = evaluation.activity
    width = len(activity.exponents)

    def cells(exponents: Sequence[float]) -> tuple[str, ...]:
        return (*map(count, exponents), *[""] * (width - len(exponents)))

    graded = (layer for layer in activity.layers if layer.exponents)
    rows = tuple((layer.name, *cells(layer.exponents)) for layer in graded)
    title = f"Spikes per sample by exponent k{scale_at(evaluation)}"
    header = ("layer", *(f"k = {k}" for k in range(width)))
    return Table(title, header, rows, ("all", *cells(activity.exponents)))


def scale_at(evaluation: Evaluation) -> str:
    """Which spike is as large as its layer's scale, for titles."""
    headroom = int(evaluation.settings.get("headroom") or 0)
    return f"; the layer's scale is k = {headroom}, each further one half of it"


def operations(evaluation: Evaluation) -> str:
    """What the network adds and multiplies, beside what the CNN multiplies."""
    activity = evaluation.activity
    if activity.graded:
        additions = (
            f"{count(activity.accumulates)} accumulates and {count(activity.shift_adds)} "
            "shift-and-adds (one for each bit set in a spike, counted in some samples) in "
            f"{count(activity.synaptic_operations)} synaptic operations; "
            f"{count(activity.payload_bits)} bits of payload;"
        )
    else:
        additions = f"{count(activity.synaptic_operations)} synaptic additions;"
    functions = ""
    if activity.function_evaluations:
        functions = f" {count(activity.function_evaluations)} function evaluations in neurons"
        if activity.function_macs:
            functions += f" with {count(activity.function_macs)} multiply-accumulates"
        functions += ";"
    return (
        f"Operations per sample: {additions}{functions} {count(activity.input_macs)} "
        f"multiply-accumulates at the input; the CNN: {count(activity.cnn_macs)} "
        "multiply-accumulates."
    )


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """What becomes of each layer."""
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
