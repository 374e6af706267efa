"""The operations of a graph: one record each, with the facts that all other modules ask.

All tensors are channels-last and shapes omit the batch axis. Names are those of Keras, in lower
case. Counting, synapses, events, first spikes, folding, normalisation and verdicts read these
records. Only the kernels of the engines are elsewhere: `spkeras.snn.synapse` (Keras layers),
`spkeras.events.compiler` and `spkeras.ttfs.linear`.

Operations that are not linear (activations, maxima, products, normalisations, attention) need a
neuron.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spkeras.errors import GraphError
from spkeras.graph import windows
from spkeras.graph.vocabulary import CONSTANT_INPUTS

if TYPE_CHECKING:
    from spkeras.graph.node import Node

Shapes = Sequence[tuple[int, ...]]
Tables = list[np.ndarray | None]


def _always(node: "Node") -> bool:
    return True


def _never(node: "Node") -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The facts of one operation.

    Attributes:
        attributes: Names of the plain values; a node has all of them.
        arrays: Names of the arrays; a node has those that are not in `optional`.
        optional: Names of the arrays that may be missing.
        inputs: Number of inputs; -1 for two or more, -2 for one or more.
        linear: Whether spikes pass through it: it is linear or affine in its inputs, so that its
            effect on a sum of spikes is the sum of its effects on each spike.
        weighted: Whether it takes one multiply-accumulate per weight and element. The others
            add, average or move.
        channelwise: Whether each channel of its output depends only on the same channel of its
            inputs, by a non-negative map without offset: a scale per channel commutes with it.
        tables: The window of each axis (see `spkeras.graph.windows`) of the input of an index,
            from the node, the shapes of its inputs and the index; further axes stay as they are.
        groups: Number of channel groups, from the node and its input's channels; each output
            channel reads all channels of its group. None: each channel reads itself.
        kernel: The stored kernel as (*window, channels in / groups, channels out).
        rearranged: The elements in another order, from the node and an array, or anything else
            with the methods `reshape` and `transpose`.
        averages: Whether each output is a weighted mean of one channel of the input: an affine
            map per channel commutes with it.
        keeps_sign: Whether each output is non-decreasing in each input, and not negative where
            the inputs are not.
        layer: The Keras layer of a node, for operations from outside: its weights have the names
            of the node's arrays. The constant of an affine map is an optional array "bias".
    """

    attributes: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    inputs: int = 1
    linear: bool = False
    weighted: bool = False
    channelwise: bool = False
    tables: Callable[["Node", Shapes, int], Tables] | None = None
    groups: Callable[["Node", int], int] | None = None
    kernel: Callable[[np.ndarray], np.ndarray] | None = None
    rearranged: Callable[["Node", Any], Any] | None = None
    averages: Callable[["Node"], bool] = _never
    keeps_sign: Callable[["Node"], bool] = _never
    layer: Callable[["Node"], Any] | None = None


def _windows(node: "Node", shapes: Shapes, place: int) -> Tables:
    """Return the tables of a convolution."""
    table = windows.transposed if node.op == "conv_transpose" else windows.sliding
    kernel, padding = node.arrays["kernel"].shape, node["padding"]
    axes = zip(shapes[0], node.shape, kernel, node["strides"], node["dilation"], strict=False)
    return [
        table(size, out, window=window, stride=stride, dilation=dilation, padding=padding)
        for size, out, window, stride, dilation in axes
    ]


def _pools(node: "Node", shapes: Shapes, place: int) -> Tables:
    return [*windows.pool_tables(node.attributes, shapes[0], node.shape)]


def _upsamples(node: "Node", shapes: Shapes, place: int) -> Tables:
    axes = zip(shapes[0], node["size"], strict=False)
    return [windows.resized(size, factor, node["interpolation"]) for size, factor in axes]


def _moves(sign: int) -> Callable[["Node", Shapes, int], Tables]:
    """Return the tables of a padding (sign 1) or a crop (-1)."""

    def tables(node: "Node", shapes: Shapes, place: int) -> Tables:
        axes = zip(shapes[0], node.shape, node["amounts"], strict=False)
        return [windows.shifted(size, out, sign * before) for size, out, (before, _) in axes]

    return tables


