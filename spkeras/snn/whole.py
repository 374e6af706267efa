"""Constant inputs and their currents as whole numbers, once a sample."""

from collections.abc import Callable, Sequence

from keras import ops

from spkeras.graph import Graph
from spkeras.ops.types import Tensor


def currents_of(
    graph: Graph,
    encoding: str,
    encoded: Sequence[Tensor],
    drive: Callable[[Sequence[Tensor]], list[Tensor]],
) -> list[Tensor]:
    """Return the currents at the frontier, as whole numbers where the graph has such numbers.

    A constant input is rounded to the nearest multiple of 1 / (2^input_bits - 1), up to 1. Its
    currents are then rounded to the nearest whole number.

    Args:
        graph: Of the network.
        encoding: Encoding of the input; spikes are whole numbers.
        encoded: Inputs of one step.
        drive: Function from these to the currents.
    """
    integers = graph.integers
    if integers is None or not integers.is_whole or encoding != "constant":
        return drive(encoded)
    most = 2.0**integers.input_bits - 1
    levels = [ops.clip(ops.floor(x * most + 0.5), -most, most) / most for x in encoded]
    return [ops.floor(current + 0.5) for current in drive(levels)]
