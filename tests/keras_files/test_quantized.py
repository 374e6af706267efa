"""Quantised and pruned layers of other packages, from files written by hand.

The numbers of single quantisers are those of QKeras 0.9.0 and TensorFlow 2.21.
"""

import numpy as np
import pytest

import spkeras
from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files import read_model
from spkeras.keras_files.quantized.fake_quant import fake_quantized
from spkeras.keras_files.quantized.plain import UnreadableError
from spkeras.keras_files.quantized.qkeras_weights import kernel_quantizer, quantized
from spkeras.keras_files.quantized.quantizer_records import read_quantizer
from tests.keras_files.handmade import (
    functional,
    input_layer,
    predict,
    sequential,
    values,
    write_h5,
    write_zip,
)

X = np.float32([[-2.5, -0.9, -0.31, 0.0], [0.07, 0.34, 0.5625, 1.3], [0.8, -0.02, 1.75, -0.6]])
AUTO = [[-1.1233332, -0.42, -0.8741665, 0.6333332], [1.1233332, 0.42, 0.8741665, 0.6333332]]
SIGNS = [[-1, -1, -1, 1], [1, 1, 1, 1], [1, -1, 1, -1]]
T_AUTO = [
    [-2.4999993, -0.6199999, 0, 0],
    [0, 0.6199999, 0, 0.9499998],
    [0, 0, 1.7499994, -0.9499998],
]
QKERAS = [
    (
        "quantized_bits(4,0,1,alpha=1)",
        [[-0.875, -0.875, -0.25, 0], [0.125, 0.375, 0.5, 0.875], [0.75, 0, 0.875, -0.625]],
    ),
    ("quantized_bits(4,1)", [[-2, -1, -0.25, 0], [0, 0.25, 0.5, 1.25], [0.75, 0, 1.75, -0.5]]),
    (
        "quantized_bits(3,0,alpha='auto')",
        [[-2.5, -0.9, -0.5833333, 0], [0, 0.3, 0.5833333, 1.3], [0.8333333, 0, 1.75, -0.4333333]],
    ),
    (
        "quantized_bits(4,1,alpha='auto_po2')",
        [[-2.5, -0.875, -0.25, 0], [0, 0.375, 0.5, 1.25], [1, 0, 1.75, -0.5]],
    ),
    (
        "quantized_bits(4,0,keep_negative=0)",
        [[0, 0, 0, 0], [0.0625, 0.3125, 0.5625, 0.9375], [0.8125, 0, 0.9375, 0]],
    ),
    ("quantized_bits(1,alpha=0.5)", np.multiply(SIGNS, 0.5)),
    (
        "quantized_bits(4,0,1,alpha=1,qnoise_factor=0.5)",
        [
            [-1.6875, -0.8875, -0.28, 0],
            [0.0975, 0.3575, 0.53125, 1.0875],
            [0.775, -0.01, 1.3125, -0.6125],
        ],
    ),
    (
        "ternary(alpha=0.5,threshold=0.4)",
        [[-0.5, -0.5, 0, 0], [0, 0, 0.5, 0.5], [0.5, 0, 0.5, -0.5]],
    ),
    ("ternary()", [[-1, -1, 0, 0], [0, 1, 1, 1], [1, 0, 1, -1]]),
    ("ternary(alpha='auto')", T_AUTO),
    ("stochastic_ternary(alpha='auto')", T_AUTO),
    ("ternary(alpha='auto_po2')", [[-2, -0.5, 0, 0], [0, 0.5, 1, 1], [0, 0, 1, -1]]),
    ("binary()", SIGNS),
    ("binary(alpha='auto')", [*AUTO, [1.1233332, -0.42, 0.8741665, -0.6333332]]),
    ("stochastic_binary(alpha='auto')", [*AUTO, [1.1233332, -0.42, 0.8741665, -0.6333332]]),
    ("binary(alpha='auto_po2')", np.multiply(SIGNS, [1, 0.5, 1, 0.5])),
    ("binary(use_01=1)", np.maximum(SIGNS, 0)),
    ("quantized_po2(4)", [[-2, -1, -0.25, 0.0625], [0.0625, 0.25, 0.5, 1], [1, -0.0625, 2, -0.5]]),
    (
        "quantized_po2(4,1)",
        [[-1, -1, -0.25, 2**-8], [0.0625, 0.25, 0.5, 1], [1, -0.015625, 1, -0.5]],
    ),
    (
        "quantized_relu_po2(4)",
        [[2**-8, 2**-8, 2**-8, 2**-8], [0.0625, 0.25, 0.5, 1], [1, 2**-8, 2, 2**-8]],
    ),
    (
        "quantized_relu_po2(3,4,0.5)",
        [[-1, -0.5, -0.125, 0.0625], [0.0625, 0.25, 0.5, 1], [1, -0.0625, 2, -0.25]],
    ),
    (
        "quantized_po2(4,2,quadratic_approximation=True)",
        [[-1, -1, -0.25, 0.0625], [0.0625, 0.25, 1, 1], [1, -0.015625, 1, -1]],
    ),
    (
        "quantized_po2(4,log2_rounding='floor')",
        [[-2, -0.5, -0.25, 0.0625], [0.0625, 0.25, 0.5, 1], [0.5, -0.0625, 1, -0.5]],
    ),
]


