"""Batches of arrays, and checks of their values."""

from collections.abc import Iterator, Sequence

import numpy as np

from spkeras.errors import DataError
from spkeras.graph import Graph


def refuse_nan(name: str, array: np.ndarray) -> None:
    """Refuse values that are NaN or infinite as the float32 numbers that networks take."""
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.float32, copy=False))
    if finite.all():
        return
    bad = ~finite.reshape(len(array), -1).all(axis=1)
    raise DataError(
        f"data for {name}: NaN or infinity (in float32) in {int(bad.sum())} of {len(array)} "
        f"samples (first: sample {int(bad.argmax())}); leave them out or repair them"
    )


def equal_slices(count: int, largest: int) -> Iterator[slice]:
    """Split `count` samples into slices of at most two sizes, none above `largest`.

    A compiled step has a fixed batch size: equal slices need one compilation.
    """
    parts = -(-count // largest)
    edges = np.linspace(0, count, parts + 1).round().astype(int)
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        yield slice(int(start), int(stop))


def batches(samples: Sequence[np.ndarray], batch_size: int) -> Iterator[list[np.ndarray]]:
    """Yield slices of nearly equal size, as float32, one array per input."""
    for rows in equal_slices(len(samples[0]), batch_size):
        yield [array[rows].astype("float32") for array in samples]


# Largest magnitude allowed, as a multiple of the calibrated one. A factor of 2 is beyond chance
# and points to another scaling (0..255 instead of 0..1).
RANGE_LIMIT = 2.0


def check_range(graph: Graph, samples: Sequence[np.ndarray]) -> None:
    """Refuse samples far outside the range that a network was calibrated on.

    Raises:
        DataError: an input's largest magnitude exceeds twice the calibrated one.
    """
    for node, array in zip(graph.of("input"), samples, strict=True):
        unit = float(node.arrays["scale"])
        largest = float(np.abs(array).max()) if array.size else 0.0
        if largest > RANGE_LIMIT * unit:
            raise DataError(
                f"data for {node.name}: reach {largest:.4g}, the network was calibrated on up to "
                f"{unit:.4g}; scale them as in calibration (on the command line --scale "
                f"{largest / unit:.4g}), or allow it with any_range=True (--any-range)"
            )
