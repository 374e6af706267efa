"""Counts of one step's spikes, to compile with the step."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from spkeras.graph import Node
from spkeras.ops.types import Tensor

# Layout of the float32 of a graded spike: exponent of 1, and bits of the mantissa.
_ONE, _MANTISSA = 127, 23


def observe(
    neurons: Sequence[Node], spikes: Sequence[Tensor], analysed: Tensor
) -> tuple[list[Any], list[Any], Any]:
    """Return the counts of one step's spikes (batch, ...) of each layer, to compile with the step.

    Args:
        neurons: Layers of neurons.
        spikes: Spikes of each layer.
        analysed: Indices of the samples whose graded spikes are analysed.

    Returns:
        Number of spikes of each neuron, summed over the batch. Then, for each layer of graded
        neurons and only in the analysed samples: spikes of each exponent (levels,), spikes of
        size 1 of each neuron, and bits set of each neuron. Last the number of spikes of each
        sample in each layer, (batch, layers), or (1, 1) of 0 where there are no neurons.
    """
    numbers, graded, sent_by = [], [], []
    for node, spike in zip(neurons, spikes, strict=True):
        size = spike.shape[0]
        is_graded = node.neuron.graded
        sent = ops.cast(spike != 0, "float32") if is_graded else ops.abs(spike)
        # Products with ones: both sums run at memory speed.
        flat = ops.reshape(sent, (size, -1))
        total = ops.matmul(ops.ones((1, size)), flat)
        numbers.append(ops.reshape(total, node.shape))
        sent_by.append(ops.matmul(flat, ops.ones((flat.shape[1], 1))))
        if is_graded:
            some = ops.abs(ops.take(spike, analysed, axis=0))
            graded += _grades(some, node["levels"], node["mantissa_bits"])
    return numbers, graded, ops.concatenate(sent_by, axis=1) if sent_by else ops.zeros((1, 1))


def _grades(size: Tensor, levels: int, mantissa_bits: int) -> list[Tensor]:
    """Return spikes by exponent (levels,), and of each neuron spikes of size 1 and bits set."""
    bits = ops.view(size, "int32")
    exponent = _ONE - ops.right_shift(bits, _MANTISSA)
    by_exponent = [ops.sum(ops.cast(exponent == k, "float32")) for k in range(levels)]
    ones = ops.cast(exponent == 0, "float32")
    adds = ops.cast(size > 0, "float32")
    for position in range(1, mantissa_bits + 1):
        bit = ops.bitwise_and(ops.right_shift(bits, _MANTISSA - position), 1)
        adds = adds + ops.cast(bit, "float32")
    return [ops.stack(by_exponent), ops.sum(ones, axis=0), ops.sum(adds, axis=0)]
