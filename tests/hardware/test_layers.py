"""Each kind of layer that is compiled, by naive whole numbers and against Keras itself."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.frontend.walk import read_graph
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.datapath import run_batch, whole_inputs
from spkeras.hardware.log_ttfs.engine import Engine
from spkeras.hardware.log_ttfs.images import write_images
from spkeras.hardware.log_ttfs.reference import layer_sums
from spkeras.layers import TTFSActivation
from spkeras.ttfs.lower import lower
from tests import oracle_ttfs as oracle
from tests.ttfs.closed_form import spike_times
from tests.ttfs.nets import pixels

T, TAU, STEPS = 10, 4, 2


def code(name):
    return TTFSActivation(T, TAU, name=name)


# name: input shape, layers between the coded input and the neurons.
STACKS = {
    "depthwise": ((6, 6, 3), [layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2)]),
    "grouped": ((6, 6, 6), [layers.Conv2D(9, 3, groups=3)]),
    "grouped, strided, dilated": ((7, 7, 4), [layers.Conv2D(2, 2, groups=2, dilation_rate=2)]),
    "dilated": ((7, 7, 2), [layers.Conv2D(3, 3, dilation_rate=2, padding="same")]),
    "strided": ((7, 8, 2), [layers.Conv2D(3, 3, strides=(2, 3))]),
    "separable": ((6, 6, 3), [layers.SeparableConv2D(4, 3, strides=2, padding="same")]),
    "one axis": ((9, 4), [layers.Conv1D(5, 3, strides=2, padding="same")]),
    "causal": ((9, 3), [layers.Conv1D(4, 3, dilation_rate=2, padding="causal")]),
    "depthwise, one axis": ((9, 3), [layers.DepthwiseConv1D(3)]),
    "separable, one axis": ((9, 3), [layers.SeparableConv1D(4, 3)]),
    "three axes": ((4, 4, 4, 2), [layers.Conv3D(3, 2)]),
    "transposed": ((4, 5, 3), [layers.Conv2DTranspose(2, 3, strides=2, padding="same")]),
    "transposed, valid": ((3, 3, 2), [layers.Conv2DTranspose(3, 2, strides=3)]),
    "transposed, dilated": ((4, 4, 2), [layers.Conv2DTranspose(2, 2, dilation_rate=2)]),
    "repeated": ((3, 3, 2), [layers.UpSampling2D((2, 3)), layers.Conv2D(3, 3)]),
    "permuted": ((4, 6, 2), [layers.Permute((2, 1, 3)), layers.Conv2D(3, (3, 1))]),
    "cropped and padded": (
        (6, 6, 2),
        [layers.Cropping2D(1), layers.ZeroPadding2D(2), layers.DepthwiseConv2D(3)],
    ),
    "dense at each position": ((5, 4), [layers.Dense(3)]),
}


def levels(rng, shape, largest=0):
    """Weights that are levels of half octaves."""
    sizes = 2.0 ** (-rng.integers(0, 7, shape) / STEPS + largest)
    return sizes * rng.choice([-1.0, 1.0, 1.0, 1.0], shape)


def written(layer, rng):
    """Levels as weights; products of a separable layer's two kernels are levels, too."""
    for array in layer.weights:
        if array.name == "bias":
            array.assign(np.round(rng.normal(0.1, 0.1, array.shape) * 64) / 64)
        else:
            array.assign(levels(rng, array.shape, -1))
    return layer


def matrix(layer, shape):
    """What a layer makes of each of its inputs alone, (inputs, outputs): its weights."""
    size = int(np.prod(shape))
    ones = np.concatenate([np.eye(size), np.zeros((1, size))]).reshape(-1, *shape)
    found = np.asarray(layer(ones.astype("float32"))).reshape(size + 1, -1)
    return found[:-1] - found[-1], found[-1]


def ways_of(stack, shape):
    """(source, target, weight) of every synapse, and the bias of every neuron."""
    matrices, bias = [], 0.0
    for layer in stack:
        own, bias = matrix(layer, shape)
        # What is left of sums of zeros and weights after a bias was taken off.
        matrices.append(np.where(abs(own) < 1e-6, 0.0, own))
        shape = layer.compute_output_shape((1, *shape))[1:]
    return oracle.ways(*matrices), bias, shape


def untied(model):
    """The model with biases that no sum of levels meets: float32 decides every spike alike."""
    rng = np.random.default_rng(3)
    for layer in model.layers:
        for array in layer.weights:
            if array.name == "bias":
                array.assign_add(rng.uniform(0.001, 0.02, array.shape))
    return model


