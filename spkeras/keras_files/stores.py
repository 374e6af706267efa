"""Stored weights in memory: per layer (HDF5 models) or per path (Keras zips)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from spkeras.files.hdf5 import read_array
from spkeras.files.limits import Allowance

Named = list[tuple[str, np.ndarray]]


def text(value: bytes | str | np.ndarray) -> str:
    """Decode an attribute: bytes of Python 2, NumPy strings, or text."""
    if isinstance(value, np.ndarray):
        value = value.item()
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


@dataclass
class LayerWeights:
    """Arrays of each layer, in the order in which Keras 1, 2 or 3 wrote them to HDF5.

    Attributes:
        layers: Layer name to its (weight name, array) pairs, in the order of the file.
        named: False for files that number their layers ("layer_0") instead of naming them.
    """

    layers: dict[str, Named] = field(default_factory=dict)
    named: bool = True

    @property
    def empty(self) -> bool:
        return not self.layers

    @property
    def backend_of_keras_1(self) -> str:
        """Backend of a file of Keras 1: only TensorFlow ends weight names in ":0"."""
        names = [name for arrays in self.layers.values() for name, _ in arrays]
        if not names:
            return ""
        return "tensorflow" if any(name.endswith(":0") for name in names) else "theano"

    def shapes(self, layer_name: str) -> list[tuple[int, ...]]:
        """Return the shapes stored for one layer."""
        return [array.shape for _, array in self.layers.get(layer_name, [])]

    def holds(self, names: Collection[str]) -> bool:
        """Return whether a layer of one of these names has weights, also inside another."""
        paths = [weight for arrays in self.layers.values() for weight, _ in arrays]
        own = any(self.layers.get(name) for name in names)
        return own or any(not set(path.split("/")[:-1]).isdisjoint(names) for path in paths)


@dataclass
class PathWeights:
    """Arrays by the path of the object that owns them: ``layers/conv2d/vars/0``.

    Attributes:
        names: Name of the object at a path, where the file states it.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not self.arrays

    def holds(self, names: Collection[str]) -> bool:
        """Return whether a layer of one of these names has weights, also inside another."""
        return any(not set(path.split("/")[:-1]).isdisjoint(names) for path in self.arrays)

    def own(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the variables directly at a path, keyed "0", "1", ... as Keras keys them."""
        head = f"{prefix}/vars/"
        return {
            path[len(head) :]: array for path, array in self.arrays.items() if path.startswith(head)
        }

    def under(self, prefix: str) -> bool:
        """Return whether there are variables at a path, or below it."""
        return any(path.startswith(f"{prefix}/") for path in self.arrays)

    def children(self, prefix: str) -> list[str]:
        """Return the names of the groups directly below a path, without "vars"."""
        head = f"{prefix}/" if prefix else ""
        names = {path[len(head) :].split("/")[0] for path in self.arrays if path.startswith(head)}
        return sorted(names - {"vars"})


class NoWeights(PathWeights):
    """Weights of a file that has none that can be read here."""


StoredWeights = LayerWeights | PathWeights


def read_weights(group: h5py.Group, allowance: Allowance) -> StoredWeights:
    """Read all weights below an HDF5 group, in any layout.

    Args:
        group: The root of a weights file, or ``model_weights`` of a whole model.
        allowance: Bytes that the weights may take.
    """
    attributes = set(group.attrs)
    if "layer_names" in attributes or "layer_names0" in attributes:
        return _read_named(group, allowance)
    if "nb_layers" in attributes:
        return _read_numbered(group, allowance)
    return _read_paths(group, allowance)


def _read_named(group: h5py.Group, allowance: Allowance) -> LayerWeights:
    layers: dict[str, Named] = {}
    for name in _attribute_list(group, "layer_names"):
        member = group[name]
        names = _attribute_list(member, "weight_names")
        if len(set(names)) != len(names):
            # The second write failed on the first one's name, so that the file is incomplete.
            raise ValueError(f"two weights of layer '{name}' have one name; save the model again")
        layers[name] = [(weight, read_array(member[weight], allowance)) for weight in names]
    return LayerWeights(layers)


def _read_numbered(group: h5py.Group, allowance: Allowance) -> LayerWeights:
    """Read the layout of Keras 0.x and early 1.x: layer_0 with param_0, param_1, ..."""
    layers: dict[str, Named] = {}
    for index in range(int(group.attrs["nb_layers"])):
        member = group[f"layer_{index}"]
        count = int(member.attrs.get("nb_params", 0))
        layers[f"layer_{index}"] = [
            (f"param_{k}", read_array(member[f"param_{k}"], allowance)) for k in range(count)
        ]
    return LayerWeights(layers, named=False)


def _read_paths(group: h5py.Group, allowance: Allowance) -> PathWeights:
    """Read the Keras 3 layout; files written on Windows have backslashes in the names."""
    arrays: dict[str, np.ndarray] = {}
    names: dict[str, str] = {}

    def take(path: str, item: h5py.Group | h5py.Dataset) -> None:
        path = path.replace("\\", "/").strip("/")
        if "name" in item.attrs:
            names[path.removesuffix("/vars")] = text(item.attrs["name"])
        if isinstance(item, h5py.Dataset) and _is_variable(path):
            arrays[path] = read_array(item, allowance)

    group.visititems(take)
    return PathWeights(arrays, names)


def _is_variable(path: str) -> bool:
    return bool(re.search(r"(^|/)vars/[^/]+$", path)) and not path.startswith("optimizer")


def _attribute_list(item: h5py.Group, name: str) -> list[str]:
    """Read a list of names; lists over 64 kB are cut into name0, name1, ..."""
    if name in item.attrs:
        chunks: Sequence[Any] = [item.attrs[name]]
    else:
        chunks = []
        while f"{name}{len(chunks)}" in item.attrs:
            chunks.append(item.attrs[f"{name}{len(chunks)}"])
    return [text(value) for chunk in chunks for value in chunk]
