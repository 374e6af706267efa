"""What a network is trained for: its activations, its input, its poolings."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from spkeras.errors import OptionError
from spkeras.layers import QCFS, ChannelExpansion, ClampQuantize, InputQuantizer, ValueRange
from spkeras.layers.ttfs import BurstActivation, PhaseActivation, TTFSActivation
from spkeras.ops.numbers import check_numbers

RECIPES = ("cq", "cq+", "low_latency", "qcfs", "cat")
# T where nothing else is said: CQ+ and low latency as published for CIFAR-10, L of QCFS, CAT's.
STEPS = {"cq": 64, "cq+": 64, "low_latency": 8, "qcfs": 8}
# N for T, as published; 5/4 T for any other.
_LEVELS = {1: 4.0, 2: 3.0}
# What cat trains for, and its steps: first spikes, weighted phases, growing bursts.
CODES = {"ttfs": 24, "phase": 8, "burst": 8}
ENCODINGS = ("spikes", "expanded", "real")
_ENCODINGS = {"low_latency": "expanded", "qcfs": "real"}
_POOLING_NEURONS = ("cq", "cq+", "low_latency")


@dataclass(frozen=True)
class Recipe:
    """What training prepares for.

    Attributes:
        name: One of `RECIPES`.
        timesteps: T of the spiking network; L for qcfs, the window for cat.
        levels: N, levels in a unit, for low_latency.
        encoding: What enters: "spikes" (the counts of T steps), "expanded" (six times, with
            three scales), "real" (the values themselves, a constant current later).
        input_threshold: theta of the input neurons, for "spikes".
        pooling_neurons: Whether average poolings have neurons of their own.
        tau: Steps in which the threshold halves, for cat.
        shift: Share of a level given in advance; 1/2 for qcfs, else 0.
        code: What spikes mean, for cat: one of `CODES`.
    """

    name: str = "cq"
    timesteps: int | None = None
    levels: float | None = None
    encoding: str | None = None
    input_threshold: float = 1.0
    pooling_neurons: bool | None = None
    tau: float = 4.0
    shift: float | None = None
    code: str = "ttfs"

    def __post_init__(self) -> None:
        if self.name not in RECIPES:
            raise OptionError(f"recipe={self.name!r}; allowed: {RECIPES}")
        if self.code not in CODES or (self.code != "ttfs" and self.name != "cat"):
            raise OptionError(
                f"code={self.code!r} with recipe={self.name!r}; allowed: {tuple(CODES)}, with "
                "recipe='cat' alone"
            )
        check_numbers(**self.to_dict())
        usual = CODES[self.code] if self.name == "cat" else STEPS[self.name]
        steps = usual if self.timesteps is None else self.timesteps
        if steps < 1 or int(steps) != steps:
            raise OptionError(f"timesteps={steps!r}; allowed: whole numbers from 1")
        own = {
            "timesteps": steps,
            "levels": _LEVELS.get(steps, 1.25 * steps),
            "encoding": _ENCODINGS.get(self.name, "spikes"),
            "pooling_neurons": self.name in _POOLING_NEURONS,
            "shift": 0.5 if self.name == "qcfs" else 0.0,
        }
        for option, value in own.items():
            if getattr(self, option) is None:
                object.__setattr__(self, option, value)
        if self.encoding not in ENCODINGS:
            raise OptionError(f"encoding={self.encoding!r}; allowed: {ENCODINGS}")
        if self.encoding == "expanded" and self.name != "low_latency":
            raise OptionError("encoding='expanded'; allowed with recipe='low_latency' alone")

    def activation(self, unit: float) -> keras.layers.Layer:
        """The activation of a layer whose values reach up to `unit`."""
        steps, shift = int(self.timesteps or 1), float(self.shift or 0)
        if self.name == "low_latency":
            return ValueRange(steps, float(self.levels or steps), unit, shift)
        if self.name == "qcfs":
            return QCFS(steps, unit, shift)
        if self.name == "cat":
            if self.code == "ttfs":
                # On the grid of spike times: shifts bring the branches of an addition together.
                unit = 2.0 ** (round(self.tau * math.log2(unit)) / self.tau)
            return self._coded(unit)
        return ClampQuantize(steps, unit, shift)

    def input_layer(self, name: str) -> keras.layers.Layer | None:
        """What stands behind an input."""
        steps = int(self.timesteps or 1)
        if self.encoding == "real":
            return None
        if self.encoding == "expanded":
            return ChannelExpansion(steps, float(self.levels or steps), name=name)
        if self.name == "cat":
            return self._coded(self.input_threshold, name)
        return InputQuantizer(steps, self.input_threshold, name=name)

    def _coded(self, unit: float, name: str | None = None) -> keras.layers.Layer:
        """An activation of cat whose values reach up to `unit`."""
        steps = int(self.timesteps or 1)
        if self.code == "phase":
            return PhaseActivation(steps, unit, dtype="float32", name=name)
        if self.code == "burst":
            # A burst's first spike is an eighth of the range, as in T2FSNN's reference code.
            return BurstActivation(steps, unit / 8, dtype="float32", name=name)
        return TTFSActivation(steps, self.tau, unit, dtype="float32", name=name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {key: getattr(self, key) for key in self.__dataclass_fields__}