@pytest.mark.parametrize("text, wanted", QKERAS, ids=[text for text, _ in QKERAS])
def test_weights_as_qkeras_rounds_them(text, wanted):
    np.testing.assert_allclose(quantized(X, read_quantizer(text)), wanted, atol=3e-7)


def test_kernels_without_alpha_scale_by_powers_of_two():
    """The layers of QKeras set the alpha of their kernels, not that of their biases."""
    text = kernel_quantizer(read_quantizer("quantized_bits(4,1)"))
    wanted = dict(QKERAS)["quantized_bits(4,1,alpha='auto_po2')"]
    np.testing.assert_allclose(quantized(X, text), wanted, atol=1e-7)
    kept = kernel_quantizer(read_quantizer("quantized_bits(4,0,1,alpha=1)"))
    np.testing.assert_allclose(quantized(X, kept), QKERAS[0][1])
    assert kernel_quantizer(None) is None and quantized(X, None) is X


def test_text_that_is_no_call_with_constants():
    for text in ("quantized_relu(", "a.b(3)", "quantized_relu(bits)"):
        with pytest.raises(UnreadableError, match="no call with constants"):
            read_quantizer(text)
    with pytest.raises(UnreadableError, match="'quantized_ulaw'"):
        quantized(X, read_quantizer("quantized_ulaw(4)"))


FAKE = [
    (
        (-1.0, 1.5),
        4,
        False,
        [[-1, -5 / 6, -1 / 3, 0], [0, 1 / 3, 0.5, 4 / 3], [5 / 6, 0, 1.5, -2 / 3]],
    ),
    ((-1.0, 1.0), 3, True, [[-1, -1, -1 / 3, 0], [0, 1 / 3, 2 / 3, 1], [2 / 3, 0, 1, -2 / 3]]),
    ((0.3, 1.5), 4, False, [[0, 0, 0, 0], [0.08, 0.32, 0.56, 1.2], [0.8, 0, 1.2, 0]]),
    (
        ([-2.0, -1.0, -0.5, 0.0], [2.0, 1.0, 1.5, 0.0]),
        8,
        True,
        [
            [-2, -0.8976378, -0.3070866, 0],
            [0.0629921, 0.3385827, 0.5590551, 0],
            [0.8031496, -0.023622, 1.496063, 0],
        ],
    ),
]


@pytest.mark.parametrize("ends, bits, narrow, wanted", FAKE)
def test_fake_quantisation_of_tensorflow(ends, bits, narrow, wanted):
    np.testing.assert_allclose(fake_quantized(X, ends, bits, narrow), wanted, atol=1e-6)


def record(class_name, name, **config):
    return {"class_name": class_name, "config": {"name": name, **config}}


def quantizer(name, **config):
    return {"class_name": name, "config": config}


def write(path, config, weights, version="2.15.0"):
    """An .h5 file, or a .keras file whose groups are numbered arrays per class."""
    if path.suffix == ".h5":
        return write_h5(path, config, weights, version, "tensorflow")
    return write_zip(path, config, weights, version)


