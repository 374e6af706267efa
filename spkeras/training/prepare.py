"""Convert a CNN into its trainable twin: activations take the values of spikes."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from spkeras.data import DataLike, Source, open_data
from spkeras.data.layout import Layout
from spkeras.data.source import inputs
from spkeras.errors import DataError, UnsupportedLayerError
from spkeras.frontend.steps import steps
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph
from spkeras.layers import Staged, TrainablePooling2D
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress
from spkeras.ops.published import for_training
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import CAT, Recipe, Simulation, Trained, get
from spkeras.recipes.statistics import automatic_percentile
from spkeras.training.activations import Activations, default_timesteps
from spkeras.training.ranges import Units, places_of, refuse_activations, units_of
from spkeras.training.rebuild import all_layers, rebuild

# Layers and operators that consist of an activation.
_ACTIVATIONS = (
    "Activation ReLU Relu Relu6 Staged Clamp ClampQuantize ValueRange QCFSActivation TTFSActivation "
    "PhaseActivation BurstActivation".split()
)
# Samples whose range is looked up at once.
_AT_ONCE = 1000
# Inputs scaled to [0, 1] exceed 1 by rounding only.
_ROUNDED = 1.001
_ENCODERS = ("InputQuantizer", "ChannelExpansion")


def prepare(
    model: keras.Model,
    data: DataLike = None,
    recipe: str | Recipe | Mapping[str, Any] = "cq",
    *,
    timesteps: int | None = None,
    policy: str | None = None,
    batch_size: int = 100,
    progress: Progress | None = None,
    verbose: str | int = "auto",
    **options: Any,
) -> keras.Model:
    """Convert a trained CNN into its trainable twin, an ordinary Keras model for `fit`.

    Every ReLU becomes an activation whose values are those that T steps of spikes can carry.
    Weights and batch norm stay; `finetune` trains them. The twin begins in stage "quantize"
    (`set_stage` changes it).

    Args:
        model: A functional or Sequential CNN with ReLU (or ReLU6) activations.
        data: Some hundred training samples, in any form of docs/data.md, that set the range of each layer, so that the twin
            starts close to the CNN. None: every range is [0, 1], as in the papers.
        recipe: A recipe of `spkeras.recipes` with training (`CQ(shift=0.5)`), or its name:
            "cq", "cq+", "low_latency", "qcfs" or "cat".
        timesteps: T: 64 for cq and cq+, 8 for low_latency and qcfs (L), for cat 24, or 8 for
            phase and burst codes.
        policy: Keras dtype policy of the other layers, such as "mixed_bfloat16"; None keeps it.
            Quantisers compute in float32 under any.
        batch_size: Samples at once while ranges are chosen.
        progress: Called with (samples done, samples in all).
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.
        options: Options of the recipe, if it is given by name; `published=True` for the settings
            of its publication (docs/papers.md), with options that do not contradict it.

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        UnsupportedLayerError: activations or pooling layers without a spiking counterpart; all
            are listed.
        DataError: samples do not fit, or an input that is encoded has values below 0 (for
            encoding="expanded" also above 1).
        OptionError: an option that the recipe does not have, or out of its range.
    """
    if options.pop("published", False):
        options = for_training(str(recipe), {**options, "timesteps": timesteps})
        timesteps = options.pop("timesteps", None)
    chosen = get(recipe, "training", **options)
    assert isinstance(chosen, Trained | CAT)
    steps = default_timesteps(chosen) if timesteps is None else timesteps
    steps = int(Simulation(timesteps=steps).timesteps or steps)
    base = rebuild(model, _poolings(chosen.pooling))
    graph = attach_readouts(read_graph(base))
    refuse_activations(graph)
    places = places_of(graph, chosen.pooling_neurons)
    source = None if data is None else open_data(Layout.of(graph), data).again()
    share = automatic_percentile(steps) if chosen.percentile is None else chosen.percentile
    with reported(progress, verbose, "sample") as report:
        units = units_of(
            graph, places, source, percentile=share, batch_size=batch_size, progress=report
        )
    layers = Activations(
        recipe=chosen, timesteps=steps, inputs=_largest_inputs(graph, source, chosen)
    )
    wide = first_layers(base) if chosen.encoding == "expanded" else set()
    twins = _Twins(units, layers, wide)
    twin = rebuild(base, twins.of, policy, lambda operation, name: _encoder(layers, name))
    for layer, weights in twins.adopted:
        layer.set_weights(weights)
    return _checked(twin)


def finished(model: keras.Model) -> keras.Model:
    """Return the trained twin with its activations in their present stage, in float32."""

    def final(operation: keras.Operation, path: str) -> list[Any] | None:
        if not isinstance(operation, Staged):
            return None
        inner = operation.activation
        layer = type(inner).from_config({**inner.get_config(), "name": operation.name})
        if inner.weights:
            layer.build(None)
            layer.set_weights(inner.get_weights())
        return [layer]

    return rebuild(model, final, "float32")


def _poolings(pooling: str) -> Callable[[Any, str], list[Any] | None]:
    def replace(layer: keras.Operation, path: str) -> list[Any] | None:
        kind = type(layer).__name__
        if pooling == "keep" or not isinstance(layer, keras.layers.Layer):
            return None
        average = kind.replace("Max", "Average")
        windowed = average == "AveragePooling2D" and layer.strides == layer.pool_size
        if pooling == "trainable" and windowed and layer.data_format == "channels_last":
            return [TrainablePooling2D(layer.pool_size, padding=layer.padding, name=layer.name)]
        if average == kind or not kind.startswith(("MaxPooling", "GlobalMaxPooling")):
            return None
        return [getattr(keras.layers, average).from_config(layer.get_config())]

    return replace


def _largest_inputs(graph: Graph, source: Source | None, recipe: Trained | CAT) -> dict[str, float]:
    """Return the largest value of each input that is encoded, by its name: 1, or more.

    Raises:
        DataError: values that the encoding does not carry.
    """
    if recipe.encoding == "real" or source is None:
        return {}
    ranges = [[(x.min(), x.max()) for x in batch] for batch in inputs(source, _AT_ONCE)]
    found, expanded = {}, recipe.encoding == "expanded"
    for node, own in zip(graph.of("input"), zip(*ranges, strict=True), strict=True):
        low, high = float(min(least for least, _ in own)), float(max(most for _, most in own))
        if low < 0 or (high > _ROUNDED and expanded):
            remedy = (
                "train the CNN on values from 0 (spike times have no sign)"
                if isinstance(recipe, CAT)
                else "scale the data, or give encoding='real' (--encoding real)"
            )
            raise DataError(
                f"data for {node.name}: values from {low:.4g} to {high:.4g}; allowed for input "
                f"spikes: {'0 to 1' if expanded else '0 and above'}; {remedy}"
            )
        found[node.name] = 1.0 if high <= _ROUNDED else high
    return found


def _encoder(layers: Activations, name: str) -> list[Any] | None:
    layer = layers.input_layer(f"{name}_encoding", name)
    return None if layer is None else [layer]


class _Twins:
    """What takes the place of each layer, and the weights it takes over.

    Args:
        units: Range of each layer's activations, by the layer's path.
        layers: Makes the activations.
        wide: Layers whose input has become six times as wide, by identity.
    """

    def __init__(self, units: Units, layers: Activations, wide: set[int]) -> None:
        self.units, self.layers, self.wide = units, layers, wide
        self.adopted: list[tuple[Any, list[np.ndarray]]] = []

    def of(self, operation: keras.Operation, path: str) -> list[Any] | None:
        """The layers that take this one's place; None for a plain copy."""
        kind = type(operation).__name__
        if kind in _ENCODERS:
            return [keras.layers.Identity(name=operation.name)]
        if isinstance(operation, keras.Model):
            return None
        active = path in self.units
        if active and kind in _ACTIVATIONS:
            return [self._activation(operation, path, operation.name)]
        if active and kind.startswith("AveragePooling"):
            copy = type(operation).from_config(operation.get_config())
            return [copy, self._activation(operation, path, f"{operation.name}_neurons")]
        within = active and getattr(operation, "activation", None) is not None
        if not within and id(operation) not in self.wide:
            return None
        linear = {"activation": "linear"} if within else {}
        layers = [type(operation).from_config({**operation.get_config(), **linear})]
        self.adopted.append((layers[0], self._weights(operation)))
        if within:
            layers.append(self._activation(operation, path, f"{operation.name}_neurons"))
        return layers

    def _weights(self, operation: keras.layers.Layer) -> list[np.ndarray]:
        kernel, *others = operation.get_weights()
        if id(operation) in self.wide:
            kernel = np.concatenate([kernel / 6] * 6, axis=-2)
        return [kernel, *others]

    def _activation(self, operation: keras.layers.Layer, path: str, name: str) -> Staged:
        own = self.layers.activation(self.units[path])
        return Staged(own, "quantize", _bound(operation), name=name)


