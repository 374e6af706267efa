"""Which samples are taken where not all are: at random, so that no order of the data matters."""

import numpy as np


def chosen(count: int, samples: int | None, seed: int = 0) -> np.ndarray:
    """Return indices of `samples` of `count` samples, each equally likely, in rising order.

    A fixed stride falls into step with classes that are stored in turns, and the first ones are
    of one class where data are sorted; a permutation does neither.

    Args:
        count: Number of samples there are.
        samples: Number of them to take; all if None or too many.
        seed: Of the permutation.
    """
    if samples is None or samples >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[: max(samples, 0)])
