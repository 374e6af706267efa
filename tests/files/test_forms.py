"""Configurations of a form that no Keras writes: one error that names the file and the place."""

import json

import h5py
import keras
import numpy as np
import pytest

from spkeras.errors import ModelFileError, SpkerasError, UnsafeFileError
from spkeras.files import limits
from spkeras.keras_files import read_model
from tests.versions import has_keras

FIRST = {"name": "one", "units": 3, "batch_input_shape": [None, 4]}


def layer(kind="Dense", **config):
    return {"class_name": kind, "config": config}


def write(path, config, version="2.4.0", names=("one",)):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        file.attrs["keras_version"] = version
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in names]
        for name in names:
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [b"k", b"b"]
            inner["k"], inner["b"] = np.ones((4, 3), "f4"), np.zeros(3, "f4")
    return path


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "net", "layers": list(layers)}}


def refused(path):
    with pytest.raises(SpkerasError) as caught:
        read_model(path)
    message = str(caught.value)
    assert len(message) < 1500 and message.replace("\n", "").isprintable()
    return message


def test_the_file_itself_is_right(tmp_path):
    path = write(tmp_path / "model.h5", sequential(layer(**FIRST)))
    assert read_model(path).model.count_params() == 15


# Keras 3.12 does not say which layer it could not build.
NAMED = "'one'" if has_keras("3.13") else "model.h5"


@pytest.mark.parametrize("version", ["2.4.0", "3.8.0"])
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ([], "layer 'layer_0': is a list instead of a record"),
        (7, "layer 'layer_0': is a number instead of a record"),
        (None, "layer 'layer_0': is missing instead of a record"),
        ({"config": {}}, "its 'class_name' is missing instead of a name"),
        ({"class_name": ["Dense"], "config": {}}, "its 'class_name' is a list instead of a name"),
        ({"class_name": "Dense", "config": "x"}, "its 'config' is text instead of a record"),
        ({**layer(**FIRST), "inbound_nodes": {}}, "'inbound_nodes' is a record instead of a list"),
        ({**layer(**FIRST), "module": 3}, "its 'module' is a number instead of a name"),
        (layer(**{**FIRST, "units": "many"}), NAMED),
        (layer(**{**FIRST, "units": {"a": []}}), NAMED),
        (layer(**{**FIRST, "batch_input_shape": 5}), "model.h5"),
        (layer(**{**FIRST, "activation": {"class_name": []}}), "layer 'one'"),
    ],
)
def test_layers(tmp_path, version, entry, words):
    path = write(tmp_path / "model.h5", sequential(entry), version)
    assert words in refused(path)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[]", "no 'class_name'"),
        ("3", "no 'class_name'"),
        ("null", "weights only"),
        ("{", "damaged"),
        ('{"a":' * 90_000, "damaged"),
        ('{"class_name": "Sequential", "config": ' + "[" * 500 + "]" * 500 + "}", "100 levels"),
        ('{"class_name": "Sequential", "config": {"layers": {"a": 1}}}', "custom class"),
    ],
)
def test_whole_configurations(tmp_path, config, words):
    message = refused(write(tmp_path / "model.h5", config))
    assert words in message and "model.h5" in message


def test_versions(tmp_path):
    config = sequential(layer(**FIRST))
    for version in ("1" * 4300, "3." + "9" * 5000):
        path = write(tmp_path / "model.h5", config, version)
        assert f"of {len(version)} characters" in refused(path)


def functional(calls, outputs=("b", 0, 0)):
    """Two layers, each called with the tensors that `calls` names."""
    members = [
        {
            "class_name": "InputLayer",
            "name": "in",
            "config": {"name": "in", "batch_input_shape": [None, 4]},
            "inbound_nodes": [],
        }
    ]
    for name, tensors in calls.items():
        record = layer(name=name, units=4)
        members.append({**record, "name": name, "inbound_nodes": tensors})
    ends = {"input_layers": [["in", 0, 0]], "output_layers": [list(outputs)]}
    return {"class_name": "Model", "config": {"name": "net", "layers": members, **ends}}


@pytest.mark.parametrize("version", ["2.4.0", "3.8.0"])
@pytest.mark.parametrize(
    "config",
    [
        functional({"a": [[["b", 0, 0, {}]]], "b": [[["a", 0, 0, {}]]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["b", 0, 0, {}]]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["gone", 0, 0, {}]]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["a", 10**9, 0, {}]]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["a", 0, 99, {}]]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["a", -1, -1, {}]]]}, ("b", 7, 0)),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["a", 0, 0, {}]]]}, ("gone", 0, 0)),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["a"]]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[7]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [[["a", 0, 0, "x"]]]}),
        functional({"a": [[["in", 0, 0, {}]]], "b": [["a", {}, None]]}),
    ],
)
def test_connections(tmp_path, config, version):
    """Circles, tensors that do not exist, calls that are none."""
    path = write(tmp_path / "model.h5", config, version, names=("a", "b"))
    assert "model.h5" in refused(path)


@pytest.mark.parametrize("version", ["2.4.0", "3.8.0"])
def test_layers_of_terabytes(tmp_path, version):
    """They are refused before Keras fills their weights."""
    for units in (1 << 33, 1 << 45, 10**30):
        path = write(tmp_path / "model.h5", sequential(layer(**{**FIRST, "units": units})), version)
        with pytest.raises(UnsafeFileError, match="model.h5: 'one' needs .* from a file of"):
            read_model(path)


def test_many_layers_that_are_too_much_together(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LEAST", 1 << 24)
    layers = [layer(name=f"d{i}", units=1_000) for i in range(6)]
    path = write(tmp_path / "model.h5", sequential(layer(**FIRST), *layers))
    monkeypatch.setattr(limits, "MULTIPLE", 1)
    with pytest.raises(UnsafeFileError, match="'d5' needs 4e.06 bytes, 2e.07 with"):
        read_model(path)


def test_building_a_layer_elsewhere_is_not_bounded(tmp_path):
    """The bound ends with the load, also with one that failed."""
    before = keras.layers.Layer.add_weight
    refused(write(tmp_path / "model.h5", sequential(layer(**{**FIRST, "units": 1 << 40}))))
    assert keras.layers.Layer.add_weight is before


@pytest.mark.parametrize("name", ["\x1b[31mred\x1b[0m", "a\rb", "x" * 5000, "\u202egnp", "\ud800"])
def test_names_in_messages(tmp_path, name):
    """Escape sequences are escaped, and long names shortened."""
    bad = layer("Lambda", name=name, function=["4wEA", None, None])
    message = refused(write(tmp_path / "model.h5", sequential(layer(**FIRST), bad)))
    assert "Lambda" in message


def test_errors_without_the_name_of_the_file_get_it(tmp_path):
    path = write(tmp_path / "model.h5", sequential(layer(**FIRST)), names=("other", "two"))
    with pytest.raises(ModelFileError, match="model.h5: .*1 layers with weights"):
        read_model(path)


def test_code_inside_arguments(tmp_path):
    foreign = {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/x"}}
    record = layer("RNN", name="rnn", cell=foreign, batch_input_shape=[None, 3, 4])
    path = write(tmp_path / "model.h5", sequential(record), "3.8.0")
    assert "TFSMLayer" in refused(path)
