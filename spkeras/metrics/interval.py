"""Confidence intervals of shares."""

import numpy as np

from spkeras.errors import OptionError
from spkeras.ops.arrays import Float64Array

CONFIDENCE = 0.95


def exact_interval(right: int, samples: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact binomial confidence interval of a share (Clopper & Pearson 1934).

    Args:
        right: Number of successes.
        samples: Number of trials, at least 1.
        confidence: Probability that the interval covers the true share, at least.

    Raises:
        OptionError: numbers outside of these ranges.
    """
    if not 0 <= right <= samples or samples < 1 or not 0 < confidence < 1:
        raise OptionError(
            f"right={right!r}, samples={samples!r}, confidence={confidence!r}; allowed: 0 to "
            "samples, from 1, above 0 and below 1"
        )
    tail = (1 - confidence) / 2
    # The share at which `right` or more successes have the probability `tail`; of `right` or fewer
    # it is the same with failures for successes.
    low = _share(right, samples, tail) if right else 0.0
    high = 1 - _share(samples - right, samples, tail) if right < samples else 1.0
    return low, high


def interval_of(share: float | None, samples: int) -> tuple[float, float] | tuple[None, None]:
    """Return the exact 95 % confidence interval of a share of samples."""
    return (None, None) if share is None else exact_interval(round(share * samples), samples)


def _share(least: int, samples: int, tail: float) -> float:
    """Return p with P(X >= least) = tail, X binomial of `samples` and p; by bisection."""
    ways = _log_ways(samples)[least:]
    places = np.arange(least, samples + 1)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        logs = ways + places * np.log(middle) + (samples - places) * np.log1p(-middle)
        if np.exp(logs).sum() > tail:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _log_ways(samples: int) -> Float64Array:
    """Return the logarithm of the number of ways to choose 0, 1, ... of the samples."""
    chosen = np.arange(1, samples + 1)
    return np.concatenate([[0.0], np.cumsum(np.log((samples - chosen + 1) / chosen))])
