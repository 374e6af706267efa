"""First spikes and logarithmic arithmetic written down naively; imports nothing of spkeras."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, getcontext
from fractions import Fraction

import numpy as np

getcontext().prec = 80


def power_of_two(numerator, denominator):
    """2^(numerator / denominator) to 80 digits."""
    return Decimal(2) ** (Decimal(numerator) / Decimal(denominator))


def first_step(u, timesteps, tau, theta0=1.0):
    """Steps through the window of one neuron; T for silence. Thresholds as float64 knows them."""
    for step in range(timesteps):
        if u >= theta0 * 2.0 ** (-step / tau):
            return step
    return timesteps


def value_of(step, timesteps, tau, theta0=1.0):
    return 0.0 if step == timesteps else theta0 * 2.0 ** (-step / tau)


def rounded_product(weight, weight_steps, spike, tau, bits):
    """2^(-weight / weight_steps) 2^(-spike / tau) to so many significant bits, as a Fraction."""
    exact = power_of_two(-(weight * tau + spike * weight_steps), weight_steps * tau)
    octave = 0
    while exact * 2**octave < 1:
        octave += 1
    scaled = exact * 2 ** (octave + bits - 1)
    whole = int(scaled.to_integral_value(rounding=ROUND_HALF_UP))
    return Fraction(whole, 2 ** (octave + bits - 1))


def whole_product(weight, weight_steps, spike, tau, bits, fraction):
    """The same in units of 2^(1 - bits - fraction), what lies below them cut off."""
    exact = rounded_product(weight, weight_steps, spike, tau, bits) * Fraction(2) ** (
        bits - 1 + fraction
    )
    return exact.numerator // exact.denominator


def least_reaching(theta, unit):
    """The least whole number of units that is not below a threshold, both Decimals."""
    return int((theta / unit).to_integral_value(rounding=ROUND_CEILING))


def clipped(start, products, bits):
    """Adds up one by one in a two's complement number that clips; the sum and how often."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    total, events = start, 0
    for product in products:
        total += product
        if not low <= total <= high:
            total, events = min(max(total, low), high), events + 1
    return total, events


def nearest_level(weight, levels, logarithmic):
    """The distances of a weight to every level, in the domain in which it is rounded."""
    if logarithmic:
        return np.array([abs(np.log2(abs(weight)) - np.log2(level)) for level in levels])
    return np.array([abs(abs(weight) - level) for level in levels])


def burst(x, timesteps, theta):
    """A neuron whose spikes double while it fires step after step."""
    sent, weight = 0.0, theta
    for _ in range(timesteps):
        if x - sent >= weight:
            sent, weight = sent + weight, 2 * weight
        else:
            weight = theta
    return sent


def conv_same(x, kernel):
    """3x3 (or any odd) convolution with zero padding, (h, w, in) by (k, k, in, out), loops."""
    height, width, _ = x.shape
    size = kernel.shape[0] // 2
    y = np.zeros((height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            for a in range(-size, size + 1):
                for b in range(-size, size + 1):
                    if 0 <= i + a < height and 0 <= j + b < width:
                        y[i, j] += x[i + a, j + b] @ kernel[a + size, b + size]
    return y
