"""Plots of sweeps over a processor's widths."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from spkeras.hardware.log_ttfs.sweep import SweepPoint


def sweep_plot(sweeps: Mapping[str, Sequence[SweepPoint]], title: str, floor: float) -> Figure:
    """Accuracy against each field, one panel a field.

    Args:
        sweeps: Points by field of the configuration.
        title: Of the figure.
        floor: Accuracy of the network in floating point, drawn as a dashed line.

    Returns:
        A figure; values that were refused are crosses at the bottom.
    """
    figure = Figure(figsize=(3.2 * len(sweeps), 3.2), layout="constrained")
    panels = figure.subplots(1, len(sweeps), sharey=True, squeeze=False)[0]
    for axes, (field, points) in zip(panels, sweeps.items(), strict=True):
        labels = [str(point.value) for point in points]
        places = range(len(points))
        reached = [(i, 100 * p.accuracy) for i, p in enumerate(points) if p.accuracy is not None]
        axes.plot([i for i, _ in reached], [value for _, value in reached], marker="o")
        refused = [i for i, point in enumerate(points) if point.refused]
        axes.plot(refused, [0.0] * len(refused), "x", color="tab:red")
        axes.axhline(100 * floor, linestyle="--", color="grey")
        axes.set_xticks(list(places), labels)
        axes.set_xlabel(field)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("accuracy [%]")
    figure.suptitle(title)
    return figure
