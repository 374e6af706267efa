"""A study as one self-contained HTML page, without scripts."""

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.metrics.tasks import SEVERAL
from spkeras.ops.arrays import Int64Array
from spkeras.report import charts
from spkeras.report.activity import activity_tables, comparison, operations
from spkeras.report.energy import energy_sentence, energy_table
from spkeras.report.exits import exit_sentence, exit_tables
from spkeras.report.numbers import count, microjoules, percent, small
from spkeras.report.png import png
from spkeras.report.steps import begins
from spkeras.report.study import Study, Watched
from spkeras.report.sweep import sweep_sentences, sweep_table, to_csv
from spkeras.report.tables import (
    accuracy_tables,
    latency,
    phrase,
    reference_sentence,
    summary,
)
from spkeras.report.verdict import verdict

# Largest number of classes whose confusion is a matrix, and of pairs that are listed for more.
_CLASSES, _PAIRS = 20, 12
# Runs shorter than this have little to see in their single spikes.
_LONG = 8
# Largest number of layers whose graph is drawn.
_LAYERS = 150


def page(study: Study) -> str:
    """Return the page.

    Raises:
        OptionError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment
    except ImportError as error:
        raise OptionError("report: needs jinja2; run `pip install jinja2`") from error
    template = files("spkeras.report").joinpath("page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(template).render(_content(study))


def _content(study: Study) -> dict[str, Any]:
    evaluation, energy = study.evaluation, study.energy
    drawn = len(study.layers) <= _LAYERS
    return {
        "title": study.title,
        "subtitle": _subtitle(study),
        "verdict": verdict(study),
        "following": study.following,
        "warnings": evaluation.warnings,
        "figures": _figures(study),
        "charts": _charts(study),
        **_confusion(study),
        "changed": [_shown(one) for one in study.changed],
        "changed_note": _changed_note(study),
        **_layers(study),
        "watched": [_shown(one) for one in study.watched],
        "watched_open": (evaluation.timesteps or 0) >= _LONG,
        "energies": _safe(charts.energies(energy)) if energy.cnn.total else "",
        "tables": [
            *([] if study.sweep is None else [sweep_table(study.sweep)]),
            *accuracy_tables(evaluation),
            *exit_tables(evaluation),
            *activity_tables(evaluation)[1:],
            energy_table(energy),
        ],
        "sweep_notes": () if study.sweep is None else sweep_sentences(study.sweep),
        "sentences": [text for text in _sentences(study) if text],
        "graph": _safe(charts.network(study)) if study.layers and drawn else "",
        "ranges": [
            (x.name, x.kind, count(x.size), small(x.low), small(x.high))
            for x in study.layers
            if x.low is not None
        ],
        "settings": [
            *study.provenance.items(),
            *((n, v) for n, v in evaluation.settings.items() if v is not None),
        ],
    }


def _safe(svg: str) -> Any:
    """Mark a picture, whose texts are escaped, as markup."""
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704  # nosec B704


def _subtitle(study: Study) -> str:
    known = study.provenance
    data = f"{study.evaluation.samples:,} samples" + (
        f" of {known['data']}" if "data" in known else ""
    )
    return " · ".join(filter(None, [known.get("file", ""), data, known.get("versions", "")]))


def _figures(study: Study) -> list[tuple[str, str, str]]:
    """Return the five figures at the top: name, value, what stands beside it."""
    evaluation, activity = study.evaluation, study.evaluation.activity
    low, high = evaluation.interval()
    steps = "" if evaluation.timesteps is None else f", T = {evaluation.timesteps}"
    found = []
    if evaluation.accuracy is not None and low is not None and high is not None:
        beside = f"{evaluation.reference} {percent(evaluation.cnn_accuracy)}; {100 * low:.1f} to {100 * high:.1f}"
        found.append((f"accuracy{steps}", percent(float(evaluation.accuracy[-1])), beside))
    elif evaluation.scores[0].error is not None:
        error = float(evaluation.scores[0].error[-1])
        beside = f"{evaluation.reference} {small(evaluation.scores[0].cnn_error)}"
        found.append((f"rms error{steps}", small(error), beside))
    if evaluation.agreement is not None:
        share = float(evaluation.agreement[-1])
        changed = round(evaluation.samples * (1 - share))
        # A sample of several decisions does not change as a whole.
        several = evaluation.scores[0].task in SEVERAL
        beside = "" if several else f"{changed} of {evaluation.samples:,} changed"
        found.append(("same decision", percent(share), beside))
    total = activity.additions + activity.macs + activity.membrane_updates + activity.comparisons
    found += [
        (
            "spikes a neuron",
            small(activity.spikes_per_neuron),
            f"{count(activity.spikes)} a sample",
        ),
        ("operations of all kinds", count(total), f"CNN {count(activity.cnn_macs)} MACs"),
        (
            f"energy ({study.energy.table})",
            f"{microjoules(study.energy.snn.total)} uJ",
            f"CNN {microjoules(study.energy.cnn.total)} uJ",
        ),
    ]
    return found


def _charts(study: Study) -> list[dict[str, Any]]:
    sweep = study.sweep
    if sweep is None:
        svg = charts.course(study.evaluation)
        data = _rows_csv(["T", "quality"], _course_rows(study))
        one = {"title": "Quality after T steps", "svg": _safe(svg), "key": (), "note": ""}
        return [{**one, "file": "course.csv", "data": data}] if svg else []
    data, key = _data(to_csv(sweep)), charts.networks(sweep)
    hidden = len(sweep.points) - len(charts.near(sweep))
    note = "Filled: no other network is at least as good for less energy."
    note += f" {hidden} far below left out." if hidden else ""
    pairs = (("Quality over T", charts.over_steps), ("Quality over energy", charts.over_energy))
    return [
        {
            "title": title,
            "svg": _safe(draw(sweep)),
            "key": key,
            "note": note,
            "file": "sweep.csv",
            "data": data,
        }
        for title, draw in pairs
    ]


def _course_rows(study: Study) -> Iterable[Sequence[object]]:
    score = study.evaluation.scores[0]
    course = score.accuracy if score.accuracy is not None else score.agreement
    return [] if course is None else zip(study.evaluation.steps, course, strict=True)


def _confusion(study: Study) -> dict[str, Any]:
    answers = study.evaluation.answers
    if not answers or answers[0].targets is None or answers[0].decisions is None:
        return {}
    matrix = study.evaluation.confusion()
    classes = [str(number) for number in range(len(matrix))]
    rows = ([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    data = _rows_csv(["label", *classes], rows)
    if len(matrix) <= _CLASSES:
        return {"matrix": _safe(charts.confusion(matrix)), "matrix_data": data}
    return {"confused": _pairs(matrix), "matrix_data": data}


def _pairs(matrix: Int64Array) -> list[tuple[int, int, int]]:
    wrong = matrix - np.diag(np.diag(matrix))
    places = np.argwhere(wrong > 0)
    pairs = [(int(row), int(column), int(wrong[row, column])) for row, column in places]
    return sorted(pairs, key=lambda pair: -pair[2])[:_PAIRS]


def _changed_note(study: Study) -> str:
    agreement = study.evaluation.agreement
    if agreement is None:
        return ""
    changed = round(study.evaluation.samples * (1 - float(agreement[-1])))
    shown = len(study.changed)
    return f"{shown} of {changed}, those of which {phrase(study.evaluation.reference)} was surest."


def _layers(study: Study) -> dict[str, Any]:
    checks = (
        {check.name: check for check in study.verification.neurons} if study.verification else {}
    )
    largest = max((check.error for check in checks.values()), default=0.0)
    rows, texts = [], []
    for layer in study.evaluation.activity.layers:
        cells = [
            count(layer.neurons),
            small(layer.spikes_per_neuron),
            count(layer.synaptic_operations),
            percent(layer.silent),
        ]
        check = checks.get(layer.name)
        losses: list[tuple[str, str, float]] = []
        if checks:
            cells += ["", ""] if check is None else [percent(check.saturated), small(check.error)]
            losses = [] if check is None else charts.losses(check, largest)
        rows.append({"name": layer.name, "cells": cells, "losses": losses})
        parts = ("error", "clipping", "quantization", "unevenness")
        texts.append(
            [
                *(layer.name, layer.neurons, layer.spikes, layer.synaptic_operations, layer.silent),
                *(getattr(check, part, "") for part in parts),
            ]
        )
    header = (
        "layer neurons spikes synaptic_operations silent error clipping quantization unevenness"
    )
    return {"layers": rows, "checked": bool(checks), "layer_data": _rows_csv(header.split(), texts)}


def _shown(one: Watched) -> dict[str, Any]:
    return {
        **vars(one),
        "image": "" if one.image is None else png(one.image),
        "trains": [_safe(charts.train(train)) for train in one.trains],
    }


def _sentences(study: Study) -> tuple[str, ...]:
    evaluation = study.evaluation
    return (
        summary(evaluation),
        latency(evaluation),
        begins(evaluation),
        reference_sentence(evaluation),
        exit_sentence(evaluation),
        operations(evaluation),
        comparison(evaluation),
        energy_sentence(study.energy),
    )


def _rows_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return _data(stream.getvalue())


def _data(text: str) -> str:
    """Return text as a `data:` address."""
    return f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"
