"""What a window of spikes carries, against every size of a spike that there is."""

import numpy as np
import pytest

from spkeras.passes.coder import Coder, rounded_float


def spike(x, levels, bits):
    """The nearest of all sizes down to 2^-40, up where two are as near; at most 1, and nothing
    where the nearest is finer than the last exponent."""
    sizes = np.array([2.0**-k * (1 + m / 2**bits) for k in range(-8, 41) for m in range(2**bits)])
    distance = abs(sizes - abs(x))
    nearest = sizes[distance == distance.min()].max()
    return np.sign(x) * (min(nearest, 1.0) if nearest >= 2.0 ** (1 - levels) else 0.0)


@pytest.mark.parametrize("levels", [1, 3, 8, 16])
@pytest.mark.parametrize("bits", [0, 1, 3])
def test_one_spike(levels, bits):
    x = np.random.default_rng(0).uniform(-2, 2, 200) * 2.0 ** -np.arange(200.0 // 1) ** 0.5
    edges = [0.75, 1.0, 1.25, 3.0, 0.0, 2.0**-20]
    smallest = 2.0 ** (1 - levels)
    x = np.float32([*x, *edges, smallest, 0.74 * smallest, 0.76 * smallest, -0.99 * smallest])
    found = rounded_float(x, levels, bits)
    assert found.tolist() == [spike(float(value), levels, bits) for value in x]


@pytest.mark.parametrize("rate", [True, False])
def test_a_window_of_graded_spikes(rate):
    values = np.float32([0, 0.003, 0.1, 0.3, 0.99, 1.0, 1.7])
    coder = Coder(3, graded=True, rate=rate, levels=5, mantissa_bits=1)
    for value, carried in zip(values, coder.carried(values), strict=True):
        wanted, sent = float(value) * (3 if rate else 1), 0.0
        for _ in range(3):
            sent += spike(wanted - sent, 5, 1)
        assert carried == pytest.approx(sent / (3 if rate else 1), abs=1e-6)


def test_a_window_of_whole_spikes():
    values = np.float32([0, 0.12, 0.13, 0.5, 0.88, 2.0, 9.0])
    for limit, most in ((1, 1.0), (4, 4.0)):
        found = Coder(4, max_spikes_per_step=limit).carried(values)
        wanted = np.minimum(np.floor(values * 4 + 0.5) / 4, most)
        np.testing.assert_allclose(found, wanted)


def test_a_coder_by_default():
    assert Coder(4) == Coder(
        4,
        graded=False,
        rate=True,
        initial_potential=0.5,
        max_spikes_per_step=1,
        levels=8,
        mantissa_bits=0,
    )