def levels(x, step, low, high):
    return np.clip(np.round(x / step), low, high) * step


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_file_of_qkeras(tmp_path, suffix):
    bits = quantizer("quantized_bits", bits=4, integer=0, symmetric=1, alpha=1.0)
    relu = quantizer("quantized_relu", bits=3, integer=1)
    config = sequential(
        input_layer("in", (5,)),
        record("QActivation", "a", activation="quantized_bits(8,1,1)"),
        record("QDense", "d", units=4, kernel_quantizer=bits, bias_quantizer=bits, activation=relu),
        record(
            "QBatchNormalization", "n", axis=[1], epsilon=0.01, beta_quantizer=bits, scale=False
        ),
        record("QActivation", "t", activation="quantized_tanh(3, symmetric=1)"),
        record("QDense", "o", units=2, kernel_quantizer="binary(alpha=0.5)", use_bias=False),
    )
    kernel, bias, beta, last = (
        values(5, 4),
        values(4, seed=1),
        values(4, seed=2),
        values(4, 2, seed=3),
    )
    mean, variance = values(4, seed=4), values(4, seed=5) ** 2
    named = {
        "d": [("d/kernel:0", kernel), ("d/bias:0", bias)],
        "n": [("n/beta:0", beta), ("n/mean:0", mean), ("n/variance:0", variance)],
        "o": [("o/kernel:0", last)],
    }
    numbered = {
        **{"layers/q_dense/vars/0": kernel, "layers/q_dense/vars/1": bias},
        **{
            f"layers/q_batch_normalization/vars/{k}": a
            for k, a in enumerate([beta, mean, variance])
        },
        "layers/q_dense_1/vars/0": last,
    }
    path = write(tmp_path / f"net{suffix}", config, named if suffix == ".h5" else numbered)
    loaded = read_model(path)
    x = values(50, 5, seed=9)
    hidden = levels(x, 2**-6, -127, 127) @ levels(kernel, 0.125, -7, 7) + levels(bias, 0.125, -7, 7)
    hidden = levels(hidden, 0.25, 0, 7)
    hidden = (hidden - mean) / np.sqrt(variance + 0.01) + levels(beta, 0.125, -7, 7)
    wanted = levels(np.clip(hidden, -1, 1), 0.25, -3, 3) @ np.where(last >= 0, 0.5, -0.5)
    np.testing.assert_allclose(predict(loaded, x), wanted, atol=1e-5)
    assert loaded.changes[0] == (
        "quantised weights and activations of QKeras read: 'a', 'd', 'n', 't', 'o'."
    )
    assert {layer.verdict for layer in spkeras.inspect(loaded.model, "delta")} <= {
        "supported",
        "approximate",
    }


def wrapper(name, layer, scheme, **config):
    scheme = {"class_name": scheme, "config": config}
    return record("QuantizeWrapperV2", f"quant_{name}", layer=layer, quantize_config=scheme)


def aware(activation):
    return {"class_name": "QuantizeAwareActivation", "config": {"activation": activation}}


