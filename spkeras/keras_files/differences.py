"""Differences between a model and a file of weights that was saved apart from it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import keras

from spkeras.errors import ModelFileError
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.pairs import Pair, leaves_of, pairs_of
from spkeras.keras_files.paths import CONTAINERS, all_paths
from spkeras.keras_files.stores import LayerWeights, PathWeights, StoredWeights

Shapes = list[tuple[int, ...]]
# Differences that a message lists.
MOST_LISTED = 12
# The path of a layer, at the beginning of that of a part of it.
_LAYER = re.compile(r"^(.*(?:layers|_layer_checkpoint_dependencies)/[^/]+).*$")
# Layers of which a file can hold more than the model: statistics of training, a number of samples.
HELD_MORE = frozenset({"BatchNormalization", "Normalization"})


@dataclass(frozen=True)
class Part:
    """A layer with weights, of a model or of a file.

    Attributes:
        name: Name by which both sides are compared.
        label: Name and class in messages.
        shapes: Shapes of its weights.
        grows: Whether the file can hold more of it.
    """

    name: str
    label: str
    shapes: Shapes
    grows: bool = False

    @property
    def size(self) -> int:
        """Number of weights, which no change of layout alters."""
        return sum(math.prod(shape) for shape in self.shapes)


def check_fit(model: keras.Model, root: LayerNode, weights: StoredWeights) -> None:
    """Refuse weights that hold less or more than a model.

    Layers are compared by name, or by position where names differ.

    Args:
        model: The built model.
        root: Its tree.
        weights: The stored arrays.

    Raises:
        ModelFileError: with the list of the differences.
    """
    if isinstance(weights, LayerWeights):
        found = _of_layers(model, root, weights)
    else:
        found = _of_paths(model, root, weights)
    if found:
        more = [f"and {len(found) - MOST_LISTED} more"] if len(found) > MOST_LISTED else []
        raise ModelFileError(
            f"The weights do not fit the architecture: {'; '.join(found[:MOST_LISTED] + more)}. "
            "Give the architecture that was saved with these weights."
        )


def _of_layers(model: keras.Model, root: LayerNode, weights: LayerWeights) -> list[str]:
    """Compare with a file that stores its arrays by layer."""
    held = [
        Part(name, f"'{name}'", [array.shape for _, array in arrays])
        for name, arrays in weights.layers.items()
        if arrays
    ]
    outer, leaves = _parts(pairs_of(model, root)), _parts(leaves_of(root, model))
    names = {part.name for part in held}
    fits = len(held) == len(outer) or names & {part.name for part in outer}
    own = outer if fits or len(held) != len(leaves) else leaves
    by_name = _by_name(own, held) if weights.named else []
    if weights.named and not by_name:
        return []
    by_position = _by_position(own, held)
    return by_position if len(by_position) <= len(by_name) or not weights.named else by_name


def _parts(pairs: Sequence[Pair]) -> list[Part]:
    return [
        Part(
            node.stored_name,
            node.label,
            [tuple(variable.shape) for variable in layer.weights],
            node.layers is not None or node.class_name in HELD_MORE,
        )
        for node, layer in pairs
        if layer.weights
    ]


def _by_name(own: Sequence[Part], held: Sequence[Part]) -> list[str]:
    stored, known = ({part.name: part for part in parts} for parts in (held, own))
    found = []
    for part in own:
        other = stored.get(part.name)
        found += [_only("model", part)] if other is None else _sizes(part, other)
    return found + [_only("file", part) for part in held if part.name not in known]


def _by_position(own: Sequence[Part], held: Sequence[Part]) -> list[str]:
    if len(own) == len(held):
        return [text for pair in zip(own, held, strict=True) for text in _sizes(*pair)]
    one, other = ([part.size for part in parts] for parts in (own, held))
    found = []
    for tag, a, b, c, d in SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if tag != "equal":
            found += [_only("model", part) for part in own[a:b]]
            found += [_only("file", part) for part in held[c:d]]
    return found


def _only(side: str, part: Part) -> str:
    return f"only in the {side}: {part.label} {part.shapes}"


def _sizes(own: Part, held: Part) -> list[str]:
    if own.size == held.size or (own.grows and own.size < held.size):
        return []
    return [f"{own.label}: {held.shapes} in the file, {own.shapes} in the model"]


def _of_paths(model: keras.Model, root: LayerNode, weights: PathWeights) -> list[str]:
    """Compare with a file that stores its arrays by path, which has a number for each class.

    Equal numbers of layers of a class fit: the layers check what they load.
    """
    own = {
        path: Part(path, node.label, [tuple(variable.shape) for variable in layer.weights])
        for path, node, layer in _places(model, root, weights)
    }
    shapes: dict[str, Shapes] = {}
    for path, array in weights.arrays.items():
        owner = path.split("/vars/")[0]
        if owner.startswith(CONTAINERS) and not owner.endswith("seed_generator"):
            known = next((place for place in own if f"{path}/".startswith(f"{place}/")), None)
            shapes.setdefault(known or _LAYER.sub(r"\1", owner), []).append(array.shape)
    held = {path: Part(path, f"'{path}'", found) for path, found in shapes.items()}
    found = []
    for kind in dict.fromkeys(map(_kind, [*own, *held])):
        ours, theirs = ([p for p in parts if _kind(p) == kind] for parts in (own, held))
        if len(ours) != len(theirs):
            ordered = [held[path] for path in sorted(theirs, key=_number)]
            found += _by_position([own[path] for path in ours], ordered)
    return found


def _places(
    model: keras.Model, root: LayerNode, weights: PathWeights
) -> Iterator[tuple[str, LayerNode, keras.layers.Layer]]:
    """Yield the layers with weights that a file should hold; shared layers it holds once."""
    places = [place for place in _leaves(model, root, weights, "") if place[2].weights]
    filled = [node for path, node, _ in places if weights.under(path)]
    held = {(node.stored_name, node.stored_class) for node in filled}
    for path, node, layer in places:
        if weights.under(path) or (node.stored_name, node.stored_class) not in held:
            yield path, node, layer


def _leaves(
    model: keras.Model, root: LayerNode, weights: PathWeights, prefix: str
) -> Iterator[tuple[str, LayerNode, keras.layers.Layer]]:
    """Yield all plain layers with their paths; those inside TimeDistributed in its place."""
    stored = {id(node): path for node, path in all_paths(root, weights, prefix)}
    for node, layer in leaves_of(root, model):
        path = stored[id(node)]
        while node.class_name == "TimeDistributed" and node.wrapped is not None:
            node, layer, path = node.wrapped, layer.layer, f"{path}/layer"
        if node.layers is None:
            yield path, node, layer
        else:
            yield from _leaves(layer, node, weights, path)


def _kind(path: str) -> str:
    return re.sub(r"_\d+$", "", path)


def _number(path: str) -> int:
    return int((re.findall(r"_(\d+)$", path) or ["0"])[0])
