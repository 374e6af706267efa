"""Compilation of neurons and read-outs, where events end and begin."""

import math

import numpy as np

from spkeras.events.geometry import pooled
from spkeras.events.plan import EventPlan, repeated
from spkeras.events.table import Kind
from spkeras.graph import Node
from spkeras.ops.code import keeps_values


def neuron(plan: EventPlan, node: Node) -> None:
    site, size = plan.received(node), math.prod(node.shape)
    plan.deliver(node, site)
    (name,) = node.inputs
    plain = node.is_plain
    plan.slots[node.name] = plan.slot(node, size, valued=not plain)
    threshold, period = repeated(np.broadcast_to(node.arrays["threshold"], node.shape))
    fields = {
        "slot": plan.slots[node.name],
        "target": plan.memory(node),
        "threshold": plan.writer.weights.add(threshold),
        "period": period,
        "counted": plan.counted,
        "layer": plan.layers,
    }
    zero = {"zero": int(node["reset"] == "zero"), "pool": -1}
    extra = zero if plain else _counting(plan, node)
    site.whole = site.whole or bool(node["pool"])
    if not plain:
        extra |= _keeping(node["spike_code"])
    if node.neuron.graded:
        extra |= {"levels": node["levels"], "mantissa": node["mantissa_bits"]}
    plan.close(
        Kind.FIRE if plain else Kind.VALUE, node, site, **{**fields, **extra, **plan.current(name)}
    )
    plan.counted, plan.layers = plan.counted + size, plan.layers + 1


def _keeping(code: str) -> dict[str, int]:
    return {"once": int(keeps_values(code)), "differential": int(code == "differential")}


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
        "stride": node.shape[-1],
        "numbers": plan.writer.weights.add(numbers),
    }


def _pool(plan: EventPlan, node: Node) -> int:
    """Add the table of the input elements in the window of each output; return its start."""
    windows = pooled(node, plan.graph[node.inputs[0]].shape)
    start = plan.writer.tables.size
    pointers = np.cumsum([0, *(len(window) for window in windows)]) + start + len(windows) + 1
    return plan.writer.tables.add(np.concatenate([pointers, *windows]))


def readout(plan: EventPlan, node: Node) -> None:
    site, size = plan.received(node), math.prod(node.shape)
    plan.deliver(node, site)
    fields = {"target": plan.memory(node), "counted": plan.values}
    codes = {neuron["spike_code"] for neuron in plan.graph.of("neuron")}
    fields |= _keeping(codes.pop())
    plan.close(Kind.READ, node, site, **fields, **plan.current(node.inputs[0]))
    plan.values += size
