"""The integer program against the network it came from, and against naive whole numbers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from spkeras.errors import DataError, OptionError, UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs import HardwareConfig
from spkeras.hardware.log_ttfs.compile import compile_plan
from spkeras.hardware.log_ttfs.datapath import run_batch, whole_inputs
from spkeras.hardware.log_ttfs.engine import Engine
from spkeras.hardware.log_ttfs.golden import golden_inputs
from spkeras.hardware.log_ttfs.program import ProgramBranch
from spkeras.hardware.log_ttfs.reference import arrivals, layer_sums
from spkeras.ops.log_weights import LogFormat
from spkeras.ttfs.lower import lower
from spkeras.ttfs.plan import NEURONS, READOUT
from tests import oracle_ttfs as oracle
from tests.hardware.conftest import quantized, weights_of
from tests.ttfs.closed_form import spike_times
from tests.ttfs.nets import activations, branched, chain, dyadic, pixels


def passed(program, inputs):
    return run_batch(program, whole_inputs(program, inputs), Engine(program))


def differing(times, expected):
    return {name: int((times[name] != found).sum()) for name, found in expected.items()}


WIDE = HardwareConfig(table_bits=28, accumulator_bits=53)


@pytest.mark.parametrize(
    "make, form",
    [(branched, LogFormat()), (chain, LogFormat()), (lambda: branched(24, 4, 3), LogFormat(8, 4))],
)
def test_wide_tables_lose_nothing(make, form):
    model = quantized(make(), form)
    plan = lower(read_graph(model))
    config = replace(WIDE, weight_bits=form.bits, weight_steps=form.steps)
    # Batch norm is folded into kernels: take the codes' values on the network's side, too.
    plan = coded(plan, form)
    program = compile_plan(plan, config)
    images = pixels(model.input_shape[1:], 12)
    times, outputs = spike_times(plan, images / 255)
    done = passed(program, images)
    assert differing(done.times, times) == dict.fromkeys(times, 0)
    unit = program.readout.unit
    np.testing.assert_allclose(done.outputs[program.readout.name] * unit, outputs, atol=1e-5)
    assert sum(len(np.unique(found)) for found in times.values()) > 5 * len(times)


def test_tables_of_the_default_width_keep_spike_times():
    """None changes; a table of 12 bits changes one."""
    model = quantized(branched(), LogFormat())
    plan = coded(lower(read_graph(model)), LogFormat())
    images = pixels(model.input_shape[1:], 60)
    times, _ = spike_times(plan, images / 255)
    found = [
        sum(differing(passed(compile_plan(plan, config), images).times, times).values())
        for config in (HardwareConfig(), HardwareConfig(table_bits=12))
    ]
    assert found[0] == 0 < found[1]
    assert sum(own.size for own in times.values()) > 10_000


def coded(plan, form):
    from spkeras.ops.log_weights import log_quantize

    layers = tuple(
        replace(
            layer,
            branches=tuple(
                (
                    replace(b, kernel=log_quantize(b.kernel, form).astype(np.float64))
                    if b.weighted
                    else b
                )
                for b in layer.branches
            ),
        )
        for layer in plan.layers
    )
    return replace(plan, layers=layers)


@pytest.mark.parametrize("bits", [2, 8, 20])
def test_cnn_network_and_program_agree_on_powers_of_two(bits):
    """No power of two needs a wider table: equal at every width, with every tie."""
    model = dyadic(chain(8, 1))
    images = 2 ** np.random.default_rng(0).integers(0, 8, (10, 6, 6, 2)) - 1
    config = HardwareConfig(weight_bits=4, weight_steps=1, table_bits=bits)
    program = log_ttfs.compile(model, config)
    values, last = activations(model, images / np.float32(255))
    done = passed(program, images)
    for name, value in values.items():
        times = done.times[name].astype(int)
        found = np.where(times == 8, 0.0, 2.0**-times).reshape(value.shape)
        np.testing.assert_array_equal(found, value, err_msg=name)
    np.testing.assert_array_equal(
        (done.outputs[program.readout.name] * program.readout.unit).astype("float32"), last
    )


@pytest.mark.parametrize("bits", [3, 6, 10, 16])
def test_every_width_by_naive_whole_numbers(chain_model, images, bits):
    """Spike for spike; and so the number of mismatches with the network is the exact one."""
    config = HardwareConfig(table_bits=bits, accumulator_bits=48)
    program = log_ttfs.compile(chain_model, config)
    fractions = [layer.fraction for layer in program.layers if layer.branches]
    naive = oracle.WholeChain(weights_of(chain_model), 10, 4, 2, bits, fractions)
    network, _ = spike_times(lower(read_graph(chain_model)), images / 255)
    done = passed(program, images)
    mismatches, counted = dict.fromkeys(network, 0), dict.fromkeys(network, 0)
    for sample, image in enumerate(images):
        *times, sums = naive.run(image)
        for name, expected in zip(network, times, strict=True):
            found = done.times[name][sample].reshape(expected.shape)
            np.testing.assert_array_equal(found, expected, err_msg=f"{name} {sample}")
            theirs = network[name][sample].reshape(expected.shape)
            mismatches[name] += int((expected != theirs).sum())
            counted[name] += int((found != theirs).sum())
        assert done.outputs[program.readout.name][sample].tolist() == sums
    assert counted == mismatches
    assert bool(sum(mismatches.values())) == (bits < 16), mismatches


@pytest.mark.parametrize("bits", [4, 8])
def test_thresholds_off_the_grid_by_naive_whole_numbers(images, bits):
    """An average of 9 makes every threshold irrational in units of the accumulator's last bit."""
    model = quantized(chain(10, 4, pool=3))
    config = HardwareConfig(table_bits=bits, accumulator_bits=48, fraction_bits=3)
    program = log_ttfs.compile(model, config)
    naive = oracle.WholeChain(weights_of(model), 10, 4, 2, bits, [3, 3, 3], pool=3)
    unit = naive.unit(1, 9)
    thresholds = [oracle.least_reaching(oracle.power_of_two(-step, 4), unit) for step in range(10)]
    assert program.by_name["second"].thresholds.tolist() == thresholds
    done = passed(program, images)
    for sample, image in enumerate(images):
        *_, second, sums = naive.run(image)
        found = done.times["second"][sample].reshape(second.shape)
        np.testing.assert_array_equal(found, second)
        assert done.outputs[program.readout.name][sample].tolist() == sums