def network(shape, stack):
    keras.utils.set_random_seed(0)
    stack = [type(layer).from_config(layer.get_config()) for layer in stack]
    given = keras.Input(shape)
    x = code("code")(given)
    for layer in stack:
        x = layer(x)
    x = layers.Flatten()(code("neurons")(x))
    end = layers.Dense(3, name="end")
    model = keras.Model(given, end(x), name="stack")
    for layer in (*stack, end):
        written(layer, np.random.default_rng(1))
    return model, stack


def naive(program, name):
    layer = program.by_name[name]
    return oracle.WholeLayer(T, TAU, STEPS, program.config.table_bits, layer.fraction, layer.unit)


@pytest.mark.slow
@pytest.mark.parametrize("case", STACKS)
@pytest.mark.parametrize("bits", [4, 12])
def test_sums_and_spikes_by_naive_whole_numbers(case, bits):
    shape, stack = STACKS[case]
    model, stack = network(shape, stack)
    program = log_ttfs.compile(model, log_ttfs.HardwareConfig(table_bits=bits))
    found, bias, _ = ways_of(stack, shape)
    images = pixels(shape, 2, seed=4)
    inputs = whole_inputs(program, images)
    done = run_batch(program, inputs, Engine(program))
    layer, expected = program.by_name["neurons"], naive(program, "neurons")
    sums = layer_sums(program, layer, done.times)
    np.testing.assert_array_equal(Engine(program).sums(layer, done.times), sums)
    met = 0
    for sample in range(2):
        times = done.times["code"][sample].reshape(-1)
        own = expected.sums([(found, times)], bias)
        assert sums[sample].reshape(-1).tolist() == own
        assert done.times["neurons"][sample].reshape(-1).tolist() == expected.fired(own)
        met += sum(int(times[source] < T) for source, _, _ in found)
    assert len(np.unique(done.times["neurons"])) > 3
    counted = log_ttfs.run(program, images).layers[1].operations
    assert counted.synaptic * 2 == counted.weight_words * 2 == met


@pytest.mark.slow
@pytest.mark.parametrize("case", STACKS)
def test_plan_and_first_spike_model_are_the_keras_model(case, tmp_path):
    shape, stack = STACKS[case]
    model = untied(network(shape, stack)[0])
    x = (pixels(shape, 4, seed=5) / 255).astype("float32")
    last = model.predict(x, verbose=0)
    _, outputs = spike_times(lower(read_graph(model)), x)
    np.testing.assert_allclose(outputs, last, rtol=1e-4, atol=1e-4)
    spiking = spkeras.convert(model, x, "ttfs")
    np.testing.assert_allclose(spiking.predict(x, verbose=0), last, rtol=1e-4, atol=1e-4)
    program = log_ttfs.compile(model, samples=x)
    log_ttfs.save_program(program, tmp_path / "a.npz")
    again = log_ttfs.load_program(tmp_path / "a.npz")
    for reference in (False, True):
        assert log_ttfs.check_golden(again, reference=reference).equal
    write_images(again, tmp_path / "images")
    branch = program.by_name["neurons"].branches[0]
    stored = (tmp_path / "images" / "layer01.0.weights.hex").read_text().split()
    words = np.array([int(word, 16) for word in stored]).reshape(branch.exponents.shape)
    np.testing.assert_array_equal(words & 15, branch.exponents)
    groups = f"{branch.groups} groups" if branch.groups > 1 else "to channels 0"
    assert groups in (tmp_path / "images" / "listing.txt").read_text()


def test_groups_hold_their_own_weights_alone():
    program = log_ttfs.compile(network(*STACKS["depthwise"])[0])
    branch = program.by_name["neurons"].branches[0]
    assert branch.groups == 3 and branch.exponents.shape == (9, 1, 6)
    merged = log_ttfs.compile(network(*STACKS["separable"])[0])
    assert merged.by_name["neurons"].branches[0].exponents.shape == (9, 3, 4)
    assert any("merged into one kernel of 108 weights" in note for note in merged.notes)


def test_a_spike_of_a_group_takes_a_cycle_for_the_outputs_of_its_group():
    program = log_ttfs.compile(network(*STACKS["grouped"])[0], log_ttfs.HardwareConfig(pe_count=2))
    quiet = np.zeros((1, 6, 6, 6), int)
    one = quiet.copy()
    one[0, 0, 0, 4] = 255
    cycles = [log_ttfs.run(program, x).layers[1].operations.cycles for x in (quiet, one)]
    # A corner reaches one position; 3 outputs in turns of 2.
    assert cycles[1] - cycles[0] == 2


