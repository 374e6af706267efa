"""From a graph with neurons to a program of events.

Spikes are *events*: a position and a size. A linear node either moves events (`moves`) or sums
their effects in memory (`linear`). A sum is formed directly in the potentials of the neurons that
read it, if there is no other reader. It becomes events again where another linear node reads it.
All biases are constant currents into the next neurons.
"""

from collections.abc import Callable, Mapping

import numpy as np

from spkeras.events.ends import neuron, readout
from spkeras.events.linear import conv, dense, scale, window
from spkeras.events.moves import average_pool, move
from spkeras.events.plan import EventPlan
from spkeras.events.program import EventProgram
from spkeras.graph import Graph, Node


def _sum(plan: EventPlan, node: Node) -> None:
    plan.deliver(node, plan.buffer(node))


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
    "upsample": window,
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
    writer = plan.writer
    return EventProgram(
        operations=np.stack(writer.operations),
        tables=writer.tables.array(),
        weights=writer.weights.array(),
        state=np.concatenate(writer.state),
        regions=np.array([*writer.regions, writer.places], np.int64),
        own=tuple((name, size) for name, (_, size) in plan.own.items()),
        neurons=tuple((node.name, node.shape) for node in graph.of("neuron")),
        outputs=tuple((node.name, node.shape) for node in graph.of("readout")),
    )
