"""Folding: the scale is gone where that is exact, and stays where it is not."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.frontend.walk import read_graph
from spkeras.passes import products
from spkeras.passes.fold import channel_vector, fold_scales, scale_both, scale_inputs, scale_outputs
from tests import networks, oracle, oracle_layers


def model_of(*parts, shape=(6, 6, 4)):
    return oracle_layers.randomize(keras.Sequential([keras.Input(shape), *parts]))


def folded(model, tolerance=1e-6):
    """The folded graph, after all that must hold for every model has been checked."""
    graph = read_graph(model)
    before = networks.fingerprint(graph)
    changed = fold_scales(graph)
    assert networks.fingerprint(graph) == before, "the pass has changed its input"
    assert oracle_layers.difference(graph, model) < 1e-6
    assert oracle_layers.difference(changed, model) < tolerance
    again = fold_scales(changed)
    same = changed.with_nodes(changed.nodes, notes=again.notes[len(changed.notes) :])
    assert networks.fingerprint(again) == networks.fingerprint(same), "not idempotent"
    return changed


WEIGHTED = {
    "conv": lambda **k: layers.Conv2D(5, 3, padding="same", **k),
    "strided": lambda **k: layers.Conv2D(5, 3, strides=2, **k),
    "grouped": lambda **k: layers.Conv2D(6, 3, groups=2, padding="same", **k),
    "depthwise": lambda **k: layers.DepthwiseConv2D(3, depth_multiplier=2, **k),
    "transposed": lambda **k: layers.Conv2DTranspose(3, 3, strides=2, padding="same", **k),
    "separable": lambda **k: layers.SeparableConv2D(5, 3, depth_multiplier=2, **k),
    "dense": lambda **k: layers.Dense(7, **k),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", WEIGHTED)
def test_batch_norm_behind_a_weighted_layer(kind, bias):
    norm = layers.BatchNormalization(name="norm", epsilon=0.03)
    graph = folded(model_of(WEIGHTED[kind](use_bias=bias, name="w"), norm))
    assert not graph.of("scale")
    assert not graph.notes
    # The value that had the layer's name is what the layer's last node gives now.
    assert graph[graph.outputs[0]].source == "norm"


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 0.5])
def test_batch_norm_by_its_formula(epsilon, scale, center):
    """W gamma / sqrt(variance + epsilon), with the epsilon of this very layer."""
    norm = layers.BatchNormalization(epsilon=epsilon, scale=scale, center=center)
    conv = layers.Conv2D(3, 3, name="w")
    graph = folded(model_of(conv, norm))
    kernel, bias = (w.astype("float64") for w in conv.get_weights())
    gamma = np.asarray(norm.gamma, "float64") if scale else 1.0
    beta = np.asarray(norm.beta, "float64") if center else 0.0
    mean, variance = (np.asarray(v, "float64") for v in (norm.moving_mean, norm.moving_variance))
    wanted = oracle.fold_batch_norm(kernel, bias, gamma, beta, mean, variance, epsilon)
    node = graph[graph.outputs[0]]
    np.testing.assert_allclose(node.arrays["kernel"], wanted[0], rtol=2e-7)
    np.testing.assert_allclose(node.arrays["bias"], wanted[1], rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("rank", [1, 3])
def test_other_ranks(rank):
    shape, conv = (4,) * rank + (3,), getattr(layers, f"Conv{rank}D")
    graph = folded(model_of(conv(4, 2), layers.BatchNormalization(), shape=shape))
    assert not graph.of("scale")


@pytest.mark.parametrize("kind", ["strided", "grouped", "depthwise", "dense", "separable"])
def test_batch_norm_before_a_layer_without_padding(kind):
    """Also with groups: each output channel reads the inputs of its own group."""
    weighted = {"grouped": layers.Conv2D(6, 3, groups=2)}.get(kind) or WEIGHTED[kind]()
    graph = folded(model_of(layers.BatchNormalization(), weighted))
    assert not graph.of("scale")


@pytest.mark.parametrize("kind", ["conv", "grouped", "transposed"])
def test_an_offset_before_zero_padding_stays_live(kind):
    """The padding is zero behind the scale: no bias can say what it is not before it."""
    graph = folded(model_of(layers.BatchNormalization(name="norm"), WEIGHTED[kind]()))
    assert len(graph.of("scale")) == 1
    assert [note for note in graph.notes if "norm" in note]


@pytest.mark.parametrize("kind", ["conv", "grouped", "depthwise", "transposed"])
def test_a_scale_alone_passes_zero_padding(kind):
    graph = folded(model_of(layers.Rescaling(0.3), WEIGHTED[kind]()))
    assert not graph.of("scale")


@pytest.mark.parametrize(
    "between",
    [
        layers.AveragePooling2D(2),
        layers.AveragePooling2D(3, padding="same", strides=2),
        layers.GlobalAveragePooling2D(),
        layers.Cropping2D(1),
        layers.UpSampling2D(2),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Resizing(7, 9),
    ],
)
def test_batch_norm_behind_what_averages(between):
    graph = folded(model_of(layers.Conv2D(3, 3), between, layers.BatchNormalization()))
    assert not graph.of("scale")


@pytest.mark.parametrize(
    "between",
    [
        layers.MaxPooling2D(2),
        layers.ReLU(),
        layers.ZeroPadding2D(1),
        layers.UpSampling2D(2, interpolation="bicubic"),
        layers.Resizing(7, 9, interpolation="lanczos3"),
    ],
)
def test_batch_norm_behind_what_does_not_commute_stays_live(between):
    graph = folded(model_of(layers.Conv2D(3, 3), between, layers.BatchNormalization()))
    assert len(graph.of("scale")) == 1 and len(graph.notes) == 1


def test_scales_in_a_row_become_one():
    graph = folded(
        model_of(
            layers.ReLU(),
            layers.BatchNormalization(),
            layers.Rescaling(2.0, 1.0),
            layers.BatchNormalization(),
            layers.ReLU(),
        )
    )
    assert len(graph.of("scale")) == 1


def test_batch_norms_on_both_sides():
    graph = folded(
        model_of(
            layers.BatchNormalization(),
            layers.Conv2D(3, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.BatchNormalization(),
            layers.Dense(2),
        )
    )
    assert not graph.of("scale")


def test_one_scale_per_position_stays_live():
    graph = folded(model_of(layers.Conv2D(3, 3), layers.BatchNormalization(axis=1)))
    assert len(graph.of("scale")) == 1


@pytest.mark.parametrize("which", ["scale", "offset"])
def test_a_scale_of_which_one_part_varies_over_positions_stays_live(which):
    graph = read_graph(model_of(layers.Conv2D(3, 3), layers.Rescaling(2.0, 1.0, name="end")))
    array = np.linspace(1, 2, 4 * 4 * 3).reshape(4, 4, 3).astype("float32")
    (scale,) = graph.of("scale")
    graph = graph.updated({scale.name: scale.with_arrays(**{which: array})})
    assert fold_scales(graph).of("scale") == graph.of("scale")


def test_a_convolution_that_others_read_keeps_its_weights():
    x = keras.Input((5, 5, 2))
    y = layers.Conv2D(3, 3, name="shared")(x)
    z = layers.BatchNormalization()(y)
    model = oracle_layers.randomize(keras.Model(x, layers.Add()([layers.ReLU()(y), z])))
    graph = folded(model)
    np.testing.assert_array_equal(
        graph["shared"].arrays["kernel"], model.get_layer("shared").kernel
    )
    assert len(graph.of("scale")) == 1


def test_a_convolution_that_is_an_output_keeps_its_weights():
    x = keras.Input((5, 5, 2))
    y = layers.Conv2D(3, 3)(x)
    model = oracle_layers.randomize(keras.Model(x, [y, layers.BatchNormalization()(y)]))
    assert len(folded(model).of("scale")) == 1


def test_a_pooling_that_others_read_keeps_the_scale():
    x = keras.Input((6, 6, 2))
    y = layers.AveragePooling2D(2)(layers.Conv2D(3, 3)(x))
    z = layers.BatchNormalization()(y)
    model = oracle_layers.randomize(keras.Model(x, layers.Concatenate()([y, z])))
    assert len(folded(model).of("scale")) == 1


def test_a_scale_that_two_read_stays_live():
    x = keras.Input((5, 5, 2))
    y = layers.BatchNormalization()(layers.ReLU()(x))
    outputs = [layers.Conv2D(3, 3)(y), layers.Conv2D(2, 3)(y)]
    assert len(folded(oracle_layers.randomize(keras.Model(x, outputs))).of("scale")) == 1


def test_scaling_outputs_and_inputs_by_hand():
    model = model_of(layers.Conv2D(4, 2, groups=2, name="w"))
    node = read_graph(model)["w"]
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 4))
    factors = np.array([0.5, 2.0, -1.0, 3.0])
    plain = oracle_layers.conv(node, x)
    np.testing.assert_allclose(
        oracle_layers.conv(scale_outputs(node, factors, 0.25), x),
        plain * factors + 0.25,
        rtol=1e-5,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        oracle_layers.conv(scale_inputs(node, factors, 0.25), x),
        oracle_layers.conv(node, x * factors + 0.25),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("offset", [[0.5, 0, 0, 0], [0, 0, 0, -1.0], [0, 0, 0, 0]])
@pytest.mark.parametrize("use_bias", [True, False])
def test_an_offset_of_some_inputs_only(offset, use_bias):
    node = read_graph(model_of(layers.Conv2D(3, 2, use_bias=use_bias, name="w")))["w"]
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 4))
    factors, offset = np.array([0.5, 2.0, -1.0, 3.0]), np.array(offset)
    changed = scale_inputs(node, factors, offset)
    np.testing.assert_allclose(
        oracle_layers.conv(changed, x),
        oracle_layers.conv(node, x * factors + offset),
        rtol=1e-5,
        atol=1e-5,
    )
    assert ("bias" in changed.arrays) == (use_bias or offset.any())


def test_a_depthwise_layer_of_one_axis():
    model = model_of(
        layers.DepthwiseConv1D(2, depth_multiplier=2), layers.BatchNormalization(), shape=(5, 3)
    )
    assert not folded(model).of("scale")


@pytest.mark.parametrize(
    "array, wanted",
    [
        (3.0, [3, 3, 3]),
        (np.full((4, 1), 2.0), [2, 2, 2]),
        (np.tile([1.0, 2, 3], (4, 1)), [1, 2, 3]),
        ([1.0, 2, 3], [1, 2, 3]),
        (np.full((4, 4), 2.0), None),
        (np.arange(12.0).reshape(4, 3), None),
        (np.arange(4.0).reshape(4, 1), None),
    ],
)
def test_what_depends_on_the_channel_only(array, wanted):
    found = channel_vector(np.asarray(array), 3)
    assert (None if found is None else found.tolist()) == wanted


@pytest.mark.parametrize("offset", [[0.5, 0, 0], [0, 0, 0], [1.0, 1.0, 1.0]])
def test_outputs_take_an_offset_of_some_channels(offset):
    node = read_graph(model_of(layers.Conv2D(3, 2, use_bias=False, name="w")))["w"]
    changed = scale_outputs(node, np.ones(3), np.array(offset))
    assert ("bias" in changed.arrays) == any(offset)
    if any(offset):
        assert changed.arrays["bias"].tolist() == offset


def test_an_offset_of_one_channel_before_zero_padding_stays_live():
    graph = read_graph(
        model_of(layers.Rescaling(2.0, [0.0, 1.0, 0.0, 0.0]), layers.Conv2D(3, 3, padding="same"))
    )
    assert len(fold_scales(graph).of("scale")) == 1


def test_a_scale_without_an_array_of_offsets():
    graph = read_graph(model_of(layers.Conv2D(3, 3), layers.Rescaling(2.0)))
    (scale,) = graph.of("scale")
    plain = graph.updated({scale.name: scale.with_arrays(offset=None)})
    found = fold_scales(plain)
    assert not found.of("scale")
    kernel = graph.of("conv")[0].arrays["kernel"]
    np.testing.assert_array_equal(found.of("conv")[0].arrays["kernel"], 2 * kernel)


@pytest.mark.parametrize("scaled", [scale_outputs, scale_inputs])
@pytest.mark.parametrize("use_bias", [True, False])
def test_scaling_without_an_offset(scaled, use_bias):
    node = read_graph(model_of(layers.Conv2D(4, 2, use_bias=use_bias, name="w")))["w"]
    changed = scaled(node, np.full(4, 2.0))
    np.testing.assert_array_equal(changed.arrays["kernel"], 2 * node.arrays["kernel"])
    assert ("bias" in changed.arrays) == use_bias
    if use_bias:
        factor = 2 if scaled is scale_outputs else 1
        np.testing.assert_array_equal(changed.arrays["bias"], factor * node.arrays["bias"])


COMMUTING = {
    "flatten": lambda: [layers.Flatten()],
    "global": lambda: [layers.GlobalAveragePooling2D()],
    "kept": lambda: [layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten()],
    "average": lambda: [layers.AveragePooling2D(2), layers.Conv2D(3, 2)],
    "border": lambda: [layers.AveragePooling2D(3, padding="same", strides=2), layers.Flatten()],
    "dropout": lambda: [layers.Dropout(0.5), layers.Flatten()],
    "crop": lambda: [layers.Cropping2D(1), layers.Conv2D(3, 2)],
    "upsampling": lambda: [layers.UpSampling2D(2), layers.Conv2D(3, 2)],
    "bilinear": lambda: [layers.UpSampling2D(2, interpolation="bilinear"), layers.Flatten()],
    "permute": lambda: [layers.Permute((3, 1, 2)), layers.Flatten()],
    "reshape": lambda: [layers.Reshape((9, 16)), layers.Flatten()],
    "several": lambda: [
        layers.AveragePooling2D(2),
        layers.Cropping2D(((0, 1), (1, 0))),
        layers.Flatten(),
    ],
}


@pytest.mark.parametrize("kind", COMMUTING)
def test_batch_norm_behind_an_activation_passes_what_commutes(kind):
    """Through all that moves or averages, into the weights after it."""
    parts = [layers.ReLU(), layers.BatchNormalization(), *COMMUTING[kind](), layers.Dense(3)]
    graph = folded(model_of(*parts))
    assert not graph.of("scale") and not graph.notes


def test_values_on_the_way_are_no_longer_those_of_layers():
    pool = layers.AveragePooling2D(2, name="pool")
    graph = folded(
        model_of(layers.ReLU(name="relu"), layers.BatchNormalization(), pool, layers.Dense(3))
    )
    assert [node.source for node in graph.of("average_pool")] == [""]
    assert graph["relu"].source == "relu"


def positive(model):
    """The model with positive gammas."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(np.abs(np.asarray(layer.gamma)) + 0.1)
    return model


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_positive_scales_pass_max_pooling(padding):
    pool = layers.MaxPooling2D(3, strides=2, padding=padding)
    parts = [layers.ReLU(), layers.BatchNormalization(), pool, layers.Conv2D(3, 2)]
    assert not folded(positive(model_of(*parts))).of("scale")
    pool = layers.MaxPooling2D(3, strides=2, padding=padding)
    parts = [layers.Conv2D(3, 2), pool, layers.BatchNormalization(), layers.ReLU()]
    assert not folded(positive(model_of(*parts))).of("scale")


