"""Draw the figures of the concept pages: `python docs/figures/draw.py`.

That of README.md is measured: `sweep.json` has accuracy and energy of the networks that this command
compared (docs/sweep.md, "Figures").

    spkeras sweep models/cifar10_resnet20.keras --data cifar10.npz --scale 255 --samples 1000 --json
"""

import json
from pathlib import Path

from spkeras.report.svg import Chart, Scale, linear, marked, picture

HERE = Path(__file__).parent
_MJ = (5, 10, 20, 50, 100)
# Ink, soft ink, rule and the colours of series, in light and dark pages.
_STYLE = """<style>
svg{--ink:#16191d;--soft:#57606c;--rule:#dfe3e8;--c0:#2563eb;--c1:#c2410c;--c2:#047857;--c3:#7c3aed;--card:#fff}
@media(prefers-color-scheme:dark){svg{--ink:#e7eaee;--soft:#9aa4b0;--rule:#3a414c;--c0:#60a5fa;--c1:#fb923c;--c2:#34d399;--c3:#a78bfa;--card:#1b1f27}}
text{fill:var(--soft);font:11px system-ui,sans-serif}.word{fill:var(--ink)}.small{font-size:9.5px}
.grid{stroke:var(--rule)}.cnn{stroke:var(--ink);stroke-dasharray:5 4;opacity:.6}
.line{fill:none;stroke-width:2}.span{stroke-width:1;opacity:.6}.dashed{stroke-dasharray:5 4}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}
.dot.c0,.f0{fill:var(--c0)}.dot.c1,.f1{fill:var(--c1)}.dot.c2,.f2{fill:var(--c2)}.dot.c3,.f3{fill:var(--c3)}
.dot.hollow{fill:var(--card);stroke-width:1.6}text.f0,text.f1,text.f2,text.f3{stroke:none;font-weight:600}
.pale{opacity:.16}
</style>"""


def write(name, svg):
    """Write a picture with the style of all figures."""
    svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    start = svg.index(">") + 1
    (HERE / name).write_text(svg[:start] + _STYLE + svg[start:] + "\n", encoding="utf-8")


def loss():
    """A layer's activation beside what 8 steps of binary spikes carry."""
    x = Scale(
        -0.25,
        1.5,
        "sum of the inputs, in units of the layer's scale",
        (0, 0.25, 0.5, 0.75, 1, 1.25),
    )
    y = Scale(0, 1.5, "value that the next layer receives", (0, 0.5, 1, 1.5))
    chart = Chart("activation of a layer and the firing rate of eight steps", x, y, 480, 280)
    chart.line([(-0.25, 0), (0, 0), (1.5, 1.5)], "c0")
    points, steps = [(-0.25, 0.0)], 8
    for count in range(1, steps + 1):
        edge = (count - 0.5) / steps
        points += [(edge, (count - 1) / steps), (edge, count / steps)]
    chart.line([*points, (1.5, 1.0)], "c1")
    _label(chart, (0.9, 1.17), "activation of the CNN", "f0", "end")
    _label(chart, (0.72, 0.6), "firing rate, T = 8", "f1")
    _label(chart, (0.3, 0.12), "rounded to multiples of 1 / T", "f1")
    _label(chart, (1.28, 0.9), "clipped above 1", "f1", "middle")
    write("loss.svg", chart.svg())


def _label(chart, place, text, style, anchor="start"):
    chart.text(chart.at(*place), text, anchor=anchor, style=style)


