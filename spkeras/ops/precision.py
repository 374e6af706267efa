"""Dtype policies while layers are created."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Give layers that are created in a `with` block, or in a decorated function, this policy.

    Spikes are counted and potentials compared with thresholds: float16 and bfloat16 would round
    both. Converted networks therefore compute in float32, whatever Keras's global policy is.

    Args:
        policy: Name of a Keras dtype policy.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
