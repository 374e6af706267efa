"""Compilation of linear nodes that sum: convolutions, dense layers and channelwise windows."""

import numpy as np

from spkeras.events.geometry import Axis, Reach, averaged, axes, plain_axes, plane, share_of
from spkeras.events.moves import move
from spkeras.events.plan import EventPlan
from spkeras.events.table import LANES, Kind
from spkeras.graph import Node
from spkeras.graph.connections import index_map, kernel_of

_UNIT: dict[float, int] = {1.0: 0}
# Vectors of sums that stay in registers.
VECTORS = 4
# Positions of a pool from which on its sums are formed before they are sent on.
_LARGE_POOL = 9


def conv(plan: EventPlan, node: Node) -> None:
    kernel = kernel_of(node)
    kernel = kernel[None] if kernel.ndim == 3 else kernel
    _contract(plan, node, _ungrouped(kernel, node), axes(node, plan.graph[node.inputs[0]].shape))


def _ungrouped(kernel: np.ndarray, node: Node) -> np.ndarray:
    """Return the kernel over all input channels: zeros between those of different groups."""
    groups = node.attributes.get("groups", 1)
    if groups == 1:
        return kernel
    channels, out = kernel.shape[2], kernel.shape[3] // groups
    whole = np.zeros((*kernel.shape[:2], channels * groups, kernel.shape[3]), kernel.dtype)
    for group in range(groups):
        reads, writes = slice(group * channels, None), slice(group * out, (group + 1) * out)
        whole[:, :, reads][:, :, :channels, writes] = kernel[..., writes]
    return whole


def dense(plan: EventPlan, node: Node) -> None:
    kernel = node.arrays["kernel"]
    _contract(plan, node, kernel[None, None], plain_axes(plan.graph[node.inputs[0]].shape))


def _contract(plan: EventPlan, node: Node, kernel: np.ndarray, both: tuple[Axis, Axis]) -> None:
    """Add the operation that adds rows of weights; kernel (rows, columns, channels, out)."""
    row, column = both
    channels, out = kernel.shape[2:]
    site = plan.site(node)
    site.listed = max(site.listed, row.taps * column.taps * channels + LANES)
    plan.add(
        site,
        Kind.CONTRACT,
        node.inputs[0],
        {
            "rows": plan.writer.axis([[(i, tap, 0) for i, _, tap in e] for e in row.runs(1)]),
            "columns": plan.writer.axis(column.runs()),
            "weights": plan.writer.weights.add(_blocks(kernel.reshape(-1, out))),
            "taps": row.taps * column.taps * channels,
            "stride": column.taps,
            "spread": out,
        },
    )


def _blocks(weights: np.ndarray) -> np.ndarray:
    """Return rows of weights in blocks of columns, one after the other; the last row is zero."""
    padded = np.pad(weights, ((0, 1), (0, -weights.shape[1] % LANES)))
    width = VECTORS * LANES
    blocks = [padded[:, k : k + width].ravel() for k in range(0, padded.shape[1], width)]
    return np.concatenate(blocks)


def window(plan: EventPlan, node: Node) -> None:
    """Add a channelwise convolution."""
    shape = plan.graph[node.inputs[0]].shape
    row, column = axes(node, shape)
    _depthwise(plan, node, (row, column), node.arrays["kernel"])


def _depthwise(plan: EventPlan, node: Node, both: tuple[Axis, Axis], weights: np.ndarray) -> None:
    row, column = both
    lines, width, channels = plane(plan.graph[node.inputs[0]].shape)
    weights = weights.reshape(row.taps * column.taps, -1)
    spread = weights.shape[1] // channels
    site = plan.site(node)
    site.listed = max(site.listed, 2 * len(weights))
    site.overlaps = True
    plan.add(
        site,
        Kind.DEPTHWISE,
        node.inputs[0],
        {
            "rows": plan.writer.axis([[(i, tap, 0) for i, _, tap in e] for e in row.runs(1)]),
            "columns": plan.writer.axis([[(i, tap, 0) for i, _, tap in e] for e in column.runs(1)]),
            "weights": plan.writer.weights.add(
                np.pad(weights, ((0, 0), (0, -weights.shape[1] % LANES)))
            ),
            "stride": column.taps,
            "taps": column.taps + 1,
            "spread": spread,
            "large": lines * width * channels * spread,
        },
    )


def scale(plan: EventPlan, node: Node) -> None:
    shape = plan.graph[node.inputs[0]].shape
    scale = np.broadcast_to(node.arrays["scale"], shape).reshape(-1, shape[-1])
    if (scale == scale[0]).all():
        _depthwise(plan, node, plain_axes(shape), scale[:1])
        return
    columns: Reach = [[(place, place, 1.0)] for place in range(len(scale))]
    _scattered(plan, node, [[(0, 0, 1.0)]], columns, taps=(1, len(scale)), weights=scale)


def average_pool(plan: EventPlan, node: Node) -> None:
    """Add an average pooling: windows without overlap move events, times their factor."""
    name, shape = node.inputs[0], plan.graph[node.inputs[0]].shape
    share = share_of(node, shape)
    if share is None:
        row, column = axes(node, shape)
        lines, columns = (averaged(axis.reach(), axis.out) for axis in (row, column))
        _scattered(plan, node, lines, columns, taps=(row.taps, column.taps), weights=np.ones(1))
    elif 1 / share < _LARGE_POOL:
        move(plan, node, share)
    else:
        (places,) = index_map(node, [shape])
        site = plan.site(node)
        site.whole = True
        fields = {
            "rows": plan.writer.tables.add(places),
            "weights": plan.writer.weights.add([share]),
        }
        plan.add(site, Kind.PLACE, name, fields)


def upsample(plan: EventPlan, node: Node) -> None:
    row, column = axes(node, plan.graph[node.inputs[0]].shape)
    taps = (row.taps, column.taps)
    _scattered(plan, node, row.reach(), column.reach(), taps=taps, weights=np.ones(1))


def _scattered(
    plan: EventPlan,
    node: Node,
    rows: Reach,
    columns: Reach,
    taps: tuple[int, int],
    weights: np.ndarray,
) -> None:
    """Add the operation of a channelwise window, event by event.

    weights: (taps, channels), or one number.
    """
    channels = plan.graph[node.inputs[0]].shape[-1]
    varied = weights.size > 1
    lead, factors = channels if varied else 0, dict(_UNIT)
    row = plane(node.shape)[1] * channels
    site = plan.site(node)
    site.whole = True
    fields = {
        "width": len(columns),
        "rows": plan.writer.window(rows, row, taps[1] * lead, factors),
        "columns": plan.writer.window(columns, channels, lead, factors),
        "weights": plan.writer.weights.add(weights),
        "stride": int(varied),
    }
    plan.add(
        site,
        Kind.WINDOW,
        node.inputs[0],
        {**fields, "numbers": plan.writer.weights.add(list(factors))},
    )
