"""Attention layers: projections are dense nodes, softmax(query key^T) value is one function."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spkeras.frontend.handlers.call import Call, Handler, Port, weight
from spkeras.frontend.handlers.layout import permuted, reshaped
from spkeras.frontend.handlers.merging import merge
from spkeras.frontend.handlers.products import project

_MASKS = ("mask", "query_mask", "value_mask", "key_mask", "attention_mask", "bias")


def _arguments(call: Call) -> Mapping[str, Any]:
    """Return the call's arguments by name; refuse those that change the computation."""
    given = call.given()
    for name in _MASKS:
        masks = given.get(name)
        if any(m is not None for m in (masks if isinstance(masks, (list, tuple)) else [masks])):
            raise call.refuse(f"called with {name}", "call it without masks")
    if given.get("return_attention_scores"):
        raise call.refuse("return_attention_scores=True", "leave it out")
    rate = getattr(call.operation, "dropout", 0)
    if given.get("training") and rate:
        raise call.refuse("training=True, so it drops scores", "call it without training=True")
    return given


def attend(
    call: Call,
    query: Port,
    key: Port,
    value: Port,
    numbers: Mapping[str, Any],
    kernel: np.ndarray | None = None,
) -> Port:
    """Add an attention function: query (..., Tq, D), key (..., Tk, D), value (..., Tk, E).

    Args:
        call: The call to add the node to.
        query: Queries; `key` and `value` may broadcast against its leading axes.
        key: Keys that the queries are compared with.
        value: Values that are averaged.
        numbers: "function" and its parameters.
        kernel: Array "weight" of the node, or None.
    """
    call.need_floats(inputs=True)
    lead = np.broadcast_shapes(*(port.shape[:-2] for port in (query, key, value)))
    shape = (*lead, query.shape[-2], value.shape[-1])
    return call.add(
        "function",
        [query, key, value],
        shape,
        attributes=numbers,
        arrays={"weight": kernel},
        piece="attention",
    )


def _dot_product(
    call: Call,
    query: Port,
    key: Port,
    value: Port,
    scale: float,
    causal: bool = False,
    window: int | None = None,
) -> Port:
    numbers = {"function": "attention", "scale": scale, "causal": causal, "window": window}
    return attend(call, query, key, value=value, numbers=numbers)


def _triple(call: Call) -> tuple[Port, Port, Port, bool]:
    """Return query, key and value of a layer called with [query, value] or [query, value, key]."""
    given = _arguments(call)
    ports = [call.keras_order(port) for port in given["inputs"]]
    query, value, *rest = ports
    key = rest[0] if rest else value
    if len({len(port.shape) for port in ports}) != 1 or len(query.shape) < 2:
        shapes = ", ".join(str(port.shape) for port in ports)
        raise call.refuse(f"shapes {shapes}", "give all of them the same number of axes")
    return query, key, value, bool(given.get("use_causal_mask"))


def _luong(call: Call) -> Port:
    layer = call.operation
    query, key, value, causal = _triple(call)
    scale = 1.0 if layer.scale is None else float(weight(layer.scale))
    if layer.score_mode == "dot":
        return _dot_product(call, query, key, value=value, scale=scale, causal=causal)
    if scale != 1.0:
        query, key = call.affine(query, scale), call.affine(key, scale)
    row = np.full(query.shape[-1], weight(layer.concat_score_weight))
    numbers = {"function": "additive_attention", "causal": causal}
    return attend(call, query, key, value=value, numbers=numbers, kernel=row)


def _additive(call: Call) -> Port:
    layer = call.operation
    query, key, value, causal = _triple(call)
    row = weight(layer.scale) if layer.use_scale else None
    numbers = {"function": "additive_attention", "causal": causal}
    return attend(call, query, key, value=value, numbers=numbers, kernel=row)


def _projected(call: Call, names: Sequence[str]) -> tuple[list[Port], Mapping[str, Any]]:
    """Return query, key and value after their projections, (*positions, heads, features)."""
    given = _arguments(call)
    value = given["value"]
    key = value if given.get("key") is None else given["key"]
    ports = zip((given["query"], key, value), names, strict=True)
    layer = call.operation
    return [
        project(call.of(getattr(layer, name)), port, piece=name.strip("_")) for port, name in ports
    ], given


