"""Handmade files of Keras 1: what single layers stored otherwise, or did not store at all."""

import json

import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import predict, sequential, values, write_h5


def keras1(path, *layers, arrays=(), **options):
    """Reads a Sequential of Keras 1, a list of (class, config) pairs, written by TensorFlow."""
    records = [{"class_name": name, "config": config} for name, config in layers]
    names = {config["name"]: [] for _, config in layers} | dict(arrays)
    config = {"class_name": "Sequential", "config": records}
    return read_model(write_h5(path, config, names, version="1.2.2", **options))


def named(name, shape=None, **config):
    return {"name": name, **({"batch_input_shape": [None, *shape]} if shape else {}), **config}


def convolution(name, shape=None, order="th", **config):
    size = {"nb_filter": 2, "nb_row": 2, "nb_col": 3, "border_mode": "valid", "subsample": [1, 1]}
    return named(name, shape, **size, dim_ordering=order, **config)


def test_order_of_axes_of_layers_that_do_not_state_it(tmp_path):
    kernel, bias = values(2, 3, 2, 3), values(2, seed=1)
    loaded = keras1(
        tmp_path / "m.h5",
        ("ZeroPadding2D", named("pad", [3, 4, 5], padding=[1, 2])),
        ("UpSampling2D", named("up", size=[2, 1])),
        ("Cropping2D", named("crop", cropping=[[1, 0], [0, 2]])),
        ("Convolution2D", convolution("conv")),
        arrays={"conv": [("conv_W:0", kernel), ("conv_b:0", bias)]},
    )
    x = values(2, 3, 4, 5, seed=2)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (2, 2)]).repeat(2, axis=2)[:, :, 1:, :-2]
    expected = np.einsum("ncrs,ocrs->no", padded[:, :, 3:5, 1:4], kernel) + bias
    output = predict(loaded, x)
    assert output.shape == (2, 2, 10, 5)
    np.testing.assert_allclose(output[:, :, 3, 1], expected, atol=1e-5)
    (change,) = (change for change in loaded.changes if "as the other layers" in change)
    assert all(f"'{name}'" in change for name in ("pad", "up", "crop"))


PADDINGS = [
    ({"top_pad": 1, "right_pad": 2}, ((1, 0), (0, 2))),
    ([1, 2, 0, 1], ((1, 2), (0, 1))),
    ([2, 1], ((2, 2), (1, 1))),
]


@pytest.mark.parametrize(("padding", "expected"), PADDINGS)
def test_zero_padding_2d(tmp_path, padding, expected):
    loaded = keras1(
        tmp_path / "m.h5",
        ("ZeroPadding2D", named("pad", [2, 3, 1], padding=padding)),
        ("Activation", named("a", activation="relu")),
        ("GlobalMaxPooling2D", named("g", dim_ordering="tf")),
    )
    assert loaded.model.layers[0].padding == expected


@pytest.mark.parametrize(
    ("padding", "expected"),
    [({"right_pad": 1}, (0, 1)), ({"left_pad": 2}, (2, 0)), ([1, 3], (1, 3)), (2, (2, 2))],
)
def test_zero_padding_1d(tmp_path, padding, expected):
    loaded = keras1(tmp_path / "m.h5", ("ZeroPadding1D", named("p", [3, 1], padding=padding)))
    assert tuple(loaded.model.layers[0].padding) == expected


@pytest.mark.parametrize(("mode", "word"), [(1, "each sample"), (2, "statistics of each batch")])
def test_batch_normalization_that_looks_at_the_batch(tmp_path, mode, word):
    with pytest.raises(UnsupportedLayerError, match=rf"'b' \(BatchNormalization\).*{word}"):
        keras1(tmp_path / "m.h5", ("BatchNormalization", named("b", [3], mode=mode, axis=-1)))


