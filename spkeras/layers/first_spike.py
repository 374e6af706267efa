"""Layers of networks whose neurons fire at most once; spikes are given by their times."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.layers.base import Elementwise
from spkeras.layers.pooling import max_pooling
from spkeras.ops.ttfs import check_levels
from spkeras.ops.ttfs_tensors import spike_times, spike_values
from spkeras.ops.types import Tensor


class _Kernel(keras.layers.Layer):
    """Base class with the thresholds and the number of stages of arrival."""

    def __init__(self, levels: Sequence[float], stages: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.levels, self.stages = np.array(check_levels(levels)), stages
        self.timesteps = len(self.levels)


class FirstSpike(_Kernel):
    """Times at which potentials first reach a falling threshold.

    With one stage, all input has been integrated before the window opens. With M stages the
    neuron can fire early: stage m holds the input that has arrived by step m of the window, and
    the last stage all of it. At step k the potential of stage min(k, M - 1) is compared.

    Args:
        levels: list of T floats. Thresholds of the window's steps, which never rise.
        stages: int. M; the stages lie in the batch axis, one whole batch after the other.

    Input shape:
        (M * batch, ...) potentials.

    Output shape:
        (batch, ...) int32, 0 ... T - 1, or T for a neuron without a spike.

    Raises:
        OptionError: thresholds that rise, or are not positive.

    Reference:
        Lew, Lee & Park 2022, arXiv:2208.04494; early firing as in Park et al. 2020 (T2FSNN).

    Example:
        >>> FirstSpike([1.0, 0.5, 0.25])(ops.array([2.0, 0.5, 0.2])).numpy()
        array([0, 1, 3], dtype=int32)
    """

    def call(self, potential: Tensor) -> Tensor:
        if self.stages == 1:
            return spike_times(potential, self.levels)
        stages = ops.reshape(potential, (self.stages, -1, *potential.shape[1:]))
        times = ops.full_like(stages[0], self.timesteps, dtype="int32")
        for step in reversed(range(self.timesteps)):
            reached = stages[min(step, self.stages - 1)] >= float(self.levels[step])
            times = ops.where(reached, step, times)
        return times

    def compute_output_spec(self, potential: Tensor) -> Tensor:
        return keras.KerasTensor(potential.shape, "int32")

    def spikes(self, times: Tensor) -> Tensor:
        """Return the number of spikes of each neuron."""
        return times < self.timesteps


class SpikeValue(_Kernel):
    """Values of spikes at these times: the threshold of the step, and 0 without a spike.

    Args:
        levels: list of T floats. Thresholds of the sending layer.
        stages: int. M, number of stages of arrival, one whole batch after the other.
        arrived: int. By stage m, spikes with times up to arrived + m have arrived; with one
            stage all have.

    Input shape:
        (batch, ...) int32 times.

    Output shape:
        (M * batch, ...) values.
    """

    def __init__(self, *args: Any, arrived: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arrived = arrived

    def call(self, times: Tensor) -> Tensor:
        values = spike_values(times, self.levels, self.compute_dtype)
        if self.stages == 1:
            return values
        stages = [
            ops.where(times <= self.arrived + stage, values, ops.zeros_like(values))
            for stage in range(self.stages - 1)
        ]
        return ops.concatenate([*stages, values], axis=0)

    def compute_output_spec(self, times: Tensor) -> Tensor:
        return keras.KerasTensor(times.shape, self.compute_dtype)


class EarliestSpike(keras.layers.Layer):
    """The earliest time in each window: max pooling of the spikes' values.

    Args:
        window: dict. `pool_size`, `strides`, `padding`; or only `keepdims` for global pooling.
        timesteps: int. T, the time of a neuron without a spike.

    Input shape:
        (batch, height, width, channels) int32 times.

    Output shape:
        The pooled map, int32.
    """

    def __init__(self, window: Mapping[str, Any], timesteps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = dict(window)
        self.timesteps = timesteps

    def call(self, times: Tensor) -> Tensor:
        # Whole numbers up to 255 as floats, since backends pool only floats. Padding never wins.
        left = ops.cast(self.timesteps - times, "float32")
        pooled = max_pooling(self.window)(left)
        return self.timesteps - ops.cast(pooled, "int32")

    def spikes(self, times: Tensor) -> Tensor:
        """Return the number of spikes of each neuron."""
        return times < self.timesteps


class _Float64(Elementwise):
    """Base class of the layers of continuous time, which compute in float64."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float64", **kwargs})


class SpikeInstant(_Float64):
    """Instants of spikes in continuous time, from potentials u: t = min(end - u, end).

    A neuron cannot fire before its window: larger potentials fire at its beginning.

    Args:
        begin: float. Time at which the window opens.
        end: float. Time at which it closes; also the time of a neuron without a spike.

    Input shape:
        Any; potentials.

    Output shape:
        The same; instants, float64.

    Reference:
        Stanojevic et al., Nature Communications 2024 (exact mapping of ReLUs).

    Example:
        >>> SpikeInstant(1.0, 3.0)(ops.array([0.5, -1.0, 9.0])).numpy()
        array([2.5, 3. , 1. ])
    """

    def __init__(self, begin: float, end: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.begin, self.end = float(begin), float(end)

    def call(self, potential: Tensor) -> Tensor:
        return ops.clip(self.end - potential, self.begin, self.end)

    def spikes(self, instants: Tensor) -> Tensor:
        """Return the number of spikes of each neuron."""
        return instants < self.end


class InstantValue(_Float64):
    """Values of spikes at these instants: end - t.

    Args:
        end: float. Time at which the window of the sending layer closes.

    Input shape:
        Any; instants.

    Output shape:
        The same; values, float64.
    """

    def __init__(self, end: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.end = float(end)

    def call(self, instants: Tensor) -> Tensor:
        return self.end - instants


class EarliestInstant(_Float64):
    """The earliest instant in each window.

    Args:
        window: dict. As in `EarliestSpike`.
        end: float. Time at which the window of the sending layer closes.

    Input shape:
        (batch, height, width, channels) instants.

    Output shape:
        The pooled map, float64.
    """

    def __init__(self, window: Mapping[str, Any], end: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window, self.end = dict(window), float(end)

    def call(self, instants: Tensor) -> Tensor:
        return self.end - max_pooling(self.window)(self.end - instants)

    def compute_output_spec(self, instants: Tensor) -> Tensor:
        return keras.KerasTensor(max_pooling(self.window)(instants).shape, "float64")

    def spikes(self, instants: Tensor) -> Tensor:
        """Return the number of spikes of each neuron."""
        return instants < self.end
