"""Stored layers, each with the built layer of its name."""

from __future__ import annotations

import keras

from spkeras.keras_files.graph import LayerNode

Pair = tuple[LayerNode, keras.layers.Layer]


def pairs_of(model: keras.Model, root: LayerNode) -> list[Pair]:
    """Return the layers of a model, inner models as one pair each.

    Args:
        model: The built model of a tree.
        root: The tree.
    """
    built = {layer.name: layer for layer in model.layers}
    return [(child, built[child.name]) for child in root.layers or () if child.name in built]


def leaves_of(node: LayerNode, model: keras.Model) -> list[Pair]:
    """Return all plain layers inside a model, in order.

    Args:
        node: The tree of the model.
        model: The built model.
    """
    found: list[Pair] = []
    for child, layer in pairs_of(model, node):
        found.extend(leaves_of(child, layer) if child.layers is not None else [(child, layer)])
    return found
