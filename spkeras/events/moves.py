"""Compilation of nodes that only move events: concatenation, padding, pools without overlap."""

from spkeras.events.geometry import share_of
from spkeras.events.linear import window
from spkeras.events.plan import EventPlan
from spkeras.events.table import Kind
from spkeras.graph import Node
from spkeras.graph.connections import index_map


def move(plan: EventPlan, node: Node, share: float = 1.0) -> None:
    shapes = [plan.graph[name].shape for name in node.inputs]
    # Several events may have the same position: they are not merged.
    sources = [plan.events(name) for name in node.inputs if name in plan.spiking]
    slot, fresh = plan.writer.slot(sum(plan.writer.rooms[source] for source in sources)), 1
    for name, places in zip(node.inputs, index_map(node, shapes), strict=True):
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
