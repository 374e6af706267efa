"""Compilation of neurons and read-outs, where events end and begin."""

import numpy as np

from spkeras.events.geometry import pooled
from spkeras.events.plan import EventPlan, repeated
from spkeras.events.table import Kind
from spkeras.graph import Node


def neuron(plan: EventPlan, node: Node) -> None:
    target, size = plan.memory(node), int(np.prod(node.shape))
    plan.deliver(node, target)
    (name,) = node.inputs
    plan.slots[node.name] = plan.writer.slot(size)
    threshold, period = repeated(np.broadcast_to(node.arrays["threshold"], node.shape))
    fields = {
        "slot": plan.slots[node.name],
        "target": target,
        "size": size,
        "threshold": plan.writer.weights.add(threshold),
        "period": period,
        "counted": plan.counted,
        "layer": plan.layers,
    }
    plain = node.is_plain
    extra = {"zero": int(node["reset"] == "zero")} if plain else _counting(plan, node)
    plan.writer.operation(
        Kind.FIRE if plain else Kind.COUNT,
        plan.start(node),
        **fields,
        **extra,
        **plan.current(name, period if plain else 0),
    )
    plan.counted, plan.layers = plan.counted + size, plan.layers + 1


def _counting(plan: EventPlan, node: Node) -> dict[str, int]:
    function = node["function"]
    slope = {"linear": 1.0}.get(function, node.attributes.get("negative_slope") or 0.0)
    bound = 6.0 if function == "relu6" else node.attributes.get("max_value")
    numbers = [node["initial_potential"], slope, np.inf if bound is None else bound]
    return {
        "sent": plan.writer.memory(np.zeros(node.shape)),
        "low": -node["max_spikes_per_step"] if node.neuron.signed else 0,
        "high": node["max_spikes_per_step"],
        "pool": _pool(plan, node) if node["pool"] else -1,
        "received": int(np.prod(plan.graph[node.inputs[0]].shape)),
        "numbers": plan.writer.weights.add(numbers),
    }


def _pool(plan: EventPlan, node: Node) -> int:
    """Add the table of the input elements in the window of each output; return its start."""
    windows = pooled(node, plan.graph[node.inputs[0]].shape)
    start = plan.writer.tables.size
    pointers = np.cumsum([0, *(len(window) for window in windows)]) + start + len(windows) + 1
    return plan.writer.tables.add(np.concatenate([pointers, *windows]))


def readout(plan: EventPlan, node: Node) -> None:
    (name,) = node.inputs
    target, size = plan.memory(node), int(np.prod(node.shape))
    plan.deliver(node, target)
    plan.writer.operation(
        Kind.READ,
        plan.start(node),
        target=target,
        size=size,
        counted=plan.values,
        **plan.current(name, size),
    )
    plan.values += size
