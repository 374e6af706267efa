"""The divisors of average pools, which sum in whole numbers, as steps of the weights around them."""

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.graph.connections import kernel_of
from spkeras.ops.arrays import Float64Array
from spkeras.passes.fold import channel_vector
from spkeras.passes.relays import summed
from spkeras.passes.whole_checks import POOLS, windows_of


def divisors(graph: Graph) -> dict[str, Float64Array]:
    """Return the product of the window sizes of all average pools on the way of each weight.

    Args:
        graph: With identity synapses.

    Returns:
        By weighted node: shape (), or an array that divides its stored kernel, or scale.

    Raises:
        UnsupportedLayerError: sums of differently averaged values, or weights of a layer whose
            positions are averaged differently; all at once.
    """
    sums, before = summed(graph), dict[str, Float64Array]()
    after, found, problems = _after(graph, sums), dict[str, Float64Array](), list[str]()
    for node in graph.nodes:
        if node.operation.weighted and node.name not in graph.head:
            step = _step(node, before[node.inputs[0]])
            if step is None:
                problems.append(
                    f"{node.source or node.name}: its weights read values that are averaged over "
                    "windows of several sizes"
                )
            else:
                found[node.name] = np.asarray(step * after[node.name], np.float64)
        before[node.name] = _passed(graph, node, [before[name] for name in node.inputs], problems)
    if problems:
        raise UnsupportedLayerError(list(dict.fromkeys(problems)))
    return found


def divided_kernel(node: Node, step: Float64Array) -> Float64Array:
    """Return the kernel over its step, as (*window, channels in / groups, channels out)."""
    kernel: Float64Array = kernel_of(node.with_arrays(kernel=node.arrays["kernel"] / step))
    return kernel


def _after(graph: Graph, sums: dict[str, bool]) -> dict[str, int]:
    """Return the divisor of the pools that the sums of each node pass, to the next neurons."""
    after: dict[str, int] = {}
    for node in reversed(graph.nodes):
        passed = [
            after[reader.name] * (windows_of(graph, reader) if reader.op in POOLS else 1)
            for reader in graph.consumers[node.name]
            if sums[reader.name]
        ]
        after[node.name] = max(passed, default=1)
    return after


def _passed(
    graph: Graph, node: Node, inputs: list[Float64Array], problems: list[str]
) -> Float64Array:
    """Return the divisors of the spikes at a node, in its shape; ones where sums begin."""
    ones = np.ones(node.shape)
    if not node.operation.linear or node.operation.weighted or node.name in graph.head:
        return ones
    if node.operation.rearranged is not None:
        moved: Float64Array = node.operation.rearranged(node, inputs[0])
        return moved
    if node.op == "concatenate":
        return np.concatenate(inputs, node["axis"] - 1 if node["axis"] > 0 else node["axis"])
    if any((channels(own) != channels(inputs[0])).any() for own in inputs):
        problems.append(
            f"{node.source or node.name}: adds values that are averaged over windows of several "
            "sizes; allowed: averages over equal windows"
        )
    size = windows_of(graph, node) if node.op in POOLS else 1
    return ones * channels(inputs[0]) * size


def channels(divided: Float64Array) -> Float64Array:
    """Return the largest divisor of each channel, shape (channels,)."""
    largest: Float64Array = divided.reshape(-1, divided.shape[-1]).max(axis=0)
    return largest


def _step(node: Node, divided: Float64Array) -> Float64Array | None:
    """Return the divisors of a node's inputs in the form of its weights; None if it has none."""
    if (divided == divided.flat[0]).all():
        return np.asarray(divided.flat[0])
    vector = channel_vector(divided, divided.shape[-1])
    if node.op == "scale":
        return vector
    grouped = node.attributes.get("groups", 1) > 1
    if vector is None or grouped or node.op not in ("conv", "depthwise_conv", "dense"):
        return None
    return vector[:, None]
