"""From real weights to whole numbers, by hand.

With G = 4, 4 bits of the table and X fraction bits the accumulator's last bit is 2^-(3 + X) of the
largest product, and products fall as in `byhand`.
"""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.hardware.log_ttfs.checks import check_program
from spkeras.hardware.log_ttfs.compile import compile_plan
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, READOUT, Branch, FirstSpikePlan, Layer
from tests.hardware import byhand

HALF = 2.0**-0.5


def encoder(name="code", shape=(3, 1), theta0=1.0, port=0):
    return Layer(name, ENCODER, shape, 0, theta0, port=port)


def dense(source, kernel, **options):
    """One tap at one position."""
    kernel = np.array(kernel, np.float64)[None]
    return Branch(source, np.zeros((1, 1), np.int32), kernel, name=f"of {source}", **options)


def plan(*layers, timesteps=6, tau=4.0):
    outputs = {layer.name: (layer.channels,) for layer in layers if layer.kind == READOUT}
    return FirstSpikePlan("plan", layers, timesteps, tau, outputs, ("a note",))


def neurons(*branches, bias=(0.0,), channels=1, theta0=1.0, kind=NEURONS, name="hidden"):
    return Layer(name, kind, (1, channels), 1, theta0, branches, np.array(bias))


def hidden(*layers, config=None, **options):
    """The compiled last layer of a plan."""
    given = config or byhand.config(timesteps=None, tau=None)
    return compile_plan(plan(*layers, **options), given).layers[-1]


def chain_plan():
    index = np.array([[0, 1], [-1, 2]], np.int32)
    kernel = np.array([[[1.0, -HALF, 0.0]], [[-HALF, 1.0, 0.5]]])
    return plan(
        encoder(),
        Layer(
            "hidden",
            NEURONS,
            (2, 3),
            1,
            1.0,
            (Branch("code", index, kernel, name="of code"),),
            np.array([10, -20, 0]) / 128,
        ),
        Layer(
            "end",
            READOUT,
            (1, 1),
            2,
            1.0,
            (
                Branch(
                    "hidden",
                    np.array([[0, 1]], np.int32),
                    np.array([[[1.0], [0.5], [-HALF]], [[HALF], [-1.0], [0.0]]]),
                ),
            ),
            np.array([5 / 128]),
        ),
    )


def test_a_chain_by_hand():
    """The program that other tests compute with."""
    found = compile_plan(chain_plan(), byhand.config(timesteps=None, tau=None, fraction_bits=4))
    wanted = byhand.chain()
    assert (found.config.timesteps, found.config.tau) == (6, 4) and found.notes == ("a note",)
    assert isinstance(found.config.tau, int)
    assert found.mantissa.tolist() == [8, 10, 11, 13] and found.times.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.times.dtype == np.int64 and (found.name, found.outputs) == ("plan", {"end": (1,)})
    for layer, other in zip(found.layers, wanted.layers, strict=True):
        assert (layer.name, layer.kind, layer.shape) == (other.name, other.kind, other.shape)
        assert layer.bias.tolist() == other.bias.tolist() and layer.bias.dtype == np.int64
        assert (layer.depth, layer.fraction) == (other.depth, other.fraction)
        assert (layer.low, layer.high) == (other.low, other.high)
        for own, its in zip(layer.branches, other.branches, strict=True):
            assert own.exponents.tolist() == its.exponents.tolist()
            assert own.negative.tolist() == its.negative.tolist()
            assert (own.offset, own.full_scale, own.weighted) == (0, 0, True)
            assert own.index is not None and own.source == its.source
            assert own.exponents.dtype == np.uint16
    code, first, end = found.layers
    assert code.thresholds.tolist() == wanted.layers[0].thresholds.tolist()
    # 128 times 2^(-k / 4), rounded up: 128, 107.6, 90.5, 76.1, 64, 53.8.
    assert first.thresholds.tolist() == [128, 108, 91, 77, 64, 54]
    assert end.thresholds.shape == (0,) and first.thresholds.dtype == np.int64
    assert first.unit == end.unit == 2.0**-7
    assert first.branches[0].name == "of code"
    check_program(found)


def test_as_many_fraction_bits_as_no_product_loses():
    """The least product is q = 2 at the last step: d = 9 needs 3 octaves of shifts."""
    first, end = compile_plan(chain_plan(), byhand.config()).layers[1:]
    assert (first.fraction, end.fraction) == (3, 3)
    assert first.unit == 2.0**-6
    # 64 times 2^(-k / 4), and biases of 5 and -10 in these units; 2.5 goes up.
    assert first.thresholds.tolist() == [64, 54, 46, 39, 32, 27]
    assert first.bias.tolist() == [5, -10, 0] and end.bias.tolist() == [3]
    assert (first.low, first.high) == (-10 - 44, 5 + 64)