def test_shared_slopes_that_the_configuration_does_not_mention(tmp_path):
    slopes = np.array([0.5, 0.25], "float32").reshape(1, 1, 2)
    loaded = keras1(
        tmp_path / "m.h5",
        ("PReLU", named("p", [2, 3, 2], init="zero")),
        arrays={"p": [("p_alphas:0", slopes)]},
    )
    np.testing.assert_allclose(predict(loaded, -np.ones((1, 2, 3, 2)))[0, 1, 2], [-0.5, -0.25])


# Wanted size, border mode and what Keras 3 must add to its own size, for stride 2 and kernel 3.
TRANSPOSED = [(9, "valid", None), (10, "valid", [1, 1]), (8, "same", None), (7, "same", [0, 0])]


@pytest.mark.parametrize(("size", "mode", "added"), TRANSPOSED)
@pytest.mark.parametrize("order", ["th", "tf"])
def test_output_shape_and_kernel_of_a_deconvolution(tmp_path, size, mode, added, order):
    kernel = values(3, 3, 2, 2)  # rows, columns, out, in
    first = order == "th"
    config = {"nb_filter": 2, "nb_row": 3, "nb_col": 3, "subsample": [2, 2], "border_mode": mode}
    config["output_shape"] = [None, 2, size, size] if first else [None, size, size, 2]
    config |= {"dim_ordering": order, "bias": False}
    stored = kernel.transpose(2, 3, 0, 1) if first else kernel.swapaxes(2, 3)
    loaded = keras1(
        tmp_path / "m.h5",
        ("Deconvolution2D", named("d", [2, 4, 4] if first else [4, 4, 2], **config)),
        arrays={"d": [("d_W:0", stored)]},
    )
    assert loaded.model.layers[0].output_padding == (None if added is None else tuple(added))
    x = values(1, 4, 4, 2, seed=1)
    full = np.zeros((12, 12, 2))
    for i in range(4):
        for j in range(4):
            full[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += kernel @ x[0, i, j]
    start = 1 if size == 7 else 0  # TensorFlow adds the odd zero behind
    output = predict(loaded, np.moveaxis(x, -1, 1) if first else x)[0]
    output = np.moveaxis(output, 0, -1) if first else output
    np.testing.assert_allclose(output, full[start : start + size, start : start + size], atol=1e-5)


def test_separable_kernels_in_theano_order(tmp_path):
    depthwise, pointwise = values(2, 3, 2, 3), values(2, 6, 1, 1, seed=1)
    loaded = keras1(
        tmp_path / "m.h5",
        ("SeparableConvolution2D", convolution("s", [3, 4, 5], depth_multiplier=2, bias=False)),
        arrays={"s": [("s_depthwise:0", depthwise), ("s_pointwise:0", pointwise)]},
    )
    x = values(1, 3, 4, 5, seed=2)
    between = np.einsum("crs,mcrs->cm", x[0, :, 1:3, 1:4], depthwise).reshape(-1)
    expected = pointwise[:, :, 0, 0] @ between
    np.testing.assert_allclose(predict(loaded, x)[0, :, 1, 1], expected, atol=1e-5)


def test_bias_stays_on_the_channels_where_the_width_is_the_same(tmp_path):
    bias = np.arange(1.0, 3.0)
    loaded = keras1(
        tmp_path / "m.h5",
        ("Convolution2D", convolution("c", [1, 3, 4])),
        arrays={"c": [("c_W:0", np.zeros((2, 1, 2, 3))), ("c_b:0", bias)]},
    )
    x = np.zeros((1, 1, 3, 4))
    wanted = np.broadcast_to(bias[:, None, None], (2, 2, 2))
    np.testing.assert_allclose(predict(loaded, x)[0], wanted)
    np.testing.assert_allclose(loaded.model.predict(x, verbose=0)[0], wanted)
    assert any("kept on the channels" in change for change in loaded.changes)


def dense(name, inputs=None):
    shape = {"batch_input_shape": [None, inputs]} if inputs else {}
    return {"class_name": "Dense", "config": {"name": name, "output_dim": 2, **shape}}


def merge(mode, *branches):
    layers = [{"class_name": "Sequential", "config": list(branch)} for branch in branches]
    return {"class_name": "Merge", "config": {"name": "m", "mode": mode, "layers": layers}}


def test_merge_of_a_branch_that_begins_with_a_merge(tmp_path):
    inner = [merge("sum", [dense("a", 3)], [dense("b", 2)]), dense("c")]
    config = {"class_name": "Sequential", "config": [merge("mul", inner, [dense("d", 4)])]}
    kernels = {name: values(n, 2, seed=n + 7) for name, n in zip("abcd", (3, 2, 2, 4), strict=True)}
    zero = np.zeros(2, "float32")
    arrays = {n: [(f"{n}_W", k), (f"{n}_b", zero)] for n, k in kernels.items()}
    loaded = read_model(write_h5(tmp_path / "m.h5", config, arrays, version="1.1.0"))
    x, y, z = (values(5, n, seed=n) for n in (3, 2, 4))
    summed = (x @ kernels["a"] + y @ kernels["b"]) @ kernels["c"]
    output = predict(loaded, [x, y, z])
    np.testing.assert_allclose(output, summed * (z @ kernels["d"]), atol=1e-4)


def test_gates_of_a_convolutional_lstm(tmp_path):
    config = convolution("r", None, order="tf", inner_activation="sigmoid", activation="linear")
    config["batch_input_shape"] = [None, 1, 2, 3, 1]
    i, c, f, o = 0.3, 2.0, -0.7, 1.1  # Keras 1 stored the gates in this order
    arrays = []
    for gate, bias in zip("icfo", (i, c, f, o), strict=True):
        kernel = np.zeros((2, 3, 1, 2))
        arrays += [(f"r_W_{gate}", kernel), (f"r_U_{gate}", np.zeros((2, 3, 2, 2)))]
        arrays += [(f"r_b_{gate}", np.full(2, bias))]
    loaded = keras1(tmp_path / "m.h5", ("ConvLSTM2D", config), arrays={"r": arrays})
    expected = c / (1 + np.exp(-i)) / (1 + np.exp(-o))
    output = predict(loaded, np.ones((1, 1, 2, 3, 1)))
    np.testing.assert_allclose(output, np.full((1, 1, 1, 2), expected), rtol=1e-5)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_architecture_encoded_twice_or_with_a_mark(tmp_path, mark):
    kernel = values(2, 2)
    path = write_h5(tmp_path / "w.h5", None, {"d": [("d_W", kernel), ("d_b", np.zeros(2))]})
    record = {"class_name": "Dense", "config": named("d", [2], output_dim=2, init="one")}
    text = json.dumps({"class_name": "Sequential", "config": [record]})
    plan = tmp_path / "plan.json"
    plan.write_text(mark + (text if mark else json.dumps(text)), encoding="utf-8")
    x = values(3, 2, seed=1)
    loaded = read_model(path, architecture=plan)
    np.testing.assert_allclose(predict(loaded, x), x @ kernel, atol=1e-5)


def test_input_size_that_the_file_does_not_hold(tmp_path):
    records = [
        {"class_name": "Conv2D", "config": {"name": "c", "filters": 1, "kernel_size": [2, 2]}},
        {"class_name": "Flatten", "config": {"name": "f"}},
        {"class_name": "Dense", "config": {"name": "d", "units": 1, "use_bias": False}},
    ]
    arrays = {
        "c": [("c/kernel:0", values(2, 2, 1, 1)), ("c/bias:0", np.zeros(1))],
        "d": [("d/kernel:0", values(6, 1))],
    }
    path = write_h5(tmp_path / "m.h5", sequential(*records), arrays, version="2.2.4")
    with pytest.raises(ValueError, match="states no input size.*input_shape="):
        read_model(path)
    records[0]["config"]["batch_input_shape"] = [None, 3, 4, 1]
    (tmp_path / "plan.json").write_text(json.dumps(sequential(*records)))
    loaded = read_model(path, architecture=tmp_path / "plan.json")
    assert loaded.model.input_shape == (None, 3, 4, 1)
