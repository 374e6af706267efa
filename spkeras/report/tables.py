"""Records as tables of text, for the terminal and for HTML alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from spkeras.metrics import Evaluation, OutputScore, Verification
from spkeras.report.numbers import count, percent, small

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
    settings = _settings(evaluation.settings)
    latency = "" if evaluation.latency == evaluation.timesteps else (
        f", latency {evaluation.latency} steps"
    )  # fmt: skip
    return (
        f"{evaluation.model}: {evaluation.samples} samples, T = {evaluation.timesteps}, "
        f"{schedule(evaluation)}{latency}{settings}, {evaluation.seconds:.1f} s"
    )


def schedule(record: Evaluation | Verification) -> str:
    """The schedule in words."""
    return SCHEDULES.get(record.schedule, record.schedule)


def _settings(settings: Mapping[str, Any]) -> str:
    shown = ("recipe", "neuron", "coding", "readout", "stagger", "weight_bits")
    given = [f"{name} {settings[name]}" for name in shown if settings.get(name) is not None]
    return "".join(f", {text}" for text in given)


def accuracy_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """One table per output: how good it is after 1, 2, 4, ... T steps, and the CNN."""
    rows = _doubling(evaluation.steps)
    return tuple(_score_table(evaluation, score, rows) for score in evaluation.scores)


def _doubling(steps: np.ndarray) -> list[int]:
    """Indices of the steps that are powers of two, and of the last."""
    wanted = [i for i, step in enumerate(steps) if not int(step) & (int(step) - 1)]
    return sorted({*wanted, len(steps) - 1})


def _score_table(evaluation: Evaluation, score: OutputScore, rows: Sequence[int]) -> Table:
    columns: list[tuple[str, np.ndarray, Callable[[float | None], str], float | None]] = []
    if score.accuracy is not None:
        columns.append(("accuracy", score.accuracy, percent, score.cnn_accuracy))
    if score.agreement is not None:
        columns.append(("same decision as CNN", score.agreement, percent, 1.0))
    if score.error is not None:
        columns.append(("rms error", score.error, small, score.cnn_error))
    columns.append(("rms difference to CNN", score.deviation, small, 0.0))
    spikes = np.sum(list(evaluation.layer_spikes.values()), axis=0, dtype=float)
    columns.append(("spikes per sample", np.broadcast_to(spikes, len(evaluation.steps)), count,
                    None))  # fmt: skip
    body = tuple(
        (str(int(evaluation.steps[row])), *(show(values[row]) for _, values, show, _ in columns))
        for row in rows
    )
    return Table(
        f"{score.name}: {score.task} after T steps, {schedule(evaluation)}",
        ("T", *(name for name, *_ in columns)),
        body,
        ("CNN", *(show(cnn) for _, _, show, cnn in columns)),
    )


def layer_table(evaluation: Evaluation) -> Table:
    """Spikes and operations of each layer of neurons, per sample, over the whole run."""
    activity = evaluation.activity
    rows = tuple(
        (
            layer.name,
            count(layer.neurons),
            count(layer.spikes),
            small(layer.spikes_per_neuron),
            small(layer.firing_rate),
            percent(layer.silent),
            count(layer.synaptic_operations),
        )
        for layer in activity.layers
    )
    total = count(activity.synaptic_operations)
    per_neuron = small(activity.spikes_per_neuron)
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
        ),
        rows,
        ("all", "", count(activity.spikes), per_neuron, "", "", total),
    )


def operations(evaluation: Evaluation) -> str:
    """What the network adds and multiplies, beside what the CNN multiplies."""
    activity = evaluation.activity
    return (
        f"Operations per sample: {count(activity.synaptic_operations)} synaptic additions and "
        f"{count(activity.input_macs)} multiply-accumulates at the input; the CNN: "
        f"{count(activity.cnn_macs)} multiply-accumulates."
    )


def verification_tables(verification: Verification) -> tuple[Table, ...]:
    """The folded graph against the CNN, rates against activations, and the stages between."""
    return (
        _check_table(verification),
        _neuron_table(verification),
        _stage_table(verification),
    )


def _check_table(verification: Verification) -> Table:
    rows = tuple((c.name, small(c.error), small(c.relative)) for c in verification.layers)
    header = ("layer", "largest error", "relative")
    return Table("Folded graph against the CNN, floating point", header, rows)


def _neuron_table(verification: Verification) -> Table:
    parts = ("error", "clipping", "quantization", "unevenness")
    rows = tuple(
        (
            check.name,
            f"{check.correlation:.4f}",
            f"{check.bias:+.4f}",
            *(f"{getattr(check, part):.4f}" for part in parts),
            *(percent(share) for share in (check.exact, check.saturated, check.silent)),
        )
        for check in verification.neurons
    )
    return Table(
        "Firing rates against activations (rms, in units of the layer's scale), "
        f"T = {verification.timesteps}, {schedule(verification)}",
        ("layer", "correlation", "bias", *parts, "exact", "saturated", "silent"),
        rows,
    )


def _stage_table(verification: Verification) -> Table:
    rows = tuple(
        (stage, percent(verification.decisions.get(stage)), small(error))
        for stage, error in verification.output_error.items()
    )
    header = ("stage", "same decision as CNN", "rms difference of outputs")
    return Table("What each stage of the conversion costs", header, rows)


def findings(verification: Verification) -> tuple[str, ...]:
    """What the tables of a verification come to."""
    if not verification.layers:
        faithful = "No layer of the CNN stands in the folded graph as it is: none was compared."
    elif verification.faithful:
        faithful = "The folded graph equals the CNN in every layer (relative error below 1e-5)."
    else:
        faithful = "The folded graph differs from the CNN: see the relative errors above 1e-5."
    first = verification.departs_first
    departs = (
        f"The first layer whose rates depart by more than its levels explain: {first}."
        if first
        else "No layer's rates depart by more than its levels explain."
    )
    return faithful, departs


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
