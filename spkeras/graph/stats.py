"""Statistics of one tensor over the calibration data: a plain record that passes can read."""

from dataclasses import dataclass

import numpy as np

from spkeras.ops.arrays import Float32Array, Float64Array, Int64Array

# A bin of the histogram is the exponent and the first 6 mantissa bits of a float32: relative
# width 1/64 over the whole range of floats, so that the range need not be known.
BINS = 1 << 14
SHIFT = 17
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class ActivationStats:
    """Statistics of the magnitude of one tensor, per channel (its last axis).

    Attributes:
        maximum: Largest magnitude over all samples and positions, (channels,).
        lowest: Smallest value (with sign), (channels,).
        histogram: Number of magnitudes in each bin, (channels, BINS).
        samples: Number of samples.
        counted: Share of the positions of each sample in the histogram: 1 for all, less where
            positions were drawn at random.
    """

    maximum: Float32Array
    lowest: Float32Array
    histogram: Int64Array
    samples: int
    counted: float = 1.0

    def quantile(self, share: float) -> Float32Array:
        """Return the magnitude below which this share of the values lies, per channel.

        It is linear between the edges of a bin (relative width 1/64), and at most the maximum.
        """
        return _quantile(self.histogram, share, self.maximum)

    @staticmethod
    def magnitudes() -> Float64Array:
        """Return the middle of each bin of the histogram, (BINS,); 0 for bins of no finite float."""
        # Floats are evenly spaced within a bin: its middle has the next bit set.
        middles = ((np.arange(BINS, dtype=np.uint32) << SHIFT) + (1 << (SHIFT - 1))).view(
            np.float32
        )
        return np.where(np.isfinite(middles), middles, 0).astype(np.float64)

    def merged(self) -> "ActivationStats":
        """Return the statistics of all channels together, as one channel."""
        return ActivationStats(
            maximum=self.maximum.max(keepdims=True),
            lowest=self.lowest.min(keepdims=True),
            histogram=self.histogram.sum(0, keepdims=True),
            samples=self.samples,
            counted=self.counted,
        )


def _quantile(histogram: Int64Array, share: float, maximum: Float32Array) -> Float32Array:
    occupied = np.flatnonzero(histogram.any(axis=0))
    if not len(occupied):
        return np.zeros(len(histogram), np.float32)
    counts = histogram[:, occupied]
    cumulated = counts.cumsum(1)
    # A product like 0.999 x 6,000 may exceed its exact whole value by a rounding error.
    rank = share * cumulated[:, -1:] * (1 - _ROUNDING)
    index = np.minimum((cumulated <= rank).sum(1), len(occupied) - 1)
    rows = np.arange(len(histogram))
    below = np.where(index > 0, cumulated[rows, index - 1], 0)
    part = (rank[:, 0] - below) / np.maximum(counts[rows, index], 1)
    low, high = (
        (found << SHIFT).astype(np.uint32).view(np.float32)
        for found in (occupied[index], occupied[index] + 1)
    )
    linear: Float64Array = low + part * (high - low)
    return np.minimum(linear, maximum).astype(np.float32)
