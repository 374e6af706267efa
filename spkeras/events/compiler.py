"""From a graph with neurons to a program of events.

Spikes are *events*: a position and a size. A linear node either moves events (`moves`) or adds their
effects to a sum (`linear`). It is part of the sum that its only reader forms, if this reader is a
neuron, a read-out or an addition. A sum becomes events again where other linear nodes read it. All
biases are constant currents into the next neurons.
"""

from collections.abc import Callable, Mapping

import numpy as np

from spkeras.events.ends import neuron, readout
from spkeras.events.linear import average_pool, conv, dense, scale, upsample, window
from spkeras.events.moves import move
from spkeras.events.plan import EventPlan
from spkeras.events.program import EventProgram
from spkeras.graph import Graph, Node


def _sum(plan: EventPlan, node: Node) -> None:
    plan.deliver(node, plan.site(node))


EMITTERS: dict[str, Callable[[EventPlan, Node], None]] = {
    "add": _sum,
    "average_pool": average_pool,
    "concatenate": move,
    "conv": conv,
    "conv_transpose": conv,
    "crop": move,
    "dense": dense,
    "depthwise_conv": window,
    "global_average_pool": average_pool,
    "neuron": neuron,
    "pad": move,
    "permute": move,
    "readout": readout,
    "reshape": move,
    "scale": scale,
    "subtract": _sum,
    "upsample": upsample,
}


def compile_program(
    graph: Graph, resting: Mapping[str, np.ndarray], stagger: float
) -> EventProgram:
    """Compile a network of rate-coded neurons to a table of operations.

    Args:
        graph: Normalised graph with neurons, which `support.refusal` does not refuse.
        resting: Bias currents: the current into each neuron and read-out if no neuron fires and
            the input is zero, without the batch, by the name of the node that they read.
        stagger: Steps by which each layer starts after the one before it, a multiple of 1/16.
    """
    plan = EventPlan(graph, resting, stagger)
    for node in plan.nodes:
        EMITTERS[node.op](plan, node)
    writer, neurons = plan.writer, graph.of("neuron")
    operations, regions, block, room = writer.finish()
    return EventProgram(
        operations=operations,
        tables=writer.tables.array(),
        weights=writer.weights.array(),
        state=np.concatenate(writer.state),
        regions=regions,
        block=block,
        room=room,
        own=tuple((name, size) for name, (_, size) in plan.own.items()),
        neurons=tuple((node.name, node.shape) for node in neurons),
        levels=tuple(node["levels"] if node.neuron.graded else 0 for node in neurons),
        outputs=tuple((node.name, node.shape) for node in graph.of("readout")),
    )
