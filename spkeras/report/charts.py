"""The charts of a report: quality over T and energy, confusion, spike trains, the network."""

from collections.abc import Sequence
from html import escape
from itertools import chain

import numpy as np

from spkeras.metrics import Energy, Evaluation, NeuronCheck
from spkeras.metrics.sweep import Baseline, Sweep, SweepPoint
from spkeras.ops.arrays import Int64Array
from spkeras.report.network import LayerRange
from spkeras.report.numbers import microjoules, small
from spkeras.report.study import Study, Train
from spkeras.report.svg import Chart, Scale, linear, logarithmic, marked, picture
from spkeras.report.sweep import TITLES

# Networks further below the best one than this, in points of accuracy, are left out of charts:
# chance would take most of their height.
_SHOWN = 20.0
# Colours of the page's style.
_COLOURS = 6


def over_steps(sweep: Sweep) -> str:
    """Return quality over the latency of each network of a sweep."""
    shown = near(sweep)
    x = marked(
        [point.latency for point in shown], "latency in time steps, each converted for its T"
    )
    return _of_sweep(sweep, shown, x, "latency")


def over_energy(sweep: Sweep) -> str:
    """Return quality over the energy of each network of a sweep."""
    shown = near(sweep)
    costs = [*(point.energy for point in shown), sweep.cnn.energy]
    x = logarithmic(costs, f"uJ a sample, {sweep.costs}, {sweep.numbers}; numbers: T")
    return _of_sweep(sweep, shown, x, "energy")


def near(sweep: Sweep) -> list[SweepPoint]:
    """Return the networks that charts show."""
    if sweep.measure not in ("accuracy", "agreement"):
        return list(sweep.points)
    best = max(_value(sweep, point) for point in sweep.points)
    return [point for point in sweep.points if _value(sweep, point) >= best - _SHOWN]


def networks(sweep: Sweep) -> list[str]:
    """Return the names of the networks, in the order of their colours."""
    return list(dict.fromkeys(point.network for point in sweep.points))


def _value(sweep: Sweep, of: SweepPoint | Baseline) -> float:
    value = getattr(of, sweep.measure, None)
    if sweep.measure in ("accuracy", "agreement"):
        return 100 * (1.0 if value is None else float(value))
    return 0.0 if value is None else float(value)


def _of_sweep(sweep: Sweep, shown: Sequence[SweepPoint], x: Scale, cost: str) -> str:
    shares = sweep.measure in ("accuracy", "agreement")
    unit = " in %" if shares else ""
    values = [_value(sweep, point) for point in shown]
    cnn = _value(sweep, sweep.cnn) if shares or sweep.measure == "error" else None
    spans = _intervals(sweep, shown)
    heights = [*values, *([] if cnn is None else [cnn]), *chain.from_iterable(spans.values())]
    limits = {"most": 100.0} if shares else {"least": 0.0}
    y = linear(heights, f"{TITLES[sweep.measure]}{unit}", **limits)
    chart = Chart(f"{TITLES[sweep.measure]} over {x.title}", x, y)
    if cnn is not None:
        chart.across(cnn, f"{sweep.cnn.name} {cnn:.4g}{' %' if shares else ''}")
    if cost == "energy":
        chart.down(sweep.cnn.energy, f"CNN {microjoules(sweep.cnn.energy)} uJ")
    front = set(map(id, sweep.pareto().points))
    for number, name in enumerate(networks(sweep)):
        style = f"c{number % _COLOURS}"
        own = sorted((p for p in shown if p.network == name), key=lambda p: p.latency)
        places = [(float(getattr(point, cost)), _value(sweep, point)) for point in own]
        chart.line(places, style)
        for place, point in zip(places, own, strict=True):
            if id(point) in spans:
                chart.span(place[0], *spans[id(point)], style)
            hint = f"{name}, T = {point.timesteps}: {place[1]:.2f}, {microjoules(point.energy)} uJ"
            chart.dot(place, style, hint, hollow=id(point) not in front)
            if cost == "energy":
                chart.label(place, f"{point.timesteps}")
    return chart.svg()


