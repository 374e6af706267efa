"""The data path synapse by synapse, by hand."""

import numpy as np
import pytest

from spkeras.hardware.log_ttfs.reference import (
    ABSENT,
    arrivals,
    arriving,
    clipped_sums,
    layer_sums,
)
from tests.hardware import byhand


def sums(program, name, times):
    return layer_sums(program, program.by_name[name], times)


def test_sums_of_a_chain_by_hand():
    program = byhand.chain()
    found = sums(program, "hidden", {"code": byhand.CHAIN_CODE})
    assert found.dtype == np.int64 and found.tolist() == byhand.CHAIN_SUMS.tolist()
    found = sums(program, "end", {"hidden": byhand.CHAIN_TIMES})
    assert found.tolist() == [[[byhand.CHAIN_END[0]]], [[byhand.CHAIN_END[1]]]]


def test_sums_of_groups_cells_and_two_sources_by_hand():
    times = {"code": byhand.JOINED_CODE, "other": byhand.JOINED_OTHER}
    found = sums(byhand.joined(), "both", times)
    assert found.tolist() == byhand.JOINED_SUMS.tolist()


def test_products_below_the_last_bit_are_cut_by_hand():
    """One bit fewer than the table has: 4 3 2 2 | 2 1 1 1 | 1 0 ... from d = 0 on."""
    found = sums(byhand.chain(fraction=-1), "hidden", {"code": byhand.CHAIN_CODE})
    assert found[0].tolist() == [[10 + 4 - 2, -20 - 2 + 3, 0 + 1], [10 - 1, -20 + 1, 0]]


def test_spike_times_under_each_tap_of_each_member():
    both = byhand.joined().by_name["both"]
    found = arriving(both.branches[0], byhand.JOINED_CODE, byhand.SILENT)
    first = [[[5, 0], [6, 4]], [[0, 1], [2, 6]]]
    second = [[[0, 1], [2, 6]], [[6, 6], [6, 6]]]
    assert found.tolist() == [[first, second]]
    found = arriving(both.branches[1], byhand.JOINED_OTHER, byhand.SILENT)
    assert found.tolist() == [[[[[0, 1, 3]]], [[[6, 2, 6]]]]]


def received(program, name, times, sample, position, channel):
    neurons = np.array([sample]), np.array([position]), np.array([channel])
    codes, steps, products = arrivals(program, program.by_name[name], times, neurons)
    return list(zip(codes[0].tolist(), steps[0].tolist(), products[0].tolist(), strict=True))


def test_arrivals_of_a_chain_by_hand():
    """Exponents of weights are those of half octaves, 2 q; -1 - 2 q for minus."""
    program, times = byhand.chain(), {"code": byhand.CHAIN_CODE}
    assert received(program, "hidden", times, 0, 0, 0) == [(0, 0, 128), (-3, 1, -80)]
    assert received(program, "hidden", times, 0, 0, 2) == [(ABSENT, 0, 0), (4, 1, 52)]
    # The first tap of the second position lies outside of the map: nothing comes from there.
    assert received(program, "hidden", times, 0, 1, 1) == [(0, 5, 52), (-3, 6, 0)]
    times = {"hidden": byhand.CHAIN_TIMES}
    assert received(program, "end", times, 0, 0, 0) == [
        (0, 3, 80),
        (-3, 3, -52),
        (-1, 4, -64),
        (ABSENT, 5, 0),
        (4, 6, 0),
        (2, 6, 0),
    ]


def test_arrivals_by_step_then_branch_tap_member_and_channel():
    program = byhand.joined()
    times = {"code": byhand.JOINED_CODE, "other": byhand.JOINED_OTHER}
    # Channel 0 has no synapses from the cells, channels 1 to 4 have none from the other input.
    assert received(program, "both", times, 0, 0, 0)[:3] == [(0, 0, 128), (2, 1, 80), (4, 3, 40)]
    assert received(program, "both", times, 0, 0, 1)[:3] == [(-4, 0, -80), (-4, 2, -52), (1, 5, 44)]
    assert received(program, "both", times, 0, 0, 3)[:3] == [
        (-4, 0, -80),
        (ABSENT, 1, 0),
        (-4, 4, -40),
    ]
    assert received(program, "both", times, 0, 0, 4)[:3] == [
        (ABSENT, 0, 0),
        (5, 1, 44),
        (ABSENT, 4, 0),
    ]
    for channel in range(5):
        rest = received(program, "both", times, 0, 0, channel)[3:]
        assert len(rest) == 4 and all(step == 6 and product == 0 for _, step, product in rest)
    found = received(program, "both", times, 0, 1, 0)
    assert (found[0], found[-2:]) == ((2, 2, 64), [(0, 6, 0), (4, 6, 0)])


def test_several_neurons_at_a_time():
    program, times = byhand.chain(), {"code": byhand.CHAIN_CODE}
    neurons = np.array([0, 1]), np.array([0, 1]), np.array([2, 0])
    codes, steps, products = arrivals(program, program.by_name["hidden"], times, neurons)
    assert codes.tolist() == [[ABSENT, 4], [-3, 0]] and ABSENT == -2147483648
    assert steps.tolist() == [[0, 1], [0, 6]] and products.tolist() == [[0, 52], [-88, 0]]


@pytest.mark.parametrize(
    "bias, products, width, total, events",
    [
        (0, [7], 4, 7, 0),
        (0, [8], 4, 7, 1),
        (0, [-8], 4, -8, 0),
        (0, [-9], 4, -8, 1),
        (9, [-1], 4, 6, 1),
        (-9, [1], 4, -7, 1),
        (7, [0], 4, 7, 0),
        (-8, [0], 4, -8, 0),
        # The order matters: what is clipped on the way up is missing on the way down.
        (5, [5, -3, 1], 4, 5, 1),
        (5, [-3, 5, 1], 4, 7, 1),
        (0, [6, 6, -20], 4, -8, 2),
        (0, [6, 6, -3], 5, 9, 0),
    ],
)
def test_clipping_at_each_addition_by_hand(bias, products, width, total, events):
    found = clipped_sums(np.array([bias]), np.array([products]), width)
    assert [part.tolist() for part in found] == [[total], [events]]
