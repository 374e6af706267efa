"""Check of a graph that was read from a file: forms of attributes, and shapes that fit."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from spkeras.errors import GraphError, shown
from spkeras.graph.graph import Graph
from spkeras.graph.node import Node, parameters_of
from spkeras.graph.operations import OPERATIONS
from spkeras.graph.vocabulary import ACTIVATIONS, CONSTANT_INPUTS, FUNCTIONS, MERGING
from spkeras.graph.windows import LONGEST, SUPPORT
from spkeras.ops.names import CODES, NEURON_MODELS

# Operations from outside state what they like.
_OWN = frozenset(OPERATIONS)
# Values of a sample in one node.
_MOST = 1 << 31
_INTERPOLATIONS = ("nearest", *SUPPORT)


def _whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 1 << 31


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wholes(value: Any, least: int) -> bool:
    return isinstance(value, tuple) and all(_whole(part, least) for part in value)


def _pairs(value: Any) -> bool:
    return isinstance(value, tuple) and all(_wholes(p, 0) and len(p) == 2 for p in value)


def _axes(value: Any) -> bool:
    axes = value if isinstance(value, tuple) else (value,)
    return all(isinstance(axis, int) and not isinstance(axis, bool) for axis in axes)


def _function(value: Any) -> bool:
    return isinstance(value, str) and (
        value in ACTIVATIONS or value in FUNCTIONS or value in MERGING
    )


def _pool(value: Any) -> bool:
    return value is None or (
        isinstance(value, Mapping)
        and all(_fits(key, _tuples(part)) for key, part in value.items())
        and (set(value) == {"keepdims"} or set(value) == {"pool_size", "strides", "padding"})
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value


# Attributes by name, with what is allowed in words.
_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(
        ("strides", "dilation", "pool_size", "size"),
        (
            lambda value: _wholes(value, 1) and max(value, default=1) <= LONGEST,
            f"whole numbers from 1 to {LONGEST}",
        ),
    ),
    "padding": (lambda value: value in ("valid", "same", "causal"), "'valid', 'same' or 'causal'"),
    "groups": (lambda value: _whole(value, 1), "a whole number from 1"),
    "output_padding": (lambda value: value is None or _wholes(value, 0), "whole numbers or None"),
    "amounts": (_pairs, "pairs of whole numbers from 0"),
    "keepdims": (lambda value: isinstance(value, bool), "True or False"),
    "interpolation": (lambda value: value in _INTERPOLATIONS, ", ".join(_INTERPOLATIONS)),
    "function": (_function, "a name of the vocabulary"),
    "pool": (_pool, "None or a window"),
    "depth": (_whole, "a whole number from 0"),
    "spike_code": (lambda value: value in CODES, ", ".join(CODES)),
    "model": (lambda value: isinstance(value, str) and value in NEURON_MODELS, "a neuron model"),
    "initial_potential": (_number, "a finite number"),
    # The original's interface lets neurons fire a share of a spike more.
    "max_spikes_per_step": (lambda value: _number(value) and value >= 1, "a number from 1"),
    **dict.fromkeys(("levels", "mantissa_bits"), (_whole, "a whole number from 0")),
}

# Parameters of functions, likewise.
_PARAMETERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(
        "alpha negative_slope threshold default_value level shift epsilon exponent".split(),
        (_number, "a finite number"),
    ),
    **dict.fromkeys(
        "max_value steps normalize scale window tau theta0 theta timesteps bits low high".split(),
        (lambda value: value is None or _number(value), "a finite number or None"),
    ),
    **dict.fromkeys(
        ("approximate", "causal", "backwards"),
        (lambda value: isinstance(value, bool), "True or False"),
    ),
    **dict.fromkeys(("axis", "axes"), (_axes, "whole numbers")),
    **dict.fromkeys(("name", "cell", "result"), (lambda value: isinstance(value, str), "a name")),
}


def _fits(name: str, value: Any) -> bool:
    return name not in _FORMS or _FORMS[name][0](value)


def check_graph(graph: Graph) -> None:
    """Refuse a graph that no pass makes.

    Raises:
        GraphError: names the node and the attribute, array or shape.
    """
    for node in graph.nodes:
        _check_attributes(node)
        _check_shapes(node, [graph[name].shape for name in node.inputs])


def _refuse(node: Node, what: str, allowed: object) -> GraphError:
    return GraphError(f"node {shown(node.name)!r} ({node.op}): {what}; allowed: {allowed}")


def _check_attributes(node: Node) -> None:
    if node.op not in _OWN:
        return
    for name, value in node.attributes.items():
        if not _fits(name, value):
            raise _refuse(node, f"{name}={shown(repr(value), 80)}", _FORMS[name][1])
    for name in parameters_of(node.attributes.get("function", "")):
        fits, words = _PARAMETERS.get(name, (lambda value: True, ""))
        if name in node.attributes and not fits(node[name]):
            raise _refuse(node, f"{name}={shown(repr(node[name]), 80)}", words)
    if node.op == "neuron":
        _check_inputs(node)


def _check_inputs(node: Node) -> None:
    """Check the number of inputs of a neuron, and of the constants among its arrays."""
    count, function = len(node.inputs), node["function"]
    if function in ACTIVATIONS and count != 1 or function in MERGING and count < 2:
        raise _refuse(node, f"{count} inputs of {function!r}", "as many as it takes")
    extra = set(node.arrays).intersection(CONSTANT_INPUTS[count:])
    if extra:
        raise _refuse(node, f"arrays {sorted(extra)}", f"constants of {count} inputs")


def _check_shapes(node: Node, inputs: list[tuple[int, ...]]) -> None:
    """Check the node's shape against those of its inputs, where the operation decides it."""
    shape = node.shape
    if min(shape, default=1) < 1 or math.prod(shape) > _MOST:
        raise _refuse(node, f"shape {shape}", f"sizes from 1, {_MOST} values")
    rule = _RULES.get(node.op)
    if rule is None:
        return
    try:
        expected = rule(node, inputs)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise _refuse(node, f"shape {shape} from {inputs}", "parts that fit") from error
    if tuple(expected) != shape:
        raise _refuse(node, f"shape {shape} from {inputs}", tuple(expected))


