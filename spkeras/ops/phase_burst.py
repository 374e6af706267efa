"""Phase and burst spikes on `keras.ops`: the values they represent, and the spikes themselves.

The spikes of a window are one whole number of T bits; the first step is the highest bit. Both codes
are greedy: the larger of two potentials has the larger word, and the larger value.
"""

from collections.abc import Iterator

from keras import ops

from spkeras.ops.types import Tensor


def phase_value(x: Tensor, bits: int, theta0: float) -> Tensor:
    """Return the largest multiple of a period's smallest spike, theta0 2^-bits, not above x.

    Args:
        x: Values of any shape; cut to [0, theta0 (1 - 2^-bits)].
        bits: Steps of a period; their spikes have the weights 1/2, 1/4 ... 2^-bits of theta0.
        theta0: Scale of the weights, in units of x.
    """
    return _phase_word(x, bits, theta0) / (2.0**bits / theta0)


def phase_spikes(x: Tensor, bits: int, theta0: float) -> Tensor:
    """Return the spikes of a period as words, int32; see `phase_value`."""
    return ops.cast(_phase_word(x, bits, theta0), "int32")


def phase_decoded(words: Tensor, bits: int, theta0: float, dtype: str) -> Tensor:
    """Return the values of words of phase spikes; see `phase_value`."""
    return ops.cast(words, dtype) / (2.0**bits / theta0)


def _phase_word(x: Tensor, bits: int, theta0: float) -> Tensor:
    steps = 2.0**bits / theta0
    return ops.floor(ops.clip(x, 0.0, theta0 * (1.0 - 2.0**-bits)) * steps)


def burst_value(x: Tensor, timesteps: int, theta: float) -> Tensor:
    """Return the sum of a window's spikes, where each spike of a burst has twice the weight before.

    Args:
        x: Potential before the first step, of any shape.
        timesteps: Steps of the window.
        theta: Weight of a burst's first spike, in units of x.
    """
    sent = ops.zeros_like(x)
    for spike in _burst(x, timesteps, theta):
        sent = sent + spike
    return sent


def burst_spikes(x: Tensor, timesteps: int, theta: float) -> Tensor:
    """Return the spikes of a window as words, int32; see `burst_value`."""
    words = ops.zeros_like(x, dtype="int32")
    for spike in _burst(x, timesteps, theta):
        words = 2 * words + ops.cast(spike > 0, "int32")
    return words


def burst_decoded(words: Tensor, timesteps: int, theta: float, dtype: str) -> Tensor:
    """Return the values of words of burst spikes; see `burst_value`."""
    sent = ops.zeros_like(words, dtype=dtype)
    weight = ops.full_like(sent, theta)
    for step in range(timesteps):
        fired = bit(words, timesteps - 1 - step) > 0
        sent = sent + ops.where(fired, weight, 0.0)
        weight = ops.where(fired, 2.0 * weight, theta)
    return sent


def _burst(x: Tensor, timesteps: int, theta: float) -> Iterator[Tensor]:
    """Yield what a neuron sends at each step: the weight of its spike, or 0."""
    rest, weight = x, ops.full_like(x, theta)
    for _ in range(timesteps):
        spike = ops.where(rest >= weight, weight, 0.0)
        yield spike
        rest = rest - spike
        weight = ops.where(spike > 0, 2.0 * weight, theta)


def bit(words: Tensor, place: int) -> Tensor:
    """Return one bit of words, int32."""
    return ops.bitwise_and(ops.right_shift(words, place), 1)


def spikes_in(words: Tensor, timesteps: int) -> Tensor:
    """Return the number of spikes in words of T bits, int32."""
    count = ops.zeros_like(words)
    for place in range(timesteps):
        count = count + bit(words, place)
    return count
