"""The nodes of a NIR file as parts: types, shapes and order checked, all problems at once."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from spkeras.errors import ModelFileError, UnsupportedLayerError, WeightsError, shown
from spkeras.exchange import parts as kinds
from spkeras.exchange.fields import Refused, array_of, bias_of, number_of, whole_of
from spkeras.exchange.linear import grouped
from spkeras.exchange.nir_reading import RawGraph, RawNode
from spkeras.exchange.parts import Exchange, Part
from spkeras.exchange.raw_graph import encoding_of, ends_problems, in_order, layer_name, read_parts
from spkeras.exchange.whole import form_of
from spkeras.recipes.simulation import MOST_STEPS

RESETS = ("subtract", "zero")
# Values of a sample in all nodes together, and weights that stand for a vector of factors: a short file
# could state any shape.
MOST_VALUES = 1 << 26
_STEPS = 64
Shape = tuple[int, ...]


def parts_of(raw: RawGraph, reset: str | None) -> Exchange:
    """Return the network of a NIR file.

    Args:
        raw: The graph.
        reset: Reset of neurons whose metadata state none; None: "zero", as NIR defines it.

    Raises:
        UnsupportedLayerError: nodes that no network of spkeras has, all at once.
        ModelFileError: the graph is recurrent.
        WeightsError: NaN or infinity.
    """
    parts: dict[str, Part] = {}
    problems: list[str] = []
    values = 0
    before: dict[str, list[str]] = {name: [] for name in raw.nodes}
    for source, target in raw.edges:
        before[target].append(source)
    for name in in_order(raw):
        node, inputs = raw.nodes[name], before[name]
        if any(source not in parts for source in inputs):
            continue
        try:
            parts[name] = _part(node, [parts[source] for source in inputs], reset)
            values += math.prod(parts[name].shape)
            if values > MOST_VALUES:
                raise ModelFileError(
                    f"{raw.place}: {values:.3g} values of a sample up to node {shown(name)}; allowed: "
                    f"{MOST_VALUES:.3g} in all nodes together"
                )
        except Refused as problem:
            problems.append(f"{shown(name)} ({shown(node.type)}): {problem}")
    problems += [] if problems else ends_problems(raw, list(parts.values()))
    if problems:
        raise UnsupportedLayerError(problems)
    return _renamed(raw, read_parts(list(parts.values())))


def _renamed(raw: RawGraph, parts: list[Part]) -> Exchange:
    """Return the network with the names of spkeras's layers, where the metadata have them."""
    names = {
        part.name: layer_name(raw.nodes[part.name].metadata.get("name"), part.name)
        for part in parts
    }
    if len(set(names.values())) < len(names):
        names = {part.name: f"n{index:04d}" for index, part in enumerate(parts)}
    renamed = [
        replace(part, name=names[part.name], inputs=tuple(names[name] for name in part.inputs))
        for part in parts
    ]
    given = next(raw.nodes[part.name] for part in parts if part.kind == kinds.INPUT)
    stated = raw.metadata.get("integers")
    steps = int(number_of(raw.metadata, "timesteps", _STEPS))
    return Exchange(
        str(raw.metadata.get("name", "nir")),
        tuple(renamed),
        steps if 1 <= steps <= MOST_STEPS else _STEPS,
        encoding=encoding_of(given),
        integers=None if stated is None else form_of(str(stated), raw.place),
    )


def _part(node: RawNode, before: list[Part], reset: str | None) -> Part:
    rule = _RULES.get(node.type)
    if rule is None:
        known = ", ".join(sorted(_RULES))
        raise Refused(f"no network of spkeras has it; allowed: {known}")
    shapes = {part.shape for part in before}
    if len(shapes) != (node.type != "Input"):
        raise Refused(f"inputs of shapes {sorted(shapes)}; allowed: one shape")
    part = rule(node, shapes.pop() if shapes else (), reset)
    for name, array in part.arrays.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"node {shown(node.name)}: {name} holds NaN or infinity")
    if any(size < 1 for size in part.shape):
        raise Refused(f"its output has shape {part.shape}")
    part = part.with_arrays(**{n: a for n, a in _scales(node).items() if n == "step"})
    role = str(node.metadata.get("role", ""))
    tie = number_of(node.metadata, "tie", 0.0)
    return replace(part, inputs=tuple(source.name for source in before), role=role, tie=tie)


def _scales(node: RawNode) -> dict[str, np.ndarray]:
    return {
        name: np.asarray(array, np.float32 if name in ("scale", "offset") else np.float64)
        for name in ("scale", "offset", "unit", "step")
        if (array := node.metadata.get(name)) is not None and not isinstance(array, str)
    }


def _input(node: RawNode, shape: Shape, reset: str | None) -> Part:
    own = node.fields.get("shape")
    sizes = tuple(int(n) for n in np.ravel(own)) if isinstance(own, np.ndarray) else ()
    if not 1 <= len(sizes) <= 3 or min(sizes) < 1 or np.prod(sizes, dtype=float) > 1 << 30:
        raise Refused(f"shape {sizes}; allowed: 1 to 3 axes")
    return Part(node.name, kinds.INPUT, (), sizes, arrays=_scales(node))


def _output(node: RawNode, shape: Shape, reset: str | None) -> Part:
    return Part(node.name, kinds.OUTPUT, (), shape, arrays=_scales(node))


