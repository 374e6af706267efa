"""Turn a CNN into its trainable twin: activations that take the values which spikes carry."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from spkeras.data.batches import as_samples
from spkeras.errors import DataError, OptionError, UnsupportedLayerError
from spkeras.frontend.steps import steps
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph
from spkeras.layers import Staged, TrainablePooling2D
from spkeras.ops.published import for_training
from spkeras.passes.readout import attach_readouts
from spkeras.passes.scales import automatic_percentile
from spkeras.training.ranges import Units, places_of, refuse_activations, units_of
from spkeras.training.rebuild import all_layers, rebuild
from spkeras.training.recipe import Recipe

POOLINGS = ("keep", "average", "trainable")
# Layers and operators that are an activation and nothing else.
_ACTIVATIONS = ("Activation", "ReLU", "Relu", "Relu6", "Staged", "Clamp", "ClampQuantize",
                "ValueRange", "QCFS", "TTFSActivation", "PhaseActivation", "BurstActivation")  # fmt: skip
_ENCODERS = ("InputQuantizer", "ChannelExpansion")


def prepare(
    model: keras.Model,
    data: Any = None,
    *,
    recipe: str = "cq",
    published: bool = False,
    timesteps: int | None = None,
    levels: float | None = None,
    encoding: str | None = None,
    input_threshold: float | None = None,
    pooling: str | None = None,
    pooling_neurons: bool | None = None,
    percentile: float | None = None,
    tau: float | None = None,
    shift: float | None = None,
    code: str | None = None,
    stage: str = "quantize",
    policy: str | None = None,
    batch_size: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> keras.Model:
    """Turn a trained CNN into its trainable twin, an ordinary Keras model for `fit`.

    Every ReLU, wherever it stands, becomes an activation that takes the values which T steps
    of spikes carry. Weights and batch norm stay; nothing is trained here.

    Args:
        model: A functional or Sequential CNN with ReLU (or ReLU6) activations.
        data: Some hundred training samples, by which each layer's range is chosen: then the
            twin starts close to the CNN. None: every range is [0, 1], as in the papers.
        recipe: "cq" or "cq+" (clamp and quantise, Yan et al. 2021, 2023), "low_latency" (value
            range, Yan et al. 2022), "qcfs" (Bu et al. 2022) or "cat" (conversion-aware
            training for time-to-first-spike, Lew et al. 2022).
        published: Whether all settings are those of the recipe's publication
            (`spkeras.ops.published`; docs/papers.md). An option given beside it that
            contradicts them is refused.
        timesteps: T: 64 for cq and cq+, 8 for low_latency and qcfs (L), for cat 24, or
            8 for phase and burst codes.
        levels: N, for low_latency: levels in a unit (5/4 T).
        encoding: "spikes": the input is quantised, too; "expanded" (low_latency's own): it is
            quantised on three scales; "real" (qcfs's own): it stays as it is.
        input_threshold: theta of the input neurons (parameterised input encoding; 1).
        pooling: "keep" (default); "average": max pooling becomes average pooling; "trainable": poolings
            become depthwise convolutions that start as averages.
        pooling_neurons: Whether average poolings have an activation of their own (yes for cq,
            cq+ and low_latency); global poolings never have.
        percentile: Share of a layer's activations inside its range, in %; chosen from T.
        tau: Steps in which the threshold halves, for cat (4).
        shift: Share of a level given in advance (0, for qcfs 1/2).
        code: What spikes mean, for cat: "ttfs" (default; first spikes), "phase" (spikes of a period weigh
            1/2, 1/4 ...) or "burst" (each spike of a burst weighs twice the one before).
        stage: "relu", "clamp" or "quantize": where training begins.
        policy: Keras dtype policy of the other layers, such as "mixed_bfloat16"; None keeps it.
            Quantisers compute in float32 under any.
        batch_size: Samples at once while ranges are chosen.
        progress: Told (samples done, samples in all).

    Returns:
        A functional `keras.Model`, not compiled. `finished` makes its activations final.

    Raises:
        UnsupportedLayerError: an activation or pooling that no spikes stand for; all at once.
        DataError: samples do not fit, or the input leaves [0, 1] where it is to be encoded.
        OptionError: an option out of its range.

    Reference:
        Sources stand with the layers: `ClampQuantize`, `ValueRange`, `QCFS`, `TTFSActivation`.
    """
    settings: dict[str, Any] = {
        "timesteps": timesteps, "levels": levels, "encoding": encoding,
        "input_threshold": input_threshold, "pooling": pooling,
        "pooling_neurons": pooling_neurons, "tau": tau, "shift": shift, "code": code,
    }  # fmt: skip
    if published:
        settings = for_training(recipe, settings)
    pooling = settings.pop("pooling", None) or "keep"
    chosen = Recipe(
        recipe, **{name: value for name, value in settings.items() if value is not None}
    )
    if pooling not in POOLINGS:
        raise OptionError(f"pooling={pooling!r}; allowed: {POOLINGS}")
    base = rebuild(model, _poolings(pooling))
    graph = attach_readouts(read_graph(base))
    refuse_activations(graph)
    places = places_of(graph, bool(chosen.pooling_neurons))
    share = automatic_percentile(int(chosen.timesteps or 1)) if percentile is None else percentile
    units = units_of(graph, places, data, share, batch_size, progress or (lambda done, total: None))
    _check_input(graph, data, chosen)
    wide = first_layers(base) if chosen.encoding == "expanded" else set()
    twins = _Twins(units, chosen, stage, wide)
    twin = rebuild(base, twins.of, policy, lambda operation, name: _encoder(chosen, name))
    for layer, weights in twins.adopted:
        layer.set_weights(weights)
    return _proved(twin)


def finished(model: keras.Model) -> keras.Model:
    """The trained twin with its activations as they are now, in float32, without stages."""

    def final(operation: Any, path: str) -> list[Any] | None:
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
    def replace(layer: Any, path: str) -> list[Any] | None:
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


def _check_input(graph: Graph, data: Any, recipe: Recipe) -> None:
    if recipe.encoding == "real" or data is None:
        return
    for node, array in zip(graph.of("input"), as_samples(graph, data), strict=True):
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > 1.001:
            raise DataError(
                f"data for {node.name}: reach from {low:.4g} to {high:.4g}, input spikes stand for "
                "0 to 1; scale the data, or give encoding='real' (--encoding real)"
            )


def _encoder(recipe: Recipe, name: str) -> list[Any] | None:
    layer = recipe.input_layer(f"{name}_encoding")
    return None if layer is None else [layer]


class _Twins:
    """What takes the place of each layer, and the weights it takes over.

    Args:
        units: Range of each layer's activations, by the layer's path.
        recipe: What is trained for.
        stage: Where training begins.
        wide: Layers whose input has become six times as wide, by identity.
    """

    def __init__(self, units: Units, recipe: Recipe, stage: str, wide: set[int]) -> None:
        self.units, self.recipe, self.stage, self.wide = units, recipe, stage, wide
        self.adopted: list[tuple[Any, list[np.ndarray]]] = []

    def of(self, operation: Any, path: str) -> list[Any] | None:
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

    def _weights(self, operation: Any) -> list[np.ndarray]:
        kernel, *others = operation.get_weights()
        if id(operation) in self.wide:
            kernel = np.concatenate([kernel / 6] * 6, axis=-2)
        return [kernel, *others]

    def _activation(self, operation: Any, path: str, name: str) -> Staged:
        own = self.recipe.activation(self.units[path])
        return Staged(own, self.stage, _bound(operation), name=name)


def first_layers(model: keras.Model) -> set[int]:
    """The layers that read the input, by identity; each of them can take a wider one.

    Raises:
        UnsupportedLayerError: one that is no convolution (of one group) or dense layer.
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


def _bound(operation: Any) -> float | None:
    """Upper bound of the ReLU that is replaced."""
    function = getattr(operation, "activation", operation)
    name = getattr(function, "__name__", type(function).__name__).lower()
    return 6.0 if name == "relu6" else getattr(operation, "max_value", None)


def _proved(model: keras.Model) -> keras.Model:
    """The twin, if no plain ReLU was left in it."""
    staged = {layer.name for layer in all_layers(model) if isinstance(layer, Staged)}
    graph = attach_readouts(read_graph(model))
    left = [
        f"{node.source}: its activation could not be replaced; put it into a layer of its own"
        for node in places_of(graph, False).values()
        if node["function"] in ("relu", "relu6") and node.source.split("/")[-1] not in staged
    ]
    if left:
        raise UnsupportedLayerError(left)
    return model
