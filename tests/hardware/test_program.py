"""Branches, layers and programs as records, by hand."""

import numpy as np
import pytest

from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer, bits_for
from spkeras.ttfs.plan import ENCODER, NEURONS, READOUT
from tests.hardware import byhand


def test_what_a_layer_is_without_being_given():
    layer = ProgramLayer("a", NEURONS, (2, 3), 1)
    assert (layer.branches, layer.fraction, layer.unit) == ((), 0, 1.0)
    assert (layer.low, layer.high, layer.port) == (0, 0, 0)
    for empty in (layer.bias, layer.thresholds):
        assert empty.shape == (0,) and empty.dtype == np.int64
    assert layer.needed_bits == 1


@pytest.mark.parametrize(
    "shape, positions, channels", [((5, 4, 3), 20, 3), ((7, 2), 7, 2), ((2, 3, 4, 5), 24, 5)]
)
def test_positions_and_channels(shape, positions, channels):
    layer = ProgramLayer("a", NEURONS, shape, 1)
    assert (layer.positions, layer.channels) == (positions, channels)


@pytest.mark.parametrize(
    "low, high, bits",
    [
        (0, 0, 1),
        (-1, 0, 1),
        (0, 1, 2),
        (-2, 1, 2),
        (-3, 1, 3),
        (-4, 3, 3),
        (-5, 3, 4),
        (-4, 4, 4),
        (3, 4, 4),
        (5, 5, 4),
        (1, 1, 2),
        (-8, -8, 4),
        (-9, -9, 5),
        (-128, 127, 8),
        (-129, 0, 9),
    ],
)
def test_bits_by_hand(low, high, bits):
    assert bits_for(low, high) == bits
    assert ProgramLayer("a", READOUT, (1, 1), 1, low=low, high=high).needed_bits == bits


def branch(taps, width, outputs, **changed):
    zeros = np.zeros((taps, width, outputs), np.uint16)
    values = {"groups": 1, "first": 0, "cells": None, **changed}
    return ProgramBranch(
        "from",
        "name",
        np.array([[0], [1]], np.int32),
        values["cells"],
        zeros > 0,
        zeros,
        0,
        0,
        True,
        values["groups"],
        values["first"],
    )


def test_channels_that_a_branch_reaches():
    assert branch(5, 3, 8).reached == slice(0, 8)
    assert branch(5, 3, 8, first=2).reached == slice(2, 10)
    assert branch(5, 3, 8).fan_out == 8 and branch(5, 3, 8, groups=4).fan_out == 2
    assert branch(5, 3, 8).members == 1
    assert branch(5, 3, 8, cells=np.zeros((7, 4), np.int32)).members == 4


def test_a_branch_without_groups_reaches_from_the_first_channel_on():
    zeros = np.zeros((1, 2, 3), np.uint16)
    found = ProgramBranch("from", "", zeros[0], None, zeros > 0, zeros, 0, 0, True)
    assert (found.groups, found.first) == (1, 0)


def test_channels_behind_each_output():
    """Eight outputs in four groups: the first two of them see channels 0, 1 and 2."""
    outputs = np.array([0, 1, 2, 5, 7])
    assert branch(5, 3, 8, groups=4).inputs_of(outputs).tolist() == [
        [0, 1, 2],
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [9, 10, 11],
    ]
    assert branch(5, 2, 8).inputs_of(outputs).tolist() == [[0, 1]] * 5


def test_chosen_weights_of_each_channel():
    chosen = np.zeros((2, 2, 6), bool)
    # Three groups of two outputs; two channels each.
    chosen[0, 0, [0, 1, 4]] = chosen[0, 1, [3]] = chosen[1, 1, [0, 5]] = True
    assert branch(2, 2, 6, groups=3).synapses(chosen).tolist() == [
        [2, 0, 0, 1, 1, 0],
        [0, 1, 0, 0, 0, 1],
    ]
    assert branch(2, 2, 6).synapses(chosen).tolist() == [[3, 1], [0, 2]]


def test_a_branch_without_its_weights():
    cells = np.array([[0, 1], [2, 3]])
    found = branch(1, 3, 8, cells=cells).geometry
    assert (found.source, found.name, found.weighted, found.scale) == ("from", "name", True, 1.0)
    assert found.kernel.shape == (1, 1, 1) and not found.kernel.any()
    assert found.cells is cells and found.index.tolist() == [[0], [1]]
    assert found.reach(4).tolist() == [[1], [1], [1], [1]]
    assert found.reach(5).tolist()[4] == [0]


def test_a_program_by_hand():
    program = byhand.joined()
    assert (program.timesteps, program.grid, program.windows) == (6, 4, 2)
    assert list(program.by_name) == ["code", "other", "both", "pool", "end"]
    assert program.readout is program.layers[-1]
    assert {port: layer.name for port, layer in program.encoders.items()} == {0: "code", 1: "other"}
    assert (program.golden, program.notes) == ({}, ())


def test_encoders_by_port_and_the_read_out_of_the_first_output():
    layers = (
        ProgramLayer("b", ENCODER, (1, 1), 0, port=1),
        ProgramLayer("a", ENCODER, (1, 1), 0),
        ProgramLayer("x", READOUT, (1, 1), 4),
        ProgramLayer("y", READOUT, (1, 1), 3),
    )
    program = Program("p", byhand.config(), np.ones(1), np.ones(1), layers, {"y": (1,), "x": (1,)})
    assert [layer.name for layer in program.encoders.values()] == ["a", "b"]
    assert list(program.encoders) == [0, 1]
    assert program.readout.name == "y" and program.windows == 4


def test_products_of_a_branch_by_hand():
    """d = o + 2 q + k; the last row is the weight 0, the last column silence."""
    program = byhand.joined()
    both, p = program.by_name["both"], byhand.PRODUCTS
    assert program.table(both, both.branches[1]).tolist() == [
        [128, 104, 88, 80, 64, 52, 0],
        [88, 80, 64, 52, 44, 40, 0],
        [64, 52, 44, 40, 32, 26, 0],
        [0] * 7,
    ]
    found = program.table(both, both.branches[0])
    assert found.tolist() == [[*p[1:7], 0], [*p[3:9], 0], [*p[5:11], 0], [0] * 7]
    assert found.dtype == np.int64