@pytest.mark.parametrize("fraction", [2, 6, None])
def test_engine_is_the_reference(branched_program, fraction):
    graph = read_graph(branched(12, 2))
    config = replace(branched_program.config, fraction_bits=fraction, timesteps=None, tau=None)
    program = log_ttfs.compile(graph, config)
    engine, inputs = Engine(program), whole_inputs(program, pixels((8, 8, 3), 3))
    times = run_batch(program, inputs, engine).times
    for layer in program.layers:
        if layer.kind in (NEURONS, READOUT):
            sums = engine.sums(layer, times)
            assert sums.dtype == np.int64
            np.testing.assert_array_equal(sums, layer_sums(program, layer, times))
    again = run_batch(program, inputs, None)
    assert differing(again.times, times) == dict.fromkeys(times, 0)
    assert (fraction is None) == all(
        layer.fraction > 6 for layer in program.layers if layer.bias.size
    )


def test_sums_that_would_leave_the_accumulator_are_clipped_in_order(chain_model, images):
    config = HardwareConfig(table_bits=8, accumulator_bits=16, fraction_bits=8, saturate=True)
    program = log_ttfs.compile(chain_model, config)
    layer = program.by_name["second"]
    assert layer.needed_bits > 16
    inputs = whole_inputs(program, images)
    done = run_batch(program, inputs, Engine(program))
    naive = oracle.WholeChain(weights_of(chain_model), 10, 4, 2, 8, [8, 8, 8])
    sign, down, _ = oracle.whole_exponents(weights_of(chain_model)[1][0], 2)
    events = 0
    bias = naive._bias(1, 4)
    for sample in range(len(images)):
        first = done.times["first"][sample].reshape(6, 6, -1)
        found = done.times["second"][sample].reshape(3, 3, -1)
        for position in np.ndindex(3, 3):
            for out in range(found.shape[-1]):
                products = in_order(naive, sign[..., out], down[..., out], first, position)
                total, count = oracle.clipped(bias[out], products, 16)
                events += count
                reached = [k for k, t in enumerate(layer.thresholds) if total >= t]
                assert found[position][out] == (reached[0] if reached else 10)
    assert events == done.clipped["second"] > 0


