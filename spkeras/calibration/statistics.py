"""Calibration: one pass of the CNN over the data that collects statistics of all layers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.errors import DataError
from spkeras.graph.stats import BINS, SHIFT, ActivationStats
from spkeras.ops.arrays import Float64Array
from spkeras.ops.compiled import compiled
from spkeras.ops.histogram import count
from spkeras.ops.precision import computing_in
from spkeras.ops.types import ShapeLike, Tensor

# Most values held at once, 128 MB of float32. While one sample of all maps together has no more,
# every position of every map is counted; else positions are drawn at random.
MOST_VALUES = 1 << 25
# Smallest number of positions of a map that are drawn, in every network.
_LEAST_POSITIONS = 1 << 10


def calibrate(
    model: keras.Model,
    names: Sequence[str],
    batches: Iterable[Any],
    progress: Callable[[int], None] = lambda done: None,
    seed: int = 0,
) -> Mapping[str, ActivationStats]:
    """Run the model once over all batches and collect statistics of its outputs.

    Maxima and minima are taken over every position of every sample. Histograms also count every
    position, as long as one sample has at most `MOST_VALUES` values in all outputs together.
    Beyond that, positions of the largest maps are drawn at random: afresh for each sample, one
    in each of equal parts of the flattened map.

    Args:
        model: Model whose outputs are the tensors to measure, one per name.
        names: Names for the outputs.
        batches: Inputs, each a list of arrays or an array; every sample of every batch counts.
        progress: Callback that receives the number of samples done after each batch.
        seed: Seed of the drawn positions.

    Returns:
        Statistics by name.

    Raises:
        DataError: an output is NaN or infinite, or there is no sample.
    """
    survey = _Survey(model, seed)
    done = 0
    for batch in batches:
        arrays = list(batch) if isinstance(batch, (list, tuple)) else [batch]
        for part in _parts(arrays, survey.at_once):
            survey.add(names, part)
        done += len(arrays[0])
        progress(done)
    if not done:
        raise DataError("calibration data: no sample; give at least one, better 500 or more")
    return {name: found.stats() for name, found in zip(names, survey.collectors, strict=True)}


def positions_counted(sizes: Sequence[tuple[int, int]]) -> int:
    """Return the largest number of positions of a map that enter its histogram, per sample.

    Args:
        sizes: (positions, channels) of each map.

    Returns:
        The positions of the largest map where all can be counted. Otherwise that number,
        halved until the values of all maps are at most `MOST_VALUES` or about 1000 positions
        remain.
    """
    most = max((positions for positions, _ in sizes), default=1)
    while most > _LEAST_POSITIONS and _values(sizes, most) > MOST_VALUES:
        most //= 2
    return most


def _values(sizes: Sequence[tuple[int, int]], most: int) -> int:
    return sum(min(positions, most) * channels for positions, channels in sizes)


def _parts(arrays: list[np.ndarray], at_once: int) -> Iterator[list[np.ndarray]]:
    """Yield a batch in parts of nearly equal size that fit into memory."""
    rows = len(arrays[0])
    for places in np.array_split(np.arange(rows), -(-rows // at_once)) if rows else ():
        yield [array[places[0] : places[-1] + 1] for array in arrays]


class _Survey:
    """The model with summaries of its outputs, and the statistics so far."""

    @computing_in("float32")
    def __init__(self, model: keras.Model, seed: int) -> None:
        shapes = [tuple(output.shape[1:]) for output in model.outputs]
        sizes = [(int(np.prod(shape[:-1], dtype="int64")), shape[-1]) for shape in shapes]
        self.most = positions_counted(sizes)
        self.at_once = max(1, MOST_VALUES // max(_values(sizes, self.most), 1))
        self.collectors = [_Collector(c, min(1.0, self.most / p)) for p, c in sizes]
        self.random = np.random.default_rng(seed)
        # Positions are an input of the compiled pass, so that new ones need no new trace.
        self.drawn = sorted({p for p, _ in sizes if p > self.most})
        chosen = {p: keras.Input((self.most,), dtype="int32") for p in self.drawn}
        outputs = [
            tensor
            for output, (positions, _) in zip(model.outputs, sizes, strict=True)
            for tensor in _Summary()(
                [output, *([chosen[positions]] if positions in chosen else [])]
            )
        ]
        watched = keras.Model([*model.inputs, *chosen.values()], outputs)
        self.run = compiled(lambda inputs: watched(inputs, training=False), watched.variables)

    def add(self, names: Sequence[str], part: list[np.ndarray]) -> None:
        """Add some samples to the statistics."""
        places = [self._draw(positions, len(part[0])) for positions in self.drawn]
        values = [_as_numpy(value) for value in self.run([*part, *places])]
        for position, collector in enumerate(self.collectors):
            largest, lowest, seen = values[3 * position : 3 * position + 3]
            _refuse_nan(names[position], largest)
            collector.add(largest, lowest, seen)

    def _draw(self, positions: int, samples: int) -> np.ndarray:
        """Draw one position in each of equal parts of a map: all positions are equally likely."""
        part = positions / self.most
        places: Float64Array = np.arange(self.most) + self.random.random((samples, self.most))
        return np.minimum((places * part).astype(np.int32), positions - 1)


class _Summary(keras.layers.Layer):
    """Layer that gives per-channel max |x|, min x, and x at the positions to be counted."""

    def call(self, inputs: Tensor) -> Tensor:
        x, *chosen = inputs
        channels = x.shape[-1]
        positions = int(np.prod(x.shape[1:-1], dtype="int64"))
        flat = ops.reshape(x, (-1, positions, channels))
        highest, lowest = ops.max(flat, axis=1), ops.min(flat, axis=1)
        if chosen:
            flat = ops.take_along_axis(flat, ops.expand_dims(chosen[0], -1), axis=1)
        return ops.maximum(highest, -lowest), lowest, flat

    def compute_output_shape(self, inputs_shape: ShapeLike) -> ShapeLike:
        (batch, *places, channels), *chosen = inputs_shape
        counted = chosen[0][-1] if chosen else int(np.prod(places, dtype="int64"))
        return (batch, channels), (batch, channels), (batch, counted, channels)


class _Collector:
    """Statistics of one tensor, extended batch by batch."""

    def __init__(self, channels: int, counted: float) -> None:
        self.maximum = np.zeros(channels, np.float32)
        self.lowest = np.full(channels, np.inf, np.float32)
        self.histogram = np.zeros((BINS, channels), np.int64)
        self.samples, self.counted = 0, counted

    def add(self, largest: np.ndarray, lowest: np.ndarray, values: np.ndarray) -> None:
        """Add a batch: max |x| and min x, (samples, channels), and the values to count."""
        self.maximum = np.maximum(self.maximum, largest.max(0))
        self.lowest = np.minimum(self.lowest, lowest.min(0))
        count(values.reshape(-1, len(self.maximum)), self.histogram, SHIFT)
        self.samples += len(largest)

    def stats(self) -> ActivationStats:
        """Return the statistics so far."""
        # A view: most bins are empty pages of memory, which a copy would allocate.
        histogram = self.histogram.T
        return ActivationStats(
            maximum=self.maximum,
            lowest=self.lowest,
            histogram=histogram,
            samples=self.samples,
            counted=self.counted,
        )


def _as_numpy(tensor: Tensor) -> np.ndarray:
    """Return the values of a tensor, without a copy if they are in the host's memory."""
    try:
        return np.asarray(tensor)
    except TypeError:  # PyTorch, on another device
        return np.asarray(ops.convert_to_numpy(tensor))


def _refuse_nan(name: str, largest: np.ndarray) -> None:
    if not np.isfinite(largest).all():
        raise DataError(
            f"calibration data: {name} reaches NaN or infinity; "
            "look for NaN in the data and for an input range the CNN was not trained with"
        )
