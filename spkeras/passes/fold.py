"""Folding of scales (batch normalisation, Rescaling, ...) into neighbouring weights."""

from dataclasses import replace

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.connections import groups_of, kernel_of, stored_kernel
from spkeras.graph.operations import WITH_KERNEL
from spkeras.graph.vocabulary import MAX_POOLS
from spkeras.ops.arrays import Float32Array, Float64Array
from spkeras.passes.products import sums, times


def fold_scales(graph: Graph) -> Graph:
    """Fold each `scale` into a neighbour wherever that is exact; keep it otherwise.

    Before: any graph.
    After: a scale after a convolution or dense layer is part of its weights. So is a scale before
        one, unless it has an offset and the convolution pads with zeros: padding must stay
        without offset. Layers that commute with the scale may be between the two: averages, crops,
        upsampling, maxima of positive scales; before a layer also layers that move elements,
        and zero padding where there is no offset.
    Preserves: outputs, up to float rounding (the products are taken in float64).
    Reference: Wu et al. 2022 (consistency maintenance for batch normalisation).
    """
    graph = _pool_before_scales(graph)
    todo = [node.name for node in graph.of("scale")]
    notes = []
    for name in todo:
        for fold in (_fold_backward, _fold_forward):
            folded = fold(graph, graph[name])
            if folded is not None:
                graph = folded
                break
        else:
            notes.append(f"{name}: not folded, {_obstacle(graph, graph[name])}")
    return graph.with_nodes(graph.nodes, notes=notes)


def _pool_before_scales(graph: Graph) -> Graph:
    """Exchange each max pooling and the positive scales between it and an activation.

    The pooling and the activation then become one neuron, which sends what the activation sends,
    without the sign of an offset. The scales become part of the next weights where these can
    contain them.
    """
    for name in [node.name for node in graph.of(*MAX_POOLS)]:
        chain = _positive_scales(graph, graph[name].inputs[0])
        if not chain or not _is_activated(graph, chain[-1].inputs[0]):
            continue
        pool = replace(graph[name], name=f"{name}:pool", inputs=chain[-1].inputs)
        moved, before = [pool], pool.name
        for scale in reversed(chain):
            last = scale is chain[0]
            scale = replace(scale, inputs=(before,), shape=pool.shape)
            if last:
                scale = replace(scale, name=name, source=graph[name].source)
            moved.append(scale)
            before = scale.name
        gone = {scale.name for scale in chain}
        new = {name: moved}
        graph = graph.with_nodes(
            n for node in graph.nodes if node.name not in gone for n in new.get(node.name, [node])
        )
    return graph


def _positive_scales(graph: Graph, name: str) -> list[Node]:
    """Return the scales per channel, all positive, from a node back to the first other one."""
    chain: list[Node] = []
    while graph[name].op == "scale" and graph.sole_consumer(name) is not None:
        affine = _affine(graph[name])
        if affine is None or not (affine[0] > 0).all():
            break
        chain.append(graph[name])
        name = graph[name].inputs[0]
    return chain


def _is_activated(graph: Graph, name: str) -> bool:
    """Return whether a node is an activation, or max poolings of one."""
    while graph[name].op in MAX_POOLS:
        name = graph[name].inputs[0]
    return graph[name].op == "activation"


def channel_vector(array: np.ndarray, channels: int) -> Float64Array | None:
    """Return an array that depends only on the last axis as (channels,); None for any other."""
    array = np.asarray(array, np.float64)
    if array.size == 1:
        return np.full(channels, array.reshape(()))
    rows = array.reshape(-1, array.shape[-1])
    if array.shape[-1] not in (1, channels) or not (rows == rows[0]).all():
        return None
    return np.broadcast_to(rows[0], (channels,))


def scale_outputs(node: Node, scale: Float64Array, offset: np.ndarray | float = 0.0) -> Node:
    """Return a weighted node with outputs times `scale` plus `offset`, both (channels,)."""
    kernel = times(kernel_of(node), scale)
    bias = np.asarray(node.arrays.get("bias", 0.0), np.float64) * scale + offset
    has_bias = "bias" in node.arrays or np.any(offset)
    return _weighted(node, kernel, bias if has_bias else None)


def scale_both(node: Node, inputs: Float64Array, outputs: Float64Array) -> Node:
    """Return a weighted node with inputs and outputs times a scale of each channel."""
    kernel, bias = kernel_of(node), node.array("bias")
    kernel = times(kernel, _input_factors(node, kernel, inputs), outputs)
    return _weighted(node, kernel, None if bias is None else bias.astype(np.float64) * outputs)


def scale_inputs(node: Node, scale: Float64Array, offset: np.ndarray | float = 0.0) -> Node:
    """Return a weighted node with x * scale + offset, both (channels,), folded into its weights.

    The offset is exact only without zero padding.
    """
    kernel, bias = kernel_of(node), node.arrays.get("bias")
    if np.any(offset):
        offsets = _input_factors(node, kernel, np.broadcast_to(offset, scale.shape))
        bias = sums(kernel, offsets) + (0.0 if bias is None else bias)
    return _weighted(node, times(kernel, _input_factors(node, kernel, scale)), bias)


def _weighted(node: Node, kernel: Float32Array, bias: np.ndarray | None) -> Node:
    arrays = {"kernel": stored_kernel(node, kernel)}
    if bias is not None:
        arrays["bias"] = np.asarray(bias, np.float32)
    return node.with_arrays(**arrays)


