"""Compilation of linear nodes that sum: convolutions, dense layers and channelwise windows."""

import numpy as np

from spkeras.events.geometry import Reach, averaged, axes, rows, runs
from spkeras.events.plan import EventPlan
from spkeras.events.table import Kind
from spkeras.graph import Node
from spkeras.graph.connections import kernel_of

_UNIT: dict[float, int] = {1.0: 0}


def _spread(
    plan: EventPlan,
    node: Node,
    name: str,
    target: int,
    rows: Reach,
    columns: Reach,
    weights: np.ndarray,
    taps: tuple[int, int],
) -> None:
    """Add the operation of a channelwise window; weights (taps, channels) or one number."""
    channels = plan.graph[name].shape[-1]
    varied = weights.size > 1
    spread = weights.size // (taps[0] * taps[1] * channels) if varied else 1
    width_out = _row(node)
    lead = channels * spread if varied else 0
    factors = dict(_UNIT)
    fields = {
        "rows": plan.writer.window(rows, width_out * channels * spread, taps[1] * lead, factors),
        "columns": plan.writer.window(columns, channels * spread, lead, factors),
    }
    plan.writer.operation(
        Kind.WINDOW,
        plan.start(node),
        source=plan.events(name),
        target=target,
        channels=channels,
        width=len(columns),
        weights=plan.writer.weights.add(weights),
        stride=int(varied),
        spread=spread,
        numbers=plan.writer.weights.add(list(factors)),
        **fields,
    )


def _row(node: Node) -> int:
    """Return the positions in a row of an image; a sequence, or a vector, is one row."""
    return node.shape[-2] if len(node.shape) > 1 else 1


def window(plan: EventPlan, node: Node) -> None:
    (name,) = node.inputs
    shape = plan.graph[name].shape
    row, column = axes(node, shape)
    lines, columns = row.reach(), column.reach()
    if node.op == "average_pool":
        lines, columns = (averaged(axis.reach(), axis.out) for axis in (row, column))
    _spread(
        plan,
        node,
        name,
        target=plan.buffer(node),
        rows=lines,
        columns=columns,
        weights=node.arrays.get("kernel", np.ones(1)),
        taps=(row.taps, column.taps),
    )


def scale(plan: EventPlan, node: Node) -> None:
    (name,) = node.inputs
    shape = plan.graph[name].shape
    scale = np.broadcast_to(node.arrays["scale"], shape).reshape(-1, shape[-1])
    columns: Reach = [[(place, place, 1.0)] for place in range(len(scale))]
    taps = (1, len(scale))
    _spread(
        plan,
        node,
        name,
        target=plan.buffer(node),
        rows=[[(0, 0, 1.0)]],
        columns=columns,
        weights=scale,
        taps=taps,
    )


def conv(plan: EventPlan, node: Node) -> None:
    (name,) = node.inputs
    kernel = kernel_of(node)
    kernel = kernel[None] if kernel.ndim == 3 else kernel
    groups = node.attributes.get("groups", 1)
    out = kernel.shape[-1] // groups
    row, column = axes(node, plan.graph[name].shape)
    ordered = kernel[row.order][:, column.order]
    ordered = ordered.reshape(*ordered.shape[:3], groups, out).transpose(3, 2, 0, 1, 4)
    first, tap, count = rows(row)[:, None].T
    line, channels = column.out * kernel.shape[-1], kernel.shape[-1]
    steps = {"line": row.spacing * line, "lead": column.taps * out}
    # The channels of neighbouring outputs are contiguous only if there is one group.
    for run in runs(column, groups > 1):
        start, place, length = run[:, None, :].T
        reached = np.broadcast_arrays(
            first.T * line + start * channels,
            (tap.T * column.taps + place) * out,
            count.T,
            length * out,
        )
        _contract(plan, node, ordered, out=out, reached=np.stack(reached, -1), **steps)


def dense(plan: EventPlan, node: Node) -> None:
    kernel = node.arrays["kernel"]
    places = int(np.prod(node.shape[:-1]))
    out = kernel.shape[-1]
    reached = [(place * out, 0, 1, out) for place in range(places)]
    _contract(plan, node, kernel, out=out, reached=np.array(reached))


def _contract(
    plan: EventPlan, node: Node, weights: np.ndarray, out: int, reached: np.ndarray, **steps: int
) -> None:
    """Add the operation that adds rows of weights.

    reached: (positions, 4): target, first weight, number of rows, length of a row.
    """
    (name,) = node.inputs
    channels = plan.graph[name].shape[-1]
    inverse, shift = _inverse(channels, int(np.prod(plan.graph[name].shape)))
    plan.writer.operation(
        Kind.CONTRACT,
        plan.start(node),
        source=plan.events(name),
        target=plan.buffer(node),
        channels=channels,
        inverse=inverse,
        shift=shift,
        rows=plan.writer.tables.add(reached),
        weights=plan.writer.weights.add(weights),
        stride=weights.size // channels,
        grouped=channels // node.attributes.get("groups", 1),
        spread=out,
        **steps,
    )


def _inverse(divisor: int, largest: int) -> tuple[int, int]:
    """Return (inverse, shift) with n // divisor = n * inverse >> shift for n up to `largest`.

    It is exact if largest < 2^shift / divisor (Granlund & Montgomery 1994).
    """
    shift = (largest * divisor).bit_length() + 1
    return -(-(1 << shift) // divisor), shift
