"""Plot of a sweep: quality over latency and over energy."""

from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from spkeras.metrics.sweep import Sweep, SweepPoint
from spkeras.report.sweep import TITLES

# Points further below the CNN than this, in points of accuracy, are left out of plots: chance would
# take most of their height.
_SHOWN = 12.0


@rc_context({"text.parse_math": False})  # "$" in a name is no formula
def sweep_plot(sweep: Sweep) -> Figure:
    """Draw quality over T and over energy, one line for each recipe, the CNN dashed.

    Bars are exact 95 % confidence intervals. Filled points are on the front: no other network is at
    least as good for less energy. Networks far below the CNN are left out.

    Args:
        sweep: Its points, with labels or without.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    over_time, over_energy = figure.subplots(1, 2, sharey=True)
    shown, hidden = _near_the_cnn(sweep)
    front = set(map(id, sweep.pareto().points))
    names = list(dict.fromkeys(point.network for point in sweep.points))
    for number, name in enumerate(names):
        own = [point for point in shown if point.network == name]
        if own:
            for axes, cost in ((over_time, "latency"), (over_energy, "energy")):
                own = sorted(own, key=lambda point: point.latency)
                _draw(axes, sweep, own, cost=cost, number=number, front=front)
    for axes in (over_time, over_energy):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        axes.grid(alpha=0.3)
        cnn = _percentage(sweep, sweep.cnn)
        if cnn is not None:
            axes.axhline(cnn, linestyle="--", color="grey", linewidth=1)
            axes.annotate(
                sweep.cnn.name,
                (0, cnn),
                xycoords=("axes fraction", "data"),
                xytext=(3, 2),
                textcoords="offset points",
                fontsize="small",
                color="grey",
            )
    over_energy.axvline(sweep.cnn.energy, linestyle=":", color="grey", linewidth=1)
    over_time.set_xlabel("latency [time steps]")
    over_time.set_xticks(sorted({point.latency for point in shown}))
    over_energy.set_xlabel(f"energy a sample [uJ], {sweep.costs}, {sweep.numbers}")
    unit = " [%]" if sweep.measure in ("accuracy", "agreement") else ""
    over_time.set_ylabel(f"{TITLES[sweep.measure]}{unit}")
    left_out = f"; {hidden} far below left out" if hidden else ""
    low, high = over_time.get_ylim()
    over_time.set_ylim(low, high + 0.08 * (high - low))
    figure.suptitle(f"{sweep.model}, {sweep.samples} samples{left_out}", fontsize="medium")
    return figure


def _percentage(sweep: Sweep, of: object) -> float | None:
    value: float | None = getattr(of, sweep.measure, None)
    share = sweep.measure in ("accuracy", "agreement")
    return 100 * value if share and value is not None else value


def _near_the_cnn(sweep: Sweep) -> tuple[list[SweepPoint], int]:
    """Return the points to draw, and the number of the others."""
    if sweep.measure not in ("accuracy", "agreement"):
        return list(sweep.points), 0
    best = max(_percentage(sweep, point) or 0.0 for point in sweep.points)
    shown = [p for p in sweep.points if (_percentage(sweep, p) or 0.0) >= best - _SHOWN]
    return shown, len(sweep.points) - len(shown)


def _draw(
    axes: Axes,
    sweep: Sweep,
    points: Sequence[SweepPoint],
    *,
    cost: str,
    number: int,
    front: set[int],
) -> None:
    colour = f"C{number}"
    values = [float(_percentage(sweep, point) or 0.0) for point in points]
    costs = [float(getattr(point, cost)) for point in points]
    bars = None
    if sweep.measure == "accuracy":
        lows = [value - 100 * float(p.low or 0) for value, p in zip(values, points, strict=True)]
        highs = [100 * float(p.high or 0) - value for value, p in zip(values, points, strict=True)]
        bars = [lows, highs]
    axes.errorbar(
        costs, values, yerr=bars, color=colour, linewidth=1, elinewidth=0.6, capsize=2, alpha=0.7
    )
    for value, place, point in zip(values, costs, points, strict=True):
        face = colour if id(point) in front else "white"
        axes.plot([place], [value], "o", color=colour, markerfacecolor=face, markersize=5)
    axes.annotate(
        points[-1].network,
        (costs[-1], values[-1]),
        xytext=(0, 7 + 10 * (number % 2)),
        textcoords="offset points",
        color=colour,
        fontsize="small",
        ha="right" if len(points) > 1 else "center",
    )