@pytest.mark.parametrize("second", [layers.MaxPooling2D(2), layers.GlobalMaxPooling2D()])
def test_a_scale_that_stays_is_after_the_maxima(second):
    """No neuron that pools receives an offset, which would need signed spikes."""
    norm, pool = layers.BatchNormalization(), layers.MaxPooling2D(2)
    graph = folded(positive(model_of(layers.ReLU(), norm, pool, second, layers.Softmax())))
    order = [node.op for node in graph.nodes]
    assert order.index("scale") > max(i for i, op in enumerate(order) if "max_pool" in op)
    assert "not folded" in graph.notes[-1]


def test_negative_scales_do_not_pass_max_pooling():
    model = positive(
        model_of(
            layers.ReLU(), layers.BatchNormalization(), layers.MaxPooling2D(2), layers.Dense(3)
        )
    )
    model.layers[1].gamma.assign([0.5, -0.5, 1.0, 2.0])
    graph = folded(model)
    assert len(graph.of("scale")) == 1
    assert "does not commute with scales that are not positive" in graph.notes[-1]


def test_zero_padding_passes_a_scale_and_no_offset():
    for offset, live in ((0.0, 0), (1.0, 1)):
        parts = [layers.Rescaling(0.3, offset), layers.ZeroPadding2D(1), layers.Conv2D(3, 2)]
        assert len(folded(model_of(*parts)).of("scale")) == live