def _concatenates(node: "Node", shapes: Shapes, place: int) -> Tables:
    axis = node["axis"] - 1 if node["axis"] > 0 else node["axis"] + len(node.shape)
    sizes = [shape[axis] for shape in shapes]
    table = windows.shifted(sizes[place], node.shape[axis], sum(sizes[:place]))
    return [*[None] * axis, table]


def _resamples(node: "Node", shapes: Shapes, place: int) -> Tables:
    """Return the positions with a weight that is not zero."""
    return [*[None] * (node["axis"] - 1), windows.of_matrix(node.arrays["matrix"])]


def _interpolates(node: "Node") -> bool:
    # Other interpolations have negative weights, which may not sum to one at the border.
    return node["interpolation"] in ("nearest", "bilinear")


def _takes_means(node: "Node") -> bool:
    sums = node.arrays["matrix"].sum(axis=0)
    return _scales_up(node) and bool(np.allclose(sums, 1, atol=1e-6))


def _scales_up(node: "Node") -> bool:
    return not any(np.any(array < 0) for array in node.arrays.values())


_POOL = ("pool_size", "strides", "padding")
_CONV = ("strides", "padding", "dilation")
_BIASED: dict[str, Any] = {
    "arrays": ("kernel", "bias"),
    "optional": ("bias",),
    "linear": True,
    "weighted": True,
}
_MOVED: dict[str, Any] = {"linear": True, "keeps_sign": _always}

