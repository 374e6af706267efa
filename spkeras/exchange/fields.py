"""The fields of a NIR file's nodes, checked one by one."""

from collections.abc import Mapping

import numpy as np

from spkeras.errors import shown
from spkeras.exchange.nir_reading import Field, RawNode


class Refused(Exception):
    """A node that cannot be read; the message says why."""


def number_of(fields: Mapping[str, Field], name: str, default: float) -> float:
    """Return a number; the default where there is none."""
    value = fields.get(name, default)
    if isinstance(value, str) or np.size(value) != 1:
        return default
    return float(np.reshape(value, ()))


def array_of(node: RawNode, name: str, ndim: int | None = None) -> np.ndarray:
    """Return an array; refuse one with another number of axes."""
    value = node.fields.get(name)
    if value is None or isinstance(value, str):
        raise Refused(f"has no {name}")
    if ndim is not None and value.ndim != ndim:
        raise Refused(f"{name} of shape {value.shape}; allowed: {ndim} axes")
    return value.astype(np.float32) if value.dtype.kind == "f" else value


def whole_of(node: RawNode, name: str, axes: int, least: int = 1) -> tuple[int, ...]:
    """Return a number an axis; a text is the padding "valid"."""
    value = node.fields.get(name)
    if value is None:
        return (least,) * axes
    if isinstance(value, str):
        if value != "valid":
            raise Refused(f"{name}={shown(value)}; allowed: numbers")
        return (0,) * axes
    found = np.broadcast_to(np.ravel(value), (axes,)) if np.size(value) in (1, axes) else None
    if found is None or (found < least).any() or (found > 1 << 20).any() or (found % 1).any():
        raise Refused(f"{name}={shown(value)}; allowed: {axes} whole numbers from {least}")
    return tuple(int(number) for number in found)


def bias_of(node: RawNode, size: int) -> np.ndarray:
    """Return the bias of a layer; zeros where it has none."""
    if "bias" not in node.fields:
        return np.zeros(size, np.float32)
    bias = array_of(node, "bias", 1)
    if bias.shape != (size,):
        raise Refused(f"bias of shape {bias.shape}; allowed: ({size},)")
    return bias.astype(np.float32)
