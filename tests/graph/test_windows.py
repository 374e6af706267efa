"""Windows axis by axis, each position by hand."""

import numpy as np
import pytest

from spkeras.graph.connections import tables
from spkeras.graph.windows import pool_tables, reach
from tests.graph.nodes import conv, pool, shaped, source, transposed


def taps(node, shape):
    """For each axis with a window: whether an input position (rows) reaches an output."""
    windows = zip(tables(node, [shape]), shape)
    return [reach(table, size) for table, size in windows if table is not None]


def reached(matrix):
    """For each input position the output positions that it reaches."""
    return [np.flatnonzero(row).tolist() for row in matrix]


@pytest.mark.parametrize(
    "size, window, padding, strides, dilation, wanted",
    [
        (4, 3, "valid", 1, 1, [[0], [0, 1], [0, 1], [1]]),
        (4, 3, "same", 1, 1, [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3]]),
        # The odd position of an even window stands at the end.
        (4, 2, "same", 1, 1, [[0], [0, 1], [1, 2], [2, 3]]),
        (4, 4, "same", 1, 1, [[0, 1], [0, 1, 2], [0, 1, 2, 3], [1, 2, 3]]),
        (4, 3, "causal", 1, 1, [[0, 1, 2], [1, 2, 3], [2, 3], [3]]),
        (5, 3, "causal", 2, 1, [[0, 1], [1], [1, 2], [2], [2]]),
        (5, 2, "valid", 2, 1, [[0], [0], [1], [1], []]),
        (5, 3, "same", 2, 1, [[0], [0, 1], [1], [1, 2], [2]]),
        (6, 3, "same", 2, 1, [[0], [0], [0, 1], [1], [1, 2], [2]]),
        # The stride is wider than the window: nothing is padded, and positions are left out.
        (5, 1, "same", 3, 1, [[0], [], [], [1], []]),
        (6, 2, "valid", 1, 3, [[0], [1], [2], [0], [1], [2]]),
        (5, 3, "same", 1, 2, [[0, 2], [1, 3], [0, 2, 4], [1, 3], [2, 4]]),
        (5, 2, "causal", 1, 2, [[0, 2], [1, 3], [2, 4], [3], [4]]),
    ],
)
def test_a_convolution(size, window, padding, strides, dilation, wanted):
    x = source((size, 3))
    (matrix,) = taps(conv(x, (window,), 2, padding, strides, dilation), x.shape)
    assert reached(matrix) == wanted


@pytest.mark.parametrize(
    "size, window, strides, padding, wanted",
    [
        (3, 2, 2, "valid", [[0, 1], [2, 3], [4, 5]]),
        (3, 3, 2, "valid", [[0, 1, 2], [2, 3, 4], [4, 5, 6]]),
        (2, 3, 1, "same", [[0, 1], [0, 1]]),
        (3, 3, 2, "same", [[0, 1, 2], [2, 3, 4], [4, 5]]),
    ],
)
def test_a_transposed_convolution(size, window, strides, padding, wanted):
    x = source((size, 3))
    (matrix,) = taps(transposed(x, (window,), 2, padding, strides), x.shape)
    assert reached(matrix) == wanted


def test_axes_of_a_pool_stand_apart():
    x = source((4, 6, 2))
    attributes = {"pool_size": (2, 3), "strides": (2, 1), "padding": "valid"}
    wanted = [[[0], [0], [1], [1]], [[0], [0, 1], [0, 1, 2], [1, 2, 3], [2, 3], [3]]]
    assert [
        reached(reach(t, n)) for t, n in zip(pool_tables(attributes, x.shape, (2, 4, 2)), x.shape)
    ] == wanted
    for op in ("average_pool", "max_pool"):
        found = taps(pool(x, op, 2, 2), x.shape)
        assert [reached(m) for m in found] == [[[0], [0], [1], [1]], [[0], [0], [1], [1], [2], [2]]]


@pytest.mark.parametrize(
    "interpolation, factor, wanted",
    [
        ("nearest", 3, {12, 13, 14}),
        ("nearest", 2, {8, 9}),
        # Output o stands at (o + 1/2) / factor - 1/2 on the input's axis; input 4 is weighed
        # less than 1, 2, 3 or 5 positions away, at whole distances only by 0.
        ("bilinear", 1, {4}),
        ("bilinear", 2, {7, 8, 9, 10}),
        ("bilinear", 3, {11, 12, 13, 14, 15}),
        ("bicubic", 2, {5, 6, 7, 8, 9, 10, 11, 12}),
        ("bicubic", 3, {8, 9, 11, 12, 13, 14, 15, 17, 18}),
        ("lanczos3", 1, {4}),
        ("lanczos3", 2, set(range(3, 15))),
        ("lanczos3", 3, {5, 6, 8, 9, 11, 12, 13, 14, 15, 17, 18, 20, 21}),
        ("lanczos5", 2, set(range(18))),
        ("lanczos5", 3, {0, 2, 3, 5, 6, 8, 9, 11, 12, 13, 14, 15, 17, 18, 20, 21, 23, 24, 26}),
    ],
)
def test_an_upsampling(interpolation, factor, wanted):
    x = source((9, 2))
    node = shaped("upsample", x, (9 * factor, 2), size=(factor,), interpolation=interpolation)
    (matrix,) = taps(node, x.shape)
    assert matrix.shape == (9, 9 * factor) and set(np.flatnonzero(matrix[4])) == wanted


def test_axes_of_an_upsampling_stand_apart():
    x = source((2, 3, 2))
    node = shaped("upsample", x, (4, 9, 2), size=(2, 3), interpolation="nearest")
    assert [reached(m) for m in taps(node, x.shape)] == [
        [[0, 1], [2, 3]],
        [[0, 1, 2], [3, 4, 5], [6, 7, 8]],
    ]


def test_the_widest_kernel_reaches_five_positions_to_either_side():
    x = source((15, 2))
    node = shaped("upsample", x, (30, 2), size=(2,), interpolation="lanczos5")
    assert np.flatnonzero(taps(node, x.shape)[0][7]).tolist() == list(range(5, 25))
