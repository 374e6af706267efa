"""Max pooling as a function, made from the attributes of a graph node."""

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from spkeras.ops.types import Tensor


def max_pooling(window: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    """Return the function that max-pools over `window`.

    Args:
        window: `pool_size`, `strides`, `padding`; or only `keepdims` for global pooling.
    """
    if "keepdims" in window:
        return lambda x: ops.max(x, tuple(range(1, len(x.shape) - 1)), window["keepdims"])
    size, strides = tuple(window["pool_size"]), tuple(window["strides"])
    if len(size) > 3:
        return lambda x: _inner(x, size, strides, window["padding"])
    return lambda x: ops.max_pool(x, size, strides, window["padding"])


def _inner(x: Tensor, size: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Tensor:
    """Pool over the last three axes before the channels; windows are one long along the others."""
    lead = x.shape[1:-4]
    each = ops.max_pool(ops.reshape(x, (-1, *x.shape[-4:])), size[-3:], strides[-3:], padding)
    return ops.reshape(each, (-1, *lead, *each.shape[1:]))
