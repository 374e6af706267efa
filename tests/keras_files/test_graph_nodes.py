"""Graph nodes of TensorFlow 1.15 to 2.3, and shape operations of later ones, become layers."""

import json

import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.keras_files import read_model
from spkeras.snn.ann import ann
from tests.keras_files.handmade import functional, input_layer, predict, values, write_h5

SHAPE = (4, 5, 3)


def read(path, record, calls):
    config = functional(
        [(input_layer("x", list(SHAPE)), []), (record, [calls])],
        [["x", 0, 0]],
        [[record["config"]["name"], 0, 0]],
    )
    return read_model(write_h5(path, config, {"x": []}, version="2.2.4-tf"))


def masks(begin=0, end=0, ellipsis=0, new=0, shrink=0):
    named = {"begin": begin, "end": end, "ellipsis": ellipsis, "new_axis": new}
    named["shrink_axis"] = shrink
    return {f"{name}_mask": {"i": str(bits)} for name, bits in named.items()}


# Operation, attributes, constants by input position, what it computes.
NODES = [
    ("Mean", {"keep_dims": {"b": False}}, {1: [1, 2]}, lambda x: x.mean((1, 2))),
    ("Mean", {"keep_dims": {"b": True}}, {1: [1, 2]}, lambda x: x.mean((1, 2), keepdims=True)),
    ("Max", {"keep_dims": {"b": False}}, {1: [1, 2]}, lambda x: x.max((1, 2))),
    ("Sum", {"keep_dims": {"b": False}}, {1: -1}, lambda x: x.sum(-1)),
    ("LeakyRelu", {"alpha": {"f": 0.25}}, {}, lambda x: np.where(x > 0, x, 0.25 * x)),
    (
        "Pad",
        {},
        {1: [[0, 0], [1, 0], [0, 2], [0, 0]]},
        lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)]),
    ),
    ("Reshape", {}, {1: [-1, 20, 3]}, lambda x: x.reshape(-1, 20, 3)),
    ("Transpose", {}, {1: [0, 3, 1, 2]}, lambda x: x.transpose(0, 3, 1, 2)),
    ("ClipByValue", {}, {1: -0.5, 2: 0.75}, lambda x: x.clip(-0.5, 0.75)),
    ("Sub", {}, {0: 1.0}, lambda x: 1 - x),
    ("ExpandDims", {}, {1: 1}, lambda x: x[:, None]),
    ("ExpandDims", {}, {1: -2}, lambda x: x[..., None, :]),
    ("Abs", {}, {}, np.abs),
    ("Sqrt", {}, {}, np.sqrt),
    ("Rsqrt", {}, {}, lambda x: 1 / np.sqrt(x)),
    ("SquaredDifference", {}, {1: [1.0, 2.0, 3.0]}, lambda x: (x - [1, 2, 3]) ** 2),
    ("RealDiv", {}, {0: 1.0}, lambda x: 1 / x),
    ("Pow", {}, {1: 3.0}, lambda x: x**3),
    ("Maximum", {}, {1: 0.5}, lambda x: np.maximum(x, 0.5)),
    ("MatMul", {"transpose_b": {"b": True}}, {1: [[1.0, 2.0, 3.0]]}, lambda x: x @ [[1], [2], [3]]),
    ("Split", {"num_split": {"i": "2"}}, {0: 1}, lambda x: x[:, :2]),
    ("SplitV", {"num_split": {"i": "2"}}, {1: [1, 3], 2: 1}, lambda x: x[:, :1]),
    ("Unpack", {"num": {"i": "4"}, "axis": {"i": "1"}}, {}, lambda x: x[:, 0]),
    ("Pack", {"axis": {"i": "1"}}, {}, lambda x: x[:, None]),
    ("Tile", {}, {1: [1, 1, 2, 1]}, lambda x: np.tile(x, (1, 1, 2, 1))),
    ("GatherV2", {}, {1: [2, 0], 2: 3}, lambda x: x[..., [2, 0]]),
    ("ReverseV2", {}, {1: [1]}, lambda x: x[:, ::-1]),
    ("Cast", {"DstT": {"type": "DT_FLOAT"}}, {}, lambda x: x),
    (
        "MaxPool",
        {
            "ksize": {"list": {"i": ["1", "2", "1", "1"]}},
            "strides": {"list": {"i": ["1", "2", "1", "1"]}},
            "padding": {"s": "VkFMSUQ="},
            "data_format": {"s": "TkhXQw=="},
        },
        {},
        lambda x: np.maximum(x[:, ::2], x[:, 1::2]),
    ),
    # x[:, 0]
    ("StridedSlice", masks(1, 1, shrink=2), {1: [0, 0], 2: [0, 1], 3: [1, 1]}, lambda x: x[:, 0]),
    # x[:, -1, ::2]
    (
        "StridedSlice",
        masks(5, 5, shrink=2),
        {1: [0, -1, 0], 2: [0, 0, 0], 3: [1, 1, 2]},
        lambda x: x[:, -1, ::2],
    ),
    # x[..., 1:3]
    ("StridedSlice", masks(ellipsis=1), {1: [0, 1], 2: [0, 3], 3: [1, 1]}, lambda x: x[..., 1:3]),
    # x[:, None, 1:]
    (
        "StridedSlice",
        masks(1, 5, new=2),
        {1: [0, 0, 1], 2: [0, 0, 0], 3: [1, 1, 1]},
        lambda x: x[:, None, 1:],
    ),
]


