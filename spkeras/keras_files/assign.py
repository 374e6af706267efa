"""Assignment of stored weights to a built model, with a check that none is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable

import keras
import numpy as np

from spkeras.errors import ModelFileError
from spkeras.keras_files.context import Context
from spkeras.keras_files.differences import check_fit
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.kernels import local_arrays, modern_arrays
from spkeras.keras_files.pairs import Pair, leaves_of, pairs_of
from spkeras.keras_files.paths import assign_paths
from spkeras.keras_files.stores import LayerWeights, Named, StoredWeights
from spkeras.ops.memory import given


def assign_weights(
    model: keras.Model, root: LayerNode, weights: StoredWeights, context: Context
) -> None:
    """Set every weight of a model from the file.

    Args:
        model: The built model of the migrated tree.
        root: The migrated tree, with the stored names of the weights.
        weights: The stored arrays.
        context: Version and backend of the writer; collects changes.

    Raises:
        ModelFileError: a layer has no stored weights, or of another number or shape.
    """
    if context.separate:
        check_fit(model, root, weights)
    if isinstance(weights, LayerWeights):
        _from_layers(model, root, weights, context)
    else:
        assign_paths(model, root, weights)
    derive_state(model)


def derive_state(model: keras.Model) -> None:
    """Compute what layers keep of their weights, such as the tensors of Normalization.

    Keras does so for the layers of the outermost model only when it reads HDF5.

    Args:
        model: A model with its weights.
    """
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "finalize_state") and layer.weights:
            layer.finalize_state()


def _from_layers(
    model: keras.Model, root: LayerNode, weights: LayerWeights, context: Context
) -> None:
    outer = [pair for pair in pairs_of(model, root) if pair[1].weights]
    leaves = [pair for pair in leaves_of(root, model) if pair[1].weights]
    for pairs in (outer, leaves):  # Keras 1 stored the layers of inner models one by one
        if weights.named and all(node.stored_name in weights.layers for node, _ in pairs):
            for node, layer in pairs:
                _fill(node, layer, weights.layers[node.stored_name], context)
            return
    _by_order(outer, leaves, weights, context)


def _by_order(
    outer: list[Pair], leaves: list[Pair], weights: LayerWeights, context: Context
) -> None:
    """Match stored layers by position where their names differ."""
    filled = [arrays for arrays in weights.layers.values() if arrays]
    pairs = outer if len(filled) == len(outer) else leaves
    if len(filled) != len(pairs):
        raise ModelFileError(
            f"The architecture has {len(pairs)} layers with weights "
            f"({', '.join(node.stored_name for node, _ in pairs[:8])}, ...) but the weights "
            f"file has {len(filled)} ({', '.join(list(weights.layers)[:8])}, ...). They "
            "belong to different models; give the architecture that was saved with them."
        )
    for (node, layer), arrays in zip(pairs, filled, strict=True):
        _fill(node, layer, arrays, context)
        context.changed("weights matched by position, since names differ", node)


def _fill(node: LayerNode, layer: keras.layers.Layer, arrays: Named, context: Context) -> None:
    """Set the weights of a layer, or of all layers inside a model."""
    if node.layers is None:
        _set(node, layer, _in_order(layer, arrays), context)
        return
    leaves = [pair for pair in leaves_of(node, layer) if pair[1].weights]
    parts = _by_name(leaves, arrays, others=node.subclassed)
    if parts is None:
        parts = _by_count(node, leaves, layer, arrays)
    for (leaf, inner), part in zip(leaves, parts, strict=True):
        _set(leaf, inner, part, context)


def _in_order(layer: keras.layers.Layer, arrays: Named) -> list[np.ndarray]:
    """Return the arrays in the order of the layer's weights, where each has its name.

    A layer quantized to float8 stores its weights in another order than it builds them.
    """
    named = {name.split("/")[-1].split(":")[0]: array for name, array in arrays}
    order = [variable.name for variable in _stored_order(layer)]
    if len(named) == len(arrays) and set(named) == set(order):
        return [named[name] for name in order]
    return [array for _, array in arrays]


def _by_name(
    leaves: list[Pair], arrays: Named, *, others: bool = False
) -> list[list[np.ndarray]] | None:
    """Assign the arrays of an inner model to its layers by weight name.

    Trainable and other weights are stored apart, so that positions are ambiguous when some layers
    are frozen. None if a name is ambiguous. A user's class can have weights for training
    (`others`), which no layer of the model has.
    """
    names = [leaf.stored_name for leaf, _ in leaves]
    if len(set(names)) != len(names):
        return None
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for weight, array in arrays:
        owner = owner_of(weight, parts)
        if owner is not None:
            parts[owner].append(array)
        elif not others:
            return None
    counts_fit = all(len(parts[leaf.stored_name]) == len(layer.weights) for leaf, layer in leaves)
    return [parts[name] for name in names] if counts_fit else None


def owner_of(weight: str, names: Iterable[str]) -> str | None:
    """Return the layer named in a weight name: outer/conv/kernel:0, or conv_W in Keras 1."""
    steps = weight.split("/")[:-1]
    known = set(names)
    for length in range(len(steps), 0, -1):
        for start in range(len(steps) - length, -1, -1):
            candidate = "/".join(steps[start : start + length])
            if candidate in known:
                return candidate
    fitting = [name for name in known if re.match(re.escape(name) + r"_[A-Za-z_]+(:0)?$", weight)]
    return max(fitting, key=len) if fitting and not steps else None


def _by_count(
    node: LayerNode, leaves: list[Pair], model: keras.Model, arrays: Named
) -> list[list[np.ndarray]]:
    """Assign arrays by position: first all trainable weights of all layers, then the others."""
    order = _stored_order(model)
    if len(order) != len(arrays):
        raise ModelFileError(
            f"inner model {node.label}: {len(order)} weights expected, {len(arrays)} stored."
        )
    place = {id(variable): array for variable, (_, array) in zip(order, arrays, strict=True)}
    return [[place[id(variable)] for variable in _stored_order(layer)] for _, layer in leaves]


def _stored_order(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return the weights in the order of HDF5 files: the trainable ones, then the others."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _set(
    node: LayerNode, layer: keras.layers.Layer, arrays: list[np.ndarray], context: Context
) -> None:
    """Set the weights of one layer after a check of number and shapes."""
    arrays = modern_arrays(node, arrays, context)
    targets = _stored_order(layer)
    if node.class_name == "LocallyConnected":
        arrays = local_arrays(node, arrays, [tuple(target.shape) for target in targets])
    if node.class_name == "BatchNormalization" and len(arrays) > len(targets):
        arrays = arrays[: len(targets)]  # renormalization statistics follow
    if node.class_name == "Normalization":
        arrays = [array for array in arrays if array.shape or len(targets) == len(arrays)]
    expected = [tuple(variable.shape) for variable in targets]
    stored = [tuple(array.shape) for array in arrays]
    arrays = [
        (
            array.reshape(shape)
            if array.size == np.prod(shape) and _same_up_to_ones(array, shape)
            else array
        )
        for array, shape in zip(arrays, expected, strict=False)
    ] + arrays[len(expected) :]
    if [tuple(array.shape) for array in arrays] != expected:
        raise ModelFileError(
            f"layer {node.label}: the file holds weights of shapes {stored}, the layer takes "
            f"{expected}. File and architecture do not belong together."
        )
    for variable, array in zip(targets, arrays, strict=True):
        variable.assign(given(array))


def _same_up_to_ones(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Return whether shapes differ only in axes of length 1."""
    return [n for n in array.shape if n != 1] == [n for n in shape if n != 1]
