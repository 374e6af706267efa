"""Layers whose arguments Keras 2 wrote otherwise, each with its outputs worked out by hand."""

import keras
import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import (
    dense,
    functional,
    input_layer,
    predict,
    sequential,
    values,
    write_h5,
)


def one_layer(tmp_path, class_name, shape, arrays=(), version="2.2.4", **config):
    """Reads a model of one layer named "l"."""
    full = {"name": "l", "batch_input_shape": [None, *shape], **config}
    model = sequential({"class_name": class_name, "config": full})
    path = write_h5(tmp_path / "m.h5", model, {"l": list(arrays)}, version=version)
    return read_model(path)


def test_number_written_as_an_array_record(tmp_path):
    alpha = {"type": "ndarray", "value": 0.25}
    loaded = one_layer(tmp_path, "LeakyReLU", [2], alpha=alpha)
    np.testing.assert_allclose(predict(loaded, np.array([[-4.0, 4.0]])), [[-1.0, 4.0]])


def test_thresholded_relu(tmp_path):
    loaded = one_layer(tmp_path, "ThresholdedReLU", [3], theta=0.5)
    output = predict(loaded, np.array([[-1.0, 0.4, 0.6]], "float32"))
    np.testing.assert_allclose(output, [[0.0, 0.0, 0.6]], rtol=1e-6)


def test_batch_normalization_with_its_axis_in_a_list(tmp_path):
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    arrays = [(f"l/{name}:0", np.array([k, k])) for k, name in enumerate(names, start=2)]
    loaded = one_layer(tmp_path, "BatchNormalization", [2], arrays, axis=[1], epsilon=4.0)
    output = predict(loaded, np.array([[4.0, 7.0]]))
    np.testing.assert_allclose(output, [[3.0, 5.0]], rtol=1e-6)  # 2 (x - 4) / 3 + 3
    assert loaded.model.layers[0].axis == 1


def test_batch_normalization_over_two_axes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'l' \(BatchNormalization\).*\[1, 2\]"):
        one_layer(tmp_path, "BatchNormalization", [2, 2], axis=[1, 2])


def test_gru_older_than_reset_after(tmp_path):
    arrays = [("k", values(2, 9)), ("r", values(3, 9)), ("b", values(9))]
    loaded = one_layer(tmp_path, "GRU", [4, 2], arrays, units=3)
    assert loaded.model.layers[0].reset_after is False
    assert any("reset_after" in change for change in loaded.changes)


def test_setting_of_the_user_does_not_turn_a_silent_layer(tmp_path):
    keras.config.set_image_data_format("channels_first")
    try:
        loaded = one_layer(tmp_path, "UpSampling2D", [1, 1, 2], size=[2, 2])
    finally:
        keras.config.set_image_data_format("channels_last")
    assert loaded.model.output_shape == (None, 2, 2, 2)


def test_call_arguments_that_say_nothing(tmp_path):
    call = [[["x", 0, 0, {"training": False, "mask": None}]]]
    model = functional(
        [(input_layer("x", [2]), []), ({"class_name": "Flatten", "config": {"name": "f"}}, call)],
        [["x", 0, 0]],
        [["f", 0, 0]],
    )
    path = write_h5(tmp_path / "m.h5", model, {"x": []}, version="2.6.0")
    loaded = read_model(path)
    np.testing.assert_array_equal(predict(loaded, np.ones((1, 2))), np.ones((1, 2)))
    assert loaded.model.input_shape == (None, 2)
    assert isinstance(loaded.model.get_config()["output_layers"][0], str)  # not a list of one


def test_activation_given_as_a_layer(tmp_path):
    activation = {"class_name": "LeakyReLU", "config": {"name": "a", "alpha": 0.5}}
    layer = dense("l", activation=activation, batch_input_shape=[None, 2])
    arrays = {"l": [("l/kernel:0", np.eye(2)), ("l/bias:0", np.zeros(2))]}
    path = write_h5(tmp_path / "m.h5", sequential(layer), arrays, version="2.8.0")
    np.testing.assert_allclose(predict(read_model(path), np.array([[-2.0, 2.0]])), [[-1.0, 2.0]])


@pytest.mark.parametrize(
    "config, threshold", [({"theta": 0.5}, 0.5), ({"theta": 2.0, "dtype": None}, 2.0), ({}, 1.0)]
)
def test_thresholded_relu_given_as_an_activation(tmp_path, config, threshold):
    activation = {"class_name": "ThresholdedReLU", "config": {"name": "a", **config}}
    layer = dense("l", activation=activation, batch_input_shape=[None, 2])
    arrays = {"l": [("l/kernel:0", np.eye(2)), ("l/bias:0", np.zeros(2))]}
    path = write_h5(tmp_path / "m.h5", sequential(layer), arrays, version="2.8.0")
    x = np.array([[-3.0, threshold - 0.25], [threshold + 0.25, 4.0]], "float32")
    expected = [[0.0, 0.0], [threshold + 0.25, 4.0]]
    np.testing.assert_allclose(predict(read_model(path), x), expected)


@pytest.mark.parametrize("kind", ["RandomHeight", "RandomWidth"])
def test_random_sizes_leave_images_at_inference(tmp_path, kind):
    config = {"factor": {"class_name": "__tuple__", "items": [0.1, 0.2]}, "seed": None}
    loaded = one_layer(tmp_path, kind, [4, 3, 1], version="2.9.0", interpolation="area", **config)
    x = values(2, 4, 3, 1)
    np.testing.assert_array_equal(predict(loaded, x), x)
    assert any("as at inference" in change for change in loaded.changes)


