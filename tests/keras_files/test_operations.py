"""Raw TensorFlow operations of Keras 2 become layers of the same meaning."""

import json

import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import functional, input_layer, predict, values, write_h5


def raw_op(function, layer="TFOpLambda"):
    return {"class_name": layer, "config": {"name": f"tf.{function}", "function": function}}


OPERATIONS = [
    ("math.multiply", [["x", 0, 0, {"y": 2.0, "name": None}]], lambda x: 2 * x),
    ("__operators__.add", [["x", 0, 0, {"y": ["x", 0, 0], "name": None}]], lambda x: x + x),
    ("math.subtract", [["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0]}]], lambda x: 1 - x),
    ("math.truediv", [["x", 0, 0, {"y": [1.0, 2.0, 4.0]}]], lambda x: x / [1, 2, 4]),
    ("nn.bias_add", [["x", 0, 0, {"bias": [1.0, 2.0, 4.0]}]], lambda x: x + [1, 2, 4]),
    ("nn.relu6", [["x", 0, 0, {}]], lambda x: np.clip(x, 0, 6)),
    ("math.minimum", [["x", 0, 0, {"y": 0.5}]], lambda x: np.minimum(x, 0.5)),
    ("math.reduce_mean", [["x", 0, 0, {"axis": [1, 2]}]], lambda x: x.mean((1, 2))),
    ("math.reduce_max", [["x", 0, 0, {"axis": 1}]], lambda x: x.max(1)),
    ("concat", [[["x", 0, 0, {"axis": 1}], ["x", 0, 0, {"axis": 1}]]], lambda x: np.hstack([x, x])),
    (
        "compat.v1.pad",
        [["x", 0, 0, {"paddings": [[0, 0], [1, 0], [0, 2], [0, 0]]}]],
        lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)]),
    ),
    (
        "__operators__.getitem",
        [
            [
                *["x", 0, 0],
                {"slice_spec": ["...", {"start": None, "stop": None, "step": -1}]},
            ]
        ],
        lambda x: x[..., ::-1],
    ),
]


@pytest.mark.parametrize(("function", "call", "expected"), OPERATIONS)
def test_raw_tensor_operation_becomes_a_layer(tmp_path, function, call, expected):
    config = functional(
        [(input_layer("x", [4, 5, 3]), []), (raw_op(function), call)],
        [["x", 0, 0]],
        [[f"tf.{function}", 0, 0]],
    )
    path = write_h5(tmp_path / "m.h5", config, {"x": []}, version="2.10.0")
    x = 4 * values(2, 4, 5, 3)
    loaded = read_model(path)
    np.testing.assert_allclose(predict(loaded, x), expected(x), atol=1e-5)
    assert any(function in change for change in loaded.changes)


def test_unknown_tensor_operation_is_refused_by_name(tmp_path):
    config = functional(
        [(input_layer("x", [4]), []), (raw_op("linalg.svd"), [["x", 0, 0, {}]])],
        [["x", 0, 0]],
        [["tf.linalg.svd", 0, 0]],
    )
    path = write_h5(tmp_path / "m.h5", config, {"x": []}, version="2.10.0")
    with pytest.raises(UnsupportedLayerError, match=r"'tf.linalg.svd' \(TFOpLambda\)"):
        read_model(path)


def test_graph_node_of_tensorflow_2_0(tmp_path):
    node = json.dumps({"op": "RealDiv", "input": ["x", "RealDiv/y"]})
    config = {"name": "tf_op_layer_RealDiv", "node_def": node, "constants": {"1": 4.0}}
    model = functional(
        [
            (input_layer("x", [3]), []),
            ({"class_name": "TensorFlowOpLayer", "config": config}, [[["x", 0, 0, {}]]]),
        ],
        [["x", 0, 0]],
        [["tf_op_layer_RealDiv", 0, 0]],
    )
    path = write_h5(tmp_path / "m.h5", model, {"x": []}, version="2.3.0-tf")
    x = values(2, 3)
    np.testing.assert_allclose(predict(read_model(path), x), x / 4, atol=1e-6)