@pytest.mark.parametrize(
    "kernel, timesteps, fraction",
    [
        ([[1.0]], 6, 2),
        ([[1.0, 0.0]], 6, 2),
        ([[1.0], [HALF]], 6, 2),
        ([[1.0], [0.5]], 6, 3),
        ([[1.0], [0.5]], 5, 2),
        ([[1.0], [0.5]], 1, 1),
        ([[1.0]], 1, 0),
        ([[-1.0], [0.5]], 3, 2),
        ([[HALF], [0.0]], 1, 0),
    ],
)
def test_fraction_bits_by_hand(kernel, timesteps, fraction):
    """ceil((2 q + T - 1) / 4)"""
    layer = neurons(dense("code", kernel), channels=len(kernel[0]))
    code = encoder(shape=(1, len(kernel)))
    assert hidden(code, layer, timesteps=timesteps).fraction == fraction


def sums(count, width):
    """So many weights of 1 to one output, and one of 0.5; T = 6, so that X = 3 loses nothing."""
    layer = neurons(dense("code", [[1.0]] * count + [[0.5]]), kind=READOUT)
    return hidden(
        encoder(shape=(1, count + 1)), layer, config=byhand.config(accumulator_bits=width)
    )


@pytest.mark.parametrize(
    "count, width, fraction, high",
    [
        # Products of 64 and one of 32 need 11 bits with their sign, 16 of the former 12.
        (15, 12, 3, 15 * 64 + 32),
        (15, 11, 3, 992),
        (15, 10, 2, 496),
        (15, 9, 1, 248),
        (15, 8, 0, 124),
        (15, 7, -1, 62),
        (16, 12, 3, 16 * 64 + 32),
        (16, 11, 2, 528),
        (1, 8, 3, 96),
        (1, 7, 2, 48),
        (1, 6, 1, 24),
        (1, 5, 0, 12),
        (1, 4, -1, 6),
    ],
)
def test_fraction_bits_that_the_accumulator_leaves(count, width, fraction, high):
    layer = sums(count, width)
    assert (layer.fraction, layer.low, layer.high) == (fraction, 0, high)
    assert layer.unit == 2.0 ** -(3 + fraction)


def test_the_largest_product_decides_where_the_least_one_is_far_below():
    """60 octaves down: 53 bits hold 2^51, the largest product with 22 bits below 30."""
    code = dense("code", [[1.0]]), dense("code", [[1.0]], scale=2.0**-60)
    config = byhand.config(accumulator_bits=53, table_bits=30)
    layer = hidden(encoder(shape=(1, 1)), neurons(*code, kind=READOUT), config=config)
    assert (layer.fraction, layer.high) == (22, 2**51)
    assert [branch.offset for branch in layer.branches] == [0, 240]


def given(fraction, weights=((1.0,),), kind=READOUT, **changed):
    layer = neurons(dense("code", weights), kind=kind)
    config = byhand.config(fraction_bits=fraction, **changed)
    return hidden(encoder(shape=(1, len(weights))), layer, config=config)


def test_fraction_bits_that_are_given():
    assert [given(X).high for X in (0, 2, 5)] == [8, 32, 256]
    # 2^8 needs ten bits.
    assert given(5, accumulator_bits=10).needed_bits == 10
    with pytest.raises(OptionError, match="sums need 10 bits with fraction_bits=5.*has 9"):
        given(5, accumulator_bits=9)
    assert given(5, accumulator_bits=9, saturate=True).fraction == 5
    # 53 bits are the most that is computed with.
    assert given(48, saturate=True).high == 2**51
    with pytest.raises(OptionError, match="sums need 54 bits"):
        given(48, ((1.0,), (1.0,)), saturate=True)


def test_thresholds_that_fall_together_are_refused():
    # 16 14 12 10 8 7 in whole units; half of them, rounded up: 8 7 6 5 4 4.
    assert given(1, kind=NEURONS).thresholds.tolist() == [16, 14, 12, 10, 8, 7]
    with pytest.raises(OptionError, match="leaves 0 fraction bits, too few.* 6 thresholds"):
        given(0, kind=NEURONS)
    assert given(0, kind=NEURONS, timesteps=5).thresholds.tolist() == [8, 7, 6, 5, 4]


