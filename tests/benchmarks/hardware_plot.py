"""Plots of sweeps over a processor's configuration."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmarks.configurations import SweepPoint

Points = Sequence[SweepPoint]

# Axis label, and the value of a point; None where the configuration was refused.
QUANTITIES: dict[str, tuple[str, Callable[[SweepPoint], float | None]]] = {
    "accuracy": ("accuracy [%]", lambda p: None if p.accuracy is None else 100 * p.accuracy),
    "energy": ("energy a sample [uJ]", lambda p: None if p.energy is None else p.energy.total),
    "time": ("time a sample [ms]", lambda p: None if p.seconds is None else 1e3 * p.seconds),
}
_PARTS = ("arithmetic", "weights", "membranes", "offchip")
_COLUMNS = 5


def sweep_plot(
    sweeps: Mapping[str, Points | Mapping[str, Points]],
    title: str,
    floor: float | None = None,
    quantity: str = "accuracy",
) -> Figure:
    """Draw a quantity against each field, one panel per field.

    Args:
        sweeps: Points by field of the configuration, or by line name within that panel.
        title: Title of the figure.
        floor: Accuracy of the network in floating point, drawn as a dashed line.
        quantity: A key of `QUANTITIES`.

    Returns:
        The figure; values that were refused are crosses at the bottom.
    """
    columns = min(len(sweeps), _COLUMNS)
    rows = -(-len(sweeps) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    label, number = QUANTITIES[quantity]
    for axes, (field, given) in zip(panels.flat, sweeps.items(), strict=False):
        lines = given if isinstance(given, Mapping) else {"": given}
        _panel(axes, lines, number)
        if floor is not None:
            axes.axhline(100 * floor, linestyle="--", color="grey")
        axes.set_xlabel(field)
    for axes in panels.flat[len(sweeps) :]:
        figure.delaxes(axes)
    for row in panels:
        row[0].set_ylabel(label)
    figure.suptitle(title)
    return figure


def _panel(
    axes: Axes, lines: Mapping[str, Points], number: Callable[[SweepPoint], float | None]
) -> None:
    """Draw lines over all their values, in the order in which the values occur."""
    values = list(dict.fromkeys(point.value for points in lines.values() for point in points))
    for name, points in lines.items():
        places = [values.index(point.value) for point in points]
        found = [(i, number(p)) for i, p in zip(places, points, strict=True)]
        reached = [(i, value) for i, value in found if value is not None]
        axes.plot([i for i, _ in reached], [value for _, value in reached], marker="o", label=name)
        refused = [i for i, point in zip(places, points, strict=True) if point.refused]
        axes.plot(refused, [0.0] * len(refused), "x", color="tab:red")
    axes.set_xticks(range(len(values)), [_short(value) for value in values])
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend(fontsize="small")


def _short(value: object) -> str:
    big = isinstance(value, int | float) and not isinstance(value, bool) and value >= 1e5
    return f"{value:.3g}" if big else str(value)


def cost_plot(
    tables: Points, panels: Mapping[str, tuple[str, Mapping[str, Points]]], title: str
) -> Figure:
    """Draw energy by its parts for each cost table, and one more panel per field.

    Args:
        tables: One point for each table of costs.
        panels: For each field a key of `QUANTITIES`, and points by line name.
        title: Title of the figure.
    """
    count = 1 + len(panels)
    figure = Figure(figsize=(3.4 * count, 3.2), layout="constrained")
    first, *others = figure.subplots(1, count, squeeze=False)[0]
    bottom = np.zeros(len(tables))
    for part in _PARTS:
        heights = np.array([getattr(point.energy, part) for point in tables])
        first.bar([str(point.value) for point in tables], heights, bottom=bottom, label=part)
        bottom += heights
    first.set_xlabel("costs")
    first.set_ylabel(QUANTITIES["energy"][0])
    first.legend(fontsize="small")
    for axes, (field, (quantity, lines)) in zip(others, panels.items(), strict=True):
        label, number = QUANTITIES[quantity]
        _panel(axes, lines, number)
        axes.set_yscale("log")
        axes.set_xlabel(field)
        axes.set_ylabel(label)
    figure.suptitle(title)
    return figure