def fake(x, low, high, bits=8, narrow=False):
    """Fake quantisation with the zero on a level, in float64."""
    first, last = int(narrow), 2**bits - 1
    step = (high - low) / (last - first)
    zero = np.clip(np.floor(first - low / step + 0.5), first, last)
    return np.clip(np.floor(x / step + 0.5), first - zero, last - zero) * step


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_file_of_quantisation_aware_training(tmp_path, suffix):
    attributes = {"weight_attrs": ["kernel"], "activation_attrs": ["activation"]}
    shape = {"name": "q", "quantizer": quantizer("AllValuesQuantizer", num_bits=8)}
    config = sequential(
        input_layer("in", (5,)),
        {"class_name": "QuantizeLayer", "config": shape},
        wrapper(
            "d",
            record("Dense", "d", units=4, activation=aware("relu")),
            "Default8BitQuantizeConfig",
            **attributes,
            quantize_output=False,
        ),
        wrapper("r", record("Dropout", "r", rate=0.5), "NoOpQuantizeConfig"),
        wrapper(
            "o",
            record("Dense", "o", units=3, use_bias=False, activation=aware("softmax")),
            "Default8BitQuantizeConfig",
            **attributes,
        ),
    )
    kernel, bias, last = values(5, 4), values(4, seed=1), values(4, 3, seed=2)
    step, one = np.int32(7), np.float32
    named = {
        "q": [("q/q_min:0", one(-3)), ("q/q_max:0", one(2)), ("q/optimizer_step:0", step)],
        "quant_d": [
            *[("d/kernel:0", kernel), ("d/bias:0", bias), ("quant_d/optimizer_step:0", step)],
            *[("quant_d/kernel_min:0", one(-2)), ("quant_d/kernel_max:0", one(2))],
            ("quant_d/post_activation_min:0", one(-0.02)),
            ("quant_d/post_activation_max:0", one(4)),
        ],
        "quant_r": [("quant_r/optimizer_step:0", step)],
        "quant_o": [
            *[("o/kernel:0", last), ("quant_o/optimizer_step:0", step)],
            *[("quant_o/kernel_min:0", one(-1.5)), ("quant_o/kernel_max:0", one(1.5))],
            *[("q/pre_activation_min:0", one(-6)), ("q/pre_activation_max:0", one(6))],
        ],
    }
    parts = {
        "quantize_layer/vars": [one(-3), one(2), step],
        "quantize_wrapper_v2/vars": [
            *[kernel, bias, kernel, step],
            *[one(-2), one(2), one(-0.02), one(4)],
        ],
        "quantize_wrapper_v2/layer/vars": [bias],
        "quantize_wrapper_v2_1/vars": [step],
        "quantize_wrapper_v2_2/vars": [last, last, step, *map(one, (-1.5, 1.5, -6, 6))],
    }
    numbered = {f"layers/{key}/{k}": a for key, part in parts.items() for k, a in enumerate(part)}
    path = write(tmp_path / f"net{suffix}", config, named if suffix == ".h5" else numbered)
    loaded = read_model(path)
    x = values(40, 5, seed=9)
    hidden = fake(x, -3, 2) @ fake(kernel, -2, 2, narrow=True) + bias
    hidden = fake(np.maximum(hidden, 0), -0.02, 4)
    logits = fake(hidden @ fake(last, -1.5, 1.5, narrow=True), -6, 6)
    wanted = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(predict(loaded, x), wanted, atol=1e-5)
    snn = spkeras.convert(loaded.model, x, "cq", insist=True)
    result = spkeras.evaluate(snn, x, wanted.argmax(-1), schedule="layer_synchronous", insist=True)
    # The range from -0.02 to 4 has one of its 255 steps below zero.
    assert result.timesteps == 254 and result.accuracy[-1] >= 0.95
    verdicts = {layer.name: layer for layer in spkeras.inspect(loaded.model)}
    assert verdicts["q"].reason.startswith("rounds the inputs")
    assert verdicts["quant_d_uniformquantizer"].reason == "integrate-and-fire neuron"


def test_activations_of_qat_layers(tmp_path):
    """A ReLU6 layer and a sum whose outputs are quantised, and a convolution per channel."""
    config = functional(
        [
            (input_layer("in", (4, 4, 2)), []),
            (
                wrapper(
                    "c",
                    record("Conv2D", "c", filters=2, kernel_size=[1, 1], activation=aware(NO_OP)),
                    "Default8BitConvQuantizeConfig",
                    weight_attrs=["kernel"],
                    activation_attrs=["activation"],
                ),
                [[["in", 0, 0, {}]]],
            ),
            (
                wrapper(
                    "r",
                    record("Activation", "r", activation="relu6"),
                    "Default8BitActivationQuantizeConfig",
                ),
                [[["quant_c", 0, 0, {}]]],
            ),
            (
                wrapper("s", record("Add", "s"), "Default8BitQuantizeConfig", quantize_output=True),
                [[["quant_r", 0, 0, {}], ["in", 0, 0, {}]]],
            ),
        ],
        [["in", 0, 0]],
        [["quant_s", 0, 0]],
    )
    kernel, bias, one = 3 * values(1, 1, 2, 2), values(2, seed=1), np.float32
    ends = one([-2, -1]), one([2, 1])
    weights = {
        "quant_c": [
            *[("c/kernel:0", kernel), ("c/bias:0", bias)],
            *[("quant_c/kernel_min:0", ends[0]), ("quant_c/kernel_max:0", ends[1])],
        ],
        "quant_r": [("quant_r/output_min:0", one(-1)), ("quant_r/output_max:0", one(8))],
        "quant_s": [("quant_s/output_min:0", one(-4)), ("quant_s/output_max:0", one(9))],
    }
    loaded = read_model(write(tmp_path / "net.h5", config, weights))
    x = 2 * values(3, 4, 4, 2, seed=9)
    hidden = x @ fake(kernel[0, 0], *ends, narrow=True) + bias
    wanted = fake(fake(np.clip(hidden, 0, 6), -1, 8) + x, -4, 9)
    np.testing.assert_allclose(predict(loaded, x), wanted, atol=1e-5)


