"""TensorFlow functions in files of Keras 2 become operators of Keras 3, and convert like them."""

import math

import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import walk
from spkeras.keras_files import read_model
from tests.keras_files.handmade import functional, input_layer, predict, values, write_h5
from tests.versions import has_keras

SHAPE = (4, 6, 8)
X = ["x", 0, 0]
ROW = np.arange(1, 9) / 4
MAP = np.arange(48).reshape(6, 8) / 10


def logistic(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis):
    weights = np.exp(x)
    return weights / weights.sum(axis, keepdims=True)


def blocks(x, size):
    """Pixels of a block as neighbouring channels."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // size, size, w // size, size, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // size, w // size, size * size * c)


def pixels(x, size):
    """The reverse."""
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, size, size, c // size**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * size, w * size, c // size**2)


def pooled(x, join):
    n, h, w, c = x.shape
    return join(x.reshape(n, h // 2, 2, w // 2, 2, c), (2, 4))


def lengths(x, axis):
    return np.sqrt((x**2).sum(axis, keepdims=True))


ONE = {
    "math.abs": np.abs,
    "math.square": np.square,
    "math.exp": np.exp,
    "math.expm1": np.expm1,
    "math.sin": np.sin,
    "math.cos": np.cos,
    "math.atan": np.arctan,
    "math.asinh": np.arcsinh,
    "math.sinh": np.sinh,
    "math.floor": np.floor,
    "math.ceil": np.ceil,
    "math.round": np.round,
    "math.rint": np.rint,
    "math.sign": np.sign,
    "math.erf": np.vectorize(math.erf),
    "math.bessel_i0": np.i0,
    "math.log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "nn.softsign": lambda x: x / (1 + np.abs(x)),
    "nn.softplus": lambda x: np.log1p(np.exp(x)),
    "math.real": lambda x: x,
    "ensure_shape": lambda x: x,
}
# Functions whose equals later versions of Keras have.
NEWER = dict.fromkeys(["math.bessel_i0", "nn.depth_to_space", "nn.space_to_depth"], "3.14")
# Function, its arguments after the first, what it computes of x (n, 4, 6, 8).
CALLS = [
    *((name, {}, computed) for name, computed in ONE.items()),
    ("compat.v1.abs", {"name": None}, np.abs),
    ("compat.v1.expand_dims", {"axis": 1}, lambda x: x[:, None]),
    ("compat.v1.reduce_sum", {"axis": 2, "keepdims": True}, lambda x: x.sum(2, keepdims=True)),
    ("math.add", {"y": MAP.tolist()}, lambda x: x + MAP),
    ("math.multiply", {"y": MAP.tolist()}, lambda x: x * MAP),
    ("math.truediv", {"y": X}, lambda x: np.ones_like(x)),
    ("math.maximum", {"y": 0.25}, lambda x: np.maximum(x, 0.25)),
    ("math.minimum", {"y": 0.25}, lambda x: np.minimum(x, 0.25)),
    ("math.minimum", {"y": ROW.tolist()}, lambda x: np.minimum(x, ROW)),
    ("math.pow", {"y": 2}, lambda x: x**2),
    ("math.squared_difference", {"y": ROW.tolist()}, lambda x: (x - ROW) ** 2),
    ("math.divide_no_nan", {"y": 4.0}, lambda x: x / 4),
    (
        "clip_by_value",
        {"clip_value_min": -0.5, "clip_value_max": 0.75},
        lambda x: x.clip(-0.5, 0.75),
    ),
    ("math.l2_normalize", {"axis": -1}, lambda x: x / lengths(x, -1)),
    ("math.l2_normalize", {"axis": -1, "epsilon": 400.0}, lambda x: x / 20),
    ("compat.v1.norm", {"ord": "euclidean", "axis": 2}, lambda x: lengths(x, 2)[:, :, 0]),
    ("norm", {"ord": 1, "axis": 3, "keepdims": True}, lambda x: np.abs(x).sum(3, keepdims=True)),
    ("norm", {"ord": math.inf, "axis": 1}, lambda x: np.abs(x).max(1)),
    ("math.reduce_euclidean_norm", {"axis": [1]}, lambda x: lengths(x, 1)[:, 0]),
    ("math.reduce_variance", {"axis": [1, 2]}, lambda x: x.var((1, 2))),
    ("math.reduce_std", {"axis": -1, "keepdims": True}, lambda x: x.std(-1, keepdims=True)),
    ("math.reduce_logsumexp", {"axis": 3}, lambda x: np.log(np.exp(x).sum(3))),
    ("nn.softmax", {"axis": 1}, lambda x: softmax(x, 1)),
    ("nn.log_softmax", {}, lambda x: np.log(softmax(x, -1))),
    ("nn.gelu", {"approximate": False}, lambda x: x * (1 + np.vectorize(math.erf)(x / 2**0.5)) / 2),
    (
        "nn.gelu",
        {"approximate": True},
        lambda x: x * (1 + np.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3))) / 2,
    ),
    ("nn.silu", {"beta": 0.5}, lambda x: x * logistic(x / 2)),
    ("compat.v1.nn.crelu", {"axis": -1}, lambda x: np.maximum(np.concatenate([x, -x], -1), 0)),
    (
        "nn.bias_add",
        {"bias": [1.0, 2.0, 3.0, 4.0], "data_format": "NCHW"},
        lambda x: x + np.arange(1, 5).reshape(4, 1, 1),
    ),
    ("linalg.matmul", {"b": X, "transpose_b": True}, lambda x: x @ x.swapaxes(-1, -2)),
    ("linalg.matmul", {"b": X, "transpose_a": True}, lambda x: x.swapaxes(-1, -2) @ x),
    ("linalg.matmul", {"b": MAP.tolist(), "transpose_b": True}, lambda x: x @ MAP.T),
    ("tensordot", {"b": MAP.T.tolist(), "axes": 1}, lambda x: x @ MAP.T),
    ("linalg.matvec", {"b": ROW.tolist()}, lambda x: x @ ROW),
    ("linalg.matrix_transpose", {}, lambda x: x.swapaxes(-1, -2)),
    ("math.cumsum", {"axis": 2}, lambda x: x.cumsum(2)),
    ("math.cumsum", {"axis": 2, "exclusive": True}, lambda x: x.cumsum(2) - x),
    (
        "math.cumsum",
        {"axis": 2, "exclusive": True, "reverse": True},
        lambda x: x[:, :, ::-1].cumsum(2)[:, :, ::-1] - x,
    ),
    ("nn.depth_to_space", {"block_size": 2}, lambda x: pixels(x, 2)),
    ("nn.space_to_depth", {"block_size": 2, "data_format": "NHWC"}, lambda x: blocks(x, 2)),
    ("nn.max_pool2d", {"ksize": 2, "strides": 2, "padding": "VALID"}, lambda x: pooled(x, np.max)),
    (
        "nn.avg_pool",
        {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"},
        lambda x: pooled(x, np.mean),
    ),
    (
        "compat.v1.nn.pool",
        {"window_shape": [2, 2], "pooling_type": "MAX", "padding": "VALID", "strides": [2, 2]},
        lambda x: pooled(x, np.max),
    ),
    ("tile", {"multiples": [1, 2, 1, 1]}, lambda x: np.tile(x, (1, 2, 1, 1))),
    ("repeat", {"repeats": 2, "axis": 1}, lambda x: x.repeat(2, 1)),
    ("repeat", {"repeats": [1, 0, 2, 1], "axis": 1}, lambda x: x.repeat([1, 0, 2, 1], 1)),
    ("roll", {"shift": 2, "axis": 2}, lambda x: np.roll(x, 2, 2)),
    ("reverse", {"axis": [1, -1]}, lambda x: x[:, ::-1, :, ::-1]),
    ("image.flip_left_right", {}, lambda x: x[:, :, ::-1]),
    ("image.flip_up_down", {}, lambda x: x[:, ::-1]),
    ("compat.v1.gather", {"indices": [2, 0, 1], "axis": 1}, lambda x: x[:, [2, 0, 1]]),
    ("slice", {"begin": [0, 1, 0, 2], "size": [-1, 2, 6, 3]}, lambda x: x[:, 1:3, :, 2:5]),
    (
        "strided_slice",
        {
            **{"begin": [0, 1, 0], "end": [9, 4, 6], "strides": [1, 2, 1]},
            **{"begin_mask": 1, "end_mask": 1},
        },
        lambda x: x[:, 1:4:2],
    ),
    (
        "image.crop_to_bounding_box",
        dict(offset_height=1, offset_width=2, target_height=2, target_width=3),
        lambda x: x[:, 1:3, 2:5],
    ),
    (
        "pad",
        {"paddings": [[0, 0], [0, 0], [1, 2], [1, 0]]},
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2), (1, 0))),
    ),
    ("cast", {"dtype": "float32"}, lambda x: x),
]


def read(path, function, call, outputs=(), constants=()):
    config = {"name": "op", "function": function}
    model = functional(
        [
            (input_layer("x", list(SHAPE)), []),
            ({"class_name": "TFOpLambda", "config": config}, [call]),
        ],
        [X],
        list(outputs) or [["op", 0, 0]],
    )
    return read_model(write_h5(path, model, {"x": []}, version="2.10.0"))


@pytest.mark.parametrize(("function", "arguments", "computed"), CALLS)
def test_function(tmp_path, function, arguments, computed):
    if not has_keras(NEWER.get(function, "3.0")):
        pytest.skip(f"needs Keras {NEWER[function]}")
    x = values(2, *SHAPE)
    loaded = read(tmp_path / "m.h5", function, [*X, {**arguments, "name": None}])
    np.testing.assert_allclose(predict(loaded, x), computed(x), atol=1e-4)
    assert any(f"tf.{function}" in change for change in loaded.changes)
    assert walk(loaded.model).problems == ()


@pytest.mark.parametrize(
    ("function", "computed"),
    [
        ("math.subtract", lambda x: MAP - x),
        ("math.truediv", lambda x: MAP / x),
        ("math.pow", lambda x: (MAP + 1) ** x),
    ],
)
def test_constant_first(tmp_path, function, computed):
    first = (MAP + 1 if function == "math.pow" else MAP).tolist()
    loaded = read(tmp_path / "m.h5", function, ["_CONSTANT_VALUE", -1, first, {"y": X}])
    x = values(2, *SHAPE)
    np.testing.assert_allclose(predict(loaded, x), computed(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("function", "arguments", "parts"),
    [
        ("split", {"num_or_size_splits": 2, "axis": 2}, lambda x: np.split(x, 2, 2)),
        ("split", {"num_or_size_splits": [1, 3], "axis": 1}, lambda x: np.split(x, [1], 1)),
        ("unstack", {"axis": 1}, lambda x: [x[:, k] for k in range(4)]),
        ("nn.moments", {"axes": [1, 2]}, lambda x: [x.mean((1, 2)), x.var((1, 2))]),
    ],
)
def test_function_of_several_results(tmp_path, function, arguments, parts):
    x = values(2, *SHAPE)
    expected = parts(x)
    outputs = [["op", 0, k] for k in range(len(expected))]
    loaded = read(tmp_path / "m.h5", function, [*X, arguments], outputs=outputs)
    for found, part in zip(loaded.model(x), expected, strict=True):
        np.testing.assert_allclose(np.asarray(found), part, atol=1e-5)
    assert walk(loaded.model).problems == ()


def test_stack(tmp_path):
    call = [[*X, {"axis": 2}], [*X, {"axis": 2}]]
    loaded = read(tmp_path / "m.h5", "stack", call)
    x = values(2, *SHAPE)
    np.testing.assert_allclose(predict(loaded, x), np.stack([x, x], 2), atol=1e-6)


def raw(name, function):
    return {"class_name": "TFOpLambda", "config": {"name": name, "function": function}}


@pytest.mark.parametrize("first", ["getitem", "unstack"])
@pytest.mark.parametrize(("rest", "shape"), [([24, 8], (24, 8)), ([-1], (192,))])
def test_number_of_samples_in_a_reshape(tmp_path, first, rest, shape):
    """As in tf.reshape(x, [tf.shape(x)[0], 24, 8])."""
    if first == "getitem":
        size = (raw("size", "__operators__.getitem"), [["shape", 0, 0, {"slice_spec": 0}]])
    else:
        size = (raw("size", "unstack"), [["shape", 0, 0, {}]])
    layers = [
        (input_layer("x", list(SHAPE)), []),
        (raw("shape", "compat.v1.shape"), [[*X, {"out_type": "int32"}]]),
        size,
        (raw("flat", "reshape"), [[*X, {"shape": [["size", 0, 0], *rest]}]]),
    ]
    model = functional(layers, [X], [["flat", 0, 0]])
    loaded = read_model(write_h5(tmp_path / "m.h5", model, {"x": []}, version="2.10.0"))
    x = values(3, *SHAPE)
    np.testing.assert_allclose(predict(loaded, x), x.reshape(3, *shape), atol=1e-6)
    assert walk(loaded.model).problems == ()


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("compat.v1.shape", {}, "not in the list"),
        ("einsum", {}, "did not store"),
        ("__operators__.eq", {}, "all operands"),
        ("math.reduce_variance", {"axis": None}, "over the samples"),
        ("nn.depth_to_space", {"block_size": 2, "data_format": "NCHW"}, "data_format=NCHW"),
        ("gather", {"indices": X, "axis": 1}, "computed"),
        ("transpose", {"perm": [1, 0, 2, 3]}, "perm="),
    ],
)
def test_arguments_that_no_operator_takes(tmp_path, function, arguments, reason):
    with pytest.raises(UnsupportedLayerError, match=rf"'op' .*tf.{function}.*{reason}"):
        read(tmp_path / "m.h5", function, [*X, arguments])
