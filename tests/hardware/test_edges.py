"""Ends of ranges, branches that vanish, and reports by hand."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import DataError, OptionError
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs import HardwareConfig
from spkeras.hardware.log_ttfs.datapath import run_batch, whole_inputs
from spkeras.hardware.log_ttfs.engine import Engine, exact_in_float64
from spkeras.hardware.log_ttfs.labels import check_labels
from spkeras.hardware.log_ttfs.program import bits_for
from spkeras.hardware.log_ttfs.reference import ABSENT, arrivals, layer_sums
from spkeras.hardware.log_ttfs.run import execute
from spkeras.layers import TTFSActivation
from spkeras.ttfs.plan import NEURONS, READOUT
from tests import oracle_ttfs as oracle
from tests.hardware.conftest import quantized, weights_of
from tests.ttfs.nets import chain, pixels


@pytest.mark.parametrize("low", [0, -1, -2, -3, -7, -8, -9, -128, -129])
@pytest.mark.parametrize("high", [0, 1, 2, 7, 8, 127, 128])
def test_bits_of_a_range_by_trying_all(low, high):
    wanted = next(b for b in range(1, 99) if -(2 ** (b - 1)) <= low and high < 2 ** (b - 1))
    assert bits_for(low, high) == wanted


@pytest.mark.parametrize(
    "low, high, exact",
    [(0, 2**53 - 1, True), (0, 2**53, False), (1 - 2**53, 0, True), (-(2**53), 0, False)],
)
def test_float64_holds_whole_numbers_below_2_to_the_53(low, high, exact):
    assert exact_in_float64(SimpleNamespace(low=low, high=high)) == exact


@pytest.mark.parametrize("fraction", range(-4, 6))
def test_thresholds_are_rounded_up_however_coarse_the_unit_is(fraction):
    """To 1 at least: a sum of 0 does not fire."""
    model = quantized(chain(2, 1, pool=3))
    config = HardwareConfig(table_bits=4, fraction_bits=fraction)
    naive = oracle.WholeChain(weights_of(model), 2, 1, 2, 4, [fraction] * 3, pool=3)
    wanted = [
        [
            max(oracle.least_reaching(oracle.power_of_two(-k, 1), naive.unit(layer, members)), 1)
            for k in range(2)
        ]
        for layer, members in ((0, 1), (1, 9))
    ]
    if any(first <= second for first, second in wanted):
        with pytest.raises(OptionError, match="too few"):
            log_ttfs.compile(model, config)
        return
    program = log_ttfs.compile(model, config)
    found = [program.by_name[name].thresholds.tolist() for name in ("first", "second")]
    assert found == wanted


def test_a_layer_may_have_a_threshold_of_one_unit():
    found = []
    for fraction in range(-4, 6):
        try:
            config = HardwareConfig(table_bits=4, fraction_bits=fraction)
            program = log_ttfs.compile(quantized(chain(2, 1, pool=3)), config)
        except OptionError:
            continue
        found += [program.by_name[name].thresholds[-1] for name in ("first", "second")]
    assert min(found) == 1


def test_sums_beyond_64_bits_are_refused_with_their_size(chain_model):
    config = HardwareConfig(table_bits=30, fraction_bits=30, saturate=True)
    with pytest.raises(OptionError, match=r"sums need (6[3-9]|7\d) bits"):
        log_ttfs.compile(chain_model, config)


def one_output(shape=(4, 4, 1)):
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input(shape),
            TTFSActivation(8, 2, name="code"),
            layers.Flatten(),
            layers.Dense(1, name="end"),
        ],
        name="one",
    )
    return quantized(net)


def test_a_single_output_has_a_range_of_its_own():
    program = log_ttfs.compile(one_output())
    branch = program.readout.branches[0]
    products = program.table(program.readout, branch)[:, 0][branch.exponents][..., 0]
    negative = branch.negative[..., 0]
    bias = int(program.readout.bias[0])
    assert program.readout.high == max(bias + int(products[~negative].sum()), 0)
    assert program.readout.low == min(bias - int(products[negative].sum()), 0)


def two_strengths(exponent):
    """Two branches of one layer, the second one 2^exponent as strong."""
    keras.utils.set_random_seed(1)
    given = keras.Input((4, 4, 2))
    x = TTFSActivation(8, 2, name="code")(given)
    strong, weak = layers.Conv2D(3, 1, name="strong"), layers.Conv2D(3, 1, name="weak")
    y = TTFSActivation(8, 2, name="joined")(layers.Add()([strong(x), weak(x)]))
    model = keras.Model(given, layers.Dense(2)(layers.Flatten()(y)), name="two")
    kernel, bias = strong.get_weights()
    weak.set_weights([kernel * np.float32(2.0**exponent), bias])
    return quantized(model)


@pytest.mark.parametrize("exponent", [0, -6, -40])
def test_a_branch_whose_products_all_vanish(exponent):
    """Products below the last bit are 0: the engine's matrices are, too."""
    config = HardwareConfig(table_bits=6, accumulator_bits=24, fraction_bits=8)
    program = log_ttfs.compile(two_strengths(exponent), config)
    layer = program.by_name["joined"]
    gone = [not program.table(layer, branch)[:, :-1].any() for branch in layer.branches]
    assert sum(gone) == (exponent == -40)
    inputs = whole_inputs(program, pixels((4, 4, 2), 3))
    times = run_batch(program, inputs, Engine(program)).times
    np.testing.assert_array_equal(
        Engine(program).sums(layer, times), layer_sums(program, layer, times)
    )


