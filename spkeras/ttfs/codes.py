"""Codes of first-spike Keras models: the layers that fire and those that decode spikes."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from spkeras.graph import Node
from spkeras.layers.first_spike import (
    EarliestInstant,
    EarliestSpike,
    FirstSpike,
    InstantValue,
    SpikeInstant,
    SpikeValue,
)


class StepCode:
    """Spikes at whole steps, in one window after the other.

    Args:
        kernels: Arguments of `FirstSpike` (timesteps, tau, theta0, levels) by the name of the
            layer that fires.
        timesteps: T.
        start: S, steps between the beginnings of two windows.
        fires: Function that returns whether a node of a graph is a neuron.
    """

    def __init__(
        self,
        kernels: Mapping[str, Mapping[str, Any]],
        timesteps: int,
        start: int,
        fires: Callable[[Node], bool],
    ) -> None:
        self.kernels, self.timesteps, self.start = dict(kernels), timesteps, start
        self.fires = fires

    def encodes(self, name: str) -> keras.layers.Layer:
        """Return the layer that encodes an input as spikes."""
        return FirstSpike(**self.kernels[name])

    def fire(self, name: str) -> keras.layers.Layer:
        """Return the layer from potentials to times."""
        return FirstSpike(**self.kernels[name], stages=self._stages)

    def value(self, name: str, waits: int, last: bool) -> keras.layers.Layer:
        """Return the layer from a source's times to values, for a reader `waits` windows later."""
        if last:
            return SpikeValue(**self.kernels[name])
        return SpikeValue(**self.kernels[name], stages=self._stages, arrived=waits * self.start)

    def earliest(self, window: Mapping[str, Any], name: str, source: str) -> keras.layers.Layer:
        """Return the layer that passes on the earliest spike of each pooling window of a source."""
        self.kernels[name] = self.kernels[source]
        return EarliestSpike(window, self.timesteps)

    @property
    def _stages(self) -> int:
        return self.timesteps - self.start + 1


class InstantCode:
    """Spikes at any instant of a layer's window, in float64.

    Args:
        windows: (begin, end) by the name of the layer that fires.
        fires: Function that returns whether a node of a graph is a neuron.
    """

    def __init__(
        self, windows: Mapping[str, tuple[float, float]], fires: Callable[[Node], bool]
    ) -> None:
        self.windows, self.fires = dict(windows), fires

    def encodes(self, name: str) -> keras.layers.Layer:
        """Return the layer that encodes an input as spikes."""
        return SpikeInstant(*self.windows[name])

    def fire(self, name: str) -> keras.layers.Layer:
        """Return the layer from potentials to times."""
        return SpikeInstant(*self.windows[name])

    def value(self, name: str, waits: int, last: bool) -> keras.layers.Layer:
        """Return the layer from a source's times to values."""
        return InstantValue(self.windows[name][1])

    def earliest(self, window: Mapping[str, Any], name: str, source: str) -> keras.layers.Layer:
        """Return the layer that passes on the earliest spike of each pooling window of a source."""
        self.windows[name] = self.windows[source]
        return EarliestInstant(window, self.windows[source][1])
