"""First spikes and logarithmic arithmetic written down naively; imports nothing of spkeras."""

import functools
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, getcontext
from fractions import Fraction

import numpy as np

getcontext().prec = 80


def power_of_two(numerator, denominator):
    """2^(numerator / denominator) to 80 digits."""
    return Decimal(2) ** (Decimal(int(numerator)) / Decimal(int(denominator)))


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


@functools.cache
def whole_product(weight, weight_steps, spike, tau, bits, fraction):
    """The same in units of 2^(1 - bits - fraction), what lies below them cut off."""
    exact = rounded_product(weight, weight_steps, spike, tau, bits) * Fraction(2) ** (
        bits - 1 + fraction
    )
    return exact.numerator // exact.denominator


def least_reaching(theta, unit):
    """The least whole number of units that is not below a threshold, both Decimals."""
    # The quotient of two roots has not quite 80 true digits: a whole number must stay one.
    ratio = round(theta / unit, 40)
    return int(ratio.to_integral_value(rounding=ROUND_CEILING))


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


def taps_same(height, width, size):
    """(out row, out column, tap row, tap column, in row, in column) of a convolution."""
    half = size // 2
    for i in range(height):
        for j in range(width):
            for a in range(size):
                for b in range(size):
                    if 0 <= i + a - half < height and 0 <= j + b - half < width:
                        yield i, j, a, b, i + a - half, j + b - half


def whole_exponents(kernel, steps):
    """Sign and exponent below the largest weight of a kernel of levels; and that exponent."""
    sizes = np.abs(kernel)
    down = np.full(kernel.shape, -1)
    top = round(steps * float(np.log2(sizes.max())))
    for place in zip(*np.nonzero(sizes), strict=True):
        down[place] = top - round(steps * float(np.log2(sizes[place])))
    return np.sign(kernel).astype(int), down, top


class WholeChain:
    """The network `tests.ttfs.nets.chain` in Python's own whole numbers, synapse by synapse."""

    def __init__(self, weights, timesteps, tau, steps, bits, fractions, pool=2):
        self.weights, self.timesteps, self.tau = weights, timesteps, tau
        self.steps, self.bits, self.fractions, self.pool = steps, bits, fractions, pool

    def run(self, image, levels=255):
        """Times of the three layers that fire, and the sums of the read-out."""
        coded = np.vectorize(lambda p: first_step(p, self.timesteps, self.tau, levels))(image)
        first = self._fired(0, self._convolved(0, coded, 1), 1)
        second = self._fired(1, self.averaged(first), self.pool**2)
        return coded, first, second, self._dense(second)

    def averaged(self, times):
        """Sums of the second convolution, which follows the average."""
        return self._convolved(1, times, self.pool)

    def unit(self, layer, members):
        """What the accumulator's last bit stands for."""
        _, _, top = whole_exponents(self.weights[layer][0], self.steps)
        below = self.bits - 1 + self.fractions[layer]
        return power_of_two(top, self.steps) / members / Decimal(2) ** below

    def _bias(self, layer, members):
        unit = self.unit(layer, members)
        return [
            int((Decimal(float(b)) / unit + Decimal("0.5")).to_integral_value("ROUND_FLOOR"))
            for b in self.weights[layer][1]
        ]

    def _product(self, layer, sign, down, time):
        if time == self.timesteps or sign == 0:
            return 0
        whole = whole_product(down, self.steps, time, self.tau, self.bits, self.fractions[layer])
        return int(sign) * whole

    def _convolved(self, layer, times, pool):
        """Sums of a 3x3 convolution behind an average over pool x pool spikes."""
        sign, down, _ = whole_exponents(self.weights[layer][0], self.steps)
        height, width = times.shape[0] // pool, times.shape[1] // pool
        sums = np.zeros((height, width, sign.shape[-1]), object)
        sums[...] = self._bias(layer, pool**2)
        for i, j, a, b, y, x in taps_same(height, width, 3):
            for time, channel in self._cell(times, y, x, pool):
                for out in range(sign.shape[-1]):
                    place = a, b, channel, out
                    sums[i, j, out] += self._product(layer, sign[place], down[place], time)
        return sums

    def _cell(self, times, y, x, pool):
        for row in range(y * pool, (y + 1) * pool):
            for column in range(x * pool, (x + 1) * pool):
                yield from ((time, c) for c, time in enumerate(times[row, column]))

    def _fired(self, layer, sums, members):
        unit = self.unit(layer, members)
        thresholds = [
            least_reaching(power_of_two(-k, self.tau), unit) for k in range(self.timesteps)
        ]
        return np.vectorize(
            lambda u: next((k for k, t in enumerate(thresholds) if u >= t), self.timesteps)
        )(sums)

    def _dense(self, times):
        sign, down, _ = whole_exponents(self.weights[2][0], self.steps)
        sums = self._bias(2, 1)
        for row, time in enumerate(times.reshape(-1)):
            for out in range(len(sums)):
                sums[out] += self._product(2, sign[row, out], down[row, out], time)
        return sums


