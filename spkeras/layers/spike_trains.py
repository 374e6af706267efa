"""Layers of networks that send a train of weighted spikes in each window: phases and bursts."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from spkeras.layers.base import Elementwise
from spkeras.layers.pooling import max_pooling
from spkeras.ops import phase_burst
from spkeras.ops.types import Tensor

_CODES = {
    "phase": (phase_burst.phase_spikes, phase_burst.phase_decoded),
    "burst": (phase_burst.burst_spikes, phase_burst.burst_decoded),
}


class _Train(Elementwise):
    """Base class with the parameters of a code.

    Args:
        code: "phase" or "burst".
        timesteps: T, steps of the window, 1 to 16.
        scale: theta0 of a phase code, theta of a burst code; see `spkeras.ops.phase_burst`.
    """

    def __init__(self, code: str, timesteps: int, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.code, self.timesteps, self.scale = code, timesteps, scale


class SpikeTrain(_Train):
    """The spikes that potentials send in a window, as words of T bits.

    Input shape:
        Any; potentials after the whole input has been integrated.

    Output shape:
        The same, int32; the first step is the highest bit.
    """

    def call(self, potential: Tensor) -> Tensor:
        return _CODES[self.code][0](potential, self.timesteps, self.scale)

    def compute_output_spec(self, potential: Tensor) -> Tensor:
        return keras.KerasTensor(potential.shape, "int32")

    def spikes(self, words: Tensor) -> Tensor:
        """Return the number of spikes of each neuron."""
        return phase_burst.spikes_in(words, self.timesteps)


class TrainValue(_Train):
    """The values of trains of spikes.

    Input shape:
        Any; int32 words of a `SpikeTrain`.

    Output shape:
        The same; values.
    """

    def call(self, words: Tensor) -> Tensor:
        decode = _CODES[self.code][1]
        return decode(words, self.timesteps, self.scale, self.compute_dtype)

    def compute_output_spec(self, words: Tensor) -> Tensor:
        return keras.KerasTensor(words.shape, self.compute_dtype)


class LargestTrain(keras.layers.Layer):
    """The train with the largest value in each pooling window.

    The first step at which two trains differ decides, so that a pool can pass on spikes as they
    come.

    Args:
        window: dict. As in `EarliestSpike`.
        timesteps: int. T.

    Input shape:
        (batch, height, width, channels) int32 words.

    Output shape:
        The pooled map, int32.
    """

    def __init__(self, window: Mapping[str, Any], timesteps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window, self.timesteps = dict(window), timesteps

    def call(self, words: Tensor) -> Tensor:
        # Backends pool only floats, which hold words of 16 bits exactly.
        return ops.cast(max_pooling(self.window)(ops.cast(words, "float32")), "int32")

    def spikes(self, words: Tensor) -> Tensor:
        """Return the number of spikes of each neuron."""
        return phase_burst.spikes_in(words, self.timesteps)
