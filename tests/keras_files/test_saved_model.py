"""SavedModel folders of Keras 2 load from their configuration and variables, or say what to do.

The variables are written by TensorFlow, the messages beside them byte by byte.
"""

import json
import struct

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from spkeras.cli import main
from spkeras.errors import ModelFileError
from spkeras.files.tensor_bundle import TensorBundle
from spkeras.keras_files import read_model
from tests.keras_files.handmade import dense, functional, input_layer, predict, sequential, values

KEEPER = tf.train.Checkpoint


def number(value):
    """A number as a protocol buffer writes it."""
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def field(place, content):
    """One field: a whole number, or bytes with their length."""
    if isinstance(content, int):
        return number(place << 3) + number(content)
    return number(place << 3 | 2) + number(len(content)) + content


def metadata(config, version="2.9.0"):
    stored = {"class_name": config["class_name"], "config": config["config"]}
    return json.dumps({**stored, "keras_version": version, "backend": "tensorflow"}).encode()


def write_metadata(folder, stored):
    """As TensorFlow 2.5 and later: a file of its own, one entry per object."""
    layer = field(2, 1) + field(3, b"root.layer-0") + field(5, b'{"class_name": "Dense"}')
    root = field(2, 0) + field(3, b"root") + field(4, b"_tf_keras_network") + field(5, stored)
    (folder / "keras_metadata.pb").write_bytes(field(1, layer) + field(1, root))
    (folder / "saved_model.pb").write_bytes(field(1, 1))


def write_early(folder, stored):
    """As TensorFlow 2.0 to 2.4: in the first object of the graph."""
    user = field(1, b"_tf_keras_network") + field(2, b"") + field(3, stored)
    graph = field(7, field(1, field(4, user)) + field(1, b""))
    (folder / "saved_model.pb").write_bytes(field(1, 1) + field(2, graph))


def layer(*arrays, **named):
    """An object of a layer, with its variables in their order."""
    variables = [tf.Variable(array, name=f"v{k}") for k, array in enumerate(arrays)]
    listed = {"variables": variables} if variables else {}
    return KEEPER(**listed, **{key: tf.Variable(array) for key, array in named.items()})


def write_variables(folder, *layers):
    (folder / "variables").mkdir()
    held = {f"layer-{place}": item for place, item in enumerate(layers)}
    KEEPER(**held).write(str(folder / "variables" / "variables"))


def two_layers(folder, write=write_metadata):
    """A Sequential of two layers, and its kernels."""
    first, second = values(3, 4, seed=1), values(4, 2, seed=2)
    config = sequential(input_layer("in", [3]), dense("a", 4, activation="relu"), dense("b", 2))
    write_variables(folder, layer(first, np.zeros(4, "f4")), layer(second, np.ones(2, "f4")))
    write(folder, metadata(config))
    return first, second


@pytest.mark.parametrize("write", [write_metadata, write_early])
def test_sequential(tmp_path, write):
    first, second = two_layers(tmp_path, write)
    x = values(5, 3)
    for path in (tmp_path, tmp_path / "saved_model.pb"):
        loaded = read_model(path)
        assert loaded.writer == "Keras 2.9.0, SavedModel"
        right = np.maximum(x @ first, 0) @ second + 1
        np.testing.assert_allclose(predict(loaded, x), right, atol=1e-5)


def test_functional_with_an_inner_model_and_a_function(tmp_path):
    one, two = values(3, 3, seed=1), values(3, 3, seed=2)
    inner = functional(
        [
            (input_layer("y", [3]), []),
            (dense("d", 3, use_bias=False), [[["y", 0, 0, {}]]]),
        ],
        [["y", 0, 0]],
        [["d", 0, 0]],
        name="inner",
    )
    norm = {"class_name": "Normalization", "config": {"name": "norm", "axis": [-1]}}
    power = {"class_name": "TFOpLambda", "config": {"name": "op", "function": "math.square"}}
    config = functional(
        [
            (input_layer("x", [3]), []),
            (norm, [[["x", 0, 0, {}]]]),
            (inner, [[["norm", 0, 0, {}]]]),
            (power, [["inner", 1, 0, {}]]),
            (dense("last", 3, use_bias=False), [[["op", 0, 0, {}]]]),
        ],
        [["x", 0, 0]],
        [["last", 0, 0]],
    )
    mean, variance = np.float32([1, 2, 3]), np.float32([4, 4, 4])
    write_variables(
        tmp_path,
        layer(),
        layer(mean=mean, variance=variance, zcount=np.int64(9)),
        layer(one),
        layer(),
        layer(two),
    )
    write_metadata(tmp_path, metadata(config))
    x = values(5, 3)
    right = ((x - mean) / 2 @ one) ** 2 @ two
    np.testing.assert_allclose(predict(read_model(tmp_path), x), right, rtol=1e-4, atol=1e-5)


