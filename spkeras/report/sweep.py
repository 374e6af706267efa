"""Tables and files of a sweep."""

import csv
import io
from collections.abc import Callable, Sequence

from spkeras.metrics.sweep import Baseline, Sweep, SweepPoint
from spkeras.metrics.tuning import Tuned, drop_of, likely_drop
from spkeras.report.numbers import count, microjoules, percent, ratio, small
from spkeras.report.tables import Table

TITLES = {
    "accuracy": "accuracy",
    "agreement": "same decision as the CNN",
    "error": "rms error",
    "deviation": "rms difference to the CNN",
}


def sweep_table(sweep: Sweep) -> Table:
    """Return the networks with quality and cost; a star marks those that no other dominates."""
    front = set(map(id, sweep.pareto().points))
    # Where all networks are clock-driven, T is the latency.
    late = any(point.latency != point.timesteps for point in sweep.points)
    agrees = sweep.measure == "accuracy"
    columns: list[tuple[str, Callable[[SweepPoint], str], str]] = [
        ("network", lambda p: p.network, sweep.cnn.name),
        ("T", lambda p: "" if p.timesteps is None else str(p.timesteps), ""),
        *([("latency", lambda p: f"{p.latency:g}", "")] if late else []),
        (TITLES[sweep.measure], lambda p: _quality(sweep, p), _quality(sweep, sweep.cnn)),
        *([("95 %", _interval, _interval(sweep.cnn))] if agrees else []),
        *([("same", lambda p: percent(p.agreement), "")] if agrees else []),
        ("operations", lambda p: count(p.operations), count(sweep.cnn.macs)),
        ("uJ", lambda p: microjoules(p.energy), microjoules(sweep.cnn.energy)),
        ("", lambda p: "*" if id(p) in front else "", ""),
    ]
    return Table(
        f"{sweep.model}: {sweep.samples} samples; energy in uJ estimated with {sweep.costs}",
        tuple(title for title, _, _ in columns),
        tuple(tuple(cell(point) for _, cell, _ in columns) for point in sweep.points),
        tuple(footer for _, _, footer in columns),
    )


def _quality(sweep: Sweep, of: SweepPoint | Baseline) -> str:
    value = getattr(of, sweep.measure, None)
    if sweep.measure in ("error", "deviation"):
        return small(value)
    return percent(1.0 if value is None else value)


def _interval(of: SweepPoint | Baseline) -> str:
    if of.low is None or of.high is None:
        return ""
    return f"{100 * of.low:.1f}-{100 * of.high:.1f}"


def sweep_sentences(sweep: Sweep) -> tuple[str, ...]:
    """Return what the stars mean, what was refused, and what scored and calibrated."""
    cnn = "" if not sweep.cnn.energy else f"; the CNN takes {microjoules(sweep.cnn.energy)} uJ"
    sentences = [
        f"* no other network is at least as good for less energy{cnn}.",
        f"Each network was converted for its own T on {sweep.calibration} other samples.",
    ]
    sentences += [
        f"Refused: {case.network}"
        + ("" if case.timesteps is None else f", T = {case.timesteps}")
        + f": {case.reason}"
        for case in sweep.refused
    ]
    return tuple(sentences)


def tuned_sentences(found: Tuned) -> tuple[str, ...]:
    """Return what a search found, what confirms it, and what it is compared with."""
    point, confirmed, tried = found.point, found.confirmed, found.tried
    named = f"{point.network}, T = {point.timesteps}"
    quality = percent(confirmed.accuracy if tried.measure == "accuracy" else confirmed.agreement)
    kept = "within the bounds" if found.kept else "NOT within the bounds"
    sentences = [
        f"Found {named}: {microjoules(point.energy)} uJ a sample, latency {point.latency:g} steps; "
        f"{len(tried.points)} networks were tried on {tried.samples} samples.",
        f"On samples that took no part: {tried.measure} {quality}, {found.drop:.2f} points below "
        f"the {found.cnn.name}, {microjoules(confirmed.energy)} uJ: {kept}.",
    ]
    sentences += _not_taken(found)
    if found.cheaper is not None and found.default is not None:
        sentences.append(
            f"The default of convert (ecc, T = 64) takes {microjoules(found.default.energy)} uJ, "
            f"{ratio(found.cheaper)} times as much."
        )
    return tuple(sentences)


def _not_taken(found: Tuned) -> list[str]:
    """Return why a cheaper network, whose figures look good enough, is not the one found."""
    tried = found.tried
    for point in sorted(tried.points, key=lambda point: point.energy):
        if point.energy >= found.point.energy:
            break
        if found.bounds.excess(point, drop_of(point, tried.cnn)) == 0:
            most = likely_drop(point, tried.cnn, tried.samples)
            return [
                f"Not taken, though for {microjoules(point.energy)} uJ: {point.network}, T = "
                f"{point.timesteps}. On {tried.samples} samples its loss may be up to {most:.2f} "
                "points (95 %); more samples narrow that."
            ]
    return []


COLUMNS = (
    "network timesteps latency pipelined_latency accuracy low high agreement error deviation spikes "
    "spikes_per_neuron operations additions macs membrane_updates energy arithmetic memory pareto "
    "engine seconds"
).split()


def sweep_rows(sweep: Sweep) -> list[dict[str, object]]:
    """Return one record per network, with the columns `COLUMNS`."""
    return [{name: point[name] for name in COLUMNS} for point in sweep.to_dict()["points"]]


def to_csv(sweep: Sweep) -> str:
    """Return the networks as comma-separated values with a header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sweep_rows(sweep))
    return stream.getvalue()


_ESCAPED = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}


def to_latex(table: Table) -> str:
    """Return a table in LaTeX, for the package booktabs."""
    columns = "".join("l" if place in table.words else "r" for place in range(len(table.header)))
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(table.header), r"\midrule"]
    lines += map(_latex_row, table.rows)
    if table.footer:
        lines += [r"\midrule", _latex_row(table.footer)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_latex(cell) for cell in cells) + r" \\"


def _latex(text: str) -> str:
    text = text.replace("\\", r"\textbackslash ")
    return "".join(_ESCAPED.get(c, c) if c not in "~^" else rf"\char`\{c}" for c in text)
