"""Compilation of nodes that only move events: concatenation, padding, pools without overlap."""

import numpy as np

from spkeras.events.geometry import pooled_places, share_of
from spkeras.events.linear import window
from spkeras.events.plan import EventPlan
from spkeras.events.table import Kind
from spkeras.graph import Node


def move(plan: EventPlan, node: Node, share: float = 1.0) -> None:
    # Several events may have the same position: they are not merged.
    sources = [plan.events(name) for name in node.inputs if name in plan.spiking]
    slot, fresh = plan.writer.slot(sum(plan.writer.rooms[source] for source in sources)), 1
    for name, places in zip(node.inputs, _places(plan, node), strict=True):
        if name in plan.spiking:
            plan.writer.operation(
                Kind.REMAP,
                plan.start(node),
                source=plan.events(name),
                slot=slot,
                rows=plan.writer.tables.add(places),
                fresh=fresh,
                weights=plan.writer.weights.add([share]),
            )
            fresh = 0
    plan.slots[node.name] = slot


def average_pool(plan: EventPlan, node: Node) -> None:
    """Add an average pooling: windows without overlap move events, times their factor."""
    share = share_of(node, plan.graph[node.inputs[0]].shape)
    if share is None:
        window(plan, node)
    else:
        move(plan, node, share)


def _places(plan: EventPlan, node: Node) -> list[np.ndarray]:
    """Return the new index of each element of each input; -1 where it is dropped."""
    index = np.arange(int(np.prod(node.shape))).reshape(node.shape)
    if node.op in ("average_pool", "global_average_pool"):
        return [pooled_places(node, plan.graph[node.inputs[0]].shape)]
    if node.op == "concatenate":
        axis = node["axis"] - 1 if node["axis"] > 0 else node["axis"] + index.ndim
        sizes = [plan.graph[name].shape[axis] for name in node.inputs]
        return np.split(index, np.cumsum(sizes)[:-1], axis)
    if node.op == "permute":
        return [index.transpose(np.argsort(node["axes"]))]
    if node.op == "pad":
        inside = zip(node["amounts"], plan.graph[node.inputs[0]].shape, strict=False)
        return [index[tuple(slice(before, before + size) for (before, _), size in inside)]]
    if node.op == "crop":
        return [np.pad(index, (*node["amounts"], (0, 0)), constant_values=-1)]
    return [index]