def _intervals(sweep: Sweep, shown: Sequence[SweepPoint]) -> dict[int, tuple[float, float]]:
    """Return the confidence interval of each accuracy in percent, by the identity of its point."""
    if sweep.measure != "accuracy":
        return {}
    known = ((point, point.low, point.high) for point in shown)
    return {
        id(point): (100 * low, 100 * high)
        for point, low, high in known
        if low is not None and high is not None
    }


def course(evaluation: Evaluation) -> str:
    """Return the quality of one network after each step; empty for one that answers once."""
    score = evaluation.scores[0]
    values = score.accuracy if score.accuracy is not None else score.agreement
    if values is None or evaluation.windows or len(evaluation.steps) < 2:
        return ""
    known = np.isfinite(values)
    steps, shares = evaluation.steps[known], 100 * values[known]
    keep = shares >= shares.max() - _SHOWN
    first = int(np.argmax(keep))
    steps, shares = steps[first:], shares[first:]
    cnn = 100.0 if score.accuracy is None else 100 * float(score.cnn_accuracy or 0.0)
    title = "accuracy in %" if score.accuracy is not None else "same decision in %"
    x = logarithmic([float(steps[0]), float(steps[-1])], "time steps T of the same network")
    chart = Chart(f"{title} over time steps", x, linear([*shares, cnn], title, most=100))
    chart.across(cnn, f"{evaluation.reference} {cnn:.4g} %")
    chart.line(list(zip(map(float, steps), map(float, shares), strict=True)), "c0")
    return chart.svg()


def confusion(matrix: Int64Array) -> str:
    """Return a confusion matrix: rows are labels, columns decisions."""
    size, cell, edge = len(matrix), 26, 28
    worst = max(int((matrix - np.diag(np.diag(matrix))).max()), 1)
    most = max(int(np.diag(matrix).max()), 1)
    parts = []
    for place in range(size):
        middle = edge + cell * place + 13
        parts.append(f'<text x="{middle}" y="18" text-anchor="middle">{place}</text>')
        parts.append(f'<text x="20" y="{middle + 4}" text-anchor="end">{place}</text>')
    for row, column in np.argwhere(matrix > 0):
        number, right = int(matrix[row, column]), row == column
        share = number / (most if right else worst)
        x, y = edge + cell * column, edge + cell * row
        parts.append(
            f'<rect class="{"right" if right else "wrong"}" x="{x}" y="{y}" width="25" height="25" '
            f'rx="3" fill-opacity="{0.25 + 0.7 * share:.2f}"/>'
            f'<text class="cell" x="{x + 12.5}" y="{y + 17}" text-anchor="middle">{number}</text>'
        )
    wide = edge + cell * size + 4
    alt = "confusion: rows are labels, columns decisions"
    return picture(alt, wide, wide, parts, most=1.7 * wide)


def train(spikes: Train) -> str:
    """Return the spikes of some neurons of a layer: one row a neuron, time to the right."""
    steps, followed = spikes.spikes.shape
    wide, below = 300.0, 16 + 5.0 * followed
    slot = wide / steps
    thick = max(1.4, min(8.0, 0.6 * slot))
    parts = [
        f'<text class="word" x="0" y="10">{escape(spikes.name)}</text>',
        f'<line class="grid" x1="0" x2="{wide:g}" y1="{below + 2:g}" y2="{below + 2:g}"/>',
        f'<text x="0" y="{below + 14:g}">step 1</text>',
        f'<text x="{wide:g}" y="{below + 14:g}" text-anchor="end">{steps}</text>',
    ]
    for step, neuron in np.argwhere(spikes.spikes != 0):
        style = "wrong" if spikes.spikes[step, neuron] < 0 else "right"
        x, y = slot * (step + 0.5) - thick / 2, 16 + 5.0 * neuron
        parts.append(
            f'<rect class="{style}" x="{x:.1f}" y="{y:.0f}" width="{thick:.1f}" height="4"/>'
        )
    alt = f"spikes of {followed} of {spikes.neurons} neurons of {spikes.name} in {steps} steps"
    return picture(alt, wide, below + 18, parts)


