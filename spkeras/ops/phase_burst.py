"""Values that phase and burst spikes represent, on `keras.ops`."""

from keras import ops

from spkeras.ops.types import Tensor


def phase_value(x: Tensor, bits: int, theta0: float) -> Tensor:
    """Return the largest multiple of a period's smallest spike, theta0 2^-bits, not above x.

    Args:
        x: Values of any shape; cut to [0, theta0 (1 - 2^-bits)].
        bits: Steps of a period; their spikes have the weights 1/2, 1/4 ... 2^-bits of theta0.
        theta0: Scale of the weights, in units of x.
    """
    steps = 2.0**bits / theta0
    return ops.floor(ops.clip(x, 0.0, theta0 * (1.0 - 2.0**-bits)) * steps) / steps


def burst_value(x: Tensor, timesteps: int, theta: float) -> Tensor:
    """Return the sum of a window's spikes, where each spike of a burst has twice the weight before.

    Args:
        x: Potential before the first step, of any shape.
        timesteps: Steps of the window.
        theta: Weight of a burst's first spike, in units of x.
    """
    rest, sent, weight = x, ops.zeros_like(x), ops.full_like(x, theta)
    for _ in range(timesteps):
        spike = ops.where(rest >= weight, weight, 0.0)
        rest, sent = rest - spike, sent + spike
        weight = ops.where(spike > 0, 2.0 * weight, theta)
    return sent
