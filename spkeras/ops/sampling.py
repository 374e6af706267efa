"""Random choice of samples, so that the order of the data has no influence."""

import numpy as np

from spkeras.ops.arrays import Int64Array


def chosen(count: int, samples: int | None, seed: int = 0) -> Int64Array:
    """Return the indices of `samples` of `count` samples, each equally likely, in rising order.

    A fixed stride can hit only one class where classes are stored in turns, and the first samples
    are of one class where data are sorted. A permutation avoids both.

    Args:
        count: Number of samples in the data.
        samples: Number of samples to choose; all if None or above `count`.
        seed: Seed of the permutation.
    """
    if samples is None or samples >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[: max(samples, 0)])
