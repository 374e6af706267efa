"""Single layers of spiking neurons in float64: explicit loops over time.

It imports nothing from the library. Whole spikes are charged, compared and reset one by one;
graded spikes are found by comparing with every level there is. A neuron under a code is a
*sender*: told at each step what its listeners still miss, it answers what it sends of it.
"""

import numpy as np

# --- whole spikes under the rate code ----------------------------------------------------------


def integrate_fire(currents, threshold=1.0, alpha=0.5, reset="subtract"):
    """Spikes (T, ...) and last potential of the plain neuron, for currents (T, ...)."""
    potential = np.full(np.shape(currents)[1:], float(alpha)) * threshold
    spikes = []
    for current in currents:
        potential = potential + current
        fired = potential >= threshold
        spikes.append(fired.astype("float64"))
        left = potential - threshold if reset == "subtract" else np.zeros_like(potential)
        potential = np.where(fired, left, potential)
    return np.array(spikes), potential


def tracking(currents, threshold=1.0, alpha=0.5, low=0, high=1, respond=None):
    """Spikes (T, ...) of a neuron whose count follows a function of the current so far.

    Args:
        currents: (T, ...).
        threshold: What one spike stands for.
        alpha: Share of a level given in advance.
        low: Least number of spikes in one step, 0 or negative.
        high: Largest number of spikes in one step.
        respond: (sum of currents, steps so far) to the sum it stands for; default ReLU.
    """
    respond = respond or (lambda total, steps: np.where(total > 0, total, 0.0))
    return rate([currents], Whole(alpha, low, high), respond, threshold)


def fire_after(total, steps, threshold=1.0, alpha=0.5, low=0, high=1):
    """Spikes of a layer that has received `total` and now fires for `steps` steps."""
    potential = alpha * threshold + np.asarray(total, "float64")
    count = np.zeros(np.shape(potential))
    for _ in range(steps * high):
        fired = potential >= threshold
        potential, count = np.where(fired, potential - threshold, potential), count + fired
    for _ in range(-steps * low):
        fired = potential < 0
        potential, count = np.where(fired, potential + threshold, potential), count - fired
    return count


def closed_form(current, steps, threshold=1.0, alpha=0.5):
    """Count of the plain neuron for a constant current, or once a mean current is known."""
    return np.clip(np.floor(steps * np.asarray(current) / threshold + alpha), 0, steps)


# --- senders: what one step sends of what is missing -------------------------------------------


def sizes(levels, mantissa_bits=0):
    """All sizes of a graded spike, the largest first: 2^-k (1 + m / 2^bits), none above 1."""
    fractions = [1 + m / 2**mantissa_bits for m in range(2**mantissa_bits)]
    every = {2.0**-k * fraction for k in range(levels) for fraction in fractions}
    return sorted((size for size in every if size <= 1), reverse=True)


def ties(levels, mantissa_bits=0):
    """(size, least amount that is sent by it): half way from the next finer one of its form."""
    every, least = sizes(levels + 1, mantissa_bits), 2.0 ** (1 - levels)
    pairs = zip(every, every[1:] + [every[-1] / 2], strict=True)
    return [(size, (size + finer) / 2) for size, finer in pairs if size >= least]


class Graded:
    """Sends the level whose range the missing amount is in, with its sign.

    Attributes:
        closest: The least distance of a missing amount from a tie so far, but for those on it.
        tied: How many lay on one.
    """

    def __init__(self, levels, mantissa_bits=0):
        self.ties, self.closest, self.tied = ties(levels, mantissa_bits), np.inf, 0

    def __call__(self, missing):
        amount, sent = abs(missing), np.zeros(np.shape(missing))
        for size, least in reversed(self.ties):
            sent = np.where(amount >= least, size, sent)
            _note(self, abs(amount - least))
        return np.sign(missing) * sent


def _note(sender, distances):
    sender.tied += int((distances == 0).sum())
    sender.closest = min(sender.closest, distances[distances > 0].min(initial=np.inf))


class Whole:
    """Sends unit spikes one by one, from `low` to `high` a step; `alpha` is given in advance."""

    def __init__(self, alpha=0.5, low=0, high=1):
        self.alpha, self.low, self.high = alpha, low, high
        self.closest, self.tied = np.inf, 0

    def __call__(self, missing):
        level, sent = missing + self.alpha, np.zeros(np.shape(missing))
        for _ in range(self.high):
            sent = np.where(level - sent >= 1, sent + 1, sent)
        for _ in range(-self.low):
            sent = np.where(level - sent < 0, sent - 1, sent)
        inside = level[(level > self.low - 0.5) & (level < self.high + 0.5)]
        _note(self, abs(inside - np.rint(inside)))
        return sent


