"""Arrays of old files in the axis order, orientation and grouping of Keras 3."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spkeras.frontend.files.context import KERAS_2, Context
from spkeras.frontend.files.graph import LayerNode

CONVOLUTIONS = frozenset(
    {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "ConvLSTM2D"}
)
# Where the gates of Keras 1 lie in the order of Keras 2: input, forget, cell, output.
LSTM_GATES = (0, 2, 1, 3)
GRU_GATES = (0, 1, 2)


def modern_arrays(
    node: LayerNode, arrays: Sequence[np.ndarray], context: Context
) -> list[np.ndarray]:
    """Returns the stored arrays of one layer as Keras 3 wants them.

    Args:
        node: The migrated layer.
        arrays: Its arrays in the order of the file.
        context: Version and backend of the writer.

    Returns:
        Arrays in the order of ``layer.weights``, same values.

    Reference:
        Keras 2.2.4, ``engine/saving.py::preprocess_weights_for_loading``.
    """
    found = list(arrays)
    inner = node.wrapped or node
    if node.class_name == "Bidirectional":
        half = len(found) // 2
        parts = (found[:half], found[half:])
        return [a for part in parts for a in modern_arrays(inner, part, context)]
    if context.version < KERAS_2:
        found = _from_keras1(inner, found)
    if context.backend == "theano" and inner.class_name in CONVOLUTIONS and found:
        found[0] = _rotated(found[0])
        context.changed("kernel of Theano rotated by 180 degrees", node)
    return found


def _rotated(kernel: np.ndarray) -> np.ndarray:
    """Theano convolves, TensorFlow correlates: reverses all spatial axes."""
    spatial = tuple(range(kernel.ndim - 2))
    return np.flip(kernel, axis=spatial)


def _from_keras1(node: LayerNode, found: list[np.ndarray]) -> list[np.ndarray]:
    """Reorders the axes of kernels and joins the gates of recurrent layers."""
    name = node.class_name
    if name == "LSTM" and len(found) == 12:
        return _joined_gates(found, LSTM_GATES)
    if name == "GRU" and len(found) == 9:
        return _joined_gates(found, GRU_GATES)
    if found and name == "Conv1D":
        found[0] = _kernel_1d(node, found[0])
    elif found and name in CONVOLUTIONS:
        found[0] = _kernel(node, found[0])
    return found


def _joined_gates(found: list[np.ndarray], gates: Sequence[int]) -> list[np.ndarray]:
    """Joins (kernel, recurrent kernel, bias) per gate to three arrays."""
    return [
        np.concatenate([found[3 * gate + kind] for gate in gates], axis=-1) for kind in range(3)
    ]


def _kernel_1d(node: LayerNode, kernel: np.ndarray) -> np.ndarray:
    """From (length, 1, in, out), or (out, in, length, 1) of 1.0, to (length, in, out)."""
    if kernel.ndim != 4:
        return kernel
    length = node.config["kernel_size"]
    length = length[0] if isinstance(length, list) else length
    if kernel.shape[:2] != (length, 1) or kernel.shape[3] != node.config["filters"]:
        kernel = np.transpose(kernel, (2, 3, 1, 0))
    return kernel[:, 0]


def _kernel(node: LayerNode, kernel: np.ndarray) -> np.ndarray:
    """Moves (out, in, ...) of dim_ordering "th" to (..., in, out)."""
    first = node.config.get("data_format") == "channels_first"
    if node.class_name.endswith("Transpose"):
        if first:
            return np.moveaxis(kernel, (0, 1), (-1, -2))
        return np.swapaxes(kernel, -1, -2)
    return np.moveaxis(kernel, (0, 1), (-1, -2)) if first else kernel
