"""Clamping and quantising with the gradients that training needs, on `keras.ops`.

A quantiser is flat almost everywhere. Its gradient is taken to be that of the identity
(straight-through), optionally with what comes from above cut to +-1, element by element, as CQ
has it. The clamp passes a gradient at both of its ends, which backends do not agree on by
themselves.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

# Share of a level by which a value may fall short of it and still reach it: sums of the same
# products in another order differ by that much in float32, and must not decide. Networks that
# were trained with it start their neurons with as much of a threshold.
TOLERANCE = 2.0**-10


def _with_gradient(
    forward: Callable[[Any], Any], backward: Callable[[Any, Any], Any]
) -> Callable[[Any], Any]:
    """forward(x), with the gradient backward(x, upstream)."""

    @ops.custom_gradient
    def function(x: Any) -> Any:
        def gradient(*given: Any, upstream: Any = None) -> Any:
            # PyTorch gives what forward received, and the upstream gradient by name.
            return backward(x, given[0] if upstream is None else upstream)

        return forward(x), gradient

    return function


def clamp(x: Any, high: float = 1.0) -> Any:
    """min(max(x, 0), high); the gradient is 1 for 0 <= x <= high and 0 elsewhere."""

    def backward(x: Any, upstream: Any) -> Any:
        inside = ops.logical_and(x >= 0.0, x <= high)
        return ops.where(inside, upstream, ops.zeros_like(upstream))

    return _with_gradient(lambda x: ops.clip(x, 0.0, high), backward)(x)


def rounded(x: Any, levels: float, shift: float = 0.0, cut: bool = True) -> Any:
    """floor(x levels + shift + tolerance) / levels, straight-through.

    Args:
        x: Values >= 0.
        levels: Steps in a unit.
        shift: Share of a level given in advance: 0 rounds down, 1/2 to the nearest.
        cut: Whether the gradient from above is cut to +-1, element by element.

    Reference:
        Yan et al. 2021 (floor and the cut gradient: the published code of CQ).
    """

    def backward(x: Any, upstream: Any) -> Any:
        return ops.clip(upstream, -1.0, 1.0) if cut else upstream

    def forward(x: Any) -> Any:
        return ops.floor(x * levels + (shift + TOLERANCE)) / levels

    return _with_gradient(forward, backward)(x)
