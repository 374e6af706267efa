"""Nodes for one step of a sequence as nodes for all its steps, along a new first axis.

A layer inside TimeDistributed computes the same for each step. The steps become positions: windows
are one step long, axes move up by one, and all else broadcasts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.handlers import Call, Port
from spkeras.graph import Node

Shape = tuple[int, ...]
_Lift = Callable[[Node, int, Sequence[Shape]], list[Node]]

_SAME = "input dense scale add subtract multiply maximum minimum reshape".split()


def one_step(call: Call, port: Port) -> tuple[Call, Port]:
    """Return the call of the layer inside a TimeDistributed for one step, and its input.

    Args:
        call: The call of the TimeDistributed.
        port: Its input in Keras's order.
    """
    layer = call.operation.layer
    if len(call.shapes) != 1 or len(getattr(layer, "outputs", ("one",))) != 1:
        raise call.refuse(
            f"a {type(layer).__name__} of several outputs for each step",
            "use one TimeDistributed for each output",
        )
    passed = {
        "training": getattr(layer, "_call_has_training_arg", False),
        "mask": getattr(layer, "_call_has_mask_arg", False),
    }
    start = Port(f"{call.name}:step", port.shape[1:])
    single = replace(
        call.of(layer),
        inputs=(start,),
        args=(start,),
        kwargs={name: value for name, value in call.given().items() if passed.get(name)},
        shapes=(call.shape[1:],),
        added=[],
    )
    return single, start


def lifted(node: Node, steps: int, shapes: Sequence[Shape]) -> list[Node]:
    """Return nodes that compute a node for each of several steps; the last one has its name.

    Args:
        node: A node for one step, as handlers make it.
        steps: Number of steps: the first axis of each input.
        shapes: Shapes of its inputs for one step.

    Raises:
        UnsupportedLayerError: an operation that was registered from outside the package.
    """
    lift = _LIFTS.get(node.op)
    if lift is None:
        raise UnsupportedLayerError(
            [
                f"{node.source}: the operation {node.op!r} for each step of a sequence; use the "
                "layer outside TimeDistributed, or build its handler from operations of spkeras"
            ]
        )
    return lift(node, steps, shapes)


def _same(node: Node, steps: int, shapes: Sequence[Shape]) -> list[Node]:
    return [replace(node, shape=(steps, *node.shape))]


def _with(change: Callable[[Node], dict[str, Any]]) -> _Lift:
    """Return a lift that also changes attributes."""

    def lift(node: Node, steps: int, shapes: Sequence[Shape]) -> list[Node]:
        return _same(node.with_attributes(**change(node)), steps, shapes)

    return lift


def _axis(axis: int) -> int:
    """Return an axis, counted from 1 or from the end, after the new one."""
    return axis + 1 if axis > 0 else axis


def _kernel(node: Node, steps: int, shapes: Sequence[Shape]) -> list[Node]:
    """Lift a convolution: its window is one step long."""
    longer = {name: (1, *node[name]) for name in ("strides", "dilation")}
    if node.attributes.get("output_padding") is not None:
        longer["output_padding"] = (0, *node["output_padding"])
    node = node.with_attributes(**longer).with_arrays(kernel=node.arrays["kernel"][None])
    return _same(node, steps, shapes)


def _global_pool(node: Node, steps: int, shapes: Sequence[Shape]) -> list[Node]:
    """Lift a global pooling: one window over all positions of a step."""
    op = node.op.removeprefix("global_")
    positions, channels = math.prod(shapes[0][:-1]), shapes[0][-1]
    window = (1, positions)
    attributes = {"pool_size": window, "strides": window, "padding": "valid"}
    return [
        _piece(node, "positions", node.inputs, shape=(steps, positions, channels)),
        _piece(node, "pool", [f"{node.name}:positions"], (steps, 1, channels), op=op, **attributes),
        _last(node, f"{node.name}:pool", (steps, *node.shape)),
    ]


def _piece(
    node: Node,
    piece: str,
    inputs: Sequence[str],
    shape: Shape,
    op: str = "reshape",
    **attributes: Any,
) -> Node:
    """Return a node of a lift that needs several."""
    name = f"{node.name}:{piece}"
    return Node(name, op, tuple(inputs), shape, attributes=attributes, source=node.source)


def _last(node: Node, before: str, shape: Shape) -> Node:
    """Return the reshape that ends a lift of several nodes."""
    return Node(node.name, "reshape", (before,), shape, source=node.source)


def _function(node: Node, steps: int, shapes: Sequence[Shape]) -> list[Node]:
    name = node["function"]
    if name == "group_normalization":
        return _groups(node, steps, shapes[0])
    if name == "dot":
        return _dot(node, steps, shapes)
    axes = node.attributes.get("axes")
    return _same(
        node if axes is None else node.with_attributes(axes=[a + 1 for a in axes]), steps, shapes
    )


def _groups(node: Node, steps: int, shape: Shape) -> list[Node]:
    """Lift a group normalisation: a normalisation over the positions and channels of a group."""
    groups = int(node["groups"])
    parted = (steps, math.prod(shape[:-1]), groups, shape[-1] // groups)
    numbers = {"function": "layer_normalization", "axes": (2, 4), "epsilon": node["epsilon"]}
    return [
        _piece(node, "groups", node.inputs, parted),
        _piece(node, "normalized", [f"{node.name}:groups"], parted, op="function", **numbers),
        _last(node, f"{node.name}:normalized", (steps, *shape)),
    ]


def _dot(node: Node, steps: int, shapes: Sequence[Shape]) -> list[Node]:
    """Lift a sum of products over one axis of each tensor: a matrix product for each step."""
    left, right = (_factor(node, steps, shapes[place], place) for place in (0, 1))
    shape = (steps, left[-1].shape[1], right[-1].shape[2])
    names = [left[-1].name, right[-1].name]
    product = _piece(node, "product", names, shape, op="function", function="matmul")
    return [*left, *right, product, _last(node, product.name, (steps, *node.shape))]


def _factor(node: Node, steps: int, shape: Shape, place: int) -> list[Node]:
    """Return nodes that make a matrix for each step of an input of a "dot": its axis inside."""
    axis, nodes, reads = node["axes"][place], [], [node.inputs[place]]
    if node["normalize"] is not None:
        numbers = {"function": "unit_normalization", "axes": (axis + 1,)}
        numbers["epsilon"] = node["normalize"]
        full = (steps, *shape)
        nodes.append(_piece(node, f"unit{place}", reads, full, op="function", **numbers))
        reads = [nodes[-1].name]
    rest = [a for a in range(1, len(shape) + 1) if a != axis]
    order = [axis, *rest] if place else [*rest, axis]
    turned = (steps, *(shape[a - 1] for a in order))
    axes = (1, *(a + 1 for a in order))
    nodes.append(_piece(node, f"turned{place}", reads, turned, op="permute", axes=axes))
    size, others = shape[axis - 1], math.prod(shape[a - 1] for a in rest)
    matrix = (steps, size, others) if place else (steps, others, size)
    return [*nodes, _piece(node, f"matrix{place}", [nodes[-1].name], matrix)]


_POOLS = _with(lambda n: {key: (1, *n[key]) for key in ("pool_size", "strides")})
_MOVES = _with(lambda n: {"amounts": ((0, 0), *n["amounts"])})

_LIFTS: dict[str, _Lift] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(("conv", "depthwise_conv", "conv_transpose"), _kernel),
    **dict.fromkeys(("average_pool", "max_pool"), _POOLS),
    **dict.fromkeys(("global_average_pool", "global_max_pool"), _global_pool),
    **dict.fromkeys(("pad", "crop"), _MOVES),
    "activation": _with(lambda n: {"axis": _axis(n["axis"])} if "axis" in n.attributes else {}),
    "concatenate": _with(lambda n: {"axis": _axis(n["axis"])}),
    "function": _function,
    "permute": _with(lambda n: {"axes": (1, *(axis + 1 for axis in n["axes"]))}),
    "resample": _with(lambda n: {"axis": n["axis"] + 1}),
    "upsample": _with(lambda n: {"size": (1, *n["size"])}),
}