def test_extremes_are_all_products_of_one_sign(chain_program, branched_program):
    for program, shape in ((chain_program, (6, 6, 2)), (branched_program, (8, 8, 3))):
        inputs = whole_inputs(program, pixels(shape, 2, seed=6))
        times = run_batch(program, inputs, None).times
        for layer in program.layers:
            if layer.kind not in (NEURONS, READOUT):
                continue
            low, high = Engine(program).extremes(layer, times)
            flat = np.arange(layer.positions * layer.channels)
            places = flat // layer.channels, flat % layer.channels
            for sample in range(2):
                neurons = np.full_like(flat, sample), *places
                _, _, products = arrivals(program, layer, times, neurons)
                bias = layer.bias[places[1]]
                wanted = bias + np.minimum(products, 0).sum(1), bias + np.maximum(products, 0).sum(
                    1
                )
                np.testing.assert_array_equal(low[sample].reshape(-1), wanted[0])
                np.testing.assert_array_equal(high[sample].reshape(-1), wanted[1])


def lossy(steps, tau):
    config = HardwareConfig(weight_steps=steps, table_bits=6, fraction_bits=4, accumulator_bits=24)
    return log_ttfs.compile(quantized(chain(10, tau)), config)


@pytest.mark.parametrize("steps, tau", [(2, 4), (4, 2), (1, 2)])
def test_lost_and_cut_products_one_by_one(steps, tau):
    program = lossy(steps, tau)
    images = pixels((6, 6, 2), 2, seed=4)
    times = run_batch(program, whole_inputs(program, images), None).times
    by_name = {layer.name: layer.operations for layer in log_ttfs.run(program, images).layers}
    totals = np.zeros(2)
    for layer in program.layers:
        if layer.kind not in (NEURONS, READOUT):
            continue
        lost = cut = 0
        flat = np.arange(layer.positions * layer.channels)
        for sample in range(2):
            neurons = np.full_like(flat, sample), flat // layer.channels, flat % layer.channels
            codes, arrived, products = arrivals(program, layer, times, neurons)
            there = (codes != ABSENT) & (arrived < program.timesteps)
            distance = np.where(codes < 0, -1 - codes, codes)[there]
            distance = distance + arrived[there] * (program.grid // tau)
            lost += int((products[there] == 0).sum())
            for d, count in zip(*np.unique(distance, return_counts=True)):
                exact = oracle.rounded_product(int(d), program.grid, 0, 1, 6)
                whole = (exact * Fraction(2) ** (5 + layer.fraction)).denominator == 1
                cut += 0 if whole else int(count)
        found = by_name[layer.name]
        assert (found.lost * 2, found.cut * 2) == (lost, cut), layer.name
        totals += lost, cut
    assert totals[1] > totals[0] and (totals[0] > 0) == (steps < 4)


def test_words_are_read_for_weighted_branches_alone(branched_program):
    program = branched_program
    images = pixels((8, 8, 3), 2, seed=4)
    times = run_batch(program, whole_inputs(program, images), None).times
    by_name = {layer.name: layer.operations for layer in log_ttfs.run(program, images).layers}
    layer = program.by_name["joined"]
    own = replace(layer, branches=tuple(b for b in layer.branches if b.weighted))
    assert len(own.branches) < len(layer.branches)
    words = 0
    flat = np.arange(layer.positions * layer.channels)
    for sample in range(2):
        neurons = np.full_like(flat, sample), flat // layer.channels, flat % layer.channels
        codes, arrived, _ = arrivals(program, own, times, neurons)
        words += int(((codes != ABSENT) & (arrived < program.timesteps)).sum())
    assert by_name["joined"].weight_words * 2 == words


@pytest.mark.parametrize("batch_size", [1, 3, 4, 50])
def test_what_a_run_has_met_whatever_the_batches(chain_program, images, batch_size):
    program, inputs = chain_program, whole_inputs(chain_program, images)
    course = execute(program, inputs, batch_size)
    times = run_batch(program, inputs, None).times
    for name in ("first", "second"):
        sums = layer_sums(program, program.by_name[name], times)
        assert course.extremes[name] == (min(sums.min(), 0), max(sums.max(), 0))
        assert course.clipped[name] == 0
    sums = layer_sums(program, program.readout, times)
    assert course.extremes[program.readout.name] == (min(sums.min(), 0), max(sums.max(), 0))
    np.testing.assert_array_equal(
        course.outputs[program.readout.name], sums.reshape(len(images), -1)
    )
    assert course.histogram.samples == len(images)


def test_the_report_of_each_layer_by_hand(chain_program, images):
    program = replace(chain_program, config=replace(chain_program.config, clock_hz=1e6))
    result = log_ttfs.run(program, images)
    times = run_batch(program, whole_inputs(program, images), None).times
    neurons = {"code": 72, "first": 180, "second": 54, program.readout.name: 4}
    assert {layer.name: layer.neurons for layer in result.layers} == neurons
    for layer in result.layers:
        fired = times[layer.name][times[layer.name] < 10] if layer.name in times else np.zeros(0)
        assert layer.mean_time == pytest.approx(fired.mean() if fired.size else 0.0)
        if layer.name != "code":
            sums = layer_sums(program, program.by_name[layer.name], times)
            assert layer.met_bits == bits_for(min(sums.min(), 0), max(sums.max(), 0))
            assert layer.needed_bits == program.by_name[layer.name].needed_bits
    assert result.seconds == pytest.approx(result.total.cycles / 1e6)
    quiet = log_ttfs.run(program, np.zeros((2, 6, 6, 2), int))
    assert quiet.layers[0].mean_time == 0.0


def test_clipped_additions_of_all_batches_are_added_up(chain_model, images):
    config = HardwareConfig(table_bits=8, accumulator_bits=16, fraction_bits=8, saturate=True)
    program = log_ttfs.compile(chain_model, config)
    inputs = whole_inputs(program, images)
    whole, parts = execute(program, inputs, 4), execute(program, inputs, 1)
    alone = [run_batch(program, [port[i : i + 1] for port in inputs], None) for i in range(4)]
    for name in whole.clipped:
        assert whole.clipped[name] == parts.clipped[name] == sum(p.clipped[name] for p in alone)
    assert whole.clipped["second"] > 0


def outputs(count):
    return SimpleNamespace(outputs={f"end{i}": (3,) for i in range(count)})


def test_labels_of_several_outputs():
    y = np.array([[0], [2], [1]])
    (found,) = check_labels(outputs(1), [0, 2, 1], 3)
    assert found.tolist() == [0, 2, 1]
    (found,) = check_labels(outputs(1), y, 3)
    assert found.tolist() == [0, 2, 1]
    found = check_labels(outputs(2), [y, None], 3)
    assert found[0].tolist() == [0, 2, 1] and found[1] is None
    found = check_labels(outputs(3), y, 3)
    assert found[0].tolist() == [0, 2, 1] and found[1:] == [None, None]
    assert check_labels(outputs(2), None, 3) == [None, None]
    for wrong in ([y], [y, y, y]):
        with pytest.raises(DataError, match=f"received {len(wrong)} arrays for 2 outputs"):
            check_labels(outputs(2), wrong, 3)
    for wrong in (y[:2], y.astype(float), [[0, 1]] * 3):
        with pytest.raises(DataError, match="one whole-number class for each"):
            check_labels(outputs(1), np.asarray(wrong), 3)