NO_OP = {"class_name": "NoOpActivation", "config": {}}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_pruned_layers_keep_their_masked_weights(tmp_path, suffix):
    def pruned(layer):
        name = f"prune_low_magnitude_{layer['config']['name']}"
        schedule = {"class_name": "ConstantSparsity", "config": {}}
        return record("PruneLowMagnitude", name, layer=layer, pruning_schedule=schedule)

    separable = record("SeparableConv1D", "s", filters=2, kernel_size=[2])
    inner = {
        "class_name": "Sequential",
        "config": {
            "name": "inner",
            "layers": [
                input_layer("x", (4, 2)),
                pruned(separable),
                pruned(record("Flatten", "f")),
                pruned(record("Dense", "d", units=2, use_bias=False)),
            ],
        },
    }
    config = sequential(input_layer("in", (4, 2)), inner)
    deep, point, bias, kernel = values(2, 2, 1), values(1, 2, 2), values(2, seed=1), values(6, 2)
    masks = np.float32([[[1, 0], [1, 1]]]), np.float32(values(6, 2, seed=3) > 0)
    step, threshold = np.int64(3), np.float32(0.1)
    p = "prune_low_magnitude_"
    named = {
        "inner": [
            *[("s/depthwise_kernel:0", deep), ("s/pointwise_kernel:0", point), ("s/bias:0", bias)],
            *[("d/kernel:0", kernel), (f"{p}s/mask:0", masks[0]), (f"{p}s/threshold:0", threshold)],
            *[(f"{p}s/pruning_step:0", step), (f"{p}f/pruning_step:0", step)],
            *[(f"{p}d/mask:0", masks[1]), (f"{p}d/threshold:0", threshold)],
            (f"{p}d/pruning_step:0", step),
        ]
    }
    parts = {
        "prune_low_magnitude/layer/vars": [deep, point, bias],
        "prune_low_magnitude/vars": [point, masks[0], threshold, step],
        "prune_low_magnitude_1/vars": [step],
        "prune_low_magnitude_2/layer/vars": [kernel],
        "prune_low_magnitude_2/vars": [kernel, masks[1], threshold, step],
    }
    home = "layers/sequential/layers"
    numbered = {f"{home}/{key}/{k}": a for key, part in parts.items() for k, a in enumerate(part)}
    path = write(tmp_path / f"net{suffix}", config, named if suffix == ".h5" else numbered)
    loaded = read_model(path)
    x = values(3, 4, 2, seed=9)
    windows = np.stack([x[:, k : k + 2] for k in range(3)], 1)  # (sample, place, tap, channel)
    hidden = np.einsum("nptc,tc->npc", windows, deep[..., 0]) @ (point * masks[0])[0] + bias
    wanted = hidden.reshape(3, -1) @ (kernel * masks[1])
    np.testing.assert_allclose(predict(loaded, x), wanted, atol=1e-5)


def test_clustered_kernels_take_their_nearest_centroid(tmp_path):
    layer = record("Dense", "d", units=3)
    config = sequential(input_layer("in", (4,)), record("ClusterWeights", "cluster_d", layer=layer))
    kernel, bias, centroids = values(4, 3), values(3, seed=1), np.float32([-1, 0.2, 1.5])
    weights = [("d/bias:0", bias), ("d/kernel:0", kernel)]
    weights += [("c/cluster_centroids_kernel:0", centroids), ("c/pulling_indices_kernel:0", kernel)]
    loaded = read_model(write(tmp_path / "net.h5", config, {"cluster_d": weights}))
    near = np.array([[min(centroids, key=lambda c: abs(c - w)) for w in row] for row in kernel])
    x = values(2, 4, seed=9)
    np.testing.assert_allclose(predict(loaded, x), x @ near + bias, atol=1e-5)


