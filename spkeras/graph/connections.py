"""The connections of each linear operation: the output elements that each input element reaches."""

import math
from collections.abc import Sequence

import numpy as np

from spkeras.errors import GraphError
from spkeras.graph import product as box
from spkeras.graph.graph import Graph
from spkeras.graph.node import Node
from spkeras.graph.operations import Shapes, Tables
from spkeras.graph.product import Product
from spkeras.graph.windows import NOWHERE, destinations, reach
from spkeras.ops.arrays import Float64Array, Int64Array


def tables(node: Node, shapes: Shapes, place: int = 0) -> Tables:
    """Return the window of each axis of an input, None where positions stay as they are.

    Args:
        node: Any node.
        shapes: Shapes of its inputs.
        place: Index of the input.
    """
    of = node.operation.tables
    found = [] if of is None else of(node, shapes, place)
    if node.operation.layer is not None:
        _check_tables(node, shapes[place], found)
    return [*found, *[None] * (len(shapes[place]) - len(found))]


def _check_tables(node: Node, shape: Sequence[int], found: Tables) -> None:
    """Refuse the tables of an operation from outside that do not fit its shapes."""
    for axis, table in enumerate(found):
        if table is None:
            continue
        size = shape[axis] if axis < len(shape) else 0
        rows = np.shape(table)[0] if np.ndim(table) == 2 else -1
        if rows != node.shape[axis] or np.min(table) < NOWHERE or np.max(table) >= size:
            raise GraphError(
                f"operation {node.op!r}: tables() of node {node.name!r} returned shape "
                f"{np.shape(table)}, values {np.min(table)} to {np.max(table)}, for axis {axis}; "
                f"allowed: ({node.shape[axis]}, taps), positions 0 to {size - 1} of the input, "
                f"{NOWHERE} for none"
            )


def kernel_of(node: Node) -> np.ndarray:
    """Return the kernel of a node as (*window, channels in / groups, channels out)."""
    assert node.operation.kernel is not None
    return node.operation.kernel(node.arrays["kernel"])


def stored_kernel(node: Node, kernel: np.ndarray) -> np.ndarray:
    """Return a kernel in the form of `kernel_of` as the node stores it."""
    assert node.operation.kernel is not None
    # Each form is its inverse, up to a reshape.
    return node.operation.kernel(kernel).reshape(node.arrays["kernel"].shape)


def through(graph: Graph, node: Node, place: int, product: Product) -> Product:
    """Return the pairs after a node that spikes pass through.

    Args:
        graph: The graph.
        node: A node that spikes pass through.
        place: Index of the input that they arrive at.
        product: Pairs of a source and the elements of that input.
    """
    shapes = [graph[name].shape for name in node.inputs]
    if node.operation.rearranged is not None:
        moved: Product = node.operation.rearranged(node, product)
        return moved
    for axis, table in enumerate(tables(node, shapes, place)):
        if table is not None:
            product = box.mapped(product, axis, reach(table, shapes[place][axis]))
    channels = shapes[place][-1] if shapes[place] else 1
    groups = groups_of(node, channels)
    if groups == 1:
        product = box.spread(product, len(product.axes) - 1, node.shape[-1])
    elif groups is not None:
        own = np.arange(channels) // (channels // groups)
        mixed = own[:, None] == np.arange(node.shape[-1]) // (node.shape[-1] // groups)
        product = box.mapped(product, len(product.axes) - 1, mixed)
    while len(product.axes) > len(node.shape):
        product = box.dropped(product, 0)
    return box.widened(product, node.shape)


def groups_of(node: Node, channels: int) -> int | None:
    """Return the number of channel groups that a node mixes; None where channels stay apart."""
    return None if node.operation.groups is None else node.operation.groups(node, channels)


def fan_outs(node: Node, shape: Sequence[int]) -> list[Float64Array | None]:
    """Return the fan-out of each input element in a node, as one factor for each axis.

    Args:
        node: A weighted node.
        shape: Shape of its input.

    Returns:
        Numbers (input positions,) whose product is the element's fan-out; None for ones.
    """
    found = [
        (
            None
            if table is None
            else np.bincount(table[table != NOWHERE], minlength=size).astype(np.float64)
        )
        for size, table in zip(shape, tables(node, [tuple(shape)]), strict=True)
    ]
    groups = groups_of(node, shape[-1])
    if groups is not None:
        found[-1] = np.full(shape[-1], node.shape[-1] / groups)
    return found


def synapses(node: Node, shape: Sequence[int]) -> int:
    """Return the number of connections of a weighted node, without those to zero padding."""
    factors = zip(shape, fan_outs(node, shape), strict=True)
    return math.prod(size if numbers is None else int(numbers.sum()) for size, numbers in factors)


def index_map(node: Node, shapes: Shapes) -> list[Int64Array]:
    """Return for each input the index of the output element that each element reaches.

    Args:
        node: A node through which each element reaches at most one other.
        shapes: Shapes of its inputs.

    Returns:
        Indices into the flat output, in the shape of each input; NOWHERE where it reaches none.
    """
    index = np.arange(math.prod(node.shape))
    if node.operation.rearranged is not None:
        order = node.operation.rearranged(node, np.arange(index.size).reshape(shapes[0]))
        return [np.argsort(order, axis=None).reshape(shapes[0])]
    found = []
    for place, shape in enumerate(shapes):
        # A reduction leaves out the first axes.
        own = index.reshape((1,) * (len(shape) - len(node.shape)) + node.shape)
        for axis, table in enumerate(tables(node, shapes, place)):
            if table is not None:
                reached = destinations(table, shape[axis])
                inside = (reached != NOWHERE).reshape(-1, *[1] * (len(shape) - axis - 1))
                own = np.where(inside, own.take(reached, axis), NOWHERE)
        found.append(own)
    return found
