"""What cannot be read is refused in one clear sentence, and no code of a file ever runs."""

import base64
import json
import marshal
import types

import keras
import numpy as np
import pytest

from spkeras.errors import ModelFileError, UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import dense, predict, sequential, values, write_h5, write_zip


def armed(path):
    """A function that leaves a file behind when run, and its code as Keras stores it."""
    source = compile(f"lambda x: open({str(path)!r}, 'w').close()", "trap", "eval")
    code = source.co_consts[0]
    trap = types.FunctionType(code, {"__builtins__": __builtins__})
    return trap, base64.b64encode(marshal.dumps(code)).decode()


def lambda_file(tmp_path, kind, code):
    shape = {"batch_input_shape": [None, 2]}
    if kind == "keras2.h5":
        config = {"name": "trap", "function": [code, None, None], "function_type": "lambda"}
        record = {"class_name": "Lambda", "config": {**config, **shape}}
        return write_h5(tmp_path / "m.h5", sequential(record), {"trap": []}, version="2.10.0")
    function = {"class_name": "__lambda__", "config": {"code": code}}
    config = {"name": "trap", "function": function, "output_shape": [2]}
    entry = {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None}
    entry["config"] = {"name": "i", "batch_shape": [None, 2]}
    record = {"module": "keras.layers", "class_name": "Lambda", "registered_name": None}
    record["config"] = config
    model = {"module": "keras", "registered_name": None, **sequential(entry, record)}
    return write_zip(tmp_path / "m.keras", model, {}, "3.5.0")


@pytest.mark.parametrize("kind", ["keras2.h5", "keras3.keras"])
def test_lambda_is_never_run(tmp_path, kind):
    trace = tmp_path / "trace"
    trap, code = armed(trace)
    trap(0)
    assert trace.exists()  # the trap works
    trace.unlink()
    path = lambda_file(tmp_path, kind, code)
    with pytest.raises(UnsupportedLayerError, match=r"'trap' \(Lambda\)") as caught:
        read_model(path)
    assert "rescaling:127.5,-1" in str(caught.value)
    loaded = read_model(path, replace={"trap": "rescaling:2,-1"})
    np.testing.assert_allclose(predict(loaded, np.ones((1, 2))), [[-0.5, -0.5]])
    assert not trace.exists()
    assert any("'trap'" in change for change in loaded.changes)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("identity", 3.0),
        ("rescaling:255", 3 / 255),
        ("rescaling:127.5,-1", 3 / 127.5 - 1),
        ("normalization:1,4", 0.5),
        ("activation:relu6", 3.0),
    ],
)
def test_replacements(tmp_path, written, expected):
    path = lambda_file(tmp_path, "keras2.h5", "")
    x = np.full((1, 2), 3.0)
    output = predict(read_model(path, replace={"trap": written}), x)
    np.testing.assert_allclose(output, np.full((1, 2), expected), rtol=1e-6)


@pytest.mark.parametrize(
    "written", ["", "lambda x: x", "rescaling:0", "rescaling:1,2,3", "activation:mine"]
)
def test_replacement_outside_the_grammar(tmp_path, written):
    path = lambda_file(tmp_path, "keras2.h5", "")
    with pytest.raises(ModelFileError, match="rescaling:DIVISOR,OFFSET"):
        read_model(path, replace={"trap": written})


def test_replacement_of_no_layer(tmp_path):
    path = lambda_file(tmp_path, "keras2.h5", "")
    with pytest.raises(ModelFileError, match="names no layer.*other.*'trap'"):
        read_model(path, replace={"trap": "identity", "other": "identity"})


@keras.saving.register_keras_serializable(package="mine")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


@keras.saving.register_keras_serializable(package="mine")
def squared(x):
    return x * x


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_custom_classes_are_refused_even_if_registered(tmp_path, suffix):
    model = keras.Sequential([keras.Input((2,)), Doubled(name="twice")])
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(UnsupportedLayerError, match="'twice'.*mine>Doubled"):
        read_model(tmp_path / f"m{suffix}")


def test_custom_functions_are_refused_even_if_registered(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, squared, name="d")])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedLayerError, match=r"'d' \(Dense\).*mine>squared"):
        read_model(tmp_path / "m.keras")


@pytest.mark.parametrize("class_name", ["MaxoutDense", "LocallyConnected1D", "QDense", "SReLU"])
def test_unknown_classes_are_refused_by_name(tmp_path, class_name):
    record = {"class_name": class_name, "config": {"name": "odd", "batch_input_shape": [None, 2]}}
    path = write_h5(tmp_path / "m.h5", sequential(record), {"odd": []}, version="2.3.0")
    with pytest.raises(UnsupportedLayerError, match=rf"'odd' \({class_name}\)"):
        read_model(path)


