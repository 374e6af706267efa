"""Batches over the devices that `keras.distribution` names."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def spread(arrays: Sequence[np.ndarray]) -> list[Any]:
    """Samples cut over the devices of Keras's distribution, where one is set.

    What is computed from them then runs on all devices at once, and sums over the batch are
    added up across them; they are counts, so that nothing rounds.

    Args:
        arrays: One array (samples, ...) per input.

    Returns:
        The arrays as they came where no distribution is set, or where the number of samples is
        no multiple of the devices they would be cut over: one device, or all alike, run them.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        return list(arrays)
    layouts = [distribution.get_data_layout(array.shape) for array in arrays]
    if any(len(array) % _devices(layout) for array, layout in zip(arrays, layouts, strict=True)):
        return list(arrays)
    return [
        keras.distribution.distribute_tensor(array, layout)
        for array, layout in zip(arrays, layouts, strict=True)
    ]


def _devices(layout: Any) -> int:
    """Over how many devices the samples are cut."""
    mesh = layout.device_mesh
    axis = layout.axes[0]
    return 1 if axis is None else int(mesh.shape[list(mesh.axis_names).index(axis)])
