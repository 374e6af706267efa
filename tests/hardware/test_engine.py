"""Matrix products instead of single additions: the same sums, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs import engine as module
from spkeras.hardware.log_ttfs.engine import Engine
from tests.hardware import byhand

CHAIN = {"code": byhand.CHAIN_CODE, "hidden": byhand.CHAIN_TIMES}
JOINED = {"code": byhand.JOINED_CODE, "other": byhand.JOINED_OTHER}


def test_sums_by_hand():
    program = byhand.chain()
    engine = Engine(program)
    hidden, end = program.by_name["hidden"], program.by_name["end"]
    found = engine.sums(hidden, CHAIN)
    assert found.dtype == np.int64 and found.tolist() == byhand.CHAIN_SUMS.tolist()
    assert engine.sums(end, {"hidden": byhand.CHAIN_TIMES}).reshape(-1).tolist() == byhand.CHAIN_END
    program = byhand.joined()
    found = Engine(program).sums(program.by_name["both"], JOINED)
    assert found.tolist() == byhand.JOINED_SUMS.tolist()


def test_least_and_largest_partial_sums_by_hand():
    program = byhand.chain()
    low, high = Engine(program).extremes(program.by_name["hidden"], CHAIN)
    assert low[0].tolist() == [[10 - 80, -20 - 88, 0], [10 - 40, -20, 0]]
    assert high[0].tolist() == [[10 + 128, -20 + 104, 52], [10, -20 + 52, 26]]
    program = byhand.joined()
    low, high = Engine(program).extremes(program.by_name["both"], JOINED)
    assert low[0, 0].tolist() == [1, 2 - 80 - 52, 3, 4 - 80 - 40, 5]
    assert high[0, 0].tolist() == [1 + 128 + 80 + 40, 2 + 44, 3 + 22 + 104 + 80, 4, 5 + 44]


@pytest.mark.parametrize("block", [1, 16, 33, 128, 1 << 23])
def test_blocks_of_samples_change_nothing(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    program = byhand.chain()
    times = {"code": np.repeat(byhand.CHAIN_CODE, [3, 2], 0)}
    found = Engine(program).sums(program.by_name["hidden"], times)
    assert found.tolist() == np.repeat(byhand.CHAIN_SUMS, [3, 2], 0).tolist()
    program = byhand.joined()
    times = {name: np.concatenate([own, own, own]) for name, own in JOINED.items()}
    found = Engine(program).sums(program.by_name["both"], times)
    assert found.tolist() == np.concatenate([byhand.JOINED_SUMS] * 3).tolist()


@pytest.mark.parametrize("block, blocks", [(1, 5), (31, 5), (32, 3), (47, 3), (48, 2), (80, 1)])
def test_a_block_holds_as_many_samples_as_fit(monkeypatch, block, blocks):
    """2 positions of 2 taps in 4 fractions of an octave: 16 values a sample."""
    seen = []

    def counted(rows, kernel, groups):
        seen.append(len(rows) // 2)
        return original(rows, kernel, groups)

    original = module.weighted
    monkeypatch.setattr(module, "weighted", counted)
    monkeypatch.setattr(module, "BLOCK", block)
    program = byhand.chain()
    times = {"code": np.repeat(byhand.CHAIN_CODE, [3, 2], 0)}
    Engine(program).sums(program.by_name["hidden"], times)
    assert len(seen) == blocks and sum(seen) == 5


def matrices(program, name, number=0):
    """Powers and matrices of a branch: what a batch multiplies with."""
    layer = program.by_name[name]
    found = module._groups(program, layer, layer.branches[number])
    return [(group.powers.tolist(), group.matrix.reshape(-1).tolist()) for group in found]


def test_steps_an_octave_apart_share_a_matrix():
    """G = 4: steps 0 and 4, 1 and 5, 2, 3. A spike counts twice what it counts an octave later."""
    assert matrices(byhand.chain(), "hidden") == [
        ([2, 0, 0, 0, 1, 0, 0], [64, -44, 0, -44, 64, 32]),
        ([0, 2, 0, 0, 0, 1, 0], [52, -40, 0, -40, 52, 26]),
        ([0, 0, 1, 0, 0, 0, 0], [88, -64, 0, -64, 88, 44]),
        ([0, 0, 0, 1, 0, 0, 0], [80, -52, 0, -52, 80, 40]),
    ]


def test_a_step_whose_products_are_cut_off_has_a_matrix():
    """4 3 2 2 | 2 1 1 1 | 1 0: half of 3 is no whole number, and the smallest product is 0."""
    found = matrices(byhand.chain(fraction=-1), "hidden")
    assert found == [
        ([2, 0, 0, 0, 1, 0, 0], [2, -1, 0, -1, 2, 1]),
        ([0, 1, 0, 0, 0, 0, 0], [3, -2, 0, -2, 3, 1]),
        ([0, 0, 0, 0, 0, 1, 0], [1, -1, 0, -1, 1, 0]),
        ([0, 0, 1, 0, 0, 0, 0], [2, -2, 0, -2, 2, 1]),
        ([0, 0, 0, 1, 0, 0, 0], [2, -1, 0, -1, 2, 1]),
    ]
    program = byhand.chain(fraction=-1)
    found = Engine(program).sums(program.by_name["hidden"], CHAIN)
    assert found[0].tolist() == [[10 + 4 - 2, -20 - 2 + 3, 0 + 1], [10 - 1, -20 + 1, 0]]


def test_steps_share_a_matrix_as_far_down_as_no_bit_is_lost():
    """Steps 0, 4 and 8 of nine: 4 2 1, but 2 1 0 for the smaller weights."""
    program = replace(byhand.chain(fraction=-1), times=np.arange(9))

    def powers(**steps):
        return [steps.get(f"k{step}", 0) for step in range(10)]

    exact = replace(byhand.chain(), times=np.arange(9))
    assert matrices(exact, "hidden")[0] == (powers(k0=4, k4=2, k8=1), [32, -22, 0, -22, 32, 16])
    assert len(matrices(exact, "hidden")) == 4
    assert matrices(program, "hidden") == [
        (powers(k0=2, k4=1), [2, -1, 0, -1, 2, 1]),
        (powers(k8=1), [1, 0, 0, 0, 1, 0]),
        (powers(k1=1), [3, -2, 0, -2, 3, 1]),
        (powers(k5=1), [1, -1, 0, -1, 1, 0]),
        (powers(k2=1), [2, -2, 0, -2, 2, 1]),
        (powers(k6=1), [1, -1, 0, -1, 1, 0]),
        (powers(k3=1), [2, -1, 0, -1, 2, 1]),
        (powers(k7=1), [1, 0, 0, 0, 1, 0]),
    ]


def test_products_that_are_all_lost_leave_the_bias():
    """8 of the table, cut by 4 bits or more."""
    program = byhand.chain(fraction=-4)
    found = Engine(program).sums(program.by_name["hidden"], CHAIN)
    assert found.dtype == np.int64 and found.tolist() == [[[10, -20, 0]] * 2] * 2
    low, high = Engine(program).extremes(program.by_name["hidden"], CHAIN)
    assert low.tolist() == high.tolist() == found.tolist()


def test_sums_beyond_float64_are_refused():
    program = byhand.chain()
    layers = [
        replace(layer, high=2**53) if layer.name == "end" else layer for layer in program.layers
    ]
    with pytest.raises(OptionError, match="end: sums need 55 bits, at most 53"):
        Engine(replace(program, layers=tuple(layers)))
