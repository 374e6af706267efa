"""Lowering of weighted layers on sums of spikes: taps, groups, and merging of two layers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spkeras.graph import Node
from spkeras.graph.connections import groups_of, kernel_of
from spkeras.ops.arrays import Float64Array, Int32Array
from spkeras.ttfs.terms import Sum, Term, refused
from spkeras.ttfs.windows import window_index


def _weighted(
    node: Node, value: Sum, index: Int32Array, kernel: np.ndarray, groups: int = 1
) -> Sum:
    """Return the sum after a weighted layer; kernel (taps, channels in / groups, channels out)."""
    own = np.asarray(node.arrays.get("bias", np.zeros(kernel.shape[-1])), np.float64)
    shape = (*node.shape[:-1], kernel.shape[-1])
    if all(term.kernel is None for term in value.terms) and not value.bias.any():
        terms = tuple(
            _begun(node, term, index, kernel=kernel, groups=groups) for term in value.terms
        )
        return Sum(shape, terms, own)
    positions = np.arange(math.prod(value.shape[:-1]))[:, None]
    if not np.array_equal(index, positions):
        raise refused(
            node,
            "weights after weights, or after an offset, without an activation between them",
            "put the activation (ReLU or TTFSActivation) between the two layers, put a batch "
            "normalisation before the activation instead of after it, or merge the layers into one",
        )
    mixing = _dense_kernel(kernel[0], groups)
    terms = tuple(
        (
            _begun(node, term, index, kernel=kernel, groups=groups)
            if term.kernel is None
            else _merged(node, term, mixing)
        )
        for term in value.terms
    )
    return Sum(shape, terms, value.bias @ mixing + own)


def _begun(node: Node, term: Term, index: Int32Array, kernel: np.ndarray, groups: int) -> Term:
    """Return a term after its first kernel: the part of the kernel that its channels reach."""
    width, out = kernel.shape[1], kernel.shape[2] // groups
    start, within = divmod(term.offset, width)
    shares, rest = divmod(term.channels, width)
    if groups > 1 and not within and not rest:
        own, taken = kernel[:, :, start * out : (start + shares) * out], shares
    elif within + term.channels <= width:
        share = slice(start * out, (start + 1) * out)
        own, taken = kernel[:, within : within + term.channels, share], 1
    else:
        raise refused(
            node,
            f"a group of {width} channels has some of {term.source}'s {term.channels} and "
            "some of another layer's",
            "concatenate multiples of a group's channels, or use groups=1",
        )
    return replace(
        term,
        kernel=-own if term.negative else own,
        index=index,
        name=node.name,
        groups=taken,
        first=start * out if groups > 1 else 0,
    )


def _merged(node: Node, term: Term, mixing: Float64Array) -> Term:
    """Return the term with a second layer merged into its kernel; the layer is positionwise."""
    assert term.kernel is not None
    taps, width, reached = term.kernel.shape
    inner = term.kernel.reshape(taps, width, term.groups, -1)
    outer = mixing[term.first : term.first + reached].reshape(term.groups, -1, mixing.shape[-1])
    kernel = np.einsum("tjgm,gmo->tgjo", inner, outer).reshape(taps, term.channels, -1)
    return replace(term, kernel=kernel, name=f"{term.name}+{node.name}", groups=1, first=0)


def _dense_kernel(kernel: np.ndarray, groups: int) -> Float64Array:
    """Return (channels in, channels out) of a kernel of one tap, with zeros between groups."""
    width, out = kernel.shape[0], kernel.shape[1] // groups
    full = np.zeros((width * groups, out * groups))
    for group in range(groups):
        share = slice(group * out, (group + 1) * out)
        full[group * width : (group + 1) * width, share] = kernel[:, share]
    return full


def _convolution(node: Node, values: Sequence[Sum]) -> Sum:
    (value,) = values
    if node.attributes.get("output_padding") is not None:
        raise refused(node, f"output_padding={node['output_padding']}", "leave it out")
    kernel, groups = kernel_of(node), groups_of(node, value.shape[-1])
    index = window_index(node, value.shape)
    return _weighted(
        node, value, index, kernel=kernel.reshape(-1, *kernel.shape[-2:]), groups=groups or 1
    )


def _dense(node: Node, values: Sequence[Sum]) -> Sum:
    (value,) = values
    kernel = node.arrays["kernel"]
    channels = value.shape[-1]
    if len(node.shape) > 1:
        index = np.arange(math.prod(value.shape[:-1]), dtype=np.int32)[:, None]
        return _weighted(node, value, index, kernel[None])
    taps = math.prod(value.shape[:-1])
    index = np.arange(taps, dtype=np.int32)[None]
    result = _weighted(node, value, index, kernel.reshape(taps, channels, -1))
    return replace(result, shape=(1, kernel.shape[-1]))


def _scale(node: Node, values: Sequence[Sum]) -> Sum:
    """Lower an affine map that was not folded: one positive number, or one value per channel."""
    (value,) = values
    scale, offset = (node.array(name) for name in ("scale", "offset"))
    channels = value.shape[-1]
    flat = len(node.shape) == 1 and math.prod(value.shape[:-1]) > 1
    for array in (scale, offset):
        if array is not None and (
            array.size not in (1, array.shape[-1]) or (flat and array.size > 1)
        ):
            raise refused(node, "an affine map that differs by position", "scale channels only")
    bias = np.zeros(channels) if offset is None else np.broadcast_to(offset.reshape(-1), channels)
    one = np.ones(1) if scale is None else scale.reshape(-1)
    factor = np.broadcast_to(one, channels).astype(np.float64)
    if (factor == factor[0]).all() and factor[0] > 0:
        terms = tuple(replace(term, scale=term.scale * float(factor[0])) for term in value.terms)
        return Sum(value.shape, terms, value.bias * factor[0] + bias)
    index = np.arange(math.prod(value.shape[:-1]), dtype=np.int32)[:, None]
    shaped = replace(node, shape=value.shape)
    result = _weighted(shaped, value, index, kernel=factor[None, None], groups=channels)
    return replace(result, bias=result.bias + bias)


# Lowering of each weighted operation: from the sums of its inputs to its sum.
KERNELS: dict[str, Callable[[Node, Sequence[Sum]], Sum]] = {
    "conv": _convolution,
    "conv_transpose": _convolution,
    "dense": _dense,
    "depthwise_conv": _convolution,
    "scale": _scale,
}
