"""What calibration has seen of one tensor: a plain record, so that passes may read it."""

from dataclasses import dataclass

import numpy as np

# A bin of the histogram is the exponent and the 5 first mantissa bits of a float32: relative
# width 1/32, over the whole range of floats, without knowing the range in advance.
BINS = 1 << 13
_SHIFT = 18


def bins(values: np.ndarray) -> np.ndarray:
    """Index of the histogram bin of each non-negative float32 value."""
    return np.ascontiguousarray(values, np.float32).view(np.uint32) >> _SHIFT


@dataclass(frozen=True, eq=False)
class ActivationStats:
    """Statistics of the magnitude of one tensor, per channel (its last axis).

    Attributes:
        maximum: Largest magnitude over all samples and positions, (channels,).
        lowest: Smallest value (with sign), (channels,).
        histogram: How many magnitudes fell into each bin, (channels, BINS); positions are
            thinned out evenly where a map is large, samples never.
        samples: How many samples were seen.
    """

    maximum: np.ndarray
    lowest: np.ndarray
    histogram: np.ndarray
    samples: int

    def quantile(self, share: float) -> np.ndarray:
        """The magnitude below which this share of the values lies, per channel.

        Linear between the edges of a bin (relative width 1/32), never above the maximum.
        """
        return _quantile(self.histogram, share, self.maximum)

    @staticmethod
    def magnitudes() -> np.ndarray:
        """The middle of each bin of the histogram, (BINS,); 0 for the bins beyond floats."""
        edges = np.nan_to_num(_edges(), nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)
        return np.where(edges[1:] > edges[:-1], (edges[:-1] + edges[1:]) / 2, 0)

    def merged(self) -> "ActivationStats":
        """The same with all channels taken together, as one channel."""
        return ActivationStats(
            self.maximum.max(keepdims=True),
            self.lowest.min(keepdims=True),
            self.histogram.sum(0, keepdims=True),
            self.samples,
        )


def _edges() -> np.ndarray:
    return (np.arange(BINS + 1, dtype=np.uint64) << _SHIFT).astype(np.uint32).view(np.float32)


def _quantile(histogram: np.ndarray, share: float, maximum: np.ndarray) -> np.ndarray:
    edges = _edges()
    cumulated = histogram.cumsum(-1)
    rank = share * cumulated[:, -1:]
    index = np.minimum((cumulated < rank).sum(-1), BINS - 1)
    rows = np.arange(len(histogram))
    below = np.where(index > 0, cumulated[rows, index - 1], 0)
    inside = np.maximum(histogram[rows, index], 1)
    part = np.clip((rank[:, 0] - below) / inside, 0, 1)
    low, high = edges[index], edges[index + 1]
    return np.minimum(low + part * (high - low), maximum).astype(np.float32)
