"""What a converted network is, and pictures of what it does."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spkeras.data import DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.graph.integers import Integers
from spkeras.report.network import LayerRange, Summary
from spkeras.snn.settings import configured
from spkeras.snn.timing import Timed

if TYPE_CHECKING:
    import keras

    from spkeras.report.network_plots import Figure
    from spkeras.snn.spike_loop import SpikeLoop

# Samples of which rates are compared with activations.
_COMPARED = 20


def summary(snn: "keras.Model") -> Summary:
    """Return what a converted network is: layers, neurons, thresholds, settings.

    Args:
        snn: From `convert`, or loaded from a file.

    Raises:
        SpkerasError: the model is no converted network.
    """
    from spkeras.snn.converted import converted_of

    return summary_of(snn.name, converted_of(snn))


def summary_of(name: str, loop: Any) -> Summary:
    """Return what a converted network is.

    Args:
        name: Name of its model.
        loop: Its layer, or a network without Keras.
    """
    return Summary(
        name=name,
        run=run_of(loop),
        settings={**loop.graph.settings, **loop.settings},
        layers=layers_of(loop),
        notes=tuple(loop.graph.notes),
    )


def run_of(loop: Any) -> str:
    """Return the schedule, T and the latency of a converted network in words."""
    if not loop.windows:
        return (
            f"T = {loop.timesteps}, {loop.schedule}, latency {loop.latency} steps "
            f"({loop.latency + loop.depth} pipelined)"
        )
    if loop.timesteps is None:
        return f"{loop.windows} windows, latency {loop.latency:.4g} in continuous time"
    return f"{loop.windows} windows of T = {loop.timesteps} steps, latency {loop.latency} steps"


def layers_of(loop: Any) -> tuple[LayerRange, ...]:
    """Return the layers of a converted network with the range of their weights, or thresholds."""
    running = isinstance(loop, Timed) and loop.schedule == "clock_driven"
    graph: Graph = loop.graph
    ranges = (_layer(node, loop if running else None) for node in graph.nodes)
    if graph.integers is None:
        return tuple(ranges)
    form = graph.integers
    return tuple(
        replace(layer, **_whole(node, form))
        for layer, node in zip(ranges, graph.nodes, strict=True)
    )


def _whole(node: Node, form: Integers) -> dict[str, Any]:
    """Return the fields of a layer that describe its whole numbers."""
    if node.name in form.steps:
        bits = form.threshold_bits if node.op == "scale" else form.weight_bits
        return {"bits": bits, "codes": _range(form.codes(node)), "unit": _of(form.steps[node.name])}
    if node.name not in form.units:
        return {}
    unit = _of(form.units[node.name])
    if node.op != "neuron":
        return {"unit": unit}
    codes = _range(node.arrays["threshold"])
    return {"bits": form.threshold_bits, "codes": codes, "unit": unit}


def _range(codes: np.ndarray) -> tuple[int, int]:
    return int(codes.min()), int(codes.max())


def _of(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _layer(node: Node, loop: Timed | None) -> LayerRange:
    array = node.arrays.get("kernel", node.arrays.get("threshold"))
    starts = loop is not None and node.op in ("neuron", "readout")
    return LayerRange(
        name=node.name,
        kind=node.op,
        inputs=tuple(node.inputs),
        size=int(np.prod(node.shape, dtype=np.int64)),
        low=None if array is None else float(np.min(array)),
        high=None if array is None else float(np.max(array)),
        shape=node.shape,
        neuron=str(node["model"]) if node.op == "neuron" else "",
        start=loop.start(node) + 1 if loop is not None and starts else None,
    )


def plot_raster(snn: "keras.Model", x: DataLike, **settings: Any) -> "Figure":
    """Draw the spikes of one sample: some neurons of each layer, over the steps.

    Args:
        snn: From `convert`, or loaded from a file.
        x: Samples; the first one is drawn.
        settings: `timesteps`, `stagger`, ... for this run instead of the network's own.

    Raises:
        OptionError: the network has no steps, or matplotlib is not installed.
        DataError: the sample does not fit.
    """
    from spkeras.report.network_plots import raster
    from spkeras.simulation.raster import rasters

    loop, samples = _prepared(snn, x, 1)
    with configured(loop, settings):
        return raster(snn.name, [(one.name, one.spikes[0]) for one in rasters(loop, samples)])


def plot_rates(snn: "keras.Model", x: DataLike, **settings: Any) -> "Figure":
    """Draw the rates of each layer (or the values that spikes carry) over the CNN's activations.

    Args:
        snn: As for `plot_raster`.
        x: Samples; up to 20 of them are used.
        settings: As for `plot_raster`.

    Raises:
        OptionError: as `plot_raster`.
        DataError: as `plot_raster`.
    """
    from spkeras.calibration.layer_rates import LayerRates
    from spkeras.report.network_plots import rates

    loop, samples = _prepared(snn, x, _COMPARED)
    with configured(loop, settings):
        stages = LayerRates(loop)
        exact = stages.rates("reference", samples)[1]
        found = stages.simulated(samples, exact).rates
    names = [node.name for node in loop.network.neurons]
    return rates(snn.name, list(zip(names, exact, found, strict=True)))


def plot_thresholds(snn: "keras.Model") -> "Figure":
    """Draw the range of thresholds and weights of each layer.

    Args:
        snn: From `convert`, or loaded from a file.

    Raises:
        OptionError: matplotlib is not installed.
    """
    from spkeras.report.network_plots import ranges

    return ranges(summary(snn))


def _prepared(snn: "keras.Model", x: DataLike, most: int) -> tuple["SpikeLoop", list[np.ndarray]]:
    from spkeras.snn.converted import converted_of
    from spkeras.snn.spike_loop import SpikeLoop

    loop = converted_of(snn)
    if not isinstance(loop, SpikeLoop):
        raise OptionError(
            f"{snn.name}: its layers fire in windows; allowed: a network that runs step by step"
        )
    batch = open_data(Layout.of(loop.graph), x, part="test").head(most)
    return loop, [array[:most].astype("float32") for array in batch.x]
