"""A batch through a whole program, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.errors import DataError
from spkeras.hardware.log_ttfs import datapath
from spkeras.hardware.log_ttfs.datapath import fire, run_batch, whole_inputs
from spkeras.hardware.log_ttfs.engine import Engine
from tests.hardware import byhand


def engine_of(program, engine):
    return Engine(program) if engine else None


@pytest.mark.parametrize("engine", [False, True])
def test_a_chain_by_hand(engine):
    program = byhand.chain()
    done = run_batch(program, [byhand.CHAIN_INPUTS], engine_of(program, engine))
    assert {name: found.tolist() for name, found in done.times.items()} == {
        "code": byhand.CHAIN_CODE.tolist(),
        "hidden": byhand.CHAIN_TIMES.tolist(),
    }
    assert all(found.dtype == np.uint8 for found in done.times.values())
    assert done.outputs["end"].tolist() == [[end] for end in byhand.CHAIN_END]
    assert done.extremes == {"hidden": (-78, 108), "end": (-31, -19)}
    assert done.clipped == {"hidden": 0, "end": 0}


@pytest.mark.parametrize("engine", [False, True])
def test_two_inputs_and_a_pool_by_hand(engine):
    program = byhand.joined()
    done = run_batch(program, byhand.JOINED_INPUTS, engine_of(program, engine))
    assert {name: found.tolist() for name, found in done.times.items()} == {
        "code": byhand.JOINED_CODE.tolist(),
        "other": byhand.JOINED_OTHER.tolist(),
        "both": byhand.JOINED_TIMES.tolist(),
        "pool": byhand.JOINED_POOL.tolist(),
    }
    assert done.outputs["end"].tolist() == [byhand.JOINED_END]
    assert done.extremes == {"both": (-116, 249), "end": (15, 156)}
    assert list(done.outputs) == ["end"] and done.clipped == {"both": 0, "end": 0}


def test_outputs_have_the_shape_of_the_model():
    program = replace(byhand.joined(), outputs={"end": (1, 2)})
    assert run_batch(program, byhand.JOINED_INPUTS).outputs["end"].tolist() == [[byhand.JOINED_END]]


def test_a_sum_fires_at_the_first_threshold_that_it_reaches():
    thresholds = np.array([20, 13, 12, 5])
    sums = np.array([[21, 20, 19, 13], [12, 11, 5, 4], [0, -1, -20, 99]])
    found = fire(sums, thresholds)
    assert found.dtype == np.uint8
    assert found.tolist() == [[0, 0, 1, 1], [2, 3, 3, 4], [4, 4, 4, 0]]


def clipping(width, bias, **changed):
    """The chain with a narrow accumulator, and biases of its own in the first layer."""
    program = byhand.chain(accumulator_bits=width, saturate=True, **changed)
    layers = [
        (
            replace(layer, bias=np.array(bias), low=-9999, high=9999)
            if layer.name == "hidden"
            else replace(layer, low=-1, high=1)
        )
        for layer in program.layers
    ]
    return replace(program, layers=tuple(layers))


def clipped_sums(program, engine):
    times = {"code": byhand.CHAIN_CODE}
    return datapath._sums(program, program.by_name["hidden"], times, engine_of(program, engine))


@pytest.mark.parametrize("engine", [False, True])
@pytest.mark.parametrize("suspects", [1, 2, 4096])
def test_clipped_additions_by_hand(engine, suspects, monkeypatch):
    """8 bits hold -128 to 127; spikes come at steps 0 and 1, 5, 4, 0."""
    monkeypatch.setattr(datapath, "_SUSPECTS", suspects)
    program = clipping(8, [10, -45, 100])
    sums, events = clipped_sums(program, engine)
    # 138 is cut to 127 before 80 is taken off; -133 to -128 before 104 comes on top.
    assert sums.tolist() == [
        [[127 - 80, -128 + 104, 127], [10 - 40, -45 + 52, 100 + 26]],
        [[10 + 64, -45 - 44, 100], [10 - 88, -45 + 128, 127]],
    ]
    assert events == 4
    done = run_batch(program, [byhand.CHAIN_INPUTS], engine_of(program, engine))
    assert done.clipped == {"hidden": 4, "end": 0}
    assert done.extremes["hidden"] == (-89, 127)


@pytest.mark.parametrize("engine", [False, True])
def test_the_ends_of_the_accumulator_by_hand(engine):
    # -40 - 88 is -128, which 8 bits hold; 0 + 128 is one more than they do.
    sums, events = clipped_sums(clipping(8, [0, -40, 0]), engine)
    assert sums[0, 0].tolist() == [127 - 80, -40 - 88 + 104, 52]
    assert sums[1, 1].tolist() == [-88, -40 + 127 + 1, 64]
    assert events == 1
    # One less than the end, on either side.
    sums, events = clipped_sums(clipping(8, [-1, -41, 63]), engine)
    assert sums[0, 0].tolist() == [127 - 80, -128 + 104, 63 + 52] and events == 1
    assert sums[1, 1].tolist() == [-1 - 88, -41 + 128, 127]


def test_sums_of_a_layer_that_fits_are_taken_as_they_are():
    """Range analysis decides: as many bits as it needs are enough, one fewer is not."""
    program = byhand.chain(saturate=True, accumulator_bits=9)
    assert clipped_sums(program, True)[1] == 0
    assert program.by_name["hidden"].needed_bits == 9
    program = byhand.chain(saturate=True, accumulator_bits=8)
    sums, events = clipped_sums(program, True)
    assert sums[0, 0, 0] == 127 - 80 and events == 1


def rounded(program, values):
    """Inputs of a chain of three, as its port takes them."""
    (found,) = whole_inputs(program, np.array(values).reshape(-1, 3))
    return found.reshape(-1, 3).tolist()


def test_inputs_by_hand():
    """4 bits: 1 is 15, and halves go up."""
    program = byhand.chain()
    assert rounded(program, [0.0, 1.0, 0.5]) == [[0, 15, 8]]
    assert rounded(program, [0.49 / 15, 0.5 / 15, 14.49 / 15]) == [[0, 1, 14]]
    assert rounded(program, [0, 15, 7]) == [[0, 15, 7]]
    assert rounded(program, np.array([0, 15, 7], np.uint8)) == [[0, 15, 7]]
    assert rounded(program, [[1.0, 1.0, 1.0]]) == [[15, 15, 15]]
    assert rounded(program, [[1, 1, 1], [2, 2, 2]]) == [[1, 1, 1], [2, 2, 2]]
    (found,) = whole_inputs(program, np.ones((2, 1, 3)))
    assert found.shape == (2, 3, 1) and found.dtype == np.int64
    found = whole_inputs(byhand.joined(), [own.reshape(1, -1) for own in byhand.JOINED_INPUTS])
    assert [own.shape for own in found] == [(1, 4, 2), (1, 2, 3)]
    assert found[1].tolist() == byhand.JOINED_INPUTS[1].tolist()
    (found,) = whole_inputs(program, np.zeros((0, 3)))
    assert found.shape == (0, 3, 1)


@pytest.mark.parametrize(
    "values, message",
    [
        ([[0, 16, 0]], "outside 0 to 15"),
        ([[0, -1, 0]], "outside 0 to 15"),
        ([[3, -1, 3]], "outside 0 to 15"),
        ([[1.0, 0.5, 1.01]], "from 0 to 1"),
        ([[0.5, -0.01, 0.5]], "from 0 to 1"),
        ([[0.5, 2.0, 0.5]], "from 0 to 1"),
        ([[0.1, np.nan, 0.2]], "NaN"),
        ([[0.1, np.inf, 0.2]], "NaN or infinity"),
        ([[np.nan] * 3], "NaN"),
        ([[1, 2]], "takes"),
        ([[1, 2, 3, 4]], "takes"),
    ],
)
def test_inputs_that_a_port_cannot_take(values, message):
    with pytest.raises(DataError, match=message):
        whole_inputs(byhand.chain(), np.array(values))


def test_inputs_of_several_channels_are_counted_in_full():
    """2 positions of 3 channels: 6 values a sample."""
    given = [np.zeros((2, 8)), np.zeros((2, 6))]
    assert [own.shape for own in whole_inputs(byhand.joined(), given)] == [(2, 4, 2), (2, 2, 3)]
    for size in (3, 4, 2, 12):
        with pytest.raises(DataError, match=r"\(2, 3\)"):
            whole_inputs(byhand.joined(), [np.zeros((2, 8)), np.zeros((2, size))])