def test_what_equals_no_plain_layer_is_refused_at_once(tmp_path):
    own = {"class_name": "Mine", "config": {}}
    config = sequential(
        input_layer("in", (4,)),
        record("QActivation", "a", activation="quantized_relu_po2(4)"),
        record("QAdaptiveActivation", "b", activation="quantized_relu", total_bits=4),
        record("QActivation", "c", activation="quantized_bits(4, alpha='auto')"),
        record("QuantizeWrapperV2", "d", layer=record("ReLU", "r"), quantize_config=own),
        record("QDense", "e", units=2, kernel_quantizer="quantized_ulaw(4)"),
        record("QDense", "f", units=2, use_bias=False, activation="quantized_relu(4)"),
    )
    weights = {"e": [("e/kernel:0", values(4, 2)), ("e/bias:0", values(2))]}
    weights["f"] = [("f/kernel:0", values(2, 2))]
    path = write(tmp_path / "net.h5", config, weights)
    with pytest.raises(UnsupportedLayerError) as caught:
        read_model(path)
    problems = caught.value.problems
    assert [problem.split("'")[1] for problem in problems] == ["a", "b", "c", "d", "e"]
    assert "replace={'a': REPLACEMENT}" in problems[0] and "'Mine'" in problems[3]
    assert "spkeras.register_layer" in problems[4] and "replace" not in problems[4]
    # The layers behind them are examined, as what they become.
    with pytest.raises(UnsupportedLayerError) as again:
        spkeras.load_model(path)
    assert again.value.problems == problems
    replaced = dict.fromkeys("abcd", "activation:relu")
    with pytest.raises(UnsupportedLayerError, match="1 layer"):
        read_model(path, replace=replaced)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_binary_and_ternary_layers(tmp_path, suffix):
    """Larq, and BinaryDense and TernaryDense with their activations."""
    config = sequential(
        input_layer("in", (4,)),
        record("QuantDense", "a", units=5, kernel_quantizer="ste_sign", use_bias=False),
        record(
            "QuantDense",
            "b",
            units=4,
            kernel_quantizer=quantizer("MagnitudeAwareSign"),
            input_quantizer=quantizer("SteSign", clip_value=1.0),
        ),
        record("BinaryDense", "c", units=3, H=0.5, kernel_lr_multiplier=2.0, activation="linear"),
        record("Activation", "f", activation="binary_tanh"),
        record("TernaryDense", "d", units=3, H=1.0, use_bias=False, activation="ternary_tanh"),
        record("QuantDense", "e", units=2, input_quantizer=quantizer("DoReFa", k_bit=2)),
    )
    a, b, c, d, e = (values(*shape) for shape in ((4, 5), (5, 4), (4, 3), (3, 3), (3, 2)))
    biases = {name: values(size, seed=size) for name, size in (("b", 4), ("c", 3), ("e", 2))}
    kernels = dict(zip("abcde", (a, b, c, d, e), strict=True))
    named = {
        name: [(f"{name}/kernel:0", kernel)]
        + [(f"{name}/bias:0", biases[name]) for _ in range(name in biases)]
        for name, kernel in kernels.items()
    }
    groups = dict(
        zip("abcde", "quant_dense quant_dense_1 binary_dense ternary_dense quant_dense_2".split())
    )
    numbered = {
        f"layers/{groups[name]}/vars/{k}": array
        for name, part in named.items()
        for k, (_, array) in enumerate(part)
    }
    path = write(tmp_path / f"net{suffix}", config, named if suffix == ".h5" else numbered)

    def sign(x):
        return np.where(x >= 0, 1.0, -1.0)

    x = values(30, 4, seed=9)
    hidden = sign(x @ sign(a)) @ (sign(b) * abs(b).mean(0)) + biases["b"]
    hidden = hidden @ (0.5 * np.where(c > 0, 1, -1)) + biases["c"]
    hidden = np.where(hidden > 0, 1, -1) @ np.round(np.clip(d, -1, 1))
    hidden = np.round(np.clip(np.round(np.clip(hidden, -1, 1)), 0, 1) * 3) / 3
    np.testing.assert_allclose(predict(read_model(path), x), hidden @ e + biases["e"], atol=1e-5)
