"""Tables, plots and pages made from records; this package computes no figure of its own."""

from spkeras.report.activity import activity_tables, comparison, cost_table, layer_table, operations
from spkeras.report.checks import findings, verification_tables
from spkeras.report.energy import energy_sentence, energy_table, in_short
from spkeras.report.exits import exit_sentence, exit_tables
from spkeras.report.steps import begins
from spkeras.report.tables import (
    Table,
    accuracy_tables,
    latency,
    reference_sentence,
    summary,
    verdict_table,
)
from spkeras.report.terminal import to_text

__all__ = [
    "Table",
    "accuracy_tables",
    "activity_tables",
    "begins",
    "comparison",
    "cost_table",
    "energy_sentence",
    "energy_table",
    "exit_sentence",
    "exit_tables",
    "findings",
    "in_short",
    "latency",
    "layer_table",
    "operations",
    "reference_sentence",
    "summary",
    "to_text",
    "verdict_table",
    "verification_tables",
]
