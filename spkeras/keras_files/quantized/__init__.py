"""Layers that other packages pruned or quantised, read as plain layers with the same weights.

The packages are not needed: their quantisers are formulas of the stored arrays and the stored
configuration. `read_quantized` changes the tree and the stored arrays before the migrations,
which then find layers of Keras only.
"""

from __future__ import annotations

from collections.abc import Callable

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.migrations.wiring import insert_after, insert_before
from spkeras.keras_files.quantized import binary, hgq, qkeras, tfmot
from spkeras.keras_files.quantized.plain import Arrays, Layer, Plain, UnreadableError
from spkeras.keras_files.quantized.stored import LayerArrays
from spkeras.keras_files.stores import StoredWeights
from spkeras.keras_files.trust import become_own, is_own
from spkeras.layers.uniform import UniformQuantizer

Reader = Callable[[LayerNode, Arrays], Plain]
READERS: dict[str, Reader] = {**binary.READERS, **tfmot.READERS, **qkeras.READERS}


def read_quantized(root: LayerNode, weights: StoredWeights, context: Context) -> bool:
    """Replace the layers of other packages by plain ones, with the arrays that these take.

    Args:
        root: Tree of the stored model; changed in place.
        weights: Its stored weights; changed in place.
        context: Collects changes and refusals.

    Returns:
        Whether there is such a layer.
    """
    models = [model for model in root.walk() if model.layers is not None]
    found = [(model, layer) for model in models for layer in model.layers or () if _reader(layer)]
    found = [(model, layer) for model, layer in found if layer.stored_name not in context.replace]
    stored = LayerArrays(root, weights) if found else None
    for model, layer in found:
        reader = _reader(layer)
        assert stored is not None and reader is not None
        try:
            plain = reader(layer, stored.of(layer))
        except UnreadableError as reason:
            context.refuse(layer, f"{reason}. {_way_out(layer, stored)}")
            continue
        stored.replace(layer, plain.arrays)
        context.changed(plain.change, layer)
        _become(layer, plain.layer)
        for after in reversed(plain.after):
            insert_after(model, layer, _node(layer, after))
        for before in plain.before:
            insert_before(model, layer, _node(layer, before))
    return bool(found)


def _reader(node: LayerNode) -> Reader | None:
    """Return the function that reads a layer; None for a layer of Keras or of the user."""
    if node.layers is not None or is_own(node):
        return None
    if binary.is_activation(node):
        return binary.activation
    name = node.class_name.split(">")[-1]
    of_hgq = (node.module or "").startswith("hgq") or (node.registered_name or "").startswith("hgq")
    return hgq.READERS.get(name) if of_hgq or "kq_conf" in node.config else READERS.get(name)


def _way_out(node: LayerNode, stored: LayerArrays) -> str:
    """Return what to do; a layer with weights is not replaced by one without."""
    if stored.of(node).own or stored.of(node).inner:
        return (
            "Rebuild the layer from a quantizer that docs/quantized.md lists, or register a "
            "class and its handler (spkeras.register_layer)."
        )
    if "Activation" not in node.class_name and "Quantize" not in node.class_name:
        return "Or rebuild this part from layers of Keras."
    return (
        "Name a replacement of the layer, "
        f"replace={{'{node.stored_name}': REPLACEMENT}}, such as activation:relu."
    )


def _become(node: LayerNode, layer: Layer) -> None:
    """Turn a node into a layer of Keras or of spkeras."""
    node.class_name, config = layer[0], dict(layer[1])
    node.config = {**config, "name": node.name}
    node.module, node.registered_name = None, None
    if node.class_name == UniformQuantizer.__name__:
        become_own(node, node.class_name, UniformQuantizer.__module__)


def _node(node: LayerNode, layer: Layer) -> LayerNode:
    """Return a new node, named after the one that it follows."""
    new = LayerNode(layer[0], f"{node.name}_{layer[0].lower()}", {})
    _become(new, layer)
    return new