def schedules():
    """When four layers receive and fire, under both schedules."""
    parts = []
    for top, title, starts, length, steps in (
        (0, "clock-driven, stagger 2: output after T = 16 steps", (0, 2, 4, 6), None, 16),
        (210, "layer-synchronous: output after 4 T = 64 steps", (0, 16, 32, 48), 16, 64),
    ):
        wide = 390 / steps
        parts.append(f'<text class="word" x="0" y="{top + 14}">{title}</text>')
        for layer, start in enumerate(starts):
            y = top + 30 + 30 * layer
            end = steps if length is None else start + length
            x, across = 60 + wide * start, wide * (end - start)
            parts.append(f'<text x="0" y="{y + 14}">layer {layer + 1}</text>')
            parts.append(
                f'<rect class="f0" x="{x:.1f}" y="{y}" width="{across:.1f}" height="20" rx="3"/>'
            )
        line = f'x1="60" x2="450" y1="{top + 156}" y2="{top + 156}"'
        parts.append(f'<line class="grid" {line}/>')
        for step in range(0, steps + 1, steps // 4):
            x = 60 + wide * step
            parts.append(f'<text x="{x:.1f}" y="{top + 171}" text-anchor="middle">{step}</text>')
        parts.append(
            f'<text class="word" x="255" y="{top + 188}" text-anchor="middle">time step</text>'
        )
    write("schedules.svg", picture("steps in which each of four layers fires", 470, 406, parts))


def thresholds():
    """The membrane potential of one neuron with and without an initial potential."""
    current, steps = 0.3, 12
    x = Scale(0, steps, "time step", tuple(range(0, steps + 1, 2)))
    y = Scale(0, 1.8, "membrane potential / threshold; dots: spikes", (0, 0.5, 1))
    chart = Chart("membrane potential of a neuron", x, y, 480, 280)
    chart.across(1.0, "")
    _label(chart, (0.1, 1.05), "threshold", "word")
    for row, (start, name) in enumerate(
        ((0.5, "starts at half a threshold"), (0.0, "starts at 0"))
    ):
        potential, points, peaks = start, [(0.0, start)], []
        for step in range(1, steps + 1):
            potential += current
            points.append((step, potential))
            if potential >= 1 - 1e-9:
                peaks.append((step, potential))
                potential -= 1
                points.append((step, potential))
        chart.line(points, f"c{row}")
        for peak in peaks:
            chart.dot(peak, f"c{row}", f"spike at step {peak[0]}")
        words = f"{name}: {len(peaks)} spikes, rate {len(peaks) / steps:.2f}"
        chart.text((50, 38 + 16 * row), words, style=f"f{row}")
    chart.text((464, 38), f"exact rate {current}", anchor="end")
    write("thresholds.svg", chart.svg())


def codes():
    """How one value is sent under each code."""
    value, steps = 0.7, 10
    rate, potential = [], 0.5
    for _ in range(steps):
        potential += value
        rate.append(1 if potential >= 1 else 0)
        potential -= rate[-1]
    first = [0] * steps
    first[3] = 1
    rows = (
        ("rate", "binary spikes; value = spikes / T", rate, "0"),
        (
            "delta",
            "graded spikes: 0.5 + 0.25 - 0.0625 + 0.0156",
            [0.75, -0.0625, 0.0156] + [0] * 7,
            "2",
        ),
        ("first spike", "the time of one spike is the exponent", first, "1"),
    )
    parts = [f'<text class="word" x="0" y="14">the value 0.7, sent in {steps} steps</text>']
    for row, (name, words, spikes, style) in enumerate(rows):
        base = 92 + 82 * row
        parts.append(f'<text class="f{style}" x="0" y="{base - 50}">{name}</text>')
        parts.append(f'<text x="76" y="{base - 50}">{words}</text>')
        parts.append(f'<line class="grid" x1="20" x2="460" y1="{base}" y2="{base}"/>')
        for step, spike in enumerate(spikes):
            if spike:
                high = max(3.0, 36 * abs(spike))
                top = base - high if spike > 0 else base
                place = f'x="{38 + 43 * step}" y="{top:.1f}" width="9" height="{high:.1f}"'
                parts.append(f'<rect class="f{style}" {place}/>')
    parts.append('<text x="240" y="292" text-anchor="middle">time step</text>')
    for step in range(steps):
        place = f'x="{42.5 + 43 * step}" y="276" text-anchor="middle"'
        parts.append(f"<text {place}>{step + 1}</text>")
    write("codes.svg", picture("trains of spikes of one value under three codes", 470, 298, parts))


def stagger():
    """Accuracy over T with and without a staggered start."""
    # ResNet8 of docs/accuracy.md, "What helps and what does not".
    steps, cnn = (16, 32, 64), 88.1
    series = {"staggered start": (77.1, 86.0, 87.8), "all layers at once": (62.2, 72.8, 80.8)}
    chart = Chart(
        "accuracy with and without a staggered start",
        marked(steps, "time steps T, each network converted for its T"),
        linear(
            [v for values in series.values() for v in values] + [cnn], "accuracy in %", most=100
        ),
        480,
        270,
    )
    chart.across(cnn, f"CNN {cnn:.1f} %")
    for number, (name, values) in enumerate(series.items()):
        chart.line(list(zip(steps, values, strict=True)), f"c{number}")
        for step, value in zip(steps, values, strict=True):
            chart.dot((step, value), f"c{number}", f"T = {step}: {value:.1f} %")
        x, y = chart.at(steps[1], values[1])
        chart.text((x + 8, y + 16), name, style=f"f{number}")
    write("stagger.svg", chart.svg())


def sweep():
    """Accuracy over energy: the CNN and its spiking networks."""
    record = json.loads((HERE / "sweep.json").read_text())
    cnn = record["cnn"]
    near = [point for point in record["points"] if cnn["accuracy"] - point["accuracy"] < 0.12]
    # Where a label stands beside the first point of its line, and its end there.
    names = {
        "ecc": ("binary spikes", (-10, 4), "end"),
        "ecc signed": ("signed spikes", (-10, 4), "end"),
        "sigma_delta": ("graded spikes", (-6, 22), "middle"),
    }
    chart = Chart(
        "accuracy over energy of a CNN and of its spiking networks",
        Scale(2.9, 110, "energy of one image in mJ, with memory; numbers: T", _MJ, True),
        linear([100 * point["accuracy"] for point in near], "accuracy in %", most=100),
        480,
        310,
    )
    chart.across(100 * cnn["accuracy"], "")
    for number, (network, (name, (right, down), anchor)) in enumerate(names.items()):
        own = [point for point in near if point["network"] == network]
        places = [(point["energy"] / 1e3, 100 * point["accuracy"]) for point in own]
        chart.line(places, f"c{number}")
        for place, point in zip(places, own, strict=True):
            chart.dot(place, f"c{number}", f"{name}, T = {point['timesteps']}: {place[1]:.1f} %")
            x, y = chart.at(*place)
            # T = 8 lies on T = 4: nothing fires any more.
            if network != "sigma_delta" or point["timesteps"] != 8:
                chart.text((x + 6, y + 13), str(point["timesteps"]), style="small")
        x, y = chart.at(*places[0])
        chart.text((x + right, y + down), name, anchor=anchor, style=f"f{number}")
    place = (cnn["energy"] / 1e3, 100 * cnn["accuracy"])
    chart.dot(place, "c3", "the CNN")
    x, y = chart.at(*place)
    chart.text((x, y - 10), f"CNN {place[1]:.1f} %", style="f3", anchor="middle")
    write("sweep.svg", chart.svg())


if __name__ == "__main__":
    for draw in (loss, schedules, thresholds, codes, stagger, sweep):
        draw()