@pytest.mark.parametrize(("op", "attributes", "constants", "computed"), NODES)
def test_graph_node(tmp_path, op, attributes, constants, computed):
    node = json.dumps({"op": op, "input": ["x"], "attr": attributes})
    config = {"name": "node", "node_def": node, "constants": constants}
    record = {"class_name": "TensorFlowOpLayer", "config": config}
    x = values(2, *SHAPE)
    x = np.abs(x) + 0.1 if "q" in op or op in ("Rsqrt", "RealDiv") else x
    loaded = read(tmp_path / "m.h5", record, [["x", 0, 0, {}]])
    np.testing.assert_allclose(predict(loaded, x), computed(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("count", "op"), [(3, "AddN"), (2, "ConcatV2")])
def test_graph_node_of_several_tensors(tmp_path, count, op):
    node = {"op": op, "attr": {"N": {"i": str(count)}}}  # some writers stored it decoded
    constants = {} if op == "AddN" else {count: 1}
    config = {"name": "node", "node_def": node, "constants": constants}
    record = {"class_name": "TensorFlowOpLayer", "config": config}
    x = values(2, *SHAPE)
    loaded = read(tmp_path / "m.h5", record, [["x", 0, 0, {}]] * count)
    expected = count * x if op == "AddN" else np.concatenate([x] * count, 1)
    np.testing.assert_allclose(predict(loaded, x), expected, atol=1e-5)


def test_squeezed_axes(tmp_path):
    node = {"op": "Squeeze", "attr": {"squeeze_dims": {"list": {"i": ["1", "2"]}}}}
    pooled = {"op": "Mean", "attr": {"keep_dims": {"b": True}}}
    layers = [(input_layer("x", list(SHAPE)), [])]
    for name, definition, constants, before in (
        ("mean", pooled, {1: [1, 2]}, "x"),
        ("squeeze", node, {}, "mean"),
    ):
        config = {"name": name, "node_def": definition, "constants": constants}
        layers.append(
            ({"class_name": "TensorFlowOpLayer", "config": config}, [[[before, 0, 0, {}]]])
        )
    model = functional(layers, [["x", 0, 0]], [["squeeze", 0, 0]])
    path = write_h5(tmp_path / "m.h5", model, {"x": []}, version="2.3.0-tf")
    x = values(2, *SHAPE)
    loaded = read_model(path)
    np.testing.assert_allclose(predict(loaded, x), x.mean((1, 2)), atol=1e-5)
    graph = ann(read_graph(loaded.model))
    np.testing.assert_allclose(graph.predict_on_batch(x), x.mean((1, 2)), atol=1e-5)


def test_unknown_graph_node_is_refused_by_its_operation(tmp_path):
    node = {"op": "Svd", "attr": {"full_matrices": {"b": True}}}
    config = {"name": "tf_op_layer_svd", "node_def": node, "constants": {}}
    record = {"class_name": "TensorFlowOpLayer", "config": config}
    with pytest.raises(UnsupportedLayerError, match="'tf_op_layer_svd'.*Svd"):
        read(tmp_path / "m.h5", record, [["x", 0, 0, {}]])


# Function, its arguments, what it computes of x (n, 4, 5, 3).
FUNCTIONS = [
    ("expand_dims", {"axis": 2}, lambda x: x[:, :, None]),
    ("expand_dims", {"axis": -1}, lambda x: x[..., None]),
    ("image.resize", {"size": [4, 10], "method": "nearest"}, lambda x: x.repeat(2, axis=2)),
    (
        "__operators__.getitem",
        {"slice_spec": [{"start": None, "stop": None, "step": None}, None, "..."]},
        lambda x: x[:, None],
    ),
]


@pytest.mark.parametrize(("function", "arguments", "computed"), FUNCTIONS)
def test_function(tmp_path, function, arguments, computed):
    config = {"name": "op", "function": function}
    record = {"class_name": "TFOpLambda", "config": config}
    x = values(2, *SHAPE)
    loaded = read(tmp_path / "m.h5", record, ["x", 0, 0, arguments])
    np.testing.assert_allclose(predict(loaded, x), computed(x), atol=1e-5)


@pytest.mark.parametrize("axis", [0, None])
def test_axes_that_cannot_be_told_are_refused(tmp_path, axis):
    record = {"class_name": "TFOpLambda", "config": {"name": "op", "function": "squeeze"}}
    with pytest.raises(UnsupportedLayerError, match="tf.squeeze.*axis="):
        read(tmp_path / "m.h5", record, ["x", 0, 0, {"axis": axis}])