def first_layers(model: keras.Model) -> set[int]:
    """Return the layers that read the input, by identity; each can take more channels.

    Raises:
        UnsupportedLayerError: a layer that is no convolution (of one group) or dense layer.
    """
    given = {id(tensor) for tensor in model.inputs}
    first = [s.operation for s in steps(model) if any(id(t) in given for t in s.input_tensors)]
    wrong = [
        f"{layer.name} ({type(layer).__name__}): reads the input; allowed with encoding="
        "'expanded': Conv2D or Conv1D of one group, Dense; give encoding='spikes' or 'real'"
        for layer in first
        if type(layer).__name__ not in ("Conv1D", "Conv2D", "Dense")
        or getattr(layer, "groups", 1) != 1
        or getattr(layer, "data_format", None) == "channels_first"
    ]
    if wrong:
        raise UnsupportedLayerError(wrong)
    return {id(layer) for layer in first}


def _bound(operation: keras.layers.Layer) -> float | None:
    """Return the upper bound of the ReLU that is replaced."""
    function = getattr(operation, "activation", operation)
    name = getattr(function, "__name__", type(function).__name__).lower()
    return 6.0 if name == "relu6" else getattr(operation, "max_value", None)


def _checked(model: keras.Model) -> keras.Model:
    """Return the twin; refuse one that has a plain ReLU left."""
    staged = {layer.name for layer in all_layers(model) if isinstance(layer, Staged)}
    graph = attach_readouts(read_graph(model))
    left = [
        f"{node.source}: its activation cannot be replaced; use a separate activation layer"
        for node in places_of(graph, False).values()
        if node["function"] in ("relu", "relu6") and node.source.split("/")[-1] not in staged
    ]
    if left:
        raise UnsupportedLayerError(left)
    return model