def _input_factors(node: Node, kernel: np.ndarray, vector: Float64Array) -> Float64Array:
    """Return values per input channel, in a shape that multiplies the kernel."""
    groups = groups_of(node, vector.size)
    assert groups is not None
    if groups == 1:
        return vector[:, None]
    # Output channel o reads the inputs of group o // (outputs / groups).
    return np.repeat(vector.reshape(groups, -1).T, kernel.shape[-1] // groups, axis=1)


def _affine(node: Node) -> tuple[Float64Array, Float64Array] | None:
    channels, arrays = node.shape[-1], node.arrays
    scale = channel_vector(arrays["scale"], channels)
    offset = channel_vector(np.asarray(arrays.get("offset", 0.0)), channels)
    return None if scale is None or offset is None else (scale, offset)


def _fold_backward(graph: Graph, scale: Node) -> Graph | None:
    affine, name = _affine(scale), scale.inputs[0]
    moved: dict[str, Node] = {}
    while affine and graph.sole_consumer(name) is not None:
        before = graph[name]
        if before.operation.kernel:
            moved[name] = replace(scale_outputs(before, *affine), source="")
            # The output of the scale is now the output of its input.
            first = scale.inputs[0]
            moved[first] = replace(moved[first], source=scale.source)
            return graph.updated(moved).without(scale.name)
        if not before.operation.averages(before) and not _keeps_order(before, affine[0]):
            return None
        moved[name] = replace(before, source="")
        name = before.inputs[0]
    return None


def _keeps_order(node: Node, scale: Float64Array) -> bool:
    """Return whether a node is a maximum that commutes with a scale."""
    return node.op in MAX_POOLS and bool((scale > 0).all())


def _fold_forward(graph: Graph, scale: Node) -> Graph | None:
    passed, affine, after = _carried(graph, scale)
    if affine is None or after is None or after.op not in (*WITH_KERNEL, "scale"):
        return None
    if after.op == "scale":
        merged = _merged_scale(affine, after)
    elif np.any(affine[1]) and not _reads_everywhere(after):
        return None
    else:
        merged = scale_inputs(after, *affine)
    if merged is None:
        return None
    # The values of the nodes on the way are no longer those of the CNN's layers.
    changed = {name: replace(graph[name], source="") for name in passed}
    return graph.updated({**changed, after.name: merged}).without(scale.name)


def _carried(
    graph: Graph, scale: Node
) -> tuple[list[str], tuple[Float64Array, Float64Array] | None, Node | None]:
    """Move a scale forward through all that commutes with it.

    Returns:
        Names of the nodes on the way, the scale and the offset per channel after them (None where
        they differ between positions), and the only reader of the last node.
    """
    shape, passed, name = scale.shape, list[str](), scale.name
    pair = [
        np.broadcast_to(np.asarray(scale.arrays.get(key, 0.0), np.float64), shape)
        for key in ("scale", "offset")
    ]
    while (after := graph.sole_consumer(name)) is not None:
        moved = _moved(graph, after, name, pair)
        if moved is None:
            break
        pair, name = moved, after.name
        passed.append(name)
    vectors = [channel_vector(array, array.shape[-1]) for array in pair]
    affine = None if vectors[0] is None or vectors[1] is None else (vectors[0], vectors[1])
    return passed, affine, after


def _moved(
    graph: Graph, node: Node, name: str, pair: list[Float64Array]
) -> list[Float64Array] | None:
    """Return the scale and the offset after a node that commutes with them; None for others."""
    operation = node.operation
    if operation.rearranged is not None and "bias" not in node.arrays:
        return [np.asarray(operation.rearranged(node, array)) for array in pair]
    if node.op == "concatenate":
        axis = node["axis"] - 1 if node["axis"] > 0 else node["axis"]
        return [
            np.concatenate(
                [pair[k] if i == name else np.full(graph[i].shape, 1.0 - k) for i in node.inputs],
                axis,
            )
            for k in (0, 1)
        ]
    scale, offset = (channel_vector(array, array.shape[-1]) for array in pair)
    if scale is None or offset is None or len(node.inputs) > 1:
        return None
    plain = operation.linear and operation.channelwise and "bias" not in node.arrays
    if operation.averages(node) or _keeps_order(node, scale) or (plain and not np.any(offset)):
        return [np.broadcast_to(vector, node.shape) for vector in (scale, offset)]
    return None


def _merged_scale(affine: tuple[Float64Array, Float64Array], after: Node) -> Node | None:
    second = _affine(after)
    if second is None:
        return None
    return after.with_arrays(
        scale=(affine[0] * second[0]).astype(np.float32),
        offset=(affine[1] * second[0] + second[1]).astype(np.float32),
    )


def _obstacle(graph: Graph, scale: Node) -> str:
    """Return why a scale stays, as the end of a sentence."""
    _, affine, after = _carried(graph, scale)
    if affine is None or _affine(scale) is None:
        return "since it differs between positions"
    if after is None:
        return "since no layer, or more than one, reads it"
    where = after.source or after.name
    if after.op in MAX_POOLS:
        return f"since the maximum of {where} does not commute with scales that are not positive"
    if after.op in WITH_KERNEL:
        return f"since its offset would meet the zero padding of {where}"
    return f"since neither the layer before it nor {where} can contain it exactly"


def _reads_everywhere(node: Node) -> bool:
    """Return whether each output sums the whole kernel (no zero padding, no gaps)."""
    return node.op == "dense" or (node.op != "conv_transpose" and node["padding"] == "valid")