def in_order(naive, sign, down, times, position):
    """Products at one neuron behind a 2x2 average: by time, then tap, member and channel."""
    arriving = []
    for i, j, a, b, y, x in oracle.taps_same(3, 3, 3):
        if (i, j) != position:
            continue
        for member, (row, column) in enumerate(np.ndindex(2, 2)):
            for channel, time in enumerate(times[2 * y + row, 2 * x + column]):
                product = naive._product(1, sign[a, b, channel], down[a, b, channel], int(time))
                arriving.append((int(time), (a * 3 + b, member, channel), product))
    return [product for _, _, product in sorted(arriving, key=lambda item: item[:2])]


def test_range_analysis_is_tight(chain_program):
    """An input that drives one neuron to its bound needs exactly the bits that were found."""
    program = chain_program
    layer = program.by_name["first"]
    reached = []
    for out in range(layer.channels):
        branch = layer.branches[0]
        for wanted in (branch.negative[..., out], ~branch.negative[..., out]):
            times = np.full((1, 36, 2), program.timesteps)
            centre = branch.index[14]
            times[0, centre] = np.where(wanted, 0, program.timesteps)
            reached.append(int(layer_sums(program, layer, {"code": times})[0, 14, out]))
    assert (min(reached), max(reached)) == (layer.low, layer.high)
    width = layer.needed_bits
    assert -(2 ** (width - 1)) <= layer.low and layer.high < 2 ** (width - 1)
    assert layer.low < -(2 ** (width - 2)) or layer.high >= 2 ** (width - 2)


def test_range_analysis_counts_every_member_of_an_average(chain_model, chain_program):
    """The bounds of pooled synapses are sums that naive whole numbers reach."""
    layer = chain_program.by_name["second"]
    fractions = [one.fraction for one in chain_program.layers if one.branches]
    bits = chain_program.config.table_bits
    naive = oracle.WholeChain(weights_of(chain_model), 10, 4, 2, bits, fractions)
    kernel = weights_of(chain_model)[1][0]
    reached = []
    for out in range(layer.channels):
        for sign in (-1, 1):
            # The middle one of 3 x 3 positions meets all cells of 2 x 2 spikes.
            wanted = (kernel[..., out] * sign > 0).repeat(2, axis=0).repeat(2, axis=1)
            sums = naive.averaged(np.where(wanted, 0, 10))
            reached.append(int(sums[1, 1, out]))
    assert (min(reached), max(reached)) == (layer.low, layer.high)


def test_inputs_are_rounded_to_the_nearest_whole_number(chain_program):
    """Pixels that were divided by 255 come back, in either precision; halves go up."""
    levels = np.arange(256).repeat(2)[: 6 * 6 * 2 * 7].reshape(7, 6, 6, 2)
    for dtype in ("float32", "float64"):
        (found,) = whole_inputs(chain_program, levels.astype(dtype) / np.dtype(dtype).type(255))
        np.testing.assert_array_equal(found.reshape(levels.shape), levels)
    between = np.array([0.49, 0.51, 100.49, 100.51, 253.5, 254.51]).repeat(12).reshape(1, 6, 6, 2)
    (found,) = whole_inputs(chain_program, between / 255)
    assert found.reshape(6, 12)[:, 0].tolist() == [0, 1, 100, 101, 254, 255]


def test_arrivals_add_up_to_the_sums(branched_program):
    program = branched_program
    times = run_batch(program, golden_inputs(program), None).times
    for layer in program.layers:
        if layer.kind != NEURONS:
            continue
        sums = layer_sums(program, layer, times)
        neurons = np.array([0, 1]), np.array([0, layer.positions - 1]), np.array([1, 2])
        _, steps, products = arrivals(program, layer, times, neurons)
        np.testing.assert_array_equal(layer.bias[neurons[2]] + products.sum(1), sums[neurons])
        assert (np.diff(steps) >= 0).all()


def test_an_accumulator_that_is_too_narrow_is_refused(chain_model):
    with pytest.raises(OptionError, match="sums need .* bits.*--saturate"):
        log_ttfs.compile(chain_model, HardwareConfig(accumulator_bits=12, fraction_bits=10))
    with pytest.raises(OptionError, match="too few.*wider accumulator"):
        log_ttfs.compile(chain_model, HardwareConfig(accumulator_bits=6))


def test_a_network_that_was_not_trained_for_it_is_refused():
    import keras

    net = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2)]
    )
    with pytest.raises(UnsupportedLayerError, match="several points of accuracy.*recipe cat"):
        log_ttfs.compile(net)
    odd = chain(8, 3)
    with pytest.raises(OptionError, match=r"tau=3; allowed: \(1, 2, 4"):
        log_ttfs.compile(odd)


