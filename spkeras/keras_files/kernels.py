"""Arrays of old files in the axis order, orientation and grouping of Keras 3."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spkeras.keras_files.context import KERAS_2, Context
from spkeras.keras_files.graph import LayerNode

# Depthwise kernels are left out: Keras had rotated them for Theano.
ROTATED = frozenset(
    {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "ConvLSTM2D"}
)
# Positions of the gates of Keras 1 in the order of Keras 2: input, forget, cell, output.
LSTM_GATES = (0, 2, 1, 3)
GRU_GATES = (0, 1, 2)


def modern_arrays(
    node: LayerNode, arrays: Sequence[np.ndarray], context: Context
) -> list[np.ndarray]:
    """Return the stored arrays of one layer in the form that Keras 3 takes.

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
    name = class_of(inner)
    if node.class_name == "Bidirectional":
        half = len(found) // 2
        parts = (found[:half], found[half:])
        return [a for part in parts for a in modern_arrays(inner, part, context)]
    if inner.stored_class.startswith("CuDNN") and found:
        found = _from_cudnn(name, found)
    if context.version < KERAS_2:
        found = _from_keras1(inner, found)
    if context.backend == "theano" and name in ROTATED and found:
        spatial = 2 if name == "ConvLSTM2D" else 1
        found[:spatial] = [_rotated(kernel) for kernel in found[:spatial]]
        context.changed("kernel of Theano rotated by 180 degrees", node)
    return found


def class_of(node: LayerNode) -> str:
    """Return the Keras class that the weights of a layer follow."""
    return node.class_name.removeprefix("ChannelBias")


def _rotated(kernel: np.ndarray) -> np.ndarray:
    """Reverse all spatial axes: Theano convolves, TensorFlow correlates."""
    spatial = tuple(range(kernel.ndim - 2))
    return np.flip(kernel, axis=spatial)


def _from_keras1(node: LayerNode, found: list[np.ndarray]) -> list[np.ndarray]:
    """Reorder the axes of kernels, and join the gates of recurrent layers."""
    name = class_of(node)
    if name == "LSTM" and len(found) == 12:
        return _joined_gates(found, LSTM_GATES)
    if name == "GRU" and len(found) == 9:
        return _joined_gates(found, GRU_GATES)
    if name == "ConvLSTM2D" and len(found) == 12:
        moved = [_kernel(node, array) if array.ndim > 1 else array for array in found]
        return _joined_gates(moved, LSTM_GATES)
    if found and name == "Conv1D":
        found[0] = _kernel_1d(node, found[0])
    elif name in ROTATED or name == "SeparableConv2D":
        found = [_kernel(node, array) if array.ndim > 1 else array for array in found]
    return found


def _joined_gates(found: list[np.ndarray], gates: Sequence[int]) -> list[np.ndarray]:
    """Join (kernel, recurrent kernel, bias) of each gate to three arrays."""
    return [
        np.concatenate([found[3 * gate + kind] for gate in gates], axis=-1) for kind in range(3)
    ]


def _from_cudnn(name: str, found: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias of a layer of cuDNN as the plain layer has them.

    cuDNN has one matrix (units, inputs) for each gate, stored under the shape (inputs, units), and
    a bias for the inputs and one for the state.
    """
    count = 4 if name == "LSTM" else 3
    kernels = [
        np.concatenate(
            [g.reshape(g.shape[::-1]).T for g in np.split(kernel, count, axis=1)], axis=1
        )
        for kernel in found[:2]
    ]
    biases = np.reshape(found[2], (2, -1))
    return [*kernels, biases.sum(axis=0) if name == "LSTM" else biases]


def _kernel_1d(node: LayerNode, kernel: np.ndarray) -> np.ndarray:
    """Turn (length, 1, in, out), or (out, in, length, 1) of 1.0, into (length, in, out)."""
    if kernel.ndim != 4:
        return kernel
    length = node.config["kernel_size"]
    length = length[0] if isinstance(length, list) else length
    if kernel.shape[:2] != (length, 1) or kernel.shape[3] != node.config["filters"]:
        kernel = np.transpose(kernel, (2, 3, 1, 0))
    return kernel[:, 0]


def _kernel(node: LayerNode, kernel: np.ndarray) -> np.ndarray:
    """Move (out, in, ...) of dim_ordering "th" to (..., in, out).

    Kernels of transposed convolutions now end in (out, in); with "tf" they ended in (in, out).
    """
    first = node.config.get("data_format") == "channels_first"
    if class_of(node).endswith("Transpose"):
        return np.moveaxis(kernel, (0, 1), (-2, -1)) if first else np.swapaxes(kernel, -1, -2)
    return np.moveaxis(kernel, (0, 1), (-1, -2)) if first else kernel


def local_arrays(
    node: LayerNode, arrays: Sequence[np.ndarray], expected: Sequence[tuple[int, ...]]
) -> list[np.ndarray]:
    """Return kernel and bias of a LocallyConnected layer, channels last.

    Keras stored the kernel per position (implementation 1), as one matrix from all inputs to
    all outputs (2), or as that matrix's entries (3). With channels first, a window begins with its
    channels, and the bias is stored in the order of the outputs regardless of its shape.

    Args:
        node: The migrated layer.
        arrays: Its arrays in the order of the file.
        expected: Shapes of the weights of `spkeras.layers.legacy.LocallyConnected`.

    Returns:
        Kernel (positions, window values, filters), and the bias if there is one.
    """
    found = list(arrays)
    first = node.config.get("data_format") == "channels_first"
    positions, values, filters = expected[0]
    if found and found[0].ndim == 1 and found[0].size == positions * values * filters:
        found[0] = _entries(found[0], expected[0], first)
    elif found and found[0].ndim > 3:
        found[0] = _windows(node, found[0], first)
    if first and found and found[0].shape == expected[0]:
        window = tuple(node.config["kernel_size"])
        kernel = found[0].reshape(positions, -1, *window, filters)
        found[0] = np.moveaxis(kernel, 1, -2).reshape(expected[0])
    if first and len(found) > 1 and found[1].size == np.prod(expected[1]):
        found[1] = np.moveaxis(found[1].reshape(filters, *expected[1][:-1]), 0, -1)
    return found


def _entries(entries: np.ndarray, shape: tuple[int, ...], first: bool) -> np.ndarray:
    """Sort the entries of the sparse matrix, stored by output and then by input."""
    positions, values, filters = shape
    if first:
        return entries.reshape(filters, positions, values).transpose(1, 2, 0)
    return entries.reshape(positions, filters, values).transpose(0, 2, 1)


def _windows(node: LayerNode, matrix: np.ndarray, first: bool) -> np.ndarray:
    """Extract the window of each position from the matrix of all inputs to all outputs."""
    window, strides = node.config["kernel_size"], node.config["strides"]
    rank = len(window)
    if first:
        matrix = np.moveaxis(np.moveaxis(matrix, rank + 1, -1), 0, rank)
    places = matrix.shape[rank + 1 : -1]
    rows = []
    for place in np.ndindex(*places):
        corner = [i * s for i, s in zip(place, strides, strict=True)]
        part = tuple(slice(c, c + k) for c, k in zip(corner, window, strict=True))
        row = matrix[part + (slice(None),) + place]
        rows.append((np.moveaxis(row, rank, 0) if first else row).reshape(-1, matrix.shape[-1]))
    return np.stack(rows)