def two_of_each():
    """Two inputs, two outputs; joined spikes, joined potentials, a difference, a pooled join."""
    keras.utils.set_random_seed(0)
    left, right = keras.Input((6, 6, 2), name="left"), keras.Input((6, 6, 4), name="right")
    a, b = code("a")(left), code("b")(right)
    x = layers.Concatenate()([a, b])
    x = code("grouped")(layers.Conv2D(6, 3, groups=3, padding="same", name="conv")(x))
    y = layers.Subtract()([layers.Conv2D(4, 1, name="one")(x), b])
    y = code("joined")(layers.Concatenate()([y, layers.Conv2D(3, 1, name="two")(a)]))
    pooled = layers.MaxPooling2D(2)(layers.Concatenate()([x, y]))
    first = layers.Dense(3, activation="softmax", name="first")(layers.Flatten()(pooled))
    second = layers.Dense(2, name="second")(layers.GlobalAveragePooling2D()(y))
    model = keras.Model([left, right], [first, second], name="two")
    for layer in model.layers:
        written(layer, np.random.default_rng(2))
    return model


@pytest.fixture(scope="module")
def pair():
    return [pixels((6, 6, 2), 5, seed=8), pixels((6, 6, 4), 5, seed=9)]


def test_several_inputs_and_outputs_by_naive_whole_numbers(pair):
    model = two_of_each()
    program = log_ttfs.compile(model, log_ttfs.HardwareConfig(table_bits=5))
    done = run_batch(program, whole_inputs(program, pair), Engine(program))
    size = 36
    flat = {name: times.reshape(5, -1) for name, times in done.times.items()}
    both = np.concatenate([done.times["a"], done.times["b"]], -1).reshape(5, -1)
    conv, bias, _ = ways_of([model.get_layer("conv")], (6, 6, 6))
    one, own, _ = ways_of([model.get_layer("one")], (6, 6, 6))
    two, other, _ = ways_of([model.get_layer("two")], (6, 6, 2))

    def placed(found, channels, first):
        return [(s, t // channels * 7 + t % channels + first, w) for s, t, w in found]

    shortcut = [(i, i // 4 * 7 + i % 4, -1.0) for i in range(size * 4)]
    biases = np.concatenate([own.reshape(size, 4), other.reshape(size, 3)], 1).reshape(-1)
    for sample in range(5):
        sums = naive(program, "grouped").sums([(conv, both[sample])], bias)
        assert naive(program, "grouped").fired(sums) == flat["grouped"][sample].tolist()
        arriving = [
            (placed(one, 4, 0), flat["grouped"][sample]),
            (placed(two, 3, 4), flat["a"][sample]),
            (shortcut, flat["b"][sample]),
        ]
        sums = naive(program, "joined").sums(arriving, biases)
        assert naive(program, "joined").fired(sums) == flat["joined"][sample].tolist()
    assert len(np.unique(done.times["joined"])) > 4
    reference = run_batch(program, whole_inputs(program, pair), None)
    for name, sums in done.outputs.items():
        np.testing.assert_array_equal(reference.outputs[name], sums)


def test_several_inputs_and_outputs_are_the_keras_model(pair, tmp_path):
    model = untied(two_of_each())
    x = [part.astype("float32") / 255 for part in pair]
    plain = keras.Model(model.inputs, [model.get_layer("first").output, model.outputs[1]])
    model.get_layer("first").activation = keras.activations.linear
    expected = plain.predict(x, verbose=0)
    graph = read_graph(untied(two_of_each()))
    _, outputs = spike_times(lower(graph), x)
    spiking = spkeras.convert(untied(two_of_each()), x, "ttfs").predict(x, verbose=0)
    program = log_ttfs.compile(
        graph, log_ttfs.HardwareConfig(table_bits=20, accumulator_bits=48), pair
    )
    log_ttfs.save_program(program, tmp_path / "two.npz")
    program = log_ttfs.load_program(tmp_path / "two.npz")
    assert log_ttfs.check_golden(program, reference=True).equal
    truth = [values.argmax(-1) for values in expected]
    result = log_ttfs.run(program, x, truth)
    for number, answer in enumerate(result.answers):
        np.testing.assert_allclose(outputs[number], expected[number], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(spiking[number], expected[number], rtol=1e-4, atol=1e-4)
        values = answer.potentials * answer.unit
        np.testing.assert_allclose(values, expected[number], rtol=1e-3, atol=1e-3)
        assert answer.accuracy == 1.0
    assert result.accuracy == 1.0 and result.timing.latency == T * 3
    write_images(program, tmp_path / "images")
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert {"golden.input0.hex", "golden.input1.hex"} <= names
    assert "encoder 1" in (tmp_path / "images" / "listing.txt").read_text()
