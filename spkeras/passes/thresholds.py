"""Thresholds of least error, from the distribution of the values to send."""

from collections.abc import Callable

import numpy as np

from spkeras.graph.stats import ActivationStats
from spkeras.ops.arrays import Float32Array, Float64Array
from spkeras.passes.coder import Coder

# Candidates of the search, as parts of the maximum: eight per octave, down to a hundredth of it.
# Those above the maximum can place the levels of a graded code better for frequent values.
_CANDIDATES = 2.0 ** (-np.arange(-6, 54) / 8)
_ROUNDS, _STILL = 100, 1e-4
_BALANCING = 64
# Values below this part of the largest one are merged into their mean: they add less than its
# square to a mean square error.
_FINEST = 2.0**-12


def fit(method: str, stats: ActivationStats, start: Float32Array, coder: Coder) -> Float32Array:
    """Return the threshold of each channel.

    Args:
        method: "mse": the candidate with the least mean square error of the coded values. "iteration": from `start` on, the best threshold for the code and
            the best code for the threshold in turn, until they converge (as the threshold iteration of Huang et al., ICML 2025,
            on the measured distribution instead of a normal one; Lloyd's algorithm on a scale).
            "balance": local threshold balancing (Bu et al. 2024; spikingjelly): from zero on,
            V <- V + 2 mean(max(x - V, 0)), 64 times, so that few values exceed it.
        stats: Statistics of the layer's values, by channel.
        start: First threshold of each channel, (channels,).
        coder: Values that T spikes can carry.

    Returns:
        Thresholds (channels,); `start` for silent channels.
    """
    if method == "balance":
        return np.asarray([_balanced(stats, c, float(s)) for c, s in enumerate(start)], np.float32)
    improve = _search if method == "mse" else _iterate
    fitted = [
        _fitted(improve, *_values(stats, channel), float(first), coder)
        for channel, first in enumerate(start)
    ]
    return np.asarray(fitted, np.float32)


_Improve = Callable[[Float64Array, Float64Array, float, Coder], float]


def _fitted(
    improve: _Improve, values: Float64Array, weights: Float64Array, start: float, coder: Coder
) -> float:
    return improve(values, weights, start, coder) if len(values) else start


def _values(stats: ActivationStats, channel: int) -> tuple[Float64Array, Float64Array]:
    """Return the non-zero magnitudes of a channel, and their counts."""
    counts = stats.histogram[channel]
    magnitudes = stats.magnitudes()
    # The lowest bin holds the zeros and includes subnormal numbers.
    found = np.flatnonzero((counts > 0) & (magnitudes > np.finfo(np.float32).tiny))
    values, weights = magnitudes[found], counts[found].astype(np.float64)
    small = int(np.searchsorted(values, values.max(initial=0) * _FINEST))
    if small < 2:
        return values, weights
    mean = np.average(values[:small], weights=weights[:small])
    return (
        np.concatenate([[mean], values[small:]]),
        np.concatenate([[weights[:small].sum()], weights[small:]]),
    )


def _balanced(stats: ActivationStats, channel: int, start: float) -> float:
    values, weights = _values(stats, channel)
    if not len(values):
        return start
    shares, threshold = weights / stats.histogram[channel].sum(), 0.0
    for _ in range(_BALANCING):
        threshold += 2 * float((shares * np.maximum(values - threshold, 0)).sum())
    return threshold


def _search(values: Float64Array, weights: Float64Array, start: float, coder: Coder) -> float:
    thresholds = values.max() * _CANDIDATES
    scaled = values[None, :] / thresholds[:, None]
    errors = (coder.carried(scaled) - scaled) * thresholds[:, None]
    return float(thresholds[np.argmin((weights * errors**2).sum(1))])


def _iterate(values: Float64Array, weights: Float64Array, start: float, coder: Coder) -> float:
    threshold = start
    for _ in range(_ROUNDS):
        carried = coder.carried(values / threshold).astype(np.float64)
        power = (weights * carried**2).sum()
        if power == 0:
            return start
        before, threshold = threshold, float((weights * values * carried).sum() / power)
        if abs(threshold - before) < _STILL * before:
            break
    return threshold
