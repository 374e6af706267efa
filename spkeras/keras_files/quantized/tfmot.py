"""Layers that the TensorFlow Model Optimization toolkit wraps: pruned, quantised, clustered.

Reference:
    tensorflow_model_optimization 0.8.1: ``sparsity/keras/pruning_wrapper.py``,
    ``quantization/keras/quantize_wrapper.py``, ``quantize_aware_activation.py``,
    ``default_8bit/default_8bit_quantize_registry.py``, ``clustering/keras/cluster_wrapper.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spkeras.keras_files.graph import LayerNode, parse_entry
from spkeras.keras_files.quantized.fake_quant import fake_quantized, levels
from spkeras.keras_files.quantized.plain import (
    Arrays,
    Config,
    Layer,
    Plain,
    UnreadableError,
    activation,
    quantizer,
    rectified,
)
from spkeras.ops.types import Json

# Weights per class that pruning leaves as they are, before the pruned ones.
_UNPRUNED = {"SeparableConv1D": 1, "SeparableConv2D": 1}
_BOOKKEEPING = ("mask", "threshold", "pruning_step")
_WRAPPED = "layer"
# Activations that are quantised before and after the function (QuantizeAwareActivation).
_BEFORE = frozenset({"softmax", "sigmoid", "tanh", "gelu"})
_AFTER = frozenset({"linear", "relu", "swish", "silu", "gelu"})
# Quantisation schemes of the toolkit; others are classes of the user.
_SCHEMES = ("Default8Bit", "DefaultNBit", "NoOpQuantizeConfig", "OutputOnlyConfig")
Ends = tuple[np.ndarray, np.ndarray]


def pruned(node: LayerNode, arrays: Arrays) -> Plain:
    """Read PruneLowMagnitude: the wrapped layer, whose weights are multiplied by the mask."""
    layer = wrapped(node)
    if arrays.names:
        weights = [a for n, a in zip(arrays.names, arrays.own) if n not in _BOOKKEEPING]
        masks = arrays.named("mask")
    else:
        weights = list(arrays.inner.get(_WRAPPED, ()))
        masks = [mask for mask in arrays.own if mask.ndim > 1 and set(np.unique(mask)) <= {0, 1}]
    places = [k for k, a in enumerate(weights) if a.ndim > 1][_UNPRUNED.get(layer[0], 0) :]
    for place, mask in zip(places, masks, strict=False):
        if mask.shape == weights[place].shape:
            weights[place] = weights[place] * mask
    return Plain(layer, weights, [], "pruning removed, the pruned weights kept")


def annotated(node: LayerNode, arrays: Arrays) -> Plain:
    """Read QuantizeAnnotate: the wrapped layer, which is not quantised yet."""
    weights = arrays.own or list(arrays.inner.get(_WRAPPED, ()))
    return Plain(wrapped(node), weights, [], "annotation for quantisation removed")


def clustered(node: LayerNode, arrays: Arrays) -> Plain:
    """Read ClusterWeights: each kernel weight is the centroid that is nearest to it."""
    layer, change = wrapped(node), "clustering removed, the clustered weights kept"
    own = [array for array in arrays.own if array.dtype.kind == "f"]
    if arrays.names:
        kernels, centroids = arrays.exactly("kernel"), arrays.named("centroids_kernel")
        rest = arrays.exactly("bias")
    else:
        kernels, centroids, rest = own[:1], own[1:2], list(arrays.inner.get(_WRAPPED, ()))
    if not own and not rest:
        return Plain(layer, [], [], change)
    if not centroids or centroids[0].ndim != 1 or node.config.get("preserve_sparsity"):
        raise UnreadableError(
            "is clustered per channel, with its zeros kept, or in other weights than a kernel; "
            "save the model again after tfmot.clustering.keras.strip_clustering(model)"
        )
    nearest = np.abs(kernels[0][..., None] - centroids[0]).argmin(-1)
    return Plain(layer, [centroids[0][nearest], *rest], [], change)


def quantize_layer(node: LayerNode, arrays: Arrays) -> Plain:
    """Read QuantizeLayer: the quantiser of an input."""
    record = node.config.get("quantizer") or {"class_name": "NoQuantizer"}
    config, kind = record.get("config", {}), record["class_name"]
    kept: Config = {"name": node.name}
    if kind == "NoQuantizer":
        return Plain(("Activation", {**kept, "activation": "linear"}), [], [], _QUANTISED)
    if kind == "FixedQuantizer":
        ends = (np.asarray(config["init_min"]), np.asarray(config["init_max"]))
        layer = _quantizer(ends, 8, bool(config.get("narrow_range")))
    else:
        floats = [a for a in arrays.own if a.dtype.kind == "f"]
        if len(floats) < 2:
            raise UnreadableError("its range is not in the file")
        bits = int(config.get("num_bits", 8))
        layer = _quantizer((floats[0], floats[1]), bits, bool(config.get("narrow_range")))
    return Plain((layer[0], {**kept, **layer[1]}), [], [], _QUANTISED)


_QUANTISED = "quantised weights and activations of the quantisation-aware training read"


@dataclass
class _Scheme:
    """Quantisation of one wrapped layer.

    Attributes:
        weights: Names of the quantised weights.
        activations: Whether the layer's activation is quantised.
        output: Whether its output is.
        bits: Bits of weights and of activations.
    """

    weights: list[str]
    activations: bool
    output: bool
    bits: tuple[int, int]


def quantize_wrapper(node: LayerNode, arrays: Arrays) -> Plain:
    """Read QuantizeWrapper: quantised weights, and quantisers after the layer."""
    class_name, config = wrapped(node)
    scheme = _scheme(node.config.get("quantize_config"), class_name, config)
    function = _function(config.get("activation"))
    found = _Ranges(arrays, scheme)
    weights = found.weights(class_name)
    after: list[Layer] = []
    quantised = scheme.activations and function is not None
    name = function or "linear"
    if quantised and name in _BEFORE:
        after.append(_quantizer(found.ends("pre_activation"), scheme.bits[1], False))
    if class_name == "Activation":
        config["activation"] = name
    elif "activation" in config:
        config["activation"] = "linear"
        after += activation(name)
    ends = [found.ends("post_activation")] if quantised and name in _AFTER else []
    if scheme.output:
        ends.append(found.ends("output"))
    after += [_quantizer(pair, scheme.bits[1], False) for pair in ends]
    layer, *after = rectified([(class_name, config), *after])
    return Plain(layer, weights, after, _QUANTISED)


def _quantizer(ends: Ends, bits: int, narrow: bool) -> Layer:
    """Return the layer that fake-quantises activations."""
    if any(np.ndim(end) and np.size(end) > 1 for end in ends):
        raise UnreadableError("its activations have a range per channel")
    found = levels((ends[0].reshape(()), ends[1].reshape(())), bits, narrow)
    if not found.step > 0:
        raise UnreadableError("the range of its activations is empty: train the model first")
    return quantizer(float(found.step), float(found.low), float(found.high), "up")


def _scheme(record: Json, class_name: str, layer: Config) -> _Scheme:
    """Return the quantisation that the file's configuration names."""
    record = record if isinstance(record, dict) else {}
    name = str(record.get("class_name"))
    if not name.startswith(_SCHEMES):
        raise UnreadableError(f"is quantised by {name!r}, a class whose code is not in the file")
    config = record.get("config") or {}
    bits = (int(config.get("num_bits_weight", 8)), int(config.get("num_bits_activation", 8)))
    if name.startswith("NoOp"):
        return _Scheme([], False, False, bits)
    if name == "OutputOnlyConfig":
        inner = _scheme(config.get("quantize_config"), class_name, layer)
        return _Scheme([], inner.activations, inner.output, inner.bits)
    if "ActivationQuantizeConfig" in name:
        output = _function(layer.get("activation")) in {"relu", "swish", "silu", "gelu", "relu6"}
        return _Scheme([], False, output and config.get("quantize_output", True), bits)
    if "OutputQuantizeConfig" in name:
        return _Scheme([], False, bool(config.get("quantize_output", True)), bits)
    attributes = [str(attribute) for attribute in config.get("weight_attrs", ())]
    activations = bool(config.get("activation_attrs"))
    return _Scheme(attributes, activations, bool(config.get("quantize_output")), bits)