@pytest.mark.parametrize(
    "theta0, timesteps, tau, wanted",
    [
        (1.0, 6, 4, [15, 13, 11, 9, 8, 7]),
        (2.0, 3, 1, [15, 8, 4]),
        (0.5, 3, 2, [8, 6, 4]),
        (1.0, 4, 1, [15, 8, 4, 2]),
    ],
)
def test_thresholds_of_inputs_by_hand(theta0, timesteps, tau, wanted):
    """15 theta0 2^(-k / tau), rounded up; theta0 above 1 is the input that 15 codes."""
    config = byhand.config(timesteps=None, tau=None)
    layers = encoder(shape=(1, 1), theta0=theta0), neurons(dense("code", [[1.0]]), kind=READOUT)
    found = compile_plan(plan(*layers, timesteps=timesteps, tau=float(tau)), config).layers[0]
    assert found.thresholds.tolist() == wanted and found.thresholds.dtype == np.int64
    assert found.unit == max(1.0, theta0)


def test_encoders_keep_their_ports():
    layers = encoder("a", port=0), encoder("b", port=1)
    last = neurons(dense("a", [[1.0]] * 3), kind=READOUT)
    found = compile_plan(plan(*layers, last), byhand.config())
    assert [layer.port for layer in found.layers] == [0, 1, 0]


def two(first, second, **options):
    """Two sources of one value each that meet in one neuron."""
    layers = encoder("a", (1, 1), first[0]), encoder("b", (1, 1), second[0])
    branches = [
        dense(name, [[weight]], scale=scale)
        for name, (_, weight, scale) in zip("ab", (first, second), strict=True)
    ]
    return hidden(*layers, neurons(*branches, **options))


