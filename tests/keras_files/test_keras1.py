"""Handmade files of Keras 1: other names, other axis order, kernels of Theano."""

import json

import numpy as np
import pytest

from spkeras.keras_files import read_model
from tests.keras_files.handmade import predict, values, write_h5


def true_convolution(x, kernel, bias):
    """Theano's valid convolution: x (n, c, h, w), kernel (out, c, rows, cols), by loops."""
    rows, cols = kernel.shape[2:]
    height, width = x.shape[2] - rows + 1, x.shape[3] - cols + 1
    out = np.zeros((len(x), len(kernel), height, width), "float32")
    for i in range(height):
        for j in range(width):
            patch = x[:, :, i : i + rows, j : j + cols]
            out[:, :, i, j] = np.einsum("ncrs,ocrs->no", patch, kernel[:, :, ::-1, ::-1])
    return out + bias[None, :, None, None]


def keras1_conv(**extra):
    convolution = {
        "name": "convolution2d_1",
        "nb_filter": 2,
        "nb_row": 3,
        "nb_col": 2,
        "init": "glorot_uniform",
        "activation": "linear",
        "border_mode": "valid",
        "subsample": [1, 1],
        "dim_ordering": "th",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.1},
        "bias": True,
        "input_dtype": "float32",
        "batch_input_shape": [None, 3, 5, 4],
        **extra,
    }
    return [
        {"class_name": "Convolution2D", "config": convolution},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5}},
        {"class_name": "Flatten", "config": {"name": "flatten_1"}},
        {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 2, "init": "uniform"}},
    ]


def keras1_weights(suffix):
    return {
        "convolution2d_1": [
            (f"convolution2d_1_W{suffix}", values(2, 3, 3, 2, seed=1)),
            (f"convolution2d_1_b{suffix}", values(2, seed=2)),
        ],
        "dropout_1": [],
        "flatten_1": [],
        "dense_1": [
            (f"dense_1_W{suffix}", values(18, 2, seed=3)),
            (f"dense_1_b{suffix}", values(2, seed=4)),
        ],
    }


def keras1_expected(x, rotated):
    """What Theano (rotated) or TensorFlow under Keras 1 computed."""
    weights = keras1_weights("")
    (_, kernel), (_, bias) = weights["convolution2d_1"]
    kernel = kernel if rotated else kernel[:, :, ::-1, ::-1]
    hidden = true_convolution(x, kernel, bias).reshape(len(x), -1)
    (_, matrix), (_, offset) = weights["dense_1"]
    return hidden @ matrix + offset


@pytest.mark.parametrize(("suffix", "rotated"), [("", True), (":0", False)])
def test_keras1_list_with_th_ordering(tmp_path, suffix, rotated):
    config = {"class_name": "Sequential", "config": keras1_conv()}
    path = write_h5(tmp_path / "m.h5", config, keras1_weights(suffix), version="1.2.0")
    loaded = read_model(path)
    x = values(2, 3, 5, 4, seed=9)
    np.testing.assert_allclose(predict(loaded, x), keras1_expected(x, rotated), atol=1e-5)
    assert loaded.writer == "Keras 1.2.0, HDF5"
    assert any("Convolution2D" in change for change in loaded.changes)


def test_keras1_numbered_weights_with_architecture(tmp_path):
    path = write_h5(tmp_path / "w.h5", None, keras1_weights(""), numbered=True)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"class_name": "Sequential", "config": keras1_conv()}))
    x = values(2, 3, 5, 4, seed=9)
    loaded = read_model(path, architecture=plan)
    np.testing.assert_allclose(predict(loaded, x), keras1_expected(x, True), atol=1e-5)
    assert loaded.writer == "Keras 1.x, HDF5"


def test_keras1_sequential_that_begins_with_merge(tmp_path):
    def branch(name):
        config = {"name": name, "output_dim": 2, "batch_input_shape": [None, 3]}
        return {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": config}]}

    merge = {"name": "merge_1", "mode": "mul", "layers": [branch("a"), branch("b")]}
    config = {"class_name": "Sequential", "config": [{"class_name": "Merge", "config": merge}]}
    a, b = values(3, 2, seed=1), values(3, 2, seed=2)
    zero = np.zeros(2, "float32")
    arrays = {"a": [("a_W", a), ("a_b", zero)], "b": [("b_W", b), ("b_b", zero)], "merge_1": []}
    x, y = values(4, 3, seed=3), values(4, 3, seed=4)
    loaded = read_model(write_h5(tmp_path / "m.h5", config, arrays, version="1.1.0"))
    np.testing.assert_allclose(predict(loaded, [x, y]), (x @ a) * (y @ b), atol=1e-5)


def test_keras1_lstm_gates(tmp_path):
    config = {"name": "r", "output_dim": 1, "inner_activation": "sigmoid", "activation": "linear"}
    config |= {"consume_less": "cpu", "forget_bias_init": "one"}
    record = {"class_name": "LSTM", "config": {**config, "batch_input_shape": [None, 1, 1]}}
    i, c, f, o = 0.3, 2.0, -0.7, 1.1  # Keras 1 stored the gates in this order
    arrays = []
    for gate, bias in zip("icfo", (i, c, f, o), strict=True):
        arrays += [(f"r_W_{gate}", np.zeros((1, 1))), (f"r_U_{gate}", np.zeros((1, 1)))]
        arrays += [(f"r_b_{gate}", np.array([bias]))]
    model = {"class_name": "Sequential", "config": [record]}
    path = write_h5(tmp_path / "m.h5", model, {"r": arrays}, version="1.2.0")
    expected = c / (1 + np.exp(-i)) / (1 + np.exp(-o))
    output = predict(read_model(path), np.ones((1, 1, 1)))
    np.testing.assert_allclose(output, [[expected]], rtol=1e-5)


def test_keras1_convolution_1d_of_two_ages(tmp_path):
    config = {"name": "c", "nb_filter": 3, "filter_length": 2, "batch_input_shape": [None, 4, 5]}
    model = {"class_name": "Sequential", "config": [{"class_name": "Convolution1D"}]}
    model["config"][0]["config"] = config
    kernel, zero = values(2, 5, 3), np.zeros(3)
    x = values(1, 4, 5, seed=1)
    expected = np.stack([x[0, t] @ kernel[0] + x[0, t + 1] @ kernel[1] for t in range(3)])
    ages = [kernel[:, None], kernel[:, None].transpose(3, 2, 0, 1)]
    for index, stored in enumerate(ages):
        arrays = {"c": [("c_W:0", stored), ("c_b:0", zero)]}
        path = write_h5(tmp_path / f"m{index}.h5", model, arrays, version="1.0.8")
        np.testing.assert_allclose(predict(read_model(path), x)[0], expected, atol=1e-5)
