"""Layers with a kernel of their own at every position, whatever form their weights have."""

import keras
import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.keras_files import read_model
from tests.keras_files.handmade import input_layer, predict, sequential, values, write_h5, write_zip

HEIGHT, WIDTH, CHANNELS, FILTERS = 4, 5, 2, 3
ROWS, COLS = 2, 3
STRIDES = (1, 2)
PLACES = [(i, j) for i in range(3) for j in range(2)]


def layer(order, **extra):
    shape = [HEIGHT, WIDTH, CHANNELS] if order == "channels_last" else [CHANNELS, HEIGHT, WIDTH]
    config = {"name": "l", "filters": FILTERS, "kernel_size": [ROWS, COLS], "padding": "valid"}
    config |= {"strides": list(STRIDES), "data_format": order, "activation": "relu"}
    config |= {"batch_input_shape": [None, *shape], **extra}
    return {"class_name": "LocallyConnected2D", "config": config}


def expected(x, kernel, bias):
    """By loops: x (h, w, c), kernel (place, row, col, channel, filter), bias (place, filter)."""
    out = np.zeros((3, 2, FILTERS))
    for place, (i, j) in enumerate(PLACES):
        patch = x[i : i + ROWS, 2 * j : 2 * j + COLS]
        out[i, j] = np.einsum("rsc,rscf->f", patch, kernel[place]) + bias[place]
    return np.maximum(out, 0)


def stored(kernel, order, implementation):
    """The kernel as Keras 2 stored it."""
    if implementation == 1:
        if order == "channels_first":
            kernel = np.moveaxis(kernel, 3, 1)
        return kernel.reshape(len(PLACES), -1, FILTERS)
    matrix = np.full((HEIGHT, WIDTH, CHANNELS, 3, 2, FILTERS), np.nan, "float32")
    for place, (i, j) in enumerate(PLACES):
        matrix[i : i + ROWS, 2 * j : 2 * j + COLS, :, i, j] = kernel[place]
    if order == "channels_first":
        matrix = np.moveaxis(matrix, (2, 5), (0, 3))
    if implementation == 2:
        return np.nan_to_num(matrix)
    entries = matrix.reshape(HEIGHT * WIDTH * CHANNELS, -1).T.reshape(-1)
    return entries[~np.isnan(entries)]


@pytest.mark.parametrize("implementation", [1, 2, 3])
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_weights_of_every_form(tmp_path, implementation, order, suffix):
    kernel, bias = values(len(PLACES), ROWS, COLS, CHANNELS, FILTERS), values(6, FILTERS, seed=1)
    flat = bias.T if order == "channels_first" else bias  # the order of the outputs
    arrays = [stored(kernel, order, implementation), flat.reshape(3, 2, FILTERS)]
    record = layer(order, implementation=implementation)
    if suffix == "h5":
        pairs = list(zip(("l/kernel:0", "l/bias:0"), arrays, strict=True))
        path = write_h5(tmp_path / "m.h5", sequential(record), {"l": pairs}, version="2.3.1")
    else:
        shape = record["config"].pop("batch_input_shape")[1:]
        config = sequential(input_layer("i", shape), record)
        variables = {f"layers/locally_connected2d/vars/{k}": a for k, a in enumerate(arrays)}
        path = write_zip(tmp_path / "m.keras", config, variables, "2.13.1")
    loaded = read_model(path)
    x = values(HEIGHT, WIDTH, CHANNELS, seed=2)
    given = np.moveaxis(x, -1, 0) if order == "channels_first" else x
    output = predict(loaded, given[None])[0]
    output = np.moveaxis(output, 0, -1) if order == "channels_first" else output
    np.testing.assert_allclose(output, expected(x, kernel, bias), atol=1e-5)
    loaded.model.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(again(given[None]), loaded.model(given[None]))


def test_sequences(tmp_path):
    config = {"name": "l", "filters": 2, "kernel_size": [2], "strides": [1], "use_bias": False}
    record = {"class_name": "LocallyConnected1D", "config": config}
    record["config"]["batch_input_shape"] = [None, 3, 2]
    kernel = values(2, 4, 2)
    arrays = {"l": [("l/kernel:0", kernel)]}
    path = write_h5(tmp_path / "m.h5", sequential(record), arrays, version="2.3.1")
    x = values(3, 2, seed=1)
    wanted = [x[0:2].reshape(-1) @ kernel[0], x[1:3].reshape(-1) @ kernel[1]]
    np.testing.assert_allclose(predict(read_model(path), x[None])[0], wanted, atol=1e-5)


def test_padding_is_refused(tmp_path):
    record = layer("channels_last", padding="same")
    path = write_h5(tmp_path / "m.h5", sequential(record), {"l": []}, version="2.3.1")
    with pytest.raises(UnsupportedLayerError, match=r"'l' \(LocallyConnected2D\).*'same'"):
        read_model(path)


def test_conversion_is_refused_by_name(tmp_path):
    kernel = values(len(PLACES), ROWS * COLS * CHANNELS, FILTERS)
    arrays = {"l": [("l/kernel:0", kernel)]}
    record = layer("channels_last", use_bias=False)
    path = write_h5(tmp_path / "m.h5", sequential(record), arrays, version="2.3.1")
    with pytest.raises(UnsupportedLayerError, match="l .*every position; use a convolution"):
        read_graph(read_model(path).model)
