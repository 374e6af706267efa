"""Programs small enough to be computed by hand.

Half octaves of weights (z = 2), quarter octaves of time (tau = 4): G = 4, and a weight q and a
spike k meet at d = o + 2 q + k. The table of 4 bits holds 8, 10, 11, 13 (8 times 1, 1.19, 1.41,
1.68), so that products with 4 fraction bits are, from d = 0 on,

    128 104 88 80 | 64 52 44 40 | 32 26 22 20 | 16 13 11 10 | 8

Exponent 3 is the weight 0, time 6 is silence.
"""

import numpy as np

from spkeras.hardware.config import HardwareConfig
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, READOUT

PRODUCTS = (128, 104, 88, 80, 64, 52, 44, 40, 32, 26, 22, 20, 16, 13, 11, 10, 8)
SILENT = 6


def config(**changed):
    values = {
        "weight_bits": 3,
        "weight_steps": 2,
        "timesteps": 6,
        "tau": 4,
        "table_bits": 4,
        "accumulator_bits": 16,
        "input_bits": 4,
        "pe_count": 2,
        "full_scale": "ceil",
    }
    return HardwareConfig(**{**values, **changed})


def branch(source, index, weights, *, cells=None, offset=0, weighted=True, groups=1, first=0):
    """Synapses; weights: (taps, channels in, channels out) of q, or of -1 - q for minus."""
    weights = np.array(weights)
    return ProgramBranch(
        source,
        f"of {source}",
        np.array(index, np.int32),
        None if cells is None else np.array(cells, np.int32),
        weights < 0,
        np.where(weights < 0, -1 - weights, weights).astype(np.uint16),
        0,
        offset,
        weighted,
        groups,
        first,
    )


def program(layers, outputs, **changed):
    mantissa = np.array([8, 10, 11, 13])
    return Program("byhand", config(**changed), mantissa, np.arange(6), tuple(layers), outputs)


def encoder(name, shape, port=0):
    """15 times 2^(-k / 4), rounded up."""
    return ProgramLayer(
        name, ENCODER, shape, 0, port=port, thresholds=np.array([15, 13, 11, 9, 8, 7])
    )


def chain(fraction=4, **changed):
    """Three inputs, two positions of three neurons, one output.

    The second position reads the third input through its second tap only.
    """
    first = branch("code", [[0, 1], [-1, 2]], [[[0, -2, 3]], [[-2, 0, 2]]])
    last = branch("hidden", [[0, 1]], [[[0], [2], [-2]], [[1], [-1], [3]]])
    return program(
        [
            encoder("code", (3, 1)),
            ProgramLayer(
                "hidden",
                NEURONS,
                (2, 3),
                1,
                (first,),
                np.array([10, -20, 0]),
                np.array([100, 74, 60, 52, 30, 26]),
                fraction,
                2.0**-7,
                -108,
                138,
            ),
            ProgramLayer(
                "end",
                READOUT,
                (1, 1),
                2,
                (last,),
                np.array([5]),
                fraction=fraction,
                unit=2.0**-6,
                low=-211,
                high=285,
            ),
        ],
        {"end": (1,)},
        **changed,
    )


# Two samples of it: inputs, times of the code, sums and times of the neurons, the output.
CHAIN_INPUTS = np.array([[15, 14, 7], [8, 6, 15]]).reshape(2, 3, 1)
CHAIN_CODE = np.array([[0, 1, 5], [4, 6, 0]], np.uint8).reshape(2, 3, 1)
CHAIN_SUMS = np.array(
    [
        [[10 + 128 - 80, -20 - 88 + 104, 52], [10 - 40, -20 + 52, 26]],
        [[10 + 64, -20 - 44, 0], [10 - 88, -20 + 128, 64]],
    ]
)
CHAIN_TIMES = np.array([[[3, 6, 3], [6, 4, 5]], [[1, 6, 6], [6, 0, 2]]], np.uint8)
CHAIN_END = [5 + 80 - 52 - 64, 5 + 104 - 128]


def joined(fraction=4, **changed):
    """Two inputs that meet in one layer, the earliest spike of its two positions, two outputs.

    Channels 1 to 4 receive from cells of two positions of `code`, in two groups, half as strong
    as by their weights (o = 1 is a quarter octave); channel 0 receives from `other`.
    """
    pooled = branch(
        "code",
        [[1, 0], [0, -1]],
        [[[0, 2, -2, 3]], [[-2, 0, 3, 2]]],
        cells=[[0, 1], [2, 3]],
        offset=1,
        weighted=False,
        groups=2,
        first=1,
    )
    plain = branch("other", [[0], [1]], [[[0], [1], [2]]])
    earliest = branch("both", [[0, 1]], [[[0]]], weighted=False)
    last = branch("pool", [[0]], [[[0, 3], [-2, 0], [2, -1], [0, -2], [1, 2]]])
    return program(
        [
            encoder("code", (4, 2)),
            encoder("other", (2, 3), port=1),
            ProgramLayer(
                "both",
                NEURONS,
                (2, 5),
                1,
                (pooled, plain),
                np.arange(1, 6),
                np.array([200, 100, 60, 50, 20, 5]),
                fraction,
                low=-158,
                high=315,
            ),
            ProgramLayer("pool", EARLIEST, (1, 5), 1, (earliest,)),
            ProgramLayer(
                "end",
                READOUT,
                (1, 2),
                2,
                (last,),
                np.array([0, 7]),
                fraction=fraction,
                low=-209,
                high=408,
            ),
        ],
        {"end": (2,)},
        **changed,
    )


JOINED_INPUTS = (
    np.array([[15, 13], [11, 0], [7, 15], [6, 8]])[None],
    np.array([[15, 14, 10], [0, 12, 5]])[None],
)
JOINED_CODE = np.array([[0, 1], [2, 6], [5, 0], [6, 4]], np.uint8)[None]
JOINED_OTHER = np.array([[0, 1, 3], [6, 2, 6]], np.uint8)[None]
JOINED_SUMS = np.array(
    [
        [1 + 128 + 80 + 40, 2 + 44 - 80 - 52, 3 + 22 + 104 + 80, 4 - 80 - 40, 5 + 44],
        [1 + 64, 2 + 104 + 80, 3 + 52 + 40, 4 - 64, 5],
    ]
)[None]
JOINED_TIMES = np.array([[0, 6, 0, 6, 4], [2, 1, 2, 6, 5]], np.uint8)[None]
JOINED_POOL = np.array([[0, 1, 0, 6, 4]], np.uint8)[None]
JOINED_END = [128 - 80 + 64 + 44, 7 + 104 - 128 + 32]
