"""Graded spikes by bit arithmetic: against a list of all levels, every tie of every list."""

from contextlib import nullcontext

import numpy as np
import pytest
from keras import ops

from spkeras.ops.compiled import unfused
from spkeras.ops.names import MOST_LEVELS, MOST_MANTISSA_BITS
from spkeras.ops.quantizer import rounded_float, whole
from tests import oracle_neurons

LEVELS = range(1, MOST_LEVELS + 1)
MANTISSAS = range(MOST_MANTISSA_BITS + 1)


@pytest.fixture(autouse=True, params=["bits", "comparisons"])
def arithmetic(request):
    """Both ways to compute a graded spike."""
    with unfused() if request.param == "comparisons" else nullcontext():
        yield


def rounded(x, levels, mantissa_bits=0):
    return np.asarray(rounded_float(ops.convert_to_tensor(np.float32(x)), levels, mantissa_bits))


@pytest.mark.parametrize(
    ("levels", "mantissa_bits", "wanted"),
    [
        (1, 0, [1]),
        (4, 0, [1, 1 / 2, 1 / 4, 1 / 8]),
        (1, 1, [1]),
        (3, 1, [1, 3 / 4, 1 / 2, 3 / 8, 1 / 4]),
        (2, 2, [1, 7 / 8, 6 / 8, 5 / 8, 1 / 2]),
        (2, 3, [1, 15 / 16, 14 / 16, 13 / 16, 12 / 16, 11 / 16, 10 / 16, 9 / 16, 1 / 2]),
    ],
)
def test_the_sizes_of_spikes_are_these(levels, mantissa_bits, wanted):
    """By hand; and they are all the sizes that a fine grid of amounts is rounded to."""
    assert oracle_neurons.sizes(levels, mantissa_bits) == wanted
    found = np.unique(rounded(np.linspace(0, 3, 20001), levels, mantissa_bits))
    np.testing.assert_array_equal(found, [0, *reversed(wanted)])


@pytest.mark.parametrize("mantissa_bits", MANTISSAS)
def test_a_tie_goes_up_and_the_next_number_below_it_does_not(mantissa_bits):
    """Each tie of each number of levels, of both signs: half way between neighbours; below the
    smallest level half way to the next finer one, from where on nothing is sent."""
    for levels in LEVELS:
        sizes, leasts = np.float32(oracle_neurons.ties(levels, mantissa_bits)).T
        assert (leasts < sizes).all() and (leasts[:-1] > sizes[1:]).all()
        below = np.nextafter(leasts, np.float32(0))
        smaller = np.append(sizes[1:], np.float32(0))
        for sign in (1, -1):
            for x, wanted in ((leasts, sizes), (sizes, sizes), (below, smaller)):
                found = rounded(sign * x, levels, mantissa_bits)
                np.testing.assert_array_equal(found, sign * wanted, err_msg=f"{levels} levels")


@pytest.mark.parametrize("mantissa_bits", MANTISSAS)
def test_any_amount_is_rounded_to_the_listed_level(mantissa_bits):
    rng = np.random.default_rng(mantissa_bits)
    x = np.float32(rng.choice([-1, 1], 5000) * 2.0 ** rng.uniform(-26, 3, 5000))
    for levels in LEVELS:
        wanted = oracle_neurons.Graded(levels, mantissa_bits)(x.astype("float64"))
        np.testing.assert_array_equal(rounded(x, levels, mantissa_bits), wanted)


@pytest.mark.parametrize("mantissa_bits", MANTISSAS)
@pytest.mark.parametrize("levels", [1, 8, 24])
def test_nothing_and_too_much(levels, mantissa_bits):
    tiny = np.finfo("float32").smallest_subnormal
    none = rounded([0.0, -0.0, tiny, -tiny, 1e-38], levels, mantissa_bits)
    np.testing.assert_array_equal(none, np.zeros(5))
    much = rounded([1, 1.5, 2, 1e30, 3e38, -1, -1.75, -3e38], levels, mantissa_bits)
    assert much.tolist() == [1, 1, 1, 1, 1, -1, -1, -1]


def test_without_mantissa_it_is_the_published_power_of_two():
    """sign(x) 2^floor(log2(|x| / 0.75)), at most 1 (multi-threshold neuron)."""
    x = np.linspace(-2, 2, 4001)[1::2]
    exponent = np.minimum(np.floor(np.log2(abs(x) / 0.75)), 0)
    wanted = np.where(exponent > -6, np.sign(x) * 2.0**exponent, 0)
    np.testing.assert_array_equal(rounded(x, 6), wanted)
    assert len(np.unique(wanted)) == 13


@pytest.mark.parametrize("mantissa_bits", MANTISSAS)
def test_what_is_left_is_small(mantissa_bits):
    """Up to 1 half a unit of the last bit of what is sent; where nothing is, less than the
    smallest level."""
    x = np.linspace(0, 1, 30001)
    for levels in (1, 5, 10):
        sent = rounded(x, levels, mantissa_bits)
        bound = np.maximum(2.0**-mantissa_bits * x / 2, 2.0 ** (1 - levels))
        left = abs(x - sent)
        assert (left[sent > 0] <= bound[sent > 0] + 1e-7).all()
        assert (left[sent == 0] < 2.0 ** (1 - levels)).all()


def test_whole_spikes_are_rounded_down_and_cut():
    x = np.array([-3.5, -2, -0.25, 0, 0.75, 1, 1.999, 7], "float32")
    assert np.asarray(whole(x, -2, 3)).tolist() == [-2, -2, -1, 0, 0, 1, 1, 3]
    assert np.asarray(whole(x, 0, 1)).tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_powers_of_two_by_default():
    x = ops.convert_to_tensor(np.float32([0.7, 0.76, 0.37, -0.4]))
    assert np.asarray(rounded_float(x, 4)).tolist() == [0.5, 1.0, 0.25, -0.5]