@pytest.mark.parametrize("axis", [-1, 1])
def test_a_scale_in_a_branch_of_a_concatenation(axis):
    x = keras.Input((4, 4, 3))
    y = layers.BatchNormalization()(layers.ReLU()(x))
    joined = layers.Flatten()(layers.Concatenate(axis=axis)([layers.ReLU()(x), y]))
    model = oracle_layers.randomize(keras.Model(x, layers.Dense(3)(joined)))
    assert not folded(model).of("scale")


@pytest.mark.parametrize("rows", [1, 3, 7, 1 << 20])
def test_offsets_and_scales_of_a_kernel_in_blocks(monkeypatch, rows):
    monkeypatch.setattr(products, "_BLOCK", rows * 6)
    node = read_graph(model_of(layers.Dense(6, name="w"), shape=(7,)))["w"]
    kernel, rng = node.arrays["kernel"].astype("float64"), np.random.default_rng(0)
    scale, offset, outputs = rng.normal(size=7), rng.normal(size=7), rng.normal(size=6)
    changed = scale_inputs(node, scale, offset)
    bias = sum(kernel[row] * offset[row] for row in range(7)) + node.arrays["bias"]
    np.testing.assert_array_equal(changed.arrays["bias"], bias.astype("float32"))
    once = (kernel * scale[:, None]).astype("float32")
    np.testing.assert_array_equal(changed.arrays["kernel"], once)
    both = scale_both(node, scale, outputs)
    twice = (once.astype("float64") * outputs).astype("float32")
    np.testing.assert_array_equal(both.arrays["kernel"], twice)
