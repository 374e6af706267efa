"""Values on the way to NIR, and the parts that several operations become."""

from dataclasses import dataclass

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.linear import Ends, balanced, per_channel, same_ends
from spkeras.exchange.parts import Part
from spkeras.graph import Node
from spkeras.graph.operations import WITH_KERNEL
from spkeras.ops.arrays import Float32Array, Int64Array

# Attributes of the binary neuron of ReLU under the rate code.
BINARY = {
    "model": "binary",
    "max_spikes_per_step": 1,
    "pool": None,
    "function": "relu",
    "max_value": None,
    "negative_slope": 0.0,
    "threshold": 0.0,
    "spike_code": "rate",
    "levels": 8,
    "mantissa_bits": 0,
}


class CannotExpress(Exception):
    """A node that the form of a file has no words for; the message says what it is."""


@dataclass(frozen=True, eq=False)
class Value:
    """The output of a node, as a sum of parts.

    Attributes:
        parts: Names of the parts.
        order: Where each of its elements is in the node's flat output, in the shape of the parts.
        gain: Factor that the sum still lacks.
    """

    parts: tuple[str, ...]
    order: Int64Array
    gain: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the parts."""
        return self.order.shape


def words(node: Node) -> str:
    if node.op in ("activation", "function"):
        return f"{node['function']} at the end"
    if node.op in WITH_KERNEL:
        return node.op.replace("_", " ")
    return f"operation {node.op!r}"


def unlike_binary(node: Node, form: str) -> str | None:
    """Return what a layer of neurons is, if it is not the binary neuron of ReLU.

    Args:
        node: The neurons.
        form: The form of the file, as messages name it.
    """
    if node["pool"] is not None:
        return (
            f"max pooling of currents; {form} has no maximum. Use average pooling in the CNN and "
            "train it again"
        )
    if node["spike_code"] != "rate":
        return f"spikes of the {node['spike_code']} code; spikes in {form} are 0 or 1. Convert with ecc"
    if not node.neuron.one_bit:
        return f"{node['model']} neurons of {node['function']}; spikes in {form} are 0 or 1"
    if not node.is_plain:
        return f"neurons of {node['function']}; neurons in {form} compute ReLU"
    return None


def ends_of(padding: str, size: int, *, span: int, stride: int) -> Ends:
    if padding == "same":
        return same_ends(size, span=span, stride=stride)
    return (span - 1, 0) if padding == "causal" else (0, 0)


def gained(array: np.ndarray, gain: float) -> Float32Array:
    return np.asarray(array * np.float32(gain) if gain != 1 else array, np.float32)


def per_channel_of(array: np.ndarray | None, node: Node, value: Value) -> Float32Array | None:
    """Return one number a channel; None where they differ between positions."""
    if array is None:
        return np.zeros(value.shape[:1], np.float32)
    whole = np.broadcast_to(np.asarray(array, np.float32), node.shape)
    arranged = whole.ravel()[value.order].reshape(value.shape[0], -1)
    return arranged[:, 0] if (arranged == arranged[:, :1]).all() else None


def shape_of(node: Node, value: Value) -> tuple[int, ...]:
    """Return the shape of a node's output among parts, if it keeps the elements of a value."""
    return value.shape if int(np.prod(node.shape)) == value.order.size else ()


def channelwise(name: str, value: Value, scale: Float32Array, offset: np.ndarray) -> Part:
    """Return a part that scales each channel and adds a number to it."""
    bias = np.asarray(offset, np.float32)
    if value.order.ndim == 1:
        arrays = {"weight": np.diag(scale), "bias": bias}
        return Part(name, kinds.AFFINE, value.parts, value.shape, arrays=arrays)
    weight = per_channel(scale, value.order.ndim - 1)
    return conv_part(name, value, value.shape, weight=weight, bias=bias, groups=1)


def mixed(name: str, value: Value, shape: tuple[int, ...], *, weight: Float32Array) -> Part:
    """Return a part that maps channels to channels at each position."""
    if len(shape) == 1:
        arrays = {"weight": weight, "bias": np.zeros(len(weight), np.float32)}
        return Part(name, kinds.AFFINE, value.parts, shape, arrays=arrays)
    weight = weight.reshape(*weight.shape, *[1] * (len(shape) - 1))
    return conv_part(name, value, shape, weight=weight, groups=1)


def conv_part(
    name: str,
    value: Value,
    shape: tuple[int, ...],
    *,
    weight: np.ndarray,
    groups: int,
    bias: np.ndarray | None = None,
    ends: list[Ends] | None = None,
    stride: tuple[int, ...] = (),
    dilation: tuple[int, ...] = (),
) -> Part:
    axes = weight.ndim - 2
    weight, padding, dilation = balanced(
        np.asarray(weight, np.float32), ends or [(0, 0)] * axes, dilation or (1,) * axes
    )
    bias = np.zeros(shape[0], np.float32) if bias is None else bias
    return Part(
        name,
        kinds.CONV,
        value.parts,
        shape,
        arrays={"weight": np.ascontiguousarray(weight), "bias": np.asarray(bias, np.float32)},
        stride=stride or (1,) * axes,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
