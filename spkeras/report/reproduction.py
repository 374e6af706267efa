"""Tables of published figures beside those measured here."""

from collections.abc import Sequence

from spkeras.metrics.reproduction import Reproduced
from spkeras.report.tables import Table

_HEADER = (
    "network",
    "T",
    "schedule",
    "settings",
    "published",
    "CNN",
    "trained",
    "here",
    "95 %",
    "lost",
    "to published",
    "SOPs / MACs",
)


def reproduction_table(rows: Sequence[Reproduced]) -> Table:
    """Return one line for each figure, accuracies in %."""
    measured = max((row.samples for row in rows), default=0)
    return Table(
        f"Accuracy in % on {measured} test samples",
        _HEADER,
        tuple(map(_cells, rows)),
        words=frozenset({0, 2, 3, 4}),
    )


def reproduction_page(rows: Sequence[Reproduced]) -> str:
    """Return the table in Markdown, with what was not measured below it."""
    table = reproduction_table([row for row in rows if not row.missing])
    lines = [f"{table.title}:", "", "| " + " | ".join(table.header) + " |"]
    lines.append("|" + "---|" * len(table.header))
    lines += ["| " + " | ".join((f"`{name}`", *rest)) + " |" for name, *rest in table.rows]
    missing = missing_sentences(rows)
    return "\n".join([*lines, *([""] if missing else []), *missing]) + "\n"


def missing_sentences(rows: Sequence[Reproduced]) -> tuple[str, ...]:
    """Return what was not measured, and why."""
    return tuple(
        f"Not measured: T = {row.claim.timesteps}, {_published(row)}: {row.missing}."
        for row in rows
        if row.missing
    )


def _published(row: Reproduced) -> str:
    claim = row.claim
    if claim.published is None:
        return claim.words
    of = "" if claim.published_cnn is None else f" (CNN {claim.published_cnn:.2f})"
    return f"{claim.published:.2f}{of}"


def _cells(row: Reproduced) -> tuple[str, ...]:
    claim = row.claim
    interval = "" if row.low is None else f"{row.low:.2f}-{row.high:.2f}"
    return (
        claim.net,
        "" if claim.timesteps is None else str(claim.timesteps),
        "first spikes" if claim.paper == "cat" else claim.schedule.replace("_", "-"),
        claim.settings,
        _published(row),
        *map(_figure, (row.cnn, row.trained, row.accuracy)),
        interval,
        _figure(row.loss),
        "" if row.difference is None else f"{row.difference:+.2f}",
        _figure(row.operations),
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
