"""Assignment of stored weights to a built model, with a check that none is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable

import keras
import numpy as np

from spkeras.errors import ModelFileError
from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.kernels import local_arrays, modern_arrays
from spkeras.keras_files.stores import LayerWeights, Named, PathWeights, StoredWeights

Pair = tuple[LayerNode, keras.layers.Layer]


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
    if isinstance(weights, LayerWeights):
        _from_layers(model, root, weights, context)
    else:
        done = _from_paths(model, root, weights, context)
        _demand_all(model, root, done)


def _pairs(model: keras.Model, root: LayerNode) -> list[Pair]:
    """Return each stored layer with the built one of its name."""
    built = {layer.name: layer for layer in model.layers}
    return [(child, built[child.name]) for child in root.layers or () if child.name in built]


def _from_layers(
    model: keras.Model, root: LayerNode, weights: LayerWeights, context: Context
) -> None:
    outer = [pair for pair in _pairs(model, root) if pair[1].weights]
    leaves = [pair for pair in _leaves(root, model) if pair[1].weights]
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
        _set(node, layer, [array for _, array in arrays], context)
        return
    leaves = [pair for pair in _leaves(node, layer) if pair[1].weights]
    parts = _by_name(leaves, arrays, others=node.subclassed)
    if parts is None:
        parts = _by_count(node, leaves, layer, arrays)
    for (leaf, inner), part in zip(leaves, parts, strict=True):
        _set(leaf, inner, part, context)


def _leaves(node: LayerNode, model: keras.Model) -> list[Pair]:
    """Return all plain layers inside a model, in order."""
    found: list[Pair] = []
    for child, layer in _pairs(model, node):
        found.extend(_leaves(child, layer) if child.layers is not None else [(child, layer)])
    return found


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
        owner = _owner(weight, parts)
        if owner is not None:
            parts[owner].append(array)
        elif not others:
            return None
    counts_fit = all(len(parts[leaf.stored_name]) == len(layer.weights) for leaf, layer in leaves)
    return [parts[name] for name in names] if counts_fit else None


def _owner(weight: str, names: Iterable[str]) -> str | None:
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
    order = [*model.trainable_weights, *model.non_trainable_weights]
    if len(order) != len(arrays):
        raise ModelFileError(
            f"inner model {node.label}: {len(order)} weights expected, {len(arrays)} stored."
        )
    place = {id(variable): array for variable, (_, array) in zip(order, arrays, strict=True)}
    return [[place[id(variable)] for variable in layer.weights] for _, layer in leaves]


def _set(
    node: LayerNode, layer: keras.layers.Layer, arrays: list[np.ndarray], context: Context
) -> None:
    """Set the weights of one layer after a check of number and shapes."""
    arrays = modern_arrays(node, arrays, context)
    targets = layer.weights
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
        variable.assign(array)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()


def _same_up_to_ones(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Return whether shapes differ only in axes of length 1."""
    return [n for n in array.shape if n != 1] == [n for n in shape if n != 1]


CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def _from_paths(
    model: keras.Model, root: LayerNode, weights: PathWeights, context: Context, prefix: str = ""
) -> set[int]:
    """Set the weights of a model from the Keras zip layout.

    Layers are stored under their class in snake case, numbered in order: conv2d, conv2d_1, ...
    Returns the ids of the variables that were set.
    """
    base = next(
        (path for name in CONTAINERS if weights.children(path := _join(prefix, name))),
        _join(prefix, CONTAINERS[0]),
    )
    groups = set(weights.children(base))
    counts: dict[str, int] = {}
    built = {layer.name: layer for layer in model.layers}
    done: set[int] = set()
    for child in root.layers or ():
        if child.operator:
            continue
        snake = _snake_case(child.stored_class.split(">")[-1])
        number = counts.get(snake, 0)
        counts[snake] = number + 1
        group = f"{snake}_{number}" if number else snake
        layer = built.get(child.name)
        if group not in groups and child.stored_name in groups:
            group = child.stored_name
        if layer is None or group not in groups:
            continue
        path = _join(base, group)
        if child.layers is not None:
            done |= _from_paths(layer, child, weights, context=context, prefix=path)
        else:
            done |= _load(child, layer, weights, context=context, path=path)
    return done


def _load(
    node: LayerNode,
    layer: keras.layers.Layer,
    weights: PathWeights,
    *,
    context: Context,
    path: str,
) -> set[int]:
    """Set the weights of a layer and of the layers inside it (cell, wrapped layer, ...)."""
    done: set[int] = set()
    for name in weights.children(path):
        inner = getattr(layer, name, None) or getattr(layer, f"_{name}", None)
        if isinstance(inner, keras.Model) and node.wrapped is not None:
            done |= _from_paths(
                inner, node.wrapped, weights, context=context, prefix=_join(path, name)
            )
        elif isinstance(inner, keras.layers.Layer):
            done |= _load(node, inner, weights, context=context, path=_join(path, name))
    own = weights.own(path)
    mine = [variable for variable in layer.weights if id(variable) not in done]
    if node.class_name == "LocallyConnected":
        arrays = local_arrays(node, list(own.values()), [tuple(v.shape) for v in mine])
        own = dict(zip(own, arrays, strict=True))
    if own:
        try:
            layer.load_own_variables(own)
        except (ValueError, KeyError, IndexError) as error:
            raise ModelFileError(f"layer {node.label}: {error}") from error
        done |= {id(variable) for variable in mine}
    return done


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _snake_case(name: str) -> str:
    """Return a class name as Keras writes it in zips: Conv2DTranspose is conv2d_transpose."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _demand_all(model: keras.Model, root: LayerNode, done: set[int]) -> None:
    """Refuse a file that lacks a weight."""
    missing = [
        node.label
        for node, layer in _leaves(root, model)
        if any(id(variable) not in done for variable in layer.weights)
    ]
    if missing:
        raise ModelFileError(
            f"The file holds no weights for {', '.join(missing[:8])}. It is incomplete, or "
            "written by a newer Keras; save it again with Keras 3.15 or older."
        )