def _conv(node: RawNode, shape: Shape, reset: str | None) -> Part:
    axes = 1 if node.type == "Conv1d" else 2
    weight = array_of(node, "weight", axes + 2)
    stride, dilation = whole_of(node, "stride", axes), whole_of(node, "dilation", axes)
    padding = whole_of(node, "padding", axes, 0)
    (groups,) = whole_of(node, "groups", 1)
    if len(shape) != axes + 1 or weight.shape[1] * groups != shape[0] or len(weight) % groups:
        raise Refused(f"weight of shape {weight.shape}, {groups} groups, on an input {shape}")
    stated = int(number_of(node.metadata, "groups", 1.0))
    parted = grouped(weight, stated) if groups == 1 < stated else None
    if parted is not None:
        weight, groups = parted, stated
    sizes = zip(shape[1:], weight.shape[2:], stride, padding, dilation, strict=True)
    after = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)
    return Part(
        node.name,
        kinds.CONV,
        (),
        (len(weight), *after),
        arrays={"weight": weight.astype(np.float32), "bias": bias_of(node, len(weight))},
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


def _affine(node: RawNode, shape: Shape, reset: str | None) -> Part:
    weight = array_of(node, "weight", 2)
    if shape != weight.shape[1:]:
        raise Refused(f"weight of shape {weight.shape} on an input {shape}; allowed: a vector")
    arrays = {"weight": weight.astype(np.float32), "bias": bias_of(node, len(weight))}
    return Part(node.name, kinds.AFFINE, (), weight.shape[:1], arrays=arrays)


def _scale(node: RawNode, shape: Shape, reset: str | None) -> Part:
    scale = np.broadcast_to(array_of(node, "scale"), shape).reshape(shape[0], -1)
    if (scale != scale[:, :1]).any():
        raise Refused("a scale that differs between positions")
    own = scale[:, 0].astype(np.float32)
    bias = np.zeros(len(own), np.float32)
    if len(shape) == 1:
        if len(own) ** 2 > MOST_VALUES:
            raise Refused(f"a scale of {len(own)} features; allowed: {math.isqrt(MOST_VALUES)}")
        return Part(
            node.name, kinds.AFFINE, (), shape, arrays={"weight": np.diag(own), "bias": bias}
        )
    axes = len(shape) - 1
    return Part(
        node.name,
        kinds.CONV,
        (),
        shape,
        arrays={"weight": own.reshape(-1, *[1] * (axes + 1)), "bias": bias},
        stride=(1,) * axes,
        padding=(0,) * axes,
        dilation=(1,) * axes,
        groups=shape[0],
    )


def _pool(node: RawNode, shape: Shape, reset: str | None) -> Part:
    if len(shape) != 3:
        raise Refused(f"an input of shape {shape}; allowed: 3 axes")
    window, padding = whole_of(node, "kernel_size", 2), whole_of(node, "padding", 2, 0)
    stride = whole_of(node, "stride", 2)
    sizes = zip(shape[1:], window, stride, padding, strict=True)
    after = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in sizes)
    kind = kinds.SUM_POOL if node.type == "SumPool2d" else kinds.AVERAGE_POOL
    return Part(
        node.name,
        kind,
        (),
        (shape[0], *after),
        window=window,
        stride=stride,
        padding=padding,
    )


def _flatten(node: RawNode, shape: Shape, reset: str | None) -> Part:
    first, last = (int(number_of(node.fields, name, n)) for name, n in _DIMS)
    first, last = (n + len(shape) if n < 0 else n for n in (first, last))
    if first != 0 or last != len(shape) - 1:
        raise Refused(f"start_dim={first}, end_dim={last}; allowed: all axes (0, -1)")
    return Part(node.name, kinds.FLATTEN, (), (int(np.prod(shape)),))


_DIMS = (("start_dim", 1), ("end_dim", -1))


def _neurons(node: RawNode, shape: Shape, reset: str | None) -> Part:
    try:
        threshold = np.broadcast_to(array_of(node, "v_threshold"), shape)
        r = np.broadcast_to(array_of(node, "r") if "r" in node.fields else np.ones(()), shape)
        v_reset = np.broadcast_to(
            array_of(node, "v_reset") if "v_reset" in node.fields else np.zeros(()), shape
        )
    except ValueError:
        raise Refused(f"parameters that do not fit an input of shape {shape}") from None
    if (v_reset != 0).any() or (r != r.ravel()[0]).any() or not r.ravel()[0] > 0:
        raise Refused("r that differs between neurons, or v_reset other than 0")
    if (threshold <= 0).any():
        raise Refused("thresholds that are not positive")
    own = str(node.metadata.get("reset", reset or "zero"))
    if own not in RESETS:
        raise Refused(f"reset {shown(own)}; allowed: {', '.join(RESETS)}")
    arrays = {"threshold": np.array(threshold, np.float32), "initial": np.zeros(shape, np.float32)}
    arrays.update({name: unit for name, unit in _scales(node).items() if name == "unit"})
    return Part(node.name, kinds.NEURONS, (), shape, arrays=arrays, reset=own)


_RULES: dict[str, Callable[[RawNode, Shape, str | None], Part]] = {
    "Input": _input,
    "Output": _output,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "Affine": _affine,
    "Linear": _affine,
    "Scale": _scale,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
    "Flatten": _flatten,
    "IF": _neurons,
}