def test_random_crop_resizes_at_inference(tmp_path):
    loaded = one_layer(tmp_path, "RandomCrop", [4, 8, 1], version="2.9.0", height=2, width=2)
    # The middle four of eight columns; two neighbours each give their mean.
    x = values(1, 4, 8, 1)
    wanted = x[:, :, 2:6].reshape(1, 2, 2, 2, 2, 1).mean((2, 4))
    np.testing.assert_allclose(predict(loaded, x), wanted, rtol=1e-5)


HARD = "hard_sigmoid"
SPIKES = {"units": 2, "use_bias": False, "activation": "linear", "recurrent_activation": HARD}


@pytest.mark.parametrize("way", ["cell", "both directions", "each step"])
def test_hard_sigmoid_inside_other_layers(tmp_path, way):
    inner = {"class_name": "LSTM", "config": {"name": "s", **SPIKES}}
    arrays = [("l/kernel:0", values(2, 8)), ("l/recurrent_kernel:0", values(2, 8, seed=1))]
    both = [*arrays, *((f"l/backward_{name[2:]}", array) for name, array in arrays)]
    if way == "cell":
        inner["class_name"] = "LSTMCell"
        loaded = one_layer(tmp_path, "RNN", [1, 2], arrays, version="2.9.0", cell=inner)
    elif way == "each step":
        loaded = one_layer(
            tmp_path, "TimeDistributed", [3, 1, 2], arrays, version="2.9.0", layer=inner
        )
    else:
        loaded = one_layer(tmp_path, "Bidirectional", [1, 2], both, version="2.9.0", layer=inner)
    x = values(1, 1, 2, seed=2)
    i, _, c, o = np.split(np.clip(0.2 * x[0] @ arrays[0][1] + 0.5, 0, 1), 4, axis=1)
    new = np.split(x[0] @ arrays[0][1], 4, axis=1)[2]
    given = np.repeat(x[:, None], 3, axis=1) if way == "each step" else x
    found = predict(loaded, given).reshape(-1, 2)
    np.testing.assert_allclose(found, np.broadcast_to(o * i * new, found.shape), rtol=1e-5)


def test_several_outputs_for_each_step_are_refused(tmp_path):
    call = [[["i", 0, 0, {}]]]
    parts = [(input_layer("i", [2]), []), (dense("a"), call), (dense("b"), call)]
    inner = functional(parts, [["i", 0, 0]], [["a", 0, 0], ["b", 0, 0]], name="inner")
    each = {"class_name": "TimeDistributed", "config": {"name": "each", "layer": inner}}
    layers = [(input_layer("x", [3, 2]), []), (each, [[["x", 0, 0, {}]]])]
    plan = functional(layers, [["x", 0, 0]], [["each", 0, 0], ["each", 0, 1]])
    path = write_h5(tmp_path / "m.h5", plan, {"x": [], "each": []}, version="2.9.0")
    with pytest.raises(
        UnsupportedLayerError, match=r"'each' \(TimeDistributed\): returns 2 tensors"
    ):
        read_model(path)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers_of_cudnn(tmp_path, kind, wrapped):
    """One step from a zero state, by cuDNN's equations on its own matrices (units, inputs)."""
    gates, units, size = {"LSTM": 4, "GRU": 3}[kind], 2, 3
    kernel, bias = values(size, gates * units), values(2 * gates * units, seed=2)
    arrays = [
        ("l/kernel:0", kernel),
        ("l/recurrent_kernel:0", values(units, gates * units, seed=1)),
        ("l/bias:0", bias),
    ]
    inner = {"name": "l", "units": units, "return_sequences": False, "stateful": False}
    if wrapped:
        config = {"layer": {"class_name": f"CuDNN{kind}", "config": {**inner, "name": "i"}}}
        both = [*arrays, *((f"l/back_{name[2:]}", array) for name, array in arrays)]
        loaded = one_layer(tmp_path, "Bidirectional", [1, size], both, merge_mode="ave", **config)
    else:
        loaded = one_layer(tmp_path, f"CuDNN{kind}", [1, size], arrays, **inner)
    x = values(size, seed=3)
    stored = np.split(kernel, gates, axis=1)
    sums = [g.ravel().reshape(units, size) @ x for g in stored]
    of_input, of_state = np.split(bias, 2)
    b, r = of_input.reshape(gates, units), of_state.reshape(gates, units)
    if kind == "LSTM":
        i, _, c, o = (s + b[k] + r[k] for k, s in enumerate(sums))
        wanted = _sigmoid(o) * np.tanh(_sigmoid(i) * np.tanh(c))
    else:
        z, reset = (_sigmoid(sums[k] + b[k] + r[k]) for k in (0, 1))
        wanted = (1 - z) * np.tanh(sums[2] + b[2] + reset * r[2])
    np.testing.assert_allclose(predict(loaded, x[None, None])[0], wanted, rtol=1e-5)
    assert any("its weights reordered" in change for change in loaded.changes)


def test_recurrent_kernels_of_cudnn_are_turned(tmp_path):
    recurrent = values(2, 8, seed=1)
    arrays = [("l/k:0", values(3, 8)), ("l/r:0", recurrent), ("l/b:0", np.zeros(16))]
    loaded = one_layer(tmp_path, "CuDNNLSTM", [4, 3], arrays, units=2)
    found = np.asarray(loaded.model.layers[0].cell.recurrent_kernel)
    for gate in range(4):
        part = slice(2 * gate, 2 * gate + 2)
        np.testing.assert_array_equal(found[:, part], recurrent[:, part].T)