def test_branches_without_a_common_grid_are_refused():
    model = branched(12, 2)
    graph = read_graph(model)
    odd = [n.with_attributes(theta0=1.7) if n.name == "wide" else n for n in graph.nodes]
    with pytest.raises(UnsupportedLayerError, match="joined.*power of 2"):
        log_ttfs.compile(graph.with_nodes(odd))


def test_fewer_steps_than_trained_are_noted(chain_model):
    program = log_ttfs.compile(chain_model, HardwareConfig(timesteps=5))
    assert program.timesteps == 5 and any("expect a loss" in note for note in program.notes)


@pytest.mark.parametrize(
    "inputs, message",
    [
        (np.full((1, 6, 6, 2), 1.5), "floats go from 0 to 1"),
        (np.full((1, 6, 6, 2), 256), "outside 0 to 255"),
        (np.full((1, 6, 6, 2), np.nan), "NaN"),
        (np.zeros((1, 5, 6, 2)), "takes"),
        (np.zeros((0, 6, 6, 2)), "no sample"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(chain_program, inputs, message):
    with pytest.raises(DataError, match=message):
        log_ttfs.run(chain_program, inputs)
    with pytest.raises(DataError, match="labels"):
        log_ttfs.run(chain_program, np.zeros((2, 6, 6, 2)), np.zeros(3, int))


def prepared(x):
    """A residual net prepared for first spikes on the samples x."""
    import keras
    from keras import layers

    from spkeras.training import prepare

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2))
    x1 = first = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(inputs))
    x1 = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x1)))
    x1 = layers.ReLU()(layers.Add()([layers.Conv2D(4, 3, padding="same")(x1), first]))
    net = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x1)))
    return prepare(net, x, recipe="cat", timesteps=12)


@pytest.mark.parametrize("scale", [1.0, 255.0, 16.0])
def test_what_the_training_room_prepares_compiles(scale):
    """Ranges of a residual net lie on the grid, so that its branches can be added by shifts."""
    images = pixels((6, 6, 2), 8)
    images[0, 0, 0] = 255
    x = np.float32(images / 255) * np.float32(scale)
    trained = prepared(x)
    last = trained.predict(x, verbose=0)
    _, outputs = spike_times(lower(read_graph(trained)), x)
    np.testing.assert_allclose(outputs, last, rtol=1e-4, atol=1e-4)
    # Nearly unrounded weights: what is left of the difference is theirs.
    program = log_ttfs.compile(trained, replace(WIDE, weight_bits=12, weight_steps=8))
    found = passed(program, x).outputs[program.readout.name] * program.readout.unit
    assert np.corrcoef(found.reshape(-1), last.reshape(-1))[0, 1] > 0.95
    # The port takes 8 bits, whatever the range of the inputs.
    np.testing.assert_array_equal(whole_inputs(program, x)[0].reshape(images.shape), images)


def test_values_above_the_full_scale_of_a_port_are_refused():
    images = pixels((6, 6, 2), 8)
    images[0, 0, 0] = 255
    program = log_ttfs.compile(prepared(images.astype("float32")), WIDE)
    assert program.layers[0].unit == 255
    np.testing.assert_array_equal(
        passed(program, images).times[program.layers[0].name],
        passed(program, images.astype("float32")).times[program.layers[0].name],
    )
    above = whole_inputs(program, np.full((1, 6, 6, 2), 300.0))[0]
    assert (above == 255).all()  # clipped, as by the encoder of the trained network
    with pytest.raises(DataError, match="0 to 400; floats go from 0 to 255"):
        whole_inputs(program, np.full((1, 6, 6, 2), 400))


def test_synapses_are_counted_for_the_channels_of_their_own_group():
    """Weights of 0 are not met, and a group's outputs count for its own inputs alone."""
    rng = np.random.default_rng(0)
    taps, width, groups, fan_out = 3, 2, 4, 5
    chosen = rng.random((taps, width, groups * fan_out)) < 0.6
    wanted = np.zeros((taps, groups * width), int)
    for tap, inner, output in np.argwhere(chosen):
        wanted[tap, output // fan_out * width + inner] += 1
    found = ProgramBranch.synapses(SimpleNamespace(groups=groups), chosen)
    np.testing.assert_array_equal(found, wanted)