def ways(*matrices):
    """(source, target, weight) of each way through linear maps, (inputs, outputs) each.

    A weight is what the maps on the way make of one spike; ways that meet are kept apart.
    """
    found = [(i, o, float(matrices[0][i, o])) for i, o in zip(*np.nonzero(matrices[0]))]
    for matrix in matrices[1:]:
        reached = [np.flatnonzero(row) for row in matrix]
        found = [(i, o, w * float(matrix[m, o])) for i, m, w in found for o in reached[m]]
    return found


class WholeLayer:
    """One layer of neurons in Python's own whole numbers, way by way.

    unit is what the accumulator's last bit stands for, fraction its bits below the table's last.
    """

    def __init__(self, timesteps, tau, steps, bits, fraction, unit):
        self.timesteps, self.tau, self.grid = timesteps, tau, max(steps, tau)
        self.bits, self.fraction = bits, fraction
        # Exponent of the largest product, in parts of an octave.
        self.top = round(self.grid * (float(np.log2(unit)) + bits - 1 + fraction))

    def sums(self, arriving, bias):
        """Final sums; arriving: (ways, times of the sources) for each source."""
        exact = self.power(self.top) / 2 ** (self.bits - 1 + self.fraction)
        total = [
            int((Decimal(float(b)) / exact + Decimal("0.5")).to_integral_value("ROUND_FLOOR"))
            for b in bias
        ]
        for found, times in arriving:
            for source, target, weight in found:
                if times[source] < self.timesteps:
                    down = self.top - round(self.grid * float(np.log2(abs(weight))))
                    size = whole_product(
                        down, self.grid, int(times[source]), self.tau, self.bits, self.fraction
                    )
                    total[target] += size if weight > 0 else -size
        return total

    def fired(self, sums):
        """First-spike times of the neurons."""
        exact = self.power(self.top) / 2 ** (self.bits - 1 + self.fraction)
        thresholds = [
            least_reaching(power_of_two(-k, self.tau), exact) for k in range(self.timesteps)
        ]
        return [next((k for k, t in enumerate(thresholds) if u >= t), self.timesteps) for u in sums]

    def power(self, exponent):
        """2^(exponent / grid)."""
        return power_of_two(exponent, self.grid)


def sent(code, u, steps, scale):
    """Steps through the window of all neurons of a layer: spikes (samples, steps, n), values."""
    rest, weight = u.copy(), np.full(u.shape, scale)
    spikes, value = [], np.zeros(u.shape)
    for step in range(steps):
        # The period of a phase code has fixed weights; those of a burst double spike by spike.
        own = np.full(u.shape, scale / 2 ** (step + 1)) if code == "phase" else weight
        fires = rest >= own
        rest, value = rest - fires * own, value + fires * own
        weight = np.where(fires, 2 * weight, scale)
        spikes.append(fires)
    return np.stack(spikes, 1), value


def windows_of_trains(code, x, layers, steps, scale):
    """A chain of dense layers, window after window: spikes of each layer of neurons, outputs."""
    trains, u = [], x.astype("float64")
    for weights, bias in layers:
        spikes, value = sent(code, u, steps, scale)
        trains.append(spikes)
        u = value @ weights + bias
    return trains, u
