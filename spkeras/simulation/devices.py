"""Distribution of batches over the devices of `keras.distribution`."""

from collections.abc import Sequence

import keras
import numpy as np

from spkeras.ops.types import Tensor


def spread(arrays: Sequence[np.ndarray]) -> list[Tensor]:
    """Split samples over the devices of Keras's distribution, if one is set.

    Computations on the result run on all devices at once, and sums over the batch are added up
    across them. These sums are counts, so no rounding occurs.

    Args:
        arrays: One array (samples, ...) per input.

    Returns:
        The arrays over all devices; or the given arrays where no distribution is set, or where
        the number of samples is no multiple of the number of devices.
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


def _devices(layout: keras.distribution.TensorLayout) -> int:
    """Return the number of devices that the samples are split over."""
    mesh = layout.device_mesh
    axis = layout.axes[0]
    return 1 if axis is None else int(mesh.shape[list(mesh.axis_names).index(axis)])