def energies(energy: Energy) -> str:
    """Return the energy of both networks as bars of arithmetic and memory, on one scale."""
    rows = (("SNN", energy.snn), ("CNN", energy.cnn))
    most = max(network.total for _, network in rows)
    wide, left, high = 460.0, 40.0, 26.0
    parts = []
    for number, (name, network) in enumerate(rows):
        y, x = 6 + (high + 8) * number, left
        parts.append(f'<text class="word" x="0" y="{y + 17:g}">{name}</text>')
        for style, value, what in (
            ("arithmetic", network.arithmetic, "arithmetic"),
            ("memory", network.memory, "memory"),
        ):
            width = (wide - left - 90) * value / most if most else 0.0
            parts.append(
                f'<rect class="{style}" x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{high:g}">'
                f"<title>{what} {microjoules(value)} uJ</title></rect>"
            )
            x += width
        parts.append(
            f'<text class="word" x="{x + 6:.1f}" y="{y + 17:g}">{microjoules(network.total)} uJ</text>'
        )
    alt = "energy a sample: " + ", ".join(
        f"{name} {microjoules(n.arithmetic)} uJ of arithmetic and {microjoules(n.memory)} of memory"
        for name, n in rows
    )
    return picture(alt, wide, 2 * (high + 8) + 6, parts)


def losses(check: NeuronCheck, largest: float) -> list[tuple[str, str, float]]:
    """Return the parts of a layer's error: class, name with value, and width in %."""
    parts = (
        ("clip", "clipping", check.clipping),
        ("fine", "quantization", check.quantization),
        ("late", "unevenness", check.unevenness),
    )
    total = sum(value for _, _, value in parts) or 1.0
    wide = 100 * check.error / (largest or 1.0)
    return [(style, f"{name} {small(v)}", wide * v / total) for style, name, v in parts]


def network(study: Study) -> str:
    """Return the network as a graph, one row a depth, with the rates of its neurons."""
    spikes = {layer.name: layer.spikes_per_neuron for layer in study.evaluation.activity.layers}
    depth: dict[str, int] = {}
    rows: dict[int, list[LayerRange]] = {}
    for layer in study.layers:
        before = (depth[name] for name in layer.inputs if name in depth)
        depth[layer.name] = max(before, default=-1) + 1
        rows.setdefault(depth[layer.name], []).append(layer)
    cell, step = 210.0, 46.0
    wide = cell * max((len(row) for row in rows.values()), default=1)
    places = {
        layer.name: (wide * (place + 0.5) / len(row), step * number + 6)
        for number, row in rows.items()
        for place, layer in enumerate(row)
    }
    most = max(spikes.values(), default=0.0) or 1.0
    parts = [
        f'<path class="edge" d="M{places[name][0]:.0f},{places[name][1] + 30:.0f} C'
        f"{places[name][0]:.0f},{places[name][1] + 44:.0f} {places[layer.name][0]:.0f},"
        f'{places[layer.name][1] - 14:.0f} {places[layer.name][0]:.0f},{places[layer.name][1]:.0f}"/>'
        for layer in study.layers
        for name in layer.inputs
        if name in places
    ]
    for layer in study.layers:
        x, y = places[layer.name]
        known = spikes.get(layer.name)
        share = 0.0 if known is None else known / most
        text = layer.kind if known is None else f"{small(known)} spikes a neuron"
        parts.append(
            f'<rect class="node" x="{x - 98:.0f}" y="{y:.0f}" width="196" height="30" rx="5"/>'
            f'<rect class="right" x="{x - 98:.0f}" y="{y + 26:.0f}" width="{196 * share:.0f}" height="4"/>'
            f'<text class="word" x="{x:.0f}" y="{y + 12:.0f}" text-anchor="middle">'
            f"{escape(_short(layer.name))}</text>"
            f'<text x="{x:.0f}" y="{y + 23:.0f}" text-anchor="middle">{escape(text)}</text>'
        )
    return picture("the network, one row a depth", wide, step * len(rows), parts)


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:13]}...{name[-13:]}"