def test_all_refused_layers_are_listed(tmp_path):
    records = [
        {"class_name": "SReLU", "config": {"name": "a", "batch_input_shape": [None, 2]}},
        dense("b", activation="own_function"),
    ]
    path = write_h5(tmp_path / "m.h5", sequential(*records), {}, version="2.3.0")
    with pytest.raises(UnsupportedLayerError) as caught:
        read_model(path)
    assert len(caught.value.problems) == 2
    assert "'own_function'" in caught.value.problems[1]


def weights_file(path):
    kernel = values(2, 2)
    return kernel, write_h5(path, None, {"d": [("d/kernel:0", kernel), ("d/bias:0", np.zeros(2))]})


def test_weights_file_needs_its_architecture(tmp_path):
    kernel, path = weights_file(tmp_path / "w.h5")
    with pytest.raises(ModelFileError, match="weights only.*architecture="):
        read_model(path)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(sequential(dense("other", batch_input_shape=[None, 2]))))
    x = values(3, 2, seed=1)
    loaded = read_model(path, architecture=plan)
    np.testing.assert_allclose(predict(loaded, x), x @ kernel, atol=1e-5)
    assert any("position" in change for change in loaded.changes)
    with pytest.raises(ModelFileError, match="architecture without weights"):
        read_model(plan)


def test_architecture_of_another_model(tmp_path):
    _, path = weights_file(tmp_path / "w.h5")
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(sequential(dense("d", units=3, batch_input_shape=[None, 2]))))
    with pytest.raises(ModelFileError, match=r"'d' \(Dense\).*\(2, 2\).*\(2, 3\)"):
        read_model(path, architecture=plan)


def test_keras3_weights_file_with_architecture(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "hard_sigmoid")])
    model.save_weights(tmp_path / "m.weights.h5")
    (tmp_path / "plan.json").write_text(model.to_json())
    x = values(3, 2)
    loaded = read_model(tmp_path / "m.weights.h5", architecture=tmp_path / "plan.json")
    np.testing.assert_allclose(predict(loaded, x), np.asarray(model(x)), atol=1e-6)


def current_bytes(tmp_path, suffix):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.save(tmp_path / f"whole{suffix}")
    return (tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_cut_files(tmp_path, suffix, share):
    whole = current_bytes(tmp_path, suffix)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: max(20, int(len(whole) * share))])
    with pytest.raises(ModelFileError, match="damaged or cut off"):
        read_model(path)


@pytest.mark.parametrize("content", [b"", b"hello world, no model", b"{not json", b"{}"])
def test_other_files(tmp_path, content):
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="m.keras"):
        read_model(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ModelFileError, match="no such file"):
        read_model(tmp_path / "none.h5")
    with pytest.raises(ModelFileError, match="is a directory"):
        read_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ModelFileError, match="SavedModel"):
        read_model(tmp_path)


def test_subclassed_model_is_refused(tmp_path):
    config = {"class_name": "MyNet", "config": {"name": "my_net"}}
    path = write_h5(tmp_path / "m.h5", config, {"d": []}, version="2.9.0")
    with pytest.raises(ModelFileError, match="'MyNet'"):
        read_model(path)


def custom_file(tmp_path, kind, weighted):
    """A model with a custom layer "own" of the user, in a file of Keras 2 or 3."""
    shape = {"batch_input_shape": [None, 2]}
    own = {"class_name": "mine>Gain", "config": {"name": "own"}}
    if kind == "h5":
        arrays = {"own": [("own/factor:0", np.ones(2))] if weighted else []}
        plan = sequential(dense("d", **shape), own)
        arrays["d"] = [("d/kernel:0", np.eye(2)), ("d/bias:0", np.zeros(2))]
        return write_h5(tmp_path / "m.h5", plan, arrays, version="2.9.0")
    own["registered_name"], own["module"] = "mine>Gain", "mine"
    own["class_name"] = "Gain"
    arrays = {"layers/dense/vars/0": np.eye(2), "layers/dense/vars/1": np.zeros(2)}
    if weighted:
        arrays["layers/gain/vars/0"] = np.ones(2)
    plan = sequential(dense("d", batch_shape=[None, 2]), own)
    return write_zip(tmp_path / "m.keras", plan, arrays, "3.5.0")


@pytest.mark.parametrize("kind", ["h5", "keras"])
def test_advice_keeps_the_weights_of_a_custom_layer(tmp_path, kind):
    """A replacement has no weights: it is the way out for a layer without weights only."""
    with pytest.raises(UnsupportedLayerError, match="register_layer") as caught:
        read_model(custom_file(tmp_path, kind, True))
    assert "replace" not in str(caught.value)
    replaced = read_model(custom_file(tmp_path, kind, True), replace={"own": "identity"})
    assert any("without its weights: 'own'" in change for change in replaced.changes)
    with pytest.raises(UnsupportedLayerError, match="replace={'own': REPLACEMENT}"):
        read_model(custom_file(tmp_path, kind, False))
    replaced = read_model(custom_file(tmp_path, kind, False), replace={"own": "identity"})
    assert not any("weights" in change for change in replaced.changes)
