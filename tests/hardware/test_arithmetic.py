"""Tables of whole numbers against 80 digits."""

from fractions import Fraction

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs import HardwareConfig
from spkeras.hardware.log_ttfs.arithmetic import (
    ceiling_of_two,
    cut,
    mantissa_table,
    product_table,
    products,
    root_of_two,
    rounded_power,
    split,
)
from tests import oracle_ttfs as oracle


@pytest.mark.parametrize("denominator", [1, 2, 4, 8])
def test_powers_are_exact_floors_and_ceilings(denominator):
    for numerator in range(-9, 160):
        exact = oracle.power_of_two(numerator, denominator)
        assert root_of_two(numerator, denominator) == int(exact) * (numerator >= 0)
        ceiling = int(exact.to_integral_value("ROUND_CEILING"))
        # The root of an exact power has 79 true digits, not 80.
        if numerator >= 0 and numerator % denominator == 0:
            ceiling = 2 ** (numerator // denominator)
        assert ceiling_of_two(numerator, denominator) == max(ceiling, 1)
        nearest = int(exact.to_integral_value("ROUND_HALF_UP"))
        if numerator >= 0:
            assert rounded_power(numerator, denominator) == nearest


@pytest.mark.parametrize("bits", [2, 5, 8, 12, 16, 22])
@pytest.mark.parametrize("steps, tau", [(1, 1), (2, 4), (4, 2), (1, 8), (8, 1)])
def test_every_product_is_the_exact_one_rounded_to_the_table(steps, tau, bits):
    """All pairs of 5-bit weight codes and 24 spike times."""
    grid = max(steps, tau)
    times = np.arange(24) * (grid // tau)
    q = np.arange(16)[:, None] * (grid // steps)
    distance = q + times[None]
    mantissa = mantissa_table(grid, bits)
    enough = int(distance.max() // grid + 1)
    found = products(distance, mantissa, enough)
    unit = Fraction(1, 2 ** (bits - 1 + enough))
    for weight in range(16):
        for spike in range(24):
            expected = oracle.rounded_product(weight, steps, spike, tau, bits)
            assert int(found[weight, spike]) * unit == expected, (weight, spike)
    assert not cut(distance, mantissa, enough).any()


@pytest.mark.parametrize("fraction", [-6, 0, 3, 7, 12])
def test_what_lies_below_the_accumulator_is_cut_off(fraction):
    mantissa = mantissa_table(4, 8)
    times = np.arange(24)
    table = product_table(15, 2, times, 5, mantissa, fraction)
    lost = cut(5 + np.arange(16)[:, None] * 2 + times[None], mantissa, fraction)
    for weight in range(15):
        for spike in range(24):
            # The offset of 5 quarter octaves belongs to the exponent of the weight.
            exact = oracle.rounded_product(2 * weight + 5, 4, spike, 4, 8)
            scaled = exact * Fraction(2) ** (7 + fraction)
            assert table[weight, spike] == scaled.numerator // scaled.denominator
            assert lost[weight, spike] == (scaled.denominator != 1)
    assert not table[15].any() and not table[:, 24].any()


def test_a_table_by_hand():
    assert mantissa_table(1, 4).tolist() == [8]
    assert mantissa_table(2, 4).tolist() == [8, 11]
    table = product_table(2, 1, np.arange(3), 0, mantissa_table(1, 4), 4)
    assert table.tolist() == [[128, 64, 32, 0], [64, 32, 16, 0], [0, 0, 0, 0]]
    assert table.dtype == np.int64


def test_products_by_hand():
    """8 11 of a table of half octaves, five bits above the last one to five below it."""
    mantissa = mantissa_table(2, 4)
    found = [products(np.arange(5), mantissa, fraction).tolist() for fraction in (5, 1, 0, -1, -5)]
    assert found == [
        [256, 176, 128, 88, 64],
        [16, 11, 8, 5, 4],
        [8, 5, 4, 2, 2],
        [4, 2, 2, 1, 1],
        [0] * 5,
    ]
    lost = [cut(np.arange(5), mantissa, fraction).tolist() for fraction in (1, 0, -1, -4)]
    assert lost == [
        [False, False, False, True, False],
        [False, True, False, True, False],
        [False, True, False, True, False],
        [True] * 5,
    ]
    shift, index = split(np.array([0, 1, 3, 4, 5]), 4)
    assert (shift.tolist(), index.tolist()) == ([0, 1, 1, 1, 2], [0, 3, 1, 0, 3])


def test_entries_of_most_bits_shifted_out_altogether():
    """30 bits, 70 octaves down: nothing is left, and all of it is cut off."""
    mantissa = np.array([2**30 - 1])
    for fraction in (0, 20, -40):
        distance = np.array([70 + fraction, 31 + max(fraction, 0)])
        assert products(distance, mantissa, fraction).tolist() == [0, 0]
        assert cut(distance, mantissa, fraction).all()


@pytest.mark.parametrize(
    "options",
    [
        {"weight_bits": 1},
        {"weight_steps": 3},
        {"table_bits": 1},
        {"accumulator_bits": 54},
        {"tau": 3},
        {"timesteps": 0},
        {"pe_count": 0},
        {"clock_hz": 0},
        {"input_bits": 17},
        {"rounding": "up"},
        {"fraction_bits": 99},
    ],
)
def test_configurations_that_are_none_are_refused(options):
    with pytest.raises(OptionError):
        HardwareConfig(**options)
