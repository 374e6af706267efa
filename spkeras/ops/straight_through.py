"""Clamping and quantising with the gradients that training needs, on `keras.ops`.

A quantiser is flat almost everywhere. Its gradient is that of the identity (straight-through),
optionally with the upstream gradient cut to +-1, element by element, as in CQ. The gradient of
the clamp is 1 at both of its ends, where the gradients of backends differ.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from spkeras.ops.types import Tensor

# Fraction of a level by which a value may be below it and still count as it: sums of the same
# products in another order differ by that much in float32. Networks that were trained with it
# have the same fraction of the threshold as initial potential.
TOLERANCE = 2.0**-10


def _with_gradient(
    forward: Callable[[Tensor], Tensor], backward: Callable[[Tensor, Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Return the function forward(x) with the gradient backward(x, upstream)."""

    def function(x: Tensor) -> Tensor:
        def gradient(*given: Any, upstream: Tensor = None) -> Tensor:
            # PyTorch passes the arguments of forward, and the upstream gradient by name.
            return backward(x, given[0] if upstream is None else upstream)

        return forward(x), gradient

    differentiable: Callable[[Tensor], Tensor] = ops.custom_gradient(function)
    return differentiable


def clamp(x: Tensor, high: float = 1.0) -> Tensor:
    """Compute min(max(x, 0), high); the gradient is 1 for 0 <= x <= high and 0 elsewhere."""

    def backward(x: Tensor, upstream: Tensor) -> Tensor:
        inside = ops.logical_and(x >= 0.0, x <= high)
        return ops.where(inside, upstream, ops.zeros_like(upstream))

    return _with_gradient(lambda x: ops.clip(x, 0.0, high), backward)(x)


def rounded(x: Tensor, levels: float, shift: float = 0.0, cut: bool = True) -> Tensor:
    """Compute floor(x levels + shift + tolerance) / levels, straight-through.

    Args:
        x: Values >= 0.
        levels: Number of levels in a unit.
        shift: Initial potential as a fraction of a level: 0 rounds down, 1/2 to the nearest.
        cut: Whether the upstream gradient is cut to +-1, element by element.

    Reference:
        Yan et al. 2021 (floor and the cut gradient: the published code of CQ).
    """

    def backward(x: Tensor, upstream: Tensor) -> Tensor:
        return ops.clip(upstream, -1.0, 1.0) if cut else upstream

    def forward(x: Tensor) -> Tensor:
        return ops.floor(x * levels + (shift + TOLERANCE)) / levels

    return _with_gradient(forward, backward)(x)


def counted(x: Tensor, high: float, levels: float, shift: float = 0.0, cut: bool = True) -> Tensor:
    """Compute rounded(clamp(x, high), levels, shift, cut) in one pass forward and one backward.

    Args:
        x: Tensor of any shape.
        high: As for `clamp`.
        levels, shift, cut: As for `rounded`.
    """

    def backward(x: Tensor, upstream: Tensor) -> Tensor:
        inside = ops.logical_and(x >= 0.0, x <= high)
        passed = ops.clip(upstream, -1.0, 1.0) if cut else upstream
        return ops.where(inside, passed, ops.zeros_like(upstream))

    def forward(x: Tensor) -> Tensor:
        return ops.floor(ops.clip(x, 0.0, high) * levels + (shift + TOLERANCE)) / levels

    return _with_gradient(forward, backward)(x)
