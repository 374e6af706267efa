"""Plots of a converted network: spikes, rates over activations, ranges of thresholds and weights."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Figure

from spkeras.report.network import Summary

# Layers with a panel of their own, evenly from the first to the last; points of one panel.
_PANELS, _POINTS = 12, 2000


def raster(title: str, layers: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Draw spike trains of layers, one panel each.

    Args:
        title: Of the figure.
        layers: Name and spikes (T, neurons) of each.
    """
    shown = _some(layers)
    figure = Figure(figsize=(8, 1.1 + 1.0 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, spikes) in zip(panels, shown, strict=True):
        steps, neurons = np.nonzero(spikes)
        falling = spikes[steps, neurons] < 0
        for chosen, colour in ((~falling, "C0"), (falling, "C3")):
            axes.plot(steps[chosen] + 1, neurons[chosen], "|", color=colour, markersize=4)
        axes.set_ylabel(
            name, rotation=0, ha="right", va="center", fontsize="small", parse_math=False
        )
        axes.set_yticks([])
        axes.set_xlim(0.5, len(spikes) + 0.5)
    panels[-1].set_xlabel("time step")
    figure.suptitle(f"{title}: spikes (red: negative)", fontsize="medium", parse_math=False)
    return figure


def rates(title: str, layers: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """Draw what spikes carry over activations, one panel a layer, with the diagonal.

    Args:
        title: Of the figure.
        layers: Name, activations and rates of each, in units of the layer's scale.
    """
    shown = _some(layers)
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(2.4 * columns, 2.5 * lines + 0.4), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (name, exact, found) in zip(panels, shown, strict=False):
        places = np.unique(np.linspace(0, exact.size - 1, _POINTS).astype(int))
        activations, carried = exact.ravel()[places], found.ravel()[places]
        low = float(min(activations.min(), carried.min()))
        high = float(max(activations.max(), carried.max()))
        axes.plot([low, high], [low, high], color="grey", linewidth=0.8)
        axes.plot(activations, carried, ".", markersize=2, alpha=0.4)
        axes.set_title(name, fontsize="small", parse_math=False)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    figure.supxlabel("activation of the CNN, in units of the layer's scale", fontsize="small")
    figure.supylabel("carried by spikes", fontsize="small")
    figure.suptitle(title, fontsize="medium", parse_math=False)
    return figure


def ranges(summary: Summary) -> Figure:
    """Draw the range of weights of each linear layer, and of thresholds of each layer of neurons."""
    known = [layer for layer in summary.layers if layer.low is not None and layer.high is not None]
    figure = Figure(figsize=(8, 1.2 + 0.22 * len(known)), layout="constrained")
    axes = figure.subplots()
    for place, layer in enumerate(known):
        low, high = float(layer.low or 0.0), float(layer.high or 0.0)
        axes.plot([low, high], [place, place], "|-", color="C1" if layer.neuron else "C0")
    axes.set_yticks(range(len(known)))
    axes.set_yticklabels([layer.name for layer in known], fontsize="x-small", parse_math=False)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    axes.set_xlabel("weights (blue) and thresholds (orange), least to largest")
    figure.suptitle(f"{summary.name}", fontsize="medium", parse_math=False)
    return figure


def _some(layers: Sequence[tuple]) -> list[tuple]:  # type: ignore[type-arg]
    places = np.unique(np.linspace(0, len(layers) - 1, _PANELS).round().astype(int))
    return [layers[place] for place in places] if layers else []
