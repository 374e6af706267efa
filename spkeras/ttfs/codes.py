"""Codes of networks that fire in windows: the layers that send spikes and those that decode them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np

from spkeras.graph import Node
from spkeras.layers.first_spike import (
    EarliestInstant,
    EarliestSpike,
    FirstSpike,
    InstantValue,
    SpikeInstant,
    SpikeValue,
)
from spkeras.layers.spike_trains import LargestTrain, SpikeTrain, TrainValue


class Code(Protocol):
    """What the builder of a network needs of a code.

    Attributes:
        fires: Function that returns whether a node of a graph is a layer of neurons.
    """

    fires: Callable[[Node], bool]

    def fire(self, name: str, encodes: bool = False) -> keras.layers.Layer:
        """Return the layer from potentials, or from the values of an input, to spikes."""

    def value(self, name: str, waits: int, last: bool) -> keras.layers.Layer:
        """Return the layer from a source's spikes to values, for a reader `waits` windows later."""

    def pooled(self, window: Mapping[str, Any], name: str, source: str) -> keras.layers.Layer:
        """Return the layer that passes on the largest value of each pooling window of a source."""

    def largest(self, name: str) -> float:
        """Return the largest value that a layer's spikes carry."""

    def resolution(self, name: str) -> float:
        """Return the largest distance of two values of a layer, as a fraction of the largest one."""


class StepCode:
    """First spikes at whole steps, in one window after the other.

    Args:
        levels: Thresholds (T,), which are the values of spikes, by the name of the layer that
            fires.
        start: S, steps between the beginnings of two windows.
        fires: As in `Code`.
    """

    def __init__(
        self, levels: Mapping[str, Sequence[float]], start: int, fires: Callable[[Node], bool]
    ) -> None:
        self.levels, self.start, self.fires = dict(levels), start, fires
        self.timesteps = len(next(iter(self.levels.values())))
        self._stages = self.timesteps - start + 1

    def fire(self, name: str, encodes: bool = False) -> keras.layers.Layer:
        """Return the layer from potentials to times."""
        return FirstSpike(self.levels[name], 1 if encodes else self._stages)

    def value(self, name: str, waits: int, last: bool) -> keras.layers.Layer:
        """Return the layer from a source's times to values, for a reader `waits` windows later."""
        if last:
            return SpikeValue(self.levels[name])
        return SpikeValue(self.levels[name], self._stages, arrived=waits * self.start)

    def pooled(self, window: Mapping[str, Any], name: str, source: str) -> keras.layers.Layer:
        """Return the layer that passes on the earliest spike of each pooling window of a source."""
        self.levels[name] = self.levels[source]
        return EarliestSpike(window, self.timesteps)

    def largest(self, name: str) -> float:
        """Return the first threshold."""
        return float(self.levels[name][0])

    def resolution(self, name: str) -> float:
        """Return the largest distance of two thresholds, as a fraction of the first."""
        table = np.append(self.levels[name], 0.0)
        return float(-np.diff(table).min() / table[0])


class InstantCode:
    """First spikes at any instant of a layer's window, in float64.

    Args:
        windows: (begin, end) by the name of the layer that fires.
        fires: As in `Code`.
    """

    def __init__(
        self, windows: Mapping[str, Sequence[float]], fires: Callable[[Node], bool]
    ) -> None:
        self.windows, self.fires = dict(windows), fires

    def fire(self, name: str, encodes: bool = False) -> keras.layers.Layer:
        """Return the layer from potentials to times."""
        return SpikeInstant(*self.windows[name])

    def value(self, name: str, waits: int, last: bool) -> keras.layers.Layer:
        """Return the layer from a source's times to values."""
        return InstantValue(self.windows[name][1])

    def pooled(self, window: Mapping[str, Any], name: str, source: str) -> keras.layers.Layer:
        """Return the layer that passes on the earliest spike of each pooling window of a source."""
        self.windows[name] = self.windows[source]
        return EarliestInstant(window, self.windows[source][1])

    def largest(self, name: str) -> float:
        """Return the length of a layer's window."""
        begin, end = self.windows[name]
        return end - begin

    def resolution(self, name: str) -> float:
        """Return what rounding of the CNN in float32 explains."""
        return 1e-5


class TrainCode:
    """Phase or burst spikes, several in a window.

    Args:
        code: "phase" or "burst".
        scales: (T, scale) as in `spkeras.layers.spike_trains`, by the name of the layer.
        fires: As in `Code`.
    """

    def __init__(
        self, code: str, scales: Mapping[str, tuple[int, float]], fires: Callable[[Node], bool]
    ) -> None:
        self.code, self.scales, self.fires = code, dict(scales), fires
        self.timesteps = next(iter(self.scales.values()))[0]

    def fire(self, name: str, encodes: bool = False) -> keras.layers.Layer:
        """Return the layer from potentials to spikes."""
        return SpikeTrain(self.code, *self.scales[name])

    def value(self, name: str, waits: int, last: bool) -> keras.layers.Layer:
        """Return the layer from a source's spikes to values."""
        return TrainValue(self.code, *self.scales[name])

    def pooled(self, window: Mapping[str, Any], name: str, source: str) -> keras.layers.Layer:
        """Return the layer that passes on the largest train of each pooling window of a source."""
        self.scales[name] = self.scales[source]
        return LargestTrain(window, self.scales[source][0])

    def largest(self, name: str) -> float:
        """Return the value of a spike at every step."""
        steps, scale = self.scales[name]
        return scale * (1 - 2.0**-steps) if self.code == "phase" else scale * (2.0**steps - 1)

    def resolution(self, name: str) -> float:
        """Return the largest distance of two values, as a fraction of the largest one.

        Of T burst steps one without a spike ends a burst: the next value below the largest has half
        of it.
        """
        steps, scale = self.scales[name]
        return scale * 2.0**-steps / self.largest(name) if self.code == "phase" else 0.5
