"""Access to the stored arrays of single layers, in both layouts of the weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spkeras.keras_files.assign import owner_of
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.paths import stored_paths
from spkeras.keras_files.quantized.plain import Arrays
from spkeras.keras_files.stores import LayerWeights, Named, PathWeights, StoredWeights


class LayerArrays:
    """Reads and replaces the arrays of one layer after the other.

    Args:
        root: Tree of the stored model.
        weights: Its stored weights; `replace` changes them.
    """

    def __init__(self, root: LayerNode, weights: StoredWeights) -> None:
        self.weights = weights
        self._paths: dict[int, str] = {}
        self._parts: dict[int, Named] = {}
        self._outer: dict[int, tuple[str, list[LayerNode]]] = {}
        if isinstance(weights, PathWeights):
            self._paths = {id(node): path for node, path in stored_paths(root, weights)}
        else:
            self._split(root, weights)

    def _split(self, root: LayerNode, weights: LayerWeights) -> None:
        """Find the arrays of each layer; those of an inner model are stored in one list."""
        for child in root.layers or ():
            leaves = list(_leaves(child))
            if child.layers is None or child.stored_name not in weights.layers:
                for leaf in leaves:
                    self._parts[id(leaf)] = weights.layers.get(leaf.stored_name, [])
                    self._outer[id(leaf)] = (leaf.stored_name, [leaf])
                continue
            names = {name: leaf for leaf in leaves for name in _names(leaf)}
            for leaf in leaves:
                self._parts[id(leaf)] = []
                self._outer[id(leaf)] = (child.stored_name, leaves)
            for weight, array in weights.layers[child.stored_name]:
                owner = owner_of(weight, names)
                if owner is not None:
                    self._parts[id(names[owner])].append((weight, array))

    def of(self, node: LayerNode) -> Arrays:
        """Return the arrays of a layer."""
        if isinstance(self.weights, PathWeights):
            return self._at(self._paths.get(id(node), ""), self.weights)
        part = self._parts.get(id(node), [])
        names = [name.split("/")[-1].split(":")[0] for name, _ in part]
        return Arrays([array for _, array in part], names, paths=[name for name, _ in part])

    @staticmethod
    def _at(path: str, weights: PathWeights) -> Arrays:
        if not path:
            return Arrays()
        inner = {name: _numbered(weights.own(f"{path}/{name}")) for name in _below(weights, path)}
        return Arrays(_numbered(weights.own(path)), [], inner)

    def replace(self, node: LayerNode, arrays: list[np.ndarray]) -> None:
        """Replace the arrays of a layer by those of the plain layer."""
        if isinstance(self.weights, PathWeights):
            path = self._paths.get(id(node))
            if path is None:
                return
            stored = self.weights.arrays
            for key in [key for key in stored if key.startswith(f"{path}/")]:
                del stored[key]
            stored.update({f"{path}/vars/{k}": array for k, array in enumerate(arrays)})
            return
        self._parts[id(node)] = [(f"{node.stored_name}/{k}", a) for k, a in enumerate(arrays)]
        name, leaves = self._outer[id(node)]
        self.weights.layers[name] = [pair for leaf in leaves for pair in self._parts[id(leaf)]]


def _leaves(node: LayerNode) -> Iterator[LayerNode]:
    """Yield the plain layers of a layer or model."""
    if node.layers is None:
        yield node
    for child in node.layers or ():
        yield from _leaves(child)


def _names(node: LayerNode) -> list[str]:
    """Return the names under which the weights of a layer are stored: its own, the wrapped one's."""
    wrapped = node.config.get("layer")
    inner = wrapped.get("config", {}).get("name") if isinstance(wrapped, dict) else None
    return [node.stored_name, *([inner] if isinstance(inner, str) else [])]


def _below(weights: PathWeights, path: str) -> Iterator[str]:
    """Yield the paths of the objects inside an object."""
    for name in weights.children(path):
        yield name
        yield from (f"{name}/{inner}" for inner in _below(weights, f"{path}/{name}"))


def _numbered(own: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return variables in the order of their keys "0", "1", ..., "10"."""
    return [own[key] for key in sorted(own, key=lambda key: (len(key), key))]
