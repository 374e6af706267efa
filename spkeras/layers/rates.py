"""Rates, values and spike counts of a layer of neurons, without a loop over time steps."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from spkeras.layers.integrate_fire import IntegrateFire
from spkeras.ops import neuron
from spkeras.ops.types import ShapeLike, Tensor


@keras.saving.register_keras_serializable(package="spkeras")
class FiringRate(keras.layers.Layer):
    """The rate, or value, that a layer of neurons encodes, without a loop over steps.

    Args:
        neurons: The `IntegrateFire` layer whose thresholds it shares.
        mode: "ann": f(z) / V; "clipped": limited to what T steps can send.

    Input shape:
        `[*currents, timesteps]`: mean current per step, or the value, of each input
        (batch, ...); T as (1,).

    Output shape:
        As the spikes: spikes per step, or the value that receiving neurons hold.
    """

    def __init__(self, neurons: IntegrateFire, mode: str = "ann", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.neurons, self.mode = neurons, mode
        self.built = True

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the rates; see the class."""
        *currents, timesteps = inputs
        if self.mode == "ann":
            return neuron.rate(currents, self.neurons.constants)
        return neuron.clipped_rate(currents, timesteps, self.neurons.constants)

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Return the shape of the spikes."""
        return (input_shape[0][0], *self.neurons.spikes_shape)


@keras.saving.register_keras_serializable(package="spkeras")
class SpikeCount(keras.layers.Layer):
    """The spikes of a window of a layer of neurons, once all its input has been received.

    For whole spikes under the rate code this is their number in closed form.

    Args:
        neurons: The `IntegrateFire` layer whose thresholds it shares.

    Input shape:
        `[*received, timesteps]`: for each input the sum of the currents over the window, or the
        value (batch, ...); T as (1,).

    Output shape:
        As the spikes: whole numbers, or the values that receiving neurons hold.
    """

    def __init__(self, neurons: IntegrateFire, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.neurons = neurons
        self.built = True

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the counts; see the class."""
        *received, timesteps = inputs
        return neuron.count(received, ops.reshape(timesteps, ()), self.neurons.constants)

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Return the shape of the spikes."""
        return (input_shape[0][0], *self.neurons.spikes_shape)