# --- codes: what spikes mean to whoever receives them ------------------------------------------


def rate(currents, send, respond, threshold=1.0):
    """A listener's value is the mean of the spikes: their sum follows the sum of the target.

    Args:
        currents: (T, ...) of each input.
        send: A sender.
        respond: (sum of the currents of each input ..., steps so far) to the sum it stands for.
        threshold: What one spike stands for.
    """
    totals, sent, spikes = [0.0] * len(currents), 0.0, []
    for steps, now in enumerate(zip(*currents, strict=True), 1):
        totals = [total + current for total, current in zip(totals, now, strict=True)]
        spikes.append(send(respond(*totals, steps) / threshold - sent))
        sent = sent + spikes[-1]
    return np.array(spikes)


def delta(currents, send, respond, threshold=1.0, offsets=(0.0,)):
    """The sender keeps what it has sent, and so do its listeners: the sum is the value.

    Args:
        currents: (T, ...) of each input: changes of its value.
        send: A sender.
        respond: Values of the inputs to the value it stands for.
        threshold: What one spike stands for.
        offsets: Value of each input before the first step.
    """
    values, kept, spikes = list(offsets), 0.0, []
    for now in zip(*currents, strict=True):
        values = [value + change for value, change in zip(values, now, strict=True)]
        spikes.append(send(respond(*values) / threshold - kept))
        kept = kept + spikes[-1]
    return np.array(spikes)


def differential(currents, send, respond, threshold=1.0, offsets=(0.0,)):
    """A spike at step t moves the running mean that a listener has by 1 / t of its size.

    The published recursion (Huang et al., ICML 2025), v += (z - b) + e_in - e_out, on the
    neuron's own value x = f(e_in) / V: what changes it at step t is the current t (x - x
    before), what it was is the mean e_in so far.

    Args: as `delta`; a current counts 1 / t of its size.
    """
    means = [np.zeros_like(c[0]) + offset for c, offset in zip(currents, offsets, strict=True)]
    potential, value, mean_out, spikes = 0.0, respond(*means) / threshold, 0.0, []
    for steps, now in enumerate(zip(*currents, strict=True), 1):
        means = [mean + current / steps for mean, current in zip(means, now, strict=True)]
        before, value = value, respond(*means) / threshold
        potential = potential + steps * (value - before) + before - mean_out
        spikes.append(send(potential))
        potential = potential - spikes[-1]
        mean_out = mean_out + spikes[-1] / steps
    return np.array(spikes)


def differential_as_published(currents, send, bias=0.0):
    """v += (z - b) + e_in - e_out; e_in += (z - b) / t; e_out += s / t; e_in starts at b.

    For a neuron that hands on what it receives, V = 1; z - b: currents (T, ...) of spikes.
    """
    potential, mean_in, mean_out, spikes = 0.0, bias, 0.0, []
    for steps, current in enumerate(currents, 1):
        potential = potential + current + mean_in - mean_out
        spikes.append(send(potential))
        potential = potential - spikes[-1]
        mean_in, mean_out = mean_in + current / steps, mean_out + spikes[-1] / steps
    return np.array(spikes)


def send_value(value, steps, send, code):
    """What a listener holds after `steps` steps of a sender that knows its value, or its sum
    under the rate code, from the first step on."""
    sent = np.zeros(np.shape(value))
    for t in range(1, steps + 1):
        if code == "differential":
            sent = sent + send(t * (value - sent)) / t
        else:
            sent = sent + send(value - sent)
    return sent


def grades(spikes, levels):
    """Of graded spikes (T, batch, ...): how many have each exponent (levels,); of each neuron
    how many are of size 1, and how many powers of two they are sums of."""
    left, powers = abs(np.asarray(spikes, "float64")), 0.0
    exponents = [((left >= 2.0**-k) & (left < 2.0 ** (1 - k))).sum() for k in range(levels)]
    ones = (left == 1).sum((0, 1))
    for k in range(levels + 4):
        fits = left >= 2.0**-k
        left, powers = np.where(fits, left - 2.0**-k, left), powers + fits
    assert not left.any()
    return np.array(exponents), ones, powers.sum((0, 1))
