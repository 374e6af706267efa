"""Records of a layer of another package and of the plain layers that equal it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Config = dict[str, Any]
# Class and constructor arguments of a layer.
Layer = tuple[str, Config]


class UnreadableError(Exception):
    """A layer that equals no plain layer, with the reason as a sentence."""


@dataclass
class Arrays:
    """The stored arrays of one layer.

    Attributes:
        own: The arrays in the order of the file.
        names: Their names; empty in Keras zips, which number them.
        inner: Arrays of the objects inside the layer, by their path there (Keras zips only).
        paths: Their full names; empty in Keras zips.
    """

    own: list[np.ndarray] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    inner: Mapping[str, list[np.ndarray]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    def named(self, ending: str) -> list[np.ndarray]:
        """Return the arrays whose name ends so, in order."""
        pairs = zip(self.names, self.own, strict=False)
        return [array for name, array in pairs if name.endswith(ending)]

    def exactly(self, wanted: str) -> list[np.ndarray]:
        """Return the arrays of that name, in order."""
        pairs = zip(self.names, self.own, strict=False)
        return [array for name, array in pairs if name == wanted]


@dataclass
class Plain:
    """The plain layer that equals a layer of another package.

    Attributes:
        layer: Its class and arguments.
        arrays: Its weights, in the order of the plain class.
        after: Layers without weights after it.
        change: What the conversion report says about it.
        before: Layers without weights before it.
    """

    layer: Layer
    arrays: list[np.ndarray]
    after: list[Layer]
    change: str
    before: list[Layer] = field(default_factory=list)


def quantizer(step: float, low: float, high: float, rounding: str) -> Layer:
    """Return a layer that rounds to whole steps from `low` to `high`."""
    if int(low) != low or int(high) != high:
        raise UnreadableError(f"its activation ends between two levels ({low:g}, {high:g} steps)")
    numbers = {"step": float(step), "low": int(low), "high": int(high), "rounding": rounding}
    return "UniformQuantizer", numbers


def rescaling(scale: Any, offset: float = 0.0) -> list[Layer]:
    """Return a layer x * scale + offset, or none for the identity."""
    if np.all(np.asarray(scale) == 1) and not offset:
        return []
    plain = np.asarray(scale, "float32").tolist()
    return [("Rescaling", {"scale": plain, "offset": offset})]


def activation(name: str) -> list[Layer]:
    """Return an activation of Keras as a layer, or none for the identity."""
    return [] if name == "linear" else [("Activation", {"activation": name})]


def rectified(layers: list[Layer]) -> list[Layer]:
    """Return the layers with each ReLU before a quantiser as part of the quantiser."""
    found: list[Layer] = []
    for class_name, config in layers:
        bound = _rectifier(found[-1]) if found else None
        if class_name == "UniformQuantizer" and bound is not None:
            low, high = max(config["low"], 0), config["high"]
            high = min(high, int(np.floor(min(bound / config["step"], high) + 0.5)))
            found[-1] = (class_name, {**found[-1][1], **config, "low": low, "high": high})
            for name in ("activation", "max_value", "negative_slope", "threshold"):
                found[-1][1].pop(name, None)
        else:
            found.append((class_name, config))
    return found


def _rectifier(layer: Layer) -> float | None:
    """Return the largest value of a ReLU, infinite where it has none; None for another layer."""
    class_name, config = layer
    if class_name == "Activation":
        return {"relu": np.inf, "relu6": 6.0}.get(str(config.get("activation")))
    if class_name != "ReLU" or config.get("negative_slope") or config.get("threshold"):
        return None
    bound = config.get("max_value")
    return np.inf if bound is None else float(bound)