def test_lambda_is_replaced(tmp_path):
    code = {"class_name": "Lambda", "config": {"name": "code", "function": ["bytes", None, None]}}
    kernel = values(3, 2)
    config = sequential(input_layer("in", [3]), code, dense("d", 2, use_bias=False))
    write_variables(tmp_path, layer(), layer(kernel))
    write_metadata(tmp_path, metadata(config))
    x = values(5, 3, seed=3)
    loaded = read_model(tmp_path, replace={"code": "rescaling:4"})
    np.testing.assert_allclose(predict(loaded, x), x @ kernel / 4, atol=1e-5)


@pytest.mark.parametrize("write", [write_metadata, write_early])
def test_model_of_code(tmp_path, write):
    write_variables(tmp_path, layer(values(3, 2)))
    write(tmp_path, metadata({"class_name": "Own", "config": {"name": "own"}}))
    with pytest.raises(ModelFileError, match="'Own'.*functional model"):
        read_model(tmp_path)


def inspect(folder):
    return CliRunner().invoke(main, ["inspect", str(folder)])


def test_folder_without_a_keras_model(tmp_path):
    write_variables(tmp_path, layer(values(3, 2)))
    (tmp_path / "saved_model.pb").write_bytes(field(1, 1) + field(2, field(7, b"")))
    result = inspect(tmp_path)
    assert result.exit_code == 1
    assert "SavedModel" in result.output and "save the Keras model as .h5" in result.output


def test_command_line(tmp_path):
    two_layers(tmp_path)
    result = inspect(tmp_path)
    assert result.exit_code == 0 and "Keras 2.9.0, SavedModel" in result.output


def test_missing_and_damaged_variables(tmp_path):
    two_layers(tmp_path)
    index = tmp_path / "variables" / "variables.index"
    data = tmp_path / "variables" / "variables.data-00000-of-00001"
    whole, numbers = index.read_bytes(), data.read_bytes()
    data.write_bytes(numbers[:-9])
    with pytest.raises(ModelFileError, match="damaged"):
        read_model(tmp_path)
    data.write_bytes(numbers)
    for size in (0, 7, 40, len(whole) // 2, len(whole) - 1):
        index.write_bytes(whole[:size])
        with pytest.raises(ModelFileError, match="damaged"):
            read_model(tmp_path)
    for place in range(0, len(whole) - 48, 5):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        index.write_bytes(bytes(broken))
        try:
            read_model(tmp_path)
        except ModelFileError:
            pass
    index.unlink()
    with pytest.raises(ModelFileError, match="damaged"):
        read_model(tmp_path)


def test_every_type_of_variable(tmp_path):
    types = ("f4 f8 f2 i1 i2 i4 i8 u1 u2 u4 u8 bool").split()
    arrays = {f"v{t}": np.array([[0, 1, 2], [3, 4, 5]], t) for t in types}
    brain = tf.Variable(tf.constant([1.5, -2.0], tf.bfloat16))
    one = tf.Variable(np.float32(3))
    held = {key: tf.Variable(array) for key, array in arrays.items()}
    KEEPER(**held, brain=brain, one=one).write(str(tmp_path / "all"))
    bundle = TensorBundle(tmp_path / "all.index")
    for key, array in arrays.items():
        found = bundle.array(f"{key}/.ATTRIBUTES/VARIABLE_VALUE")
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(bundle.array("brain/.ATTRIBUTES/VARIABLE_VALUE"), [1.5, -2])
    assert bundle.array("one/.ATTRIBUTES/VARIABLE_VALUE") == 3


def test_many_variables_in_several_blocks_and_files(tmp_path):
    held = {f"part{k:04d}": tf.Variable(np.float32(k)) for k in range(2000)}
    KEEPER(**held).write(str(tmp_path / "many"))
    bundle = TensorBundle(tmp_path / "many.index")
    for k in (0, 1, 999, 1999):
        assert bundle.array(f"part{k:04d}/.ATTRIBUTES/VARIABLE_VALUE") == k


def test_index_of_another_program(tmp_path):
    (tmp_path / "x.index").write_bytes(bytes(40) + struct.pack("<Q", 1))
    with pytest.raises(ValueError, match="no index"):
        TensorBundle(tmp_path / "x.index")
