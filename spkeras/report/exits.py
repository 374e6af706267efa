"""Table and sentence on early exit."""

from spkeras.metrics import Evaluation, ExitRow
from spkeras.report.numbers import count, percent, ratio, small
from spkeras.report.steps import built_for
from spkeras.report.tables import Table


def exit_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """Return what each margin saves and costs; empty without an early-exit policy."""
    course = evaluation.early_exit
    if course is None:
        return ()
    rows = tuple((*_row(row), *_operations(evaluation, row)) for row in course.rows)
    really = (
        "samples stopped"
        if course.policy.stop
        else f"all samples simulated to {built_for(evaluation)}"
    )
    title = f"Early exit, patience {course.policy.patience}; {really}"
    if evaluation.first_step > 1:
        title += f"; no exit before the read-out starts at step {evaluation.first_step}"
    header: tuple[str, ...] = (
        "margin",
        "mean T",
        "stop before T",
        "accuracy",
        "accuracy lost",
        "decisions changed",
        "spikes per sample",
        "spikes saved",
    )
    if _operations(evaluation, course.chosen):
        header = (*header, "SOPs / CNN MACs, about")
    return (Table(title, header, rows),)


def _operations(evaluation: Evaluation, row: ExitRow) -> tuple[str, ...]:
    """Return synaptic operations over the CNN's MACs, estimated with the run's mean fan-out."""
    activity = evaluation.activity
    if not activity.cnn_macs or not activity.spikes:
        return ()
    fan_out = activity.synaptic_operations / activity.spikes
    return (ratio(row.spikes * fan_out / activity.cnn_macs),)


def _row(row: ExitRow) -> tuple[str, ...]:
    return (
        f"{row.margin:g}",
        f"{row.steps:.2f}",
        percent(row.exits),
        percent(row.accuracy),
        percent(row.cost),
        percent(row.changed),
        count(row.spikes),
        percent(row.saved),
    )


def exit_sentence(evaluation: Evaluation) -> str:
    """Return the result of the chosen policy as a sentence; "" without a policy."""
    course = evaluation.early_exit
    if course is None:
        return ""
    row, end = course.chosen, evaluation.timesteps
    lead = f"Early exit at a lead of {row.margin:g} steps: {small(row.steps)} of {end} steps on average"
    if course.policy.stop:
        accuracy = "" if row.accuracy is None else f", accuracy {percent(row.accuracy)}"
        return f"{lead}{accuracy}; samples stopped at their exit, their decisions at T are unknown."
    lost = "" if row.cost is None else f"{percent(row.cost)} of accuracy lost, "
    return (
        f"{lead}, {lost}{percent(row.changed)} of the decisions changed, {percent(row.saved)} of the "
        "spikes saved. Choose the margin on calibration data (see docs/scaling.md)."
    )