def _function(record: Json) -> str | None:
    """Return the name of an activation; None for one that the toolkit leaves out."""
    if isinstance(record, dict):
        if record.get("class_name") == "NoOpActivation":
            return None
        config = record.get("config")
        if record.get("class_name") == "QuantizeAwareActivation" and isinstance(config, dict):
            return _function(config.get("activation"))
        inner = config.get("name") if isinstance(config, dict) else config
        return str(inner or record.get("class_name"))
    return record if isinstance(record, str) else "linear"


class _Ranges:
    """Weights and ranges of a quantised layer.

    HDF5 names them. A Keras zip numbers them: the trainable weights of the layer, the quantised
    weights once more, the number of the training step, and the ends of all ranges in order.
    """

    def __init__(self, arrays: Arrays, scheme: _Scheme) -> None:
        self.scheme, self.named = scheme, bool(arrays.names)
        self.pairs: dict[str, Ends] = {}
        if self.named:
            self._by_name(arrays)
        else:
            self._by_position(arrays)

    def _by_name(self, arrays: Arrays) -> None:
        by_name = dict(zip(arrays.names, arrays.own, strict=True))
        for name in by_name:
            if name.endswith("_min") and f"{name[:-4]}_max" in by_name:
                self.pairs[name[:-4]] = (by_name[name], by_name[f"{name[:-4]}_max"])
        ends = {f"{name}_{end}" for name in self.pairs for end in ("min", "max")}
        kept = [name for name in by_name if name not in ends and name != "optimizer_step"]
        self.own = [by_name[name] for name in kept]

    def _by_position(self, arrays: Arrays) -> None:
        steps = [k for k, array in enumerate(arrays.own) if array.dtype.kind == "i"]
        if len(steps) != 1:
            raise UnreadableError("its arrays are not those of QuantizeWrapper")
        before, after = arrays.own[: steps[0]], arrays.own[steps[0] + 1 :]
        ends = list(zip(after[::2], after[1::2], strict=True))
        count = len(self.scheme.weights)
        for name, pair in zip(self.scheme.weights, ends, strict=False):
            self.pairs[name] = pair
        self.ordered = ends[count:]
        quantised = before[len(before) - count :] if count else []
        self.own = [*quantised, *arrays.inner.get(_WRAPPED, ())]

    def ends(self, name: str) -> Ends:
        """Return the ends of the range of that name, which are read in order."""
        if not self.named and self.ordered:
            return self.ordered.pop(0)
        if name not in self.pairs:
            raise UnreadableError("the range of its activations is not in the file")
        return self.pairs[name]

    def weights(self, class_name: str) -> list[np.ndarray]:
        """Return the weights of the layer, quantised where they are in training."""
        weights = list(self.own)
        bits = self.scheme.bits[0]
        for place, name in enumerate(self.scheme.weights):
            if name not in self.pairs or place >= len(weights):
                raise UnreadableError(f"the range of its {name} is not in the file")
            weights[place] = fake_quantized(weights[place], self.pairs[name], bits, True)
        return weights


def wrapped(node: LayerNode) -> Layer:
    """Return class and arguments of the layer inside a wrapper, under the wrapper's name."""
    record = node.config.get(_WRAPPED)
    if not isinstance(record, dict):
        raise UnreadableError("holds no layer")
    inner = parse_entry(record, node.name)
    if inner.layers is not None:
        raise UnreadableError("wraps a model")
    config = {**inner.config, "name": node.name}
    shape = node.config.get("batch_input_shape")
    if shape is not None:
        config["batch_input_shape"] = shape
    return inner.class_name, config


READERS: dict[str, Callable[[LayerNode, Arrays], Plain]] = {
    "PruneLowMagnitude": pruned,
    "QuantizeAnnotate": annotated,
    "ClusterWeights": clustered,
    "QuantizeLayer": quantize_layer,
    "QuantizeWrapper": quantize_wrapper,
    "QuantizeWrapperV2": quantize_wrapper,
}
