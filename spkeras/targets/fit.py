"""Whether the layers of a network fit a target, and why not: all limits at once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spkeras.graph import Graph, Node
from spkeras.graph.connections import fan_outs
from spkeras.graph.vocabulary import MAX_POOLS
from spkeras.passes.pipeline import fold
from spkeras.targets.limits import LIMITS
from spkeras.targets.record import Target

_POOLS = ("average_pool", "max_pool")
_GLOBAL = ("global_average_pool", "global_max_pool")
_JOINS = ("add", "subtract", "concatenate")
_CONVOLUTIONS = ("conv", "depthwise_conv", "conv_transpose")
# Limits that follow from options of the conversion, which `convert` refuses.
OF_OPTIONS = (
    "weight_bits",
    "threshold_bits",
    "membrane_bits",
    "resets",
    "spikes",
    "initial_potential",
    "start_delay",
)
# Limits that depend on how the tools of a chip place layers and store numbers.
UNCHECKED = (
    "operations",
    "weights_per_core",
    "synapse_bytes_per_core",
    "bias_bits",
    "activation_bits",
    "payload_bits",
)


@dataclass(frozen=True)
class LayerFit:
    """Verdict on one layer.

    Attributes:
        layer: Path of the Keras layer; the name of the network for limits of the whole.
        kind: Operation of the graph.
        problems: Sentences on the limits that it exceeds; none where it fits.
    """

    layer: str
    kind: str
    problems: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the target can hold the layer."""
        return not self.problems


def fit(graph: Graph, target: Target) -> tuple[LayerFit, ...]:
    """Return a verdict on each layer with synapses or pooling, and one on the whole network.

    Args:
        graph: Graph of a CNN from the frontend.
        target: The target.
    """
    folded = fold(graph)
    nodes = [
        node
        for node in folded.nodes
        if node.op in (*_POOLS, *_GLOBAL, *_JOINS) or node.operation.weighted
    ]
    found = [
        LayerFit(node.source or node.name, node.op, tuple(_problems(folded, node, target)))
        for node in nodes
    ]
    whole = LayerFit(graph.name, "network", tuple(_whole(folded, target)))
    return (*found, whole)


def unchecked(target: Target) -> tuple[str, ...]:
    """Return sentences on what a verdict of `fit` leaves open."""
    stated = [name for name in UNCHECKED if name in target.limits]
    options = [name for name in OF_OPTIONS if name in target.limits]
    return (
        *(f"not checked: {LIMITS[name].text} ({target.value(name)})" for name in stated),
        *([f"checked by convert: {', '.join(options)}"] if options else []),
        *(f"without a public source: {text}" for text in target.open),
    )


def _problems(graph: Graph, node: Node, target: Target) -> Iterator[str]:
    if node.op in _JOINS:
        yield from _exists(target, "joins", node.op)
    if node.op in MAX_POOLS:
        yield from _exists(target, "max_pooling", "max pooling")
    if node.op in (*_POOLS, *_GLOBAL):
        yield from _pooling(graph, node, target)
    if node.operation.weighted:
        yield from _synapses(graph, node, target)
    yield from _destinations(graph, node, target)


def _pooling(graph: Graph, node: Node, target: Target) -> Iterator[str]:
    whole = graph[node.inputs[0]].shape[:-1]
    sizes = whole if node.op in _GLOBAL else tuple(node["pool_size"])
    if sizes != whole or target.value("global_pooling") is not True:
        yield from _in(target, "pool_sizes", sizes, "pooling windows")