@pytest.mark.parametrize(
    "first, second, offsets, unit",
    [
        # (theta0 of the source, weight, scale); offsets in quarter octaves.
        ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), [0, 0], 1.0),
        ((1.0, 1.0, 1.0), (1.0, 0.5, 1.0), [0, 4], 1.0),
        ((1.0, HALF, 1.0), (1.0, 1.0, 1.0), [2, 0], 1.0),
        ((1.0, 1.0, 1.0), (1.0, 1.0, 0.25), [0, 8], 1.0),
        ((1.0, 1.0, 1.0), (4.0, 1.0, 1.0), [8, 0], 4.0),
        ((2.0, 0.5, 1.0), (1.0, 1.0, 0.5), [0, 4], 1.0),
        ((0.5, 1.0, 1.0), (0.25, 1.0, 1.0), [0, 4], 0.5),
        ((2.0**0.25, 1.0, 1.0), (1.0, 1.0, 1.0), [0, 1], 2.0**0.25),
        # Rounding errors of floats are not off the grid.
        ((1.0 + 1e-8, 1.0, 1.0), (2.0 - 2e-8, 1.0, 1.0), [4, 0], 2.0),
        ((1.0 - 1e-8, 1.0, 1.0), (2.0 + 2e-8, 1.0, 1.0), [4, 0], 2.0),
    ],
)
def test_offsets_of_branches_by_hand(first, second, offsets, unit):
    layer = two(first, second, kind=READOUT)
    assert [branch.offset for branch in layer.branches] == offsets
    assert all(isinstance(branch.offset, int) for branch in layer.branches)
    assert layer.unit == unit * 2.0 ** -(3 + layer.fraction)
    assert layer.fraction == -(-(max(offsets) + 5) // 4)


@pytest.mark.parametrize("quarters", [6.3, 6.7, -0.4, -0.6, 0.01])
def test_branches_off_the_grid_are_refused(quarters):
    with pytest.raises(UnsupportedLayerError, match="hidden: adds up a, b, .*1/4 octave apart"):
        two((1.0, 1.0, 1.0), (2.0 ** (quarters / 4), 1.0, 1.0))


@pytest.mark.parametrize("quarters", [0, 4, -4, 3, 6.3, 2.7, -0.4, -0.6])
def test_one_source_may_be_off_the_grid(quarters):
    """The unit is that of the source; thresholds of the neurons are rounded up in it."""
    theta0 = 2.0 ** (quarters / 4)
    layer = hidden(encoder(shape=(1, 1), theta0=theta0), neurons(dense("code", [[1.0]])))
    assert layer.fraction == 2 and layer.unit == pytest.approx(theta0 / 32, rel=1e-12)
    exact = [32 / theta0 * 2.0 ** (-k / 4) for k in range(6)]
    assert layer.thresholds.tolist() == [int(np.ceil(round(value, 9))) for value in exact]


def test_thresholds_by_hand():
    """32 theta0 over that of the source, times 2^(-k / 4), rounded up."""

    def thresholds(source, own):
        layer = neurons(dense("code", [[1.0]]), theta0=own)
        return hidden(encoder(shape=(1, 1), theta0=source), layer).thresholds.tolist()

    assert thresholds(1.0, 1.0) == [32, 27, 23, 20, 16, 14]
    assert thresholds(1.0, 2.0) == thresholds(0.5, 1.0) == [64, 54, 46, 39, 32, 27]
    assert thresholds(2.0, 1.0) == thresholds(1.0, 0.5) == [16, 14, 12, 10, 8, 7]
    # 96 80.7 67.9 57.1 48 40.4 and 10.67 8.97 7.54 6.34 5.33 4.49
    assert thresholds(1.0, 3.0) == [96, 81, 68, 58, 48, 41]
    assert thresholds(3.0, 1.0) == [11, 9, 8, 7, 6, 5]


def test_a_threshold_below_one_unit_is_one():
    """The last bit is an eighth: a sum of 0 does not reach 0.1, nor a sixteenth."""
    for theta0 in (0.1, 0.0625, 0.124, 0.125):
        layer = neurons(dense("code", [[1.0]]), theta0=theta0)
        assert hidden(encoder(shape=(1, 1)), layer, timesteps=1).thresholds.tolist() == [1]
    layer = neurons(dense("code", [[1.0]]), theta0=0.126)
    assert hidden(encoder(shape=(1, 1)), layer, timesteps=1).thresholds.tolist() == [2]


@pytest.mark.parametrize("theta0", [1.0, 1.0 - 1e-8, 1.0 + 1e-8])
def test_a_threshold_on_the_grid_is_exact_whatever_floats_make_of_it(theta0):
    layer = neurons(dense("code", [[1.0]]), theta0=theta0)
    config = byhand.config(table_bits=28, fraction_bits=10, accumulator_bits=53)
    found = hidden(encoder(shape=(1, 1)), layer, config=config).thresholds
    assert (found[0], found[4]) == (2**37, 2**36)


@pytest.mark.parametrize(
    "bias, wanted",
    [(0.0, 0), (2.2, 2), (2.5, 3), (2.8, 3), (-2.2, -2), (-2.5, -2), (-2.8, -3), (7.0, 7)],
)
def test_biases_are_rounded_to_the_nearest_whole_number(bias, wanted):
    """In units of 2^-5; one value serves all channels."""
    layer = neurons(dense("code", [[1.0, 1.0]]), bias=(bias / 32,), channels=2)
    assert hidden(encoder(shape=(1, 1)), layer).bias.tolist() == [wanted, wanted]
    layer = neurons(dense("code", [[1.0, 1.0]]), bias=(bias / 32, 1.0), channels=2)
    found = hidden(encoder(shape=(1, 1)), layer).bias
    assert found.tolist() == [wanted, 32] and found.dtype == np.int64


def test_connections_without_weights():
    """1, -1 and none: no weight memory, exponent 0, a full-scale range of 1."""
    cells = np.array([[0, 1], [2, 3]])
    branch = Branch(
        "code",
        np.array([[0], [1]]),
        np.array([[[1.0, -1.0, 0.0, 1.0]]]),
        0.5,
        cells,
        False,
        "",
        2,
        1,
    )
    layer = Layer("hidden", READOUT, (2, 5), 1, 1.0, (branch,))
    (found,) = hidden(encoder(shape=(4, 2)), layer).branches
    assert found.exponents.tolist() == [[[0, 0, 3, 0]]] and found.exponents.dtype == np.uint16
    assert found.negative.tolist() == [[[False, True, False, False]]]
    assert (found.full_scale, found.offset, found.weighted) == (0, 0, False)
    assert (found.groups, found.first, found.source) == (2, 1, "code")
    assert found.cells is cells and found.index.tolist() == [[0], [1]]


@pytest.mark.parametrize("largest, full_scale", [(1.0, 0), (2.0, 2), (HALF, -1), (0.25, -4)])
def test_weights_below_the_largest_one_of_their_kernel(largest, full_scale):
    kernel = [[largest, -largest / 2, 0.0, largest * HALF]]
    layer = neurons(dense("code", kernel), channels=4, kind=READOUT)
    found = hidden(encoder(shape=(1, 1)), layer)
    (branch,) = found.branches
    assert branch.full_scale == full_scale and branch.exponents.tolist() == [[[0, 2, 3, 1]]]
    assert branch.negative.tolist() == [[[False, True, False, False]]]
    assert found.unit == pytest.approx(2.0 ** (full_scale / 2 - 3 - found.fraction), rel=1e-12)


def test_a_pool_passes_on_what_it_has():
    index = np.array([[0, 1]], np.int32)
    pool = Layer("pool", EARLIEST, (1, 2), 0, 1.0, (Branch("code", index, np.zeros(0)),))
    last = neurons(dense("pool", [[1.0], [0.5]]), kind=READOUT, name="end")
    found = compile_plan(plan(encoder(shape=(2, 2)), pool, last), byhand.config()).layers[1]
    (branch,) = found.branches
    assert (branch.source, branch.name, branch.cells) == ("code", "", None)
    assert branch.index.tolist() == [[0, 1]] and not branch.weighted
    assert branch.negative.tolist() == [[[False]]] and branch.exponents.tolist() == [[[0]]]
    assert (branch.full_scale, branch.offset, branch.groups, branch.first) == (0, 0, 1, 0)
    assert (found.kind, found.thresholds.size, found.bias.size) == (EARLIEST, 0, 0)
    assert branch.exponents.dtype == np.uint16 and branch.negative.dtype == bool


@pytest.mark.parametrize(
    "steps, tau, mantissa, times",
    [
        (1, 1, [8], [0, 1, 2]),
        (2, 1, [8, 11], [0, 2, 4]),
        (1, 2, [8, 11], [0, 1, 2]),
        (2, 2, [8, 11], [0, 1, 2]),
        (4, 1, [8, 10, 11, 13], [0, 4, 8]),
        (4, 2, [8, 10, 11, 13], [0, 2, 4]),
    ],
)
def test_the_grid_is_the_finer_one_of_weights_and_times(steps, tau, mantissa, times):
    config = byhand.config(weight_steps=steps, timesteps=None, tau=None)
    layers = encoder(shape=(1, 1)), neurons(dense("code", [[0.5]]), kind=READOUT)
    found = compile_plan(plan(*layers, timesteps=3, tau=float(tau)), config)
    assert (found.mantissa.tolist(), found.times.tolist()) == (mantissa, times)
    assert found.readout.branches[0].full_scale == -steps
    # The largest product is a half.
    assert found.readout.unit == 2.0 ** -(4 + found.readout.fraction)


def test_weights_finer_than_times_reach_as_deep():
    """z = 4, tau = 1: a step is an octave, and q = 5 is one and a quarter."""
    config = byhand.config(weight_steps=4, weight_bits=4, timesteps=None, tau=None)
    kernel = [[1.0], [2.0**-1.25]]
    layers = encoder(shape=(1, 2)), neurons(dense("code", kernel), kind=READOUT)
    found = compile_plan(plan(*layers, timesteps=3, tau=1.0), config).readout
    assert found.branches[0].exponents.tolist() == [[[0], [5]]] and found.fraction == 4
    config = replace(config, weight_steps=1, weight_bits=4)
    kernel = [[1.0], [0.125]]
    layers = encoder(shape=(1, 2)), neurons(dense("code", kernel), kind=READOUT)
    found = compile_plan(plan(*layers, timesteps=3, tau=4.0), config).readout
    assert found.branches[0].exponents.tolist() == [[[0], [3]]] and found.fraction == 4


def test_steps_and_tau_of_the_configuration_or_of_the_model():
    layers = encoder(shape=(1, 1)), neurons(dense("code", [[1.0]]), kind=READOUT)

    def compiled(timesteps, tau):
        found = compile_plan(plan(*layers), byhand.config(timesteps=timesteps, tau=tau))
        return found.config.timesteps, found.config.tau, found.notes[1:]

    assert compiled(None, None) == compiled(6, 4) == (6, 4, ())
    (note,) = compiled(3, None)[2]
    assert note == "T = 3, tau = 4, but trained with T = 6, tau = 4: expect a loss"
    assert compiled(None, 2)[:2] == (6, 2) and len(compiled(None, 2)[2]) == 1
    for tau in (2.5, 0.5):
        with pytest.raises(OptionError, match=f"tau={tau} of the model; allowed: 1, 2, 4"):
            compile_plan(plan(*layers, tau=tau), byhand.config(tau=None))
    assert compile_plan(plan(*layers, tau=2.5), byhand.config(tau=2)).config.tau == 2
