"""Calibration: one pass of the CNN over the data, statistics of all layers at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.errors import DataError
from spkeras.graph.stats import BINS, ActivationStats, bins
from spkeras.ops.histogram import count

# Positions of a map whose values enter the histogram; maxima are taken over all of them.
POSITIONS = 32


def _positions(shape: Sequence[int]) -> np.ndarray:
    """Which positions of a map enter the histogram."""
    count = int(np.prod(shape, dtype="int64"))
    return np.unique(np.linspace(0, count - 1, min(count, POSITIONS)).astype("int32"))


class _Summary(keras.layers.Layer):
    """Per-channel maximum of |x| and minimum of x, and |x| at evenly spread positions."""

    def call(self, x: Any) -> Any:
        channels = x.shape[-1]
        positions = int(np.prod(x.shape[1:-1], dtype="int64"))
        flat = ops.reshape(x, (-1, positions, channels))
        # Two trips through the map, no copy of it: |x| is taken of what is left.
        highest, lowest = ops.max(flat, axis=1), ops.min(flat, axis=1)
        chosen = _positions(x.shape[1:-1])
        if len(chosen) < positions:
            flat = ops.take(flat, chosen, axis=1)
        return ops.maximum(highest, -lowest), lowest, ops.abs(flat)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, channels = input_shape[0], input_shape[-1]
        sampled = len(_positions(input_shape[1:-1]))
        return (batch, channels), (batch, channels), (batch, sampled, channels)


class _Collector:
    """Statistics of one tensor, growing batch by batch."""

    def __init__(self, channels: int) -> None:
        self.maximum = np.zeros(channels, np.float32)
        self.lowest = np.full(channels, np.inf, np.float32)
        self.histogram = np.zeros((BINS, channels), np.int64)
        self.samples = 0

    def add(self, largest: np.ndarray, lowest: np.ndarray, magnitude: np.ndarray) -> None:
        self.maximum = np.maximum(self.maximum, largest.max(0))
        self.lowest = np.minimum(self.lowest, lowest.min(0))
        count(bins(magnitude.reshape(-1, len(self.maximum))), self.histogram)
        self.samples += len(largest)

    def stats(self) -> ActivationStats:
        histogram = np.ascontiguousarray(self.histogram.T)
        return ActivationStats(self.maximum, self.lowest, histogram, self.samples)


def calibrate(
    model: keras.Model,
    names: Sequence[str],
    batches: Iterable[Any],
    progress: Callable[[int], None] = lambda done: None,
) -> Mapping[str, ActivationStats]:
    """Run the model once over all batches and collect statistics of its outputs.

    Args:
        model: Returns the tensors to look at, one output per name.
        names: Names for the outputs.
        batches: Inputs; every sample of every batch counts.
        progress: Told the number of samples done after each batch.

    Returns:
        Statistics by name.

    Raises:
        DataError: a NaN or infinity came out, or there was no sample.
    """
    summary = _Summary()
    outputs = [tensor for output in model.outputs for tensor in summary(output)]
    watched = keras.Model(model.inputs, outputs)
    collectors = [_Collector(output.shape[-1]) for output in model.outputs]
    done = 0
    for batch in batches:
        values = [np.asarray(value) for value in watched.predict_on_batch(batch)]
        for position, collector in enumerate(collectors):
            largest, lowest, magnitude = values[3 * position : 3 * position + 3]
            _refuse_nan(names[position], largest)
            collector.add(largest, lowest, magnitude)
        done += len(values[0])
        progress(done)
    if not done:
        raise DataError("calibration data: no sample; give at least one, better 500 or more")
    return {name: c.stats() for name, c in zip(names, collectors, strict=True)}


def _refuse_nan(name: str, largest: np.ndarray) -> None:
    if not np.isfinite(largest).all():
        raise DataError(
            f"calibration data: {name} reaches NaN or infinity; "
            "look for NaN in the data and for an input range the CNN was not trained with"
        )