def _synapses(graph: Graph, node: Node, target: Target) -> Iterator[str]:
    """Yield the problems of a layer with weights."""
    if node.op == "scale":
        if target.value("relays", True) is False:
            yield "a scale that cannot be folded into weights; needs a relay"
        return
    kernel = node.arrays["kernel"].shape
    axes = len(kernel) - 2
    if node.op in _CONVOLUTIONS:
        yield from _in(target, "convolution_axes", (axes,), "axes of a convolution")
        yield from _most(target, "kernel_size", kernel[:axes], "kernel")
        yield from _in(target, "strides", node["strides"], "strides")
        yield from _most(target, "dilation", node["dilation"], "dilation")
        if node["padding"] not in ("valid", "causal"):
            pads = [
                (size - 1) // 2 * by for size, by in zip(kernel, node["dilation"], strict=False)
            ]
            yield from _most(target, "padding", pads, "padding")
        if node.op == "depthwise_conv" or node.attributes.get("groups", 1) > 1:
            yield from _exists(target, "groups", "convolutions in groups")
    yield from _most(target, "map_size", node.shape[:-1], "output map")
    yield from _most(target, "channels", node.shape[-1:], "channels")
    yield from _most(target, "fan_in", (math.prod(kernel[:-1]),), "fan-in")
    if target.value("fan_out") is not None:
        factors = fan_outs(node, graph[node.inputs[0]].shape)
        reached = math.prod(int(own.max()) for own in factors if own is not None)
        yield from _most(target, "fan_out", (reached,), "fan-out")
    if node.array("bias") is not None:
        yield from _exists(target, "bias", "a bias")
    yield from _memories(node, target)


def _memories(node: Node, target: Target) -> Iterator[str]:
    """Yield the memories of a core that a layer exceeds, where a layer is held by one core."""
    kernel, shape = node.arrays["kernel"].shape, node.shape
    words = kernel[-2] * 2 ** (_log2(math.prod(kernel[:-2])) + _log2(kernel[-1]))
    states = shape[-1] * 2 ** sum(map(_log2, shape[:-1]))
    cores = zip(
        _each(target, "weight_words_per_core"), _each(target, "neuron_words_per_core"), strict=False
    )
    sizes = list(cores)
    if sizes and not any(words <= most and states <= room for most, room in sizes):
        yield (
            f"{words} words of weights and {states} of neurons; no core has both (weights, neurons: "
            + ", ".join(f"{most}, {room}" for most, room in sorted(set(sizes)))
            + ")"
        )


def _destinations(graph: Graph, node: Node, target: Target) -> Iterator[str]:
    number = len(graph.consumers[node.name])
    yield from _most(target, "destinations", (number,), "receiving layers")


def _whole(graph: Graph, target: Target) -> Iterator[str]:
    """Yield the problems of the whole network."""
    cores = target.value("cores")
    layers = [node for node in graph.of(*_CONVOLUTIONS, "dense")]
    if target.value("weight_words_per_core") is not None and len(layers) > cores:
        yield f"{len(layers)} layers with weights; {target.name} has {cores} cores, one for each"
    neurons = target.value("neurons_per_core")
    if cores is not None and isinstance(neurons, int):
        needed = sum(-(-math.prod(node.shape) // neurons) for node in layers)
        if needed > cores:
            yield f"{needed} cores for its neurons; {target.name} has {cores} of {neurons} each"
    for node in graph.of("input"):
        yield from _most(target, "input_size", node.shape[:-1], f"input {node.name}")


def _log2(number: int) -> int:
    """Return the bits of an address to `number` places."""
    return (number - 1).bit_length()


def _each(target: Target, limit: str) -> Sequence[int]:
    value = target.value(limit, [])
    return value if isinstance(value, list) else [value] * int(target.value("cores", 1))


def _exists(target: Target, limit: str, what: str) -> Iterator[str]:
    if target.value(limit, True) is False:
        yield f"{what}; {target.name} has none"


def _most(target: Target, limit: str, values: Sequence[int], what: str) -> Iterator[str]:
    most = target.value(limit)
    if most is not None and values and max(values) > most:
        yield f"{what} {'x'.join(map(str, values))}; allowed: up to {most}"


def _in(target: Target, limit: str, values: Sequence[int], what: str) -> Iterator[str]:
    allowed = target.value(limit)
    if allowed is not None and not set(values) <= set(allowed):
        yield f"{what} {'x'.join(map(str, values))}; allowed: {', '.join(map(str, allowed))}"
