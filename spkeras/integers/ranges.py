"""Bounds of currents and potentials that no input and no spike train exceeds."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spkeras.graph import Node
from spkeras.integers.engine import IntegerProgram
from spkeras.integers.linear import linear
from spkeras.ops.arrays import Int64Array


class Bounds(NamedTuple):
    """Lowest and highest value of each element, int64 (1, *shape)."""

    low: Int64Array
    high: Int64Array


@dataclass(frozen=True)
class LayerBounds:
    """Bounds of one layer of neurons.

    Attributes:
        name: The layer.
        threshold: Its largest threshold.
        current: Lowest and highest current of one step, constant part included.
        potential: Lowest and highest potential before a reset, in all steps of a run.
    """

    name: str
    threshold: int
    current: tuple[int, int]
    potential: tuple[int, int]


def bits_of(low: int, high: int) -> int:
    """Return the least bits, sign included, of whole numbers from `low` to `high`."""
    return 1 + max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0)


def bounds(program: IntegerProgram, timesteps: int) -> list[LayerBounds]:
    """Return the bounds of each layer of neurons over a run of T steps.

    Every spike that a neuron can send is taken to come in every step, wherever it moves a potential
    further; inputs have any level of either sign.

    Args:
        program: A network of whole numbers.
        timesteps: T.
    """
    found: list[LayerBounds] = []
    values: dict[str, Bounds] = {}
    most = (1 << program.form.input_bits) - 1
    for node in program.graph.nodes:
        if node.name in program.graph.head:
            continue
        if node.op == "input":
            values[node.name] = _filled(node, -most, most)
        elif node.op == "neuron":
            layer = program.neurons[node.name]
            constant = layer.constant.reshape(1, *layer.received)
            low, high = (value + constant for value in values[node.inputs[0]])
            steps = timesteps - program.start(node.name)
            found.append(_layer(program, node, Bounds(low, high), steps))
            values[node.name] = _filled(node, int(layer.limits[3]), int(layer.limits[4]))
        else:
            values[node.name] = _passed(program, node, [values[name] for name in node.inputs])
        if node.name in program.frontier:
            low, high = values[node.name]
            values[node.name] = Bounds(
                (2 * low + most) // (2 * most), (2 * high + most) // (2 * most)
            )
    return found


def _filled(node: Node, low: int, high: int) -> Bounds:
    shape = (1, *node.shape)
    return Bounds(np.full(shape, low, np.int64), np.full(shape, high, np.int64))


def _passed(program: IntegerProgram, node: Node, inputs: list[Bounds]) -> Bounds:
    """Return the bounds after a linear node: negative weights exchange the two."""
    lows, highs = [own.low for own in inputs], [own.high for own in inputs]
    if node.op == "subtract":
        own = program.linear[node.name]
        return Bounds(own([lows[0], *highs[1:]]), own([highs[0], *lows[1:]]))
    if not node.operation.weighted:
        own = program.linear[node.name]
        return Bounds(own(lows), own(highs))
    name = "scale" if node.op == "scale" else "kernel"
    weights = node.arrays[name]
    up, down = (
        linear(program.graph, node.with_arrays(**{name: part}), program.form)
        for part in (np.maximum(weights, 0), np.minimum(weights, 0))
    )
    return Bounds(up(lows) + down(highs), up(highs) + down(lows))


def _layer(program: IntegerProgram, node: Node, current: Bounds, steps: int) -> LayerBounds:
    layer = program.neurons[node.name]
    low, high = current.low.reshape(-1), current.high.reshape(-1)
    threshold = layer.threshold.astype(np.int64)
    if layer.window is not None:
        lowest, highest = steps * np.minimum(low, 0), steps * np.maximum(high, 0)
    else:
        start, (few, many) = layer.initial + layer.offset, layer.limits[3:5]
        highest = np.maximum(start, threshold - 1) + high
        highest += (steps - 1) * np.maximum(high - many * threshold, 0)
        lowest = start + steps * np.minimum(low, 0)
        if few and not layer.counts:
            lowest = np.minimum(start, 0) + low
            lowest += (steps - 1) * np.minimum(low - few * threshold, 0)
    return LayerBounds(
        name=node.name,
        threshold=int(threshold.max()),
        current=(int(low.min()), int(high.max())),
        potential=(int(min(lowest.min(), 0)), int(max(highest.max(), 0))),
    )