OPERATIONS: dict[str, Operation] = {
    # dtype: the dtype of the CNN's input. scale: value of one spike (or of a full current), set
    # by normalisation.
    "input": Operation(attributes=("dtype",), arrays=("scale",), optional=("scale",), inputs=0),
    # kernel (*window, channels_in / groups, channels_out); padding "valid"|"same"|"causal".
    # Rank 1, 2 or 3 from the kernel. strides and dilation are tuples of that rank.
    "conv": Operation(
        attributes=(*_CONV, "groups"),
        tables=_windows,
        groups=lambda node, channels: int(node["groups"]),
        kernel=lambda kernel: kernel,
        **_BIASED,
    ),
    # kernel (*window, channels_in, multiplier); output channel c * multiplier + m.
    "depthwise_conv": Operation(
        attributes=_CONV,
        tables=_windows,
        groups=lambda node, channels: channels,
        kernel=lambda kernel: kernel.reshape(*kernel.shape[:-2], 1, -1),
        **_BIASED,
    ),
    # kernel (*window, channels_out, channels_in), as in Keras. output_padding None or tuple.
    "conv_transpose": Operation(
        attributes=(*_CONV, "output_padding"),
        tables=_windows,
        groups=lambda node, channels: 1,
        kernel=lambda kernel: kernel.swapaxes(-1, -2),
        **_BIASED,
    ),
    # kernel (features_in, features_out), applied to the last axis.
    "dense": Operation(groups=lambda node, channels: 1, kernel=lambda kernel: kernel, **_BIASED),
    # x * scale + offset, both broadcast against the shape (batch norm, Rescaling, ...).
    "scale": Operation(
        arrays=("scale", "offset"),
        optional=("offset",),
        linear=True,
        weighted=True,
        keeps_sign=_scales_up,
    ),
    # amounts: ((before, after), ...) for each axis but the batch and the channels.
    "pad": Operation(attributes=("amounts",), channelwise=True, tables=_moves(1), **_MOVED),
    "crop": Operation(
        attributes=("amounts",), channelwise=True, tables=_moves(-1), averages=_always, **_MOVED
    ),
    # padding "valid"|"same"; "same" averages over the valid elements only, as Keras does.
    "average_pool": Operation(
        attributes=_POOL, channelwise=True, tables=_pools, averages=_always, **_MOVED
    ),
    "global_average_pool": Operation(
        attributes=("keepdims",), channelwise=True, tables=_pools, averages=_always, **_MOVED
    ),
    "max_pool": Operation(attributes=_POOL, channelwise=True, tables=_pools, keeps_sign=_always),
    "global_max_pool": Operation(
        attributes=("keepdims",), channelwise=True, tables=_pools, keeps_sign=_always
    ),
    # size: repeats per axis; interpolation "nearest"|"bilinear"|...
    "upsample": Operation(
        attributes=("size", "interpolation"),
        linear=True,
        channelwise=True,
        tables=_upsamples,
        averages=_interpolates,
        keeps_sign=_interpolates,
    ),
    # matrix (positions before, positions after), applied to one axis before the channels; axis
    # counts from 1 for the first axis after the batch.
    "resample": Operation(
        attributes=("axis",),
        arrays=("matrix",),
        linear=True,
        channelwise=True,
        tables=_resamples,
        averages=_takes_means,
        keeps_sign=_scales_up,
    ),
    # The new shape is the node's shape.
    "reshape": Operation(rearranged=lambda node, values: values.reshape(node.shape), **_MOVED),
    # axes: a permutation of 1..rank, as in keras.layers.Permute.
    "permute": Operation(
        attributes=("axes",),
        rearranged=lambda node, values: values.transpose([axis - 1 for axis in node["axes"]]),
        **_MOVED,
    ),
    "add": Operation(inputs=-1, channelwise=True, **_MOVED),
    "subtract": Operation(inputs=-1, linear=True),
    # axis counts from 1 for the first axis after the batch, or from the end when negative.
    "concatenate": Operation(attributes=("axis",), inputs=-1, tables=_concatenates, **_MOVED),
    "multiply": Operation(inputs=-1),
    "maximum": Operation(inputs=-1),
    "minimum": Operation(inputs=-1),
    # function: see ACTIVATIONS; its parameters are attributes of the same node.
    # "linear" is the identity; slope: array for PReLU, broadcast against the shape.
    "activation": Operation(attributes=("function",), arrays=("slope",), optional=("slope",)),
    # function: see FUNCTIONS; its parameters are attributes of the same node. Arrays: "weight"
    # for the functions that have one.
    "function": Operation(
        attributes=("function",), arrays=("weight",), optional=("weight",), inputs=-2
    ),
    # A spiking neuron: made by the passes, never by the frontend (see spkeras.ops.neuron).
    # function: of ACTIVATIONS, of FUNCTIONS, or the name of a merging operation; one input for
    # each of its arguments. pool: None, or the window of a max pooling on its received inputs,
    # as attributes of "max_pool" or "global_max_pool". initial_potential: as a fraction
    # of a level (alpha in the papers). depth:
    # neurons before it on the longest path. spike_code: see spkeras.ops.code. levels
    # and mantissa_bits: exponents and mantissa of a graded spike, see spkeras.ops.quantizer.
    # ceiling: bound of a bounded ReLU, in the unit of the current. constant_input0, ...: received
    # on each input before the first step: the biases upstream, where the code delivers them once
    # instead of at each step.
    "neuron": Operation(
        attributes=tuple(
            "model reset initial_potential max_spikes_per_step depth pool function spike_code "
            "levels mantissa_bits".split()
        ),
        arrays=("threshold", "ceiling", "slope", "weight", *CONSTANT_INPUTS),
        optional=("ceiling", "slope", "weight", *CONSTANT_INPUTS),
        inputs=-2,
    ),
    # Decodes the network's output; everything after it runs once, on real values.
    # depth and spike_code as for a neuron; scale: value of a decoded 1; offset: is added to the
    # scaled value.
    "readout": Operation(
        attributes=("depth", "spike_code"), arrays=("scale", "offset"), optional=("scale", "offset")
    ),
}

# Operations with a kernel, into which passes may fold scales.
WITH_KERNEL = tuple(name for name, operation in OPERATIONS.items() if operation.kernel)


def register_operation(name: str, operation: Operation) -> None:
    """Add an operation, so that graphs may contain it.

    It runs as its Keras layer; engines without a kernel for it refuse it, so that `evaluate` and
    `predict` take the dense engine. The handler of a layer adds its nodes (see
    `spkeras.register_layer`). Register it before a file that contains it is loaded.

    Args:
        name: Its name.
        operation: Its facts: linear, with `layer`, and `tables` or `rearranged` where an element
            reaches other positions than its own.

    Raises:
        GraphError: the name is taken, or the operation has no layer or is not linear.
    """
    if name in OPERATIONS:
        raise GraphError(f"operation {name!r}: the name is taken; register it under another one")
    if not operation.linear or operation.layer is None or operation.kernel is not None:
        raise GraphError(
            f"operation {name!r}: received linear={operation.linear}, layer={operation.layer}, "
            f"kernel={operation.kernel}; allowed: linear=True, a layer, and no form of a kernel"
        )
    OPERATIONS[name] = operation
