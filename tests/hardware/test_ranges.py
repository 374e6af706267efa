"""Least and largest sums by hand."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.hardware.log_ttfs.ranges import channel_ranges, sum_range
from tests.hardware import byhand


def test_each_channel_by_hand():
    """A weight counts most with a spike at step 0: 128, 88 or 64 for q = 0, 1, 2."""
    program = byhand.chain()
    low, high = channel_ranges(program, program.by_name["hidden"])
    assert low.tolist() == [10 - 88, -20 - 88, 0]
    assert high.tolist() == [10 + 128, -20 + 128, 64]
    assert low.dtype == high.dtype == np.int64
    low, high = channel_ranges(program, program.by_name["end"])
    assert (low.tolist(), high.tolist()) == ([5 - 88 - 128], [5 + 128 + 64 + 88])


def test_members_groups_and_offsets_by_hand():
    """Two members in each cell; one step further down it is 104, 80 or 52."""
    program = byhand.joined()
    low, high = channel_ranges(program, program.by_name["both"])
    assert low.tolist() == [1, 2 - 2 * 80, 3, 4 - 2 * 80, 5]
    assert high.tolist() == [1 + 128 + 88 + 64, 2 + 2 * 104, 3 + 2 * (52 + 104), 4, 5 + 2 * 52]
    for layer in (*program.layers[2:3], program.readout):
        assert sum_range(program, layer) == (layer.low, layer.high)
    assert program.by_name["both"].bias.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "bias, found", [([200, 300, 400], (0, 464)), ([-200, -300, -400], (-400, 0))]
)
def test_the_accumulator_starts_at_zero_before_the_bias(bias, found):
    """The range holds 0 even where no sum of a channel reaches it."""
    program = byhand.chain()
    layer = replace(program.by_name["hidden"], bias=np.array(bias))
    assert sum_range(program, layer) == found


def one_synapse(fraction, taps=1):
    """One neuron with one weight of 1: 8 shifted left by so many bits, once for each tap."""
    branch = byhand.branch("code", [[0] * taps], [[[0]]] * taps)
    program = byhand.chain()
    layer = replace(
        program.by_name["hidden"],
        shape=(1, 1),
        bias=np.array([-3]),
        branches=(branch,),
        fraction=fraction,
    )
    return program, layer


def test_sums_beyond_64_bits_are_estimated():
    """From 2^62 on, where whole numbers of 64 bits end: the products only, on both sides."""
    assert sum_range(*one_synapse(10)) == (-3, 2**13 - 3)
    assert sum_range(*one_synapse(58)) == (-3, 2**61 - 3)
    assert sum_range(*one_synapse(59)) == (-(2**62), 2**62)
    assert sum_range(*one_synapse(58, taps=2)) == (-(2**62), 2**62)
    assert sum_range(*one_synapse(57, taps=3)) == (-3, 3 * 2**60 - 3)
    assert sum_range(*one_synapse(57, taps=5)) == (-5 * 2**60, 5 * 2**60)
    program, layer = one_synapse(58)
    cells = replace(layer.branches[0], cells=np.array([[0, 1]]))
    assert sum_range(program, replace(layer, branches=(cells,))) == (-(2**62), 2**62)