def _convolved(node: Node, inputs: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape after a convolution or pooling window."""
    (shape,), kernel = inputs, node.arrays.get("kernel")
    rank = len(shape) - 1
    window = node["pool_size"] if kernel is None else kernel.shape[:-2]
    spread = node.attributes.get("dilation", (1,) * rank)
    if not len(window) == len(node["strides"]) == len(spread) == rank:
        raise ValueError("ranks")
    sizes = [
        (
            (size - (taps - 1) * gap - 1) // step + 1
            if node["padding"] == "valid"
            else -(-size // step)
        )
        for size, taps, gap, step in zip(shape, window, spread, node["strides"], strict=False)
    ]
    return *sizes, _channels(node, shape[-1])


def _channels(node: Node, given: int) -> int:
    """Return the channels after an operation with a kernel, or those given."""
    kernel = node.arrays.get("kernel")
    if kernel is None:
        return given
    bias, count = node.arrays.get("bias"), int(kernel.shape[-1])
    if node.op == "depthwise_conv":
        fits, count = kernel.shape[-2] == given, count * given
    else:
        groups = node.attributes.get("groups", 1)
        fits = kernel.shape[-2] * groups == given and count % groups == 0
    if not fits or (bias is not None and bias.shape != (count,)):
        raise ValueError("channels")
    return count


def _moved(node: Node, inputs: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape after padding or cropping."""
    (shape,), sign = inputs, 1 if node.op == "pad" else -1
    amounts = (*node["amounts"], (0, 0))
    return tuple(n + sign * (a + b) for n, (a, b) in zip(shape, amounts, strict=True))


def _reshaped(node: Node, inputs: list[tuple[int, ...]]) -> tuple[int, ...]:
    if math.prod(inputs[0]) != math.prod(node.shape):
        raise ValueError("number of values")
    return node.shape


def _permuted(node: Node, inputs: list[tuple[int, ...]]) -> tuple[int, ...]:
    if sorted(node["axes"]) != list(range(1, len(inputs[0]) + 1)):
        raise ValueError("axes")
    return tuple(inputs[0][axis - 1] for axis in node["axes"])


def _joined(node: Node, inputs: list[tuple[int, ...]]) -> tuple[int, ...]:
    first, axis = inputs[0], node["axis"]
    place = axis - 1 if axis > 0 else axis + len(first)
    sizes = [shape[place] for shape in inputs]
    if {(*s[:place], *s[place + 1 :]) for s in inputs} != {(*first[:place], *first[place + 1 :])}:
        raise ValueError("other axes")
    return *first[:place], sum(sizes), *first[place + 1 :]


def _pooled(node: Node, inputs: list[tuple[int, ...]]) -> tuple[int, ...]:
    (shape,) = inputs
    ones = (1,) * (len(shape) - 1) if node["keepdims"] else ()
    return *ones, shape[-1]


def _kept(node: Node, inputs: list[tuple[int, ...]]) -> tuple[int, ...]:
    return inputs[0]


_RULES: dict[str, Callable[[Node, list[tuple[int, ...]]], tuple[int, ...]]] = {
    **dict.fromkeys(("conv", "depthwise_conv", "average_pool", "max_pool"), _convolved),
    "dense": lambda node, inputs: (*inputs[0][:-1], _channels(node, inputs[0][-1])),
    **dict.fromkeys(("pad", "crop"), _moved),
    "reshape": _reshaped,
    "permute": _permuted,
    "concatenate": _joined,
    **dict.fromkeys(("global_average_pool", "global_max_pool"), _pooled),
    **dict.fromkeys(("readout", "activation"), _kept),
}
