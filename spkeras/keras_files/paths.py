"""Assignment of weights that are stored by the path of their owner, as in Keras zips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from spkeras.errors import ModelFileError
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.kernels import local_arrays
from spkeras.keras_files.names import numbered, snake_case
from spkeras.keras_files.pairs import Pair, leaves_of
from spkeras.keras_files.stores import PathWeights
from spkeras.ops.memory import given
from spkeras.ops.types import Json

# Names of the list of a model's layers.
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def assign_paths(model: keras.Model, root: LayerNode, weights: PathWeights) -> None:
    """Set every weight of a model from the Keras zip layout.

    Args:
        model: The built model of the tree.
        root: The tree, with the names under which layers are stored.
        weights: The stored arrays.

    Raises:
        ModelFileError: a layer has no stored weights, or of another number or shape.
    """
    done = _from_paths(model, root, weights, "")
    leaves = list(_unwrapped(leaves_of(root, model)))
    lacking = [pair for pair in leaves if not _is_done(pair[1], done)]
    missing = [node.label for node, layer in lacking if not _from_twin(node, layer, leaves, done)]
    if missing:
        raise ModelFileError(
            f"The file holds no weights for {', '.join(missing[:8])}. It is incomplete, or "
            "written by a newer Keras; save it again with Keras 3.15 or older."
        )


def _unwrapped(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Yield the layers inside TimeDistributed in its place: it has no weights of its own."""
    for node, layer in pairs:
        inner = node.wrapped if node.class_name == "TimeDistributed" else None
        if inner is None:
            yield node, layer
        else:
            inside = [(inner, layer.layer)]
            yield from _unwrapped(inside if inner.layers is None else leaves_of(inner, layer.layer))


def _is_done(layer: keras.layers.Layer, done: set[int]) -> bool:
    return all(id(variable) in done for variable in layer.weights)


def _from_twin(
    node: LayerNode, layer: keras.layers.Layer, leaves: Sequence[Pair], done: set[int]
) -> bool:
    """Copy the weights of a layer that several models share; return whether there is one.

    Keras stores a shared layer once, where it meets it first, and builds it once for each model.
    """
    twins = [
        built
        for other, built in leaves
        if built is not layer
        and _is_one_layer(node, other)
        and [v.shape for v in built.weights] == [v.shape for v in layer.weights]
        and _is_done(built, done)
    ]
    if len(twins) != 1:
        return False
    for variable, source in zip(layer.weights, twins[0].weights, strict=True):
        variable.assign(source)
    return True


def _is_one_layer(node: LayerNode, other: LayerNode) -> bool:
    """Return whether two places of a file state the same layer, as far as it says."""
    if node.shared is not None and other.shared is not None:
        return node.shared == other.shared
    same_class = (node.stored_name, node.stored_class) == (other.stored_name, other.stored_class)
    return same_class and _bare(node.config) == _bare(other.config)


def _bare(value: Json) -> Json:
    """Return arguments without the numbers of shared objects, which not every place states."""
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items() if key != "shared_object_id"}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def _from_paths(model: keras.Model, root: LayerNode, weights: PathWeights, prefix: str) -> set[int]:
    """Set the weights of a model; return the ids of the variables that were set."""
    built = {layer.name: layer for layer in model.layers}
    done: set[int] = set()
    for child, path in _members(root, weights, prefix):
        if child.name in built:
            done |= _load(child, built[child.name], weights, path)
    return done


def _members(root: LayerNode, weights: PathWeights, prefix: str) -> Iterator[tuple[LayerNode, str]]:
    """Yield the layers of a model that have stored weights, each with its path."""
    for child, path in _places(root, weights, prefix):
        if weights.under(path):
            yield child, path


def _places(root: LayerNode, weights: PathWeights, prefix: str) -> Iterator[tuple[LayerNode, str]]:
    """Yield the layers of a model, each with the path at which its weights are, or would be."""
    base = next(
        (path for name in CONTAINERS if weights.children(path := _join(prefix, name))),
        _join(prefix, CONTAINERS[0]),
    )
    groups = set(weights.children(base))
    for child in root.layers or ():
        named = child.group not in groups and child.stored_name in groups
        yield child, _join(base, child.stored_name if named else child.group)


def all_paths(
    root: LayerNode, weights: PathWeights, prefix: str = ""
) -> Iterator[tuple[LayerNode, str]]:
    """Yield each plain layer of a tree with the path at which its weights are, or would be.

    Args:
        root: The tree.
        weights: The stored arrays.
        prefix: Path of the tree's model.
    """
    for child, path in _places(root, weights, prefix):
        if child.layers is None:
            yield child, path
        else:
            yield from all_paths(child, weights, path)


def stored_paths(
    root: LayerNode, weights: PathWeights, prefix: str = ""
) -> Iterator[tuple[LayerNode, str]]:
    """Return each plain layer of a tree that has stored weights, with its path.

    Args:
        root: The tree.
        weights: The stored arrays.
        prefix: Path of the tree's model.
    """
    places = all_paths(root, weights, prefix)
    return ((child, path) for child, path in places if weights.under(path))


def _load(node: LayerNode, layer: keras.layers.Layer, weights: PathWeights, path: str) -> set[int]:
    """Set the weights of a layer and of the layers inside it (cell, wrapped layer, ...)."""
    if node.layers is not None:
        return _from_paths(layer, node, weights, path)
    done: set[int] = set()
    for name in weights.children(path):
        for inner, place in _inside(_attribute(layer, name), _join(path, name)):
            own = node.wrapped if name == "layer" and node.wrapped else node
            done |= _load(own, inner, weights, place)
    arrays = weights.own(path)
    mine = [variable for variable in layer.weights if id(variable) not in done]
    if node.class_name == "LocallyConnected":
        changed = local_arrays(node, list(arrays.values()), [tuple(v.shape) for v in mine])
        arrays = dict(zip(arrays, changed, strict=True))
    if arrays:
        _load_own(node, layer, arrays)
        done |= {id(variable) for variable in mine}
    return done


def _load_own(node: LayerNode, layer: keras.layers.Layer, arrays: dict[str, np.ndarray]) -> None:
    """Set the variables of a layer itself, as the layer stores them."""
    try:
        layer.load_own_variables({name: given(array) for name, array in arrays.items()})
    except (ValueError, KeyError, IndexError) as error:
        raise ModelFileError(f"layer {node.label}: {error}") from error


def _attribute(layer: keras.layers.Layer, name: str) -> Any:
    """Return what a layer keeps under the name of a group."""
    if name in CONTAINERS:
        return getattr(layer, "layers", None)
    return getattr(layer, name, None) or getattr(layer, f"_{name}", None)


def _inside(value: Any, path: str) -> Iterator[tuple[keras.layers.Layer, str]]:
    """Yield the layers that an attribute holds, in any nesting, with their paths."""
    if isinstance(value, keras.layers.Layer):
        yield value, path
    elif isinstance(value, dict):
        yield from _inside(list(value.values()), path)
    elif isinstance(value, list | tuple):
        kinds = ["container" if isinstance(p, list | tuple | dict) else _kind(p) for p in value]
        for part, name in zip(value, numbered(kinds), strict=True):
            yield from _inside(part, _join(path, name))


def _kind(value: object) -> str:
    return snake_case(type(value).__name__)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name