def _multi_head(call: Call) -> Port:
    layer = call.operation
    axes = tuple(int(axis) for axis in layer.attention_axes)
    names = ("_query_dense", "_key_dense", "_value_dense")
    (query, key, value), given = _projected(call, names)
    rank = len(query.shape)
    causal, window = bool(given.get("use_causal_mask")), getattr(layer, "_sliding_window", None)
    one_sequence = rank == 3 and axes == (1,)
    if not axes or min(axes) < 1 or max(axes) > rank - 2 or (rank == 3 and not one_sequence):
        raise call.refuse(
            f"attention_axes={axes} of a query with {rank} axes",
            "leave attention_axes out, or take axes between the batch and the features",
        )
    if (causal or window is not None) and not one_sequence:
        raise call.refuse(
            f"a causal or sliding mask over attention_axes={axes}", "reshape to one sequence axis"
        )
    shape = (*query.shape[:-1], value.shape[-1])
    query, key, value = (_heads_first(call, port, axes) for port in (query, key, value))
    scale = 1.0 / math.sqrt(layer.key_dim)
    answer = _dot_product(call, query, key, value=value, scale=scale, causal=causal, window=window)
    answer = _heads_last(call, answer, axes, shape)
    return _finished(call, answer, given, getattr(layer, "_use_gate", False))


def _finished(call: Call, answer: Port, given: Mapping[str, Any], gated: bool) -> Port:
    """Add the gate, if there is one, and the output projection."""
    layer = call.operation
    if gated:
        gate = project(call.of(layer._gate_dense), given["query"], piece="gate")
        answer = merge(call, "multiply", (answer, gate))
    return project(call.of(layer._output_dense), answer, piece="output")


def _order(rank: int, axes: Sequence[int]) -> list[int]:
    """Return the axes of (*positions, heads, features) as others, heads, attended, features."""
    attended = [axis - 1 for axis in axes]
    return [*(a for a in range(rank - 1) if a not in attended), *attended, rank - 1]


def _heads_first(call: Call, port: Port, axes: Sequence[int]) -> Port:
    """Turn (*positions, heads, features) into (*others, heads, sequence, features)."""
    rank = len(port.shape)
    port = permuted(call, port, _order(rank, axes))
    free = rank - 1 - len(axes)
    sequence = math.prod(port.shape[free:-1])
    return reshaped(call, port, (*port.shape[:free], sequence, port.shape[-1]))


def _heads_last(call: Call, port: Port, axes: Sequence[int], shape: Sequence[int]) -> Port:
    """Undo `_heads_first`."""
    order = _order(len(shape), axes)
    port = reshaped(call, port, [shape[axis] for axis in order])
    return permuted(call, port, [order.index(axis) for axis in range(len(order))])


def _grouped_query(call: Call) -> Port:
    """Add attention in which several query heads share one head of keys and values."""
    layer = call.operation
    names = ("_query_dense", "_key_dense", "_value_dense")
    (query, key, value), given = _projected(call, names)
    causal = bool(given.get("use_causal_mask"))
    scale = 1.0 / math.sqrt(layer.head_dim)
    answer = _shared_heads(
        call,
        query,
        key,
        value=value,
        scale=scale,
        causal=causal,
        window=getattr(layer, "sliding_window", None),
    )
    return _finished(call, answer, given, getattr(layer, "use_gate", False))


def _shared_heads(
    call: Call,
    query: Port,
    key: Port,
    value: Port,
    scale: float,
    causal: bool = False,
    window: int | None = None,
) -> Port:
    """Add attention of (positions, heads, features); keys may have fewer heads than queries."""
    length, heads, features = query.shape
    shared = key.shape[1]
    query, key, value = (permuted(call, port, (1, 0, 2)) for port in (query, key, value))
    if shared != heads:
        query = reshaped(call, query, (shared, heads // shared, length, features))
        key, value = (reshaped(call, port, (shared, 1, *port.shape[1:])) for port in (key, value))
    answer = _dot_product(call, query, key, value=value, scale=scale, causal=causal, window=window)
    answer = reshaped(call, answer, (heads, length, answer.shape[-1]))
    return permuted(call, answer, (1, 0, 2))


def _operator(call: Call) -> Port:
    """Add `keras.ops.dot_product_attention` of (positions, heads, features)."""
    given = _arguments(call)
    operation = call.operation
    ports = [given[name] for name in ("query", "key", "value")]
    if not all(isinstance(port, Port) for port in ports):
        raise call.refuse("a constant as query, key or value", "give it three tensors")
    if operation.attn_logits_soft_cap is not None:
        raise call.refuse("attn_logits_soft_cap", "leave it out")
    query, key, value = (call.keras_order(port) for port in ports)
    if query.shape[1] % key.shape[1]:
        raise call.refuse(f"{query.shape[1]} heads for {key.shape[1]}", "use a multiple")
    scale = given.get("scale")
    scale = 1.0 / math.sqrt(key.shape[-1]) if scale is None else float(scale)
    return _shared_heads(
        call, query, key, value=value, scale=scale, causal=bool(operation.is_causal)
    )


LAYERS: dict[str, Handler] = {
    "AdditiveAttention": _additive,
    "Attention": _luong,
    "GroupQueryAttention": _grouped_query,
    "GroupedQueryAttention": _grouped_query,
    "MultiHeadAttention": _multi_head,
}

OPERATORS: dict[str, Handler] = {"DotProductAttention": _operator}
