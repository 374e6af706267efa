"""Table and sentence on energy, always with the name of the cost table."""

from collections.abc import Mapping

from spkeras.metrics import Energy
from spkeras.metrics.energy import LEFT_OUT
from spkeras.report.numbers import microjoules, ratio
from spkeras.report.tables import Table

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


def energy_sentence(energy: Energy) -> str:
    """Return both totals, their ratio and what the estimate leaves out."""
    times = "" if energy.ratio is None else f", {ratio(energy.ratio)} times the CNN's"
    return (
        f"Energy per sample ({words(energy)}): {microjoules(energy.snn.total)} uJ beside the CNN's "
        f"{microjoules(energy.cnn.total)} uJ{times}; arithmetic alone {microjoules(energy.snn.arithmetic)} and "
        f"{microjoules(energy.cnn.arithmetic)} uJ. Left out: {LEFT_OUT}."
    )
