"""Table and sentence on energy, always with the name of the cost table."""

from collections.abc import Mapping

from spkeras.metrics import Energy, Evaluation
from spkeras.metrics.energy import LEFT_OUT
from spkeras.report.numbers import count, microjoules, percent, ratio
from spkeras.report.tables import Table, phrase

_OPERATIONS = {
    "synapses": "additions at synapses",
    "multiply_accumulates": "multiply-accumulates",
    "membranes": "membrane updates",
    "comparisons": "comparisons",
}
_TRAFFIC = {
    "weights": "memory: weights",
    "potentials": "memory: potentials",
    "values": "memory: values",
    "spikes": "memory: spikes",
}


def energy_table(energy: Energy) -> Table:
    """Return the energy of each kind of operation and memory traffic, of both networks."""
    rows = (
        *_rows(_OPERATIONS, energy.snn.operations, energy.cnn.operations),
        *_rows(_TRAFFIC, energy.snn.traffic, energy.cnn.traffic),
    )
    title = f"Energy in uJ per sample, estimated with {words(energy)}"
    footer = ("total", microjoules(energy.snn.total), microjoules(energy.cnn.total))
    return Table(title, ("part", "SNN", "CNN"), rows, footer)


def _rows(
    names: Mapping[str, str], snn: Mapping[str, float], cnn: Mapping[str, float]
) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (shown, microjoules(snn.get(name, 0.0)), microjoules(cnn.get(name, 0.0)))
        for name, shown in names.items()
        if snn.get(name) or cnn.get(name)
    )


def words(energy: Energy) -> str:
    """Return the cost table, its process and the format of the numbers."""
    return f"{energy.table} ({energy.node}), {energy.numbers} numbers"


def in_short(evaluation: Evaluation, energy: Energy) -> str:
    """Return quality, operations and energy beside the CNN's, in one line."""
    activity, parts = evaluation.activity, []
    low, high = evaluation.interval()
    if evaluation.accuracy is not None and low is not None and high is not None:
        parts.append(
            f"{percent(float(evaluation.accuracy[-1]))} right (95 % interval {100 * low:.1f} to "
            f"{100 * high:.1f}; {evaluation.reference} {percent(evaluation.cnn_accuracy)})"
        )
    elif evaluation.agreement is not None:
        parts.append(
            f"{percent(float(evaluation.agreement[-1]))} decided as {phrase(evaluation.reference)}"
        )
    parts.append(f"{count(activity.synaptic_operations)} synaptic operations")
    parts[-1] += f" (CNN {count(activity.cnn_macs)} MACs)" if activity.cnn_macs else ""
    cnn = f"CNN {microjoules(energy.cnn.total)}, " if energy.cnn.total else ""
    parts.append(f"{microjoules(energy.snn.total)} uJ ({cnn}{energy.table})")
    return "in short: " + ", ".join(parts)


def energy_sentence(energy: Energy) -> str:
    """Return both totals, their ratio and what the estimate leaves out."""
    times = "" if energy.ratio is None else f", {ratio(energy.ratio)} times the CNN's"
    return (
        f"Energy per sample ({words(energy)}): {microjoules(energy.snn.total)} uJ beside the CNN's "
        f"{microjoules(energy.cnn.total)} uJ{times}; arithmetic alone {microjoules(energy.snn.arithmetic)} and "
        f"{microjoules(energy.cnn.arithmetic)} uJ. Left out: {LEFT_OUT}."
    )
