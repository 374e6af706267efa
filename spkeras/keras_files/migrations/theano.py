"""Padding "same" of Theano, which adds zeros at other sides than TensorFlow.

Theano adds half a kernel on both sides and keeps the first outputs. TensorFlow adds only the
missing zeros, the odd one at the end. With stride 1 and odd kernels both are the same. In all
other cases the zeros of Theano become separate layers.

Reference:
    Keras 2.2.5, ``backend/theano_backend.py``: conv2d, conv2d_transpose, pool2d.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.migrations.wiring import insert_after, insert_before

CONVOLUTIONS = frozenset(
    {"Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}
)
POOLINGS = frozenset(f"{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3))
Pairs = list[list[int]]


def pad_like_theano(node: LayerNode, context: Context) -> None:
    """Insert a layer with Theano's zeros at each layer of a model that Theano pads differently."""
    if context.backend != "theano":
        return
    if node.wrapped is not None and _differs(node.wrapped):
        context.refuse(node, "Theano pads 'same' differently from TensorFlow inside this layer.")
    for child in list(node.layers or ()):
        if not _differs(child):
            continue
        if child.class_name in POOLINGS or child.class_name == "ConvLSTM2D":
            context.refuse(
                child,
                "Theano pads 'same' of this layer differently from TensorFlow, which Keras 3 "
                "does not offer. Use padding 'valid', or a pooling window of 3 with stride 1.",
            )
        elif child.class_name == "Conv2DTranspose":
            _crop_transposed(node, child, context)
        else:
            _pad_convolution(node, child, context)


def _sizes(value: int | Sequence[int] | None, rank: int, default: int = 1) -> list[int]:
    if value is None:
        return [default] * rank
    return [int(value)] * rank if isinstance(value, int) else [int(n) for n in value]


def _geometry(layer: LayerNode) -> tuple[list[int], list[int]]:
    """Return the window, holes included, and the strides."""
    config, digit = layer.config, layer.class_name[-2:-1]
    rank = int(digit) if digit.isdigit() else 2
    window = _sizes(config.get("kernel_size") or config.get("pool_size"), rank, 2)
    strides = config.get("strides")
    if strides is None and layer.class_name in POOLINGS:
        strides = window
    holes = _sizes(config.get("dilation_rate"), rank)
    window = [(n - 1) * hole + 1 for n, hole in zip(window, holes, strict=True)]
    return window, _sizes(strides, rank)


def _differs(layer: LayerNode) -> bool:
    """Return whether padding "same" can differ from that of TensorFlow."""
    if layer.config.get("padding") != "same":
        return False
    if layer.class_name == "Conv2DTranspose":
        return True
    if layer.class_name not in CONVOLUTIONS | POOLINGS | {"ConvLSTM2D"}:
        return False
    window, strides = _geometry(layer)
    same = {1, 3} if layer.class_name in POOLINGS else range(1, max(window) + 1, 2)
    return any(s != 1 or n not in same for n, s in zip(window, strides, strict=True))


def _pad_convolution(model: LayerNode, layer: LayerNode, context: Context) -> None:
    """Insert zeros before a convolution, which becomes "valid"."""
    window, _ = _geometry(layer)
    # For separable convolutions of Theano, Keras did not cut off the surplus output.
    surplus = layer.class_name.startswith("Separable")
    padding = [[n // 2, n // 2 if surplus else (n - 1) // 2] for n in window]
    layer.config["padding"] = "valid"
    insert_before(model, layer, _border("ZeroPadding", layer, padding))
    context.changed("padding 'same' of Theano made a layer before it", layer)


def _crop_transposed(model: LayerNode, layer: LayerNode, context: Context) -> None:
    """Crop the borders of a transposed convolution, which becomes "valid"."""
    window, strides = _geometry(layer)
    given = layer.config.get("output_padding")
    # Number of values of the full result after the wanted ones; negative: missing ones.
    if given is None:
        spare = [n - n // 2 - s for n, s in zip(window, strides, strict=True)]
    else:
        spare = [n // 2 - extra for n, extra in zip(window, given, strict=True)]
    layer.config["padding"] = "valid"
    layer.config["output_padding"] = [max(0, -n) for n in spare]
    cropping = [[n // 2, max(0, n_spare)] for n, n_spare in zip(window, spare, strict=True)]
    insert_after(model, layer, _border("Cropping", layer, cropping))
    context.changed("padding 'same' of Theano made a layer after it", layer)


def _border(kind: str, layer: LayerNode, amounts: Pairs) -> LayerNode:
    """Create the layer that adds or cuts borders; for sequences it takes one pair."""
    rank = len(amounts)
    key = "padding" if kind == "ZeroPadding" else "cropping"
    config: dict[str, Any] = {key: amounts if rank > 1 else amounts[0]}
    if rank > 1:
        config["data_format"] = layer.config.get("data_format", "channels_last")
    return LayerNode(f"{kind}{rank}D", f"{layer.name}_{key}", config)
