"""Compilation of nodes that only move events: concatenation, padding, pools without overlap."""

from spkeras.events.geometry import plane
from spkeras.events.plan import EventPlan
from spkeras.graph import Node
from spkeras.graph.connections import index_map


def move(plan: EventPlan, node: Node, share: float = 1.0) -> None:
    """Add a move; several events may have the same position afterwards: they are not merged."""
    shapes = [plan.graph[name].shape for name in node.inputs]
    maps = zip(node.inputs, index_map(node, shapes), strict=True)
    sources = [(plan.events(name), places) for name, places in maps if name in plan.spiking]
    writer = plan.writer
    valued = share != 1 or any(writer.valued(slot) for slot, _ in sources)
    plan.slots[node.name] = slot = plan.slot(
        node, sum(writer.room(source) for source, _ in sources), valued
    )
    lines, width, channels = plane(node.shape)
    writer.remap(
        plan.start(node),
        [
            {
                "source": source,
                "rows": writer.tables.add(places),
                "weights": writer.weights.add([share]),
                "valued": writer.valued(source),
            }
            for source, places in sources
        ],
        slot=slot,
        lines=lines * width,
        channels=channels,
        valued=int(valued),
    )
