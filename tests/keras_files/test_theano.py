"""Padding "same" of Theano, worked out by loops, and what cannot be kept of it."""

import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import (
    functional,
    input_layer,
    predict,
    sequential,
    values,
    write_h5,
)


def half_padded(x, kernel, stride):
    """Theano's border mode "half", cut to ceil(n / stride): x (n, h, w, c), true convolution."""
    rows, cols = kernel.shape[:2]
    x = np.pad(x, [(0, 0), (rows // 2, rows), (cols // 2, cols), (0, 0)])
    height, width = (-(-(n - k // 2 - k) // stride) for n, k in zip(x.shape[1:], (rows, cols)))
    out = np.zeros((len(x), height, width, kernel.shape[3]), "float32")
    for i in range(height):
        for j in range(width):
            patch = x[:, i * stride : i * stride + rows, j * stride : j * stride + cols]
            out[:, i, j] = np.einsum("nrsc,rsco->no", patch, kernel[::-1, ::-1])
    return out


def convolution(name, filters, size, **config):
    base = {"name": name, "filters": filters, "kernel_size": size, "padding": "same"}
    return {"class_name": "Conv2D", "config": {**base, "use_bias": False, **config}}


def theano(path, config, arrays):
    return read_model(write_h5(path, config, arrays, version="2.1.2", backend="theano"))


@pytest.mark.parametrize("size", [[3, 3], [4, 2], [5, 4]])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution(tmp_path, size, stride):
    first = convolution("c", 2, size, strides=[stride] * 2, batch_input_shape=[None, 7, 8, 3])
    kernel = values(*size, 3, 2)
    loaded = theano(tmp_path / "m.h5", sequential(first), {"c": [("c/kernel", kernel)]})
    x = values(2, 7, 8, 3, seed=1)
    np.testing.assert_allclose(predict(loaded, x), half_padded(x, kernel, stride), atol=1e-4)


def test_two_strided_convolutions_of_one_input(tmp_path):
    calls = [[["x", 0, 0, {}]]]
    config = functional(
        [
            (input_layer("x", [6, 6, 2]), []),
            (convolution("a", 2, [3, 3], strides=[2, 2]), calls),
            (convolution("b", 2, [2, 2], strides=[2, 2]), calls),
            ({"class_name": "Add", "config": {"name": "s"}}, [[["a", 0, 0, {}], ["b", 0, 0, {}]]]),
        ],
        [["x", 0, 0]],
        [["s", 0, 0]],
    )
    a, b = values(3, 3, 2, 2, seed=1), values(2, 2, 2, 2, seed=2)
    arrays = {"a": [("a/kernel", a)], "b": [("b/kernel", b)]}
    loaded = theano(tmp_path / "m.h5", config, arrays)
    x = values(2, 6, 6, 2, seed=3)
    expected = half_padded(x, a, 2) + half_padded(x, b, 2)
    np.testing.assert_allclose(predict(loaded, x), expected, atol=1e-4)
    assert any("made a layer before it: 'a', 'b'" in change for change in loaded.changes)


def spread(x, kernel, stride):
    """Transposed convolution of border mode "half": x (n, h, w, c), kernel (r, s, out, in)."""
    rows, cols = kernel.shape[:2]
    height, width = x.shape[1] * stride, x.shape[2] * stride
    full = np.zeros((len(x), height + rows + stride, width + cols + stride, kernel.shape[2]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            part = np.einsum("nc,rsoc->nrso", x[:, i, j], kernel[::-1, ::-1])
            full[:, i * stride : i * stride + rows, j * stride : j * stride + cols] += part
    return full[:, rows // 2 : rows // 2 + height, cols // 2 : cols // 2 + width]


@pytest.mark.parametrize(("size", "stride"), [(3, 2), (5, 2), (3, 1), (3, 3)])
def test_transposed_convolution_and_its_reader(tmp_path, size, stride):
    layer = convolution("t", 2, [size] * 2, strides=[stride] * 2)
    layer["class_name"] = "Conv2DTranspose"
    config = functional(
        [
            (input_layer("x", [3, 4, 3]), []),
            (layer, [[["x", 0, 0, {}]]]),
            ({"class_name": "ReLU", "config": {"name": "r"}}, [[["t", 0, 0, {}]]]),
        ],
        [["x", 0, 0]],
        [["r", 0, 0], ["t", 0, 0]],
    )
    kernel = values(size, size, 2, 3)
    loaded = theano(tmp_path / "m.h5", config, {"t": [("t/kernel", kernel)]})
    x = values(2, 3, 4, 3, seed=1)
    rectified, plain = loaded.model(x)
    np.testing.assert_allclose(plain, spread(x, kernel, stride), atol=1e-4)
    np.testing.assert_allclose(rectified, np.maximum(spread(x, kernel, stride), 0), atol=1e-4)


def pooling(kind, size, stride):
    config = {"name": "p", "pool_size": [size] * 2, "strides": [stride] * 2, "padding": "same"}
    return {"class_name": kind, "config": {**config, "batch_input_shape": [None, 6, 6, 1]}}


@pytest.mark.parametrize("kind", ["MaxPooling2D", "AveragePooling2D"])
def test_pooling(tmp_path, kind):
    config = sequential(pooling(kind, 3, 1))
    x = values(1, 6, 6, 1)
    middle = x[0, 1:4, 2:5, 0]
    expected = middle.max() if kind == "MaxPooling2D" else middle.mean()
    output = predict(theano(tmp_path / "m.h5", config, {"p": []}), x)
    np.testing.assert_allclose(output[0, 2, 3, 0], expected, rtol=1e-5)
    with pytest.raises(UnsupportedLayerError, match=rf"'p' \({kind}\): Theano pads"):
        theano(tmp_path / "n.h5", sequential(pooling(kind, 3, 2)), {"p": []})


def test_strided_convolution_inside_a_wrapper_is_refused(tmp_path):
    wrapper = {"name": "w", "layer": convolution("c", 2, [3, 3], strides=[2, 2])}
    wrapper["batch_input_shape"] = [None, 2, 6, 6, 1]
    config = sequential({"class_name": "TimeDistributed", "config": wrapper})
    with pytest.raises(UnsupportedLayerError, match=r"'w' \(TimeDistributed\): Theano pads"):
        theano(tmp_path / "m.h5", config, {"w": [("w/kernel", values(3, 3, 1, 2))]})


def test_kernel_of_each_channel_is_left_as_it_is(tmp_path):
    config = {"name": "d", "kernel_size": [3, 3], "use_bias": False}
    config["batch_input_shape"] = [None, 5, 5, 2]
    kernel = values(3, 3, 2, 1)
    record = {"class_name": "DepthwiseConv2D", "config": config}
    loaded = theano(tmp_path / "m.h5", sequential(record), {"d": [("d/depthwise_kernel", kernel)]})
    x = values(1, 5, 5, 2, seed=1)
    expected = np.einsum("rsc,rsc->c", x[0, 1:4, 2:5], kernel[..., 0])
    np.testing.assert_allclose(predict(loaded, x)[0, 1, 2], expected, atol=1e-5)
