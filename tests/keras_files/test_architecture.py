"""Weights-only files of every Keras, with an architecture from a file, from code, or in memory."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import ModelFileError, SpkerasError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import dense, folder, predict, sequential, values, write_h5

FOREIGN = folder("foreign_models")
CODE = """
import keras
from sizes import WIDTH

def build():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(WIDTH), keras.layers.Dense(2)])

def broken():
    return keras.layers.NoSuchLayer()

def unbuilt():
    return keras.Sequential([keras.layers.Dense(2)])

def other():
    return 3
"""


def network(width=3, extra=False, name="first"):
    inner = [keras.Input((4,)), layers.Normalization(), layers.Dense(4)]
    parts = [keras.Sequential(inner), layers.Dense(width, name=name), layers.BatchNormalization()]
    parts += [layers.Dense(width, "relu", name="extra")] if extra else []
    model = keras.Sequential([keras.Input((4,)), *parts, layers.Dense(2, name="last")])
    for variable in model.weights:
        if "int" not in variable.dtype:
            variable.assign(np.random.default_rng(1).random(variable.shape) + 0.1)
    for layer in model.layers[0].layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def as_keras_2(path, model, **options):
    """Writes the weights as Keras 2 did: the trainable ones of each layer, then the others."""
    stored = {}
    for layer in model.layers:
        ordered = [*layer.trainable_weights, *layer.non_trainable_weights]
        stored[layer.name] = [(f"{v.path}:0", np.asarray(v)) for v in ordered]
    return write_h5(path, None, stored, version="2.11.0", backend="tensorflow", **options)


def saved(tmp_path, kind, model):
    path = tmp_path / f"m{kind}"
    if kind == ".h5":
        return as_keras_2(path, model)
    model.save_weights(path)
    return path


@pytest.mark.parametrize("kind", [".weights.h5", ".h5"])
@pytest.mark.parametrize("form", ["json", "file", "memory", "function"])
def test_architecture_in_every_form(tmp_path, kind, form):
    model = network()
    path = saved(tmp_path, kind, model)
    (tmp_path / "plan.json").write_text(model.to_json())
    empty = keras.models.clone_model(model)
    empty.save(tmp_path / "whole.keras")
    forms = {
        "json": tmp_path / "plan.json",
        "file": tmp_path / "whole.keras",
        "memory": empty,
        "function": lambda: empty,
    }
    loaded = read_model(path, architecture=forms[form])
    x = values(5, 4)
    np.testing.assert_allclose(predict(loaded, x), model(x, training=False), atol=1e-5)
    assert (loaded.model is empty) == (form in ("memory", "function"))


def test_code_that_the_user_names(tmp_path):
    (tmp_path / "sizes.py").write_text("WIDTH = 3")
    code = tmp_path / "net.py"
    code.write_text(CODE)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.save_weights(tmp_path / "m.weights.h5")
    x = values(5, 4)
    loaded = read_model(tmp_path / "m.weights.h5", architecture=f"{code}:build")
    np.testing.assert_allclose(predict(loaded, x), model(x), atol=1e-6)
    for name, words in {
        ":broken": "raised AttributeError",
        ":unbuilt": "without input shape",
        ":other": "int",
        ":none": "no function 'none'; its functions: build, broken, unbuilt, other",
        "": "names no function",
    }.items():
        with pytest.raises(ModelFileError, match=words) as caught:
            read_model(tmp_path / "m.weights.h5", architecture=f"{code}{name}")
        assert "net.py" in str(caught.value)


@pytest.mark.parametrize("kind", [".weights.h5", ".h5"])
@pytest.mark.parametrize("given", ["json", "memory"])
def test_differences_are_listed(tmp_path, kind, given):
    def refused(held, wanted):
        path = saved(tmp_path, kind, held)
        if given == "json":
            (tmp_path / "plan.json").write_text(wanted.to_json())
        before = [np.array(array) for array in wanted.get_weights()]
        with pytest.raises(ModelFileError) as caught:
            plan = tmp_path / "plan.json" if given == "json" else wanted
            read_model(path, architecture=plan)
        for old, new in zip(before, wanted.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        return str(caught.value)

    more = refused(network(extra=True), network())
    assert "only in the file: " in more and "(3, 3)" in more and "only in the model" not in more
    less = refused(network(), network(extra=True))
    assert "only in the model: 'extra' (Dense)" in less
    assert "only in the file" not in less
    wide = refused(network(width=5), network())
    assert "(4, 5)" in wide and "(4, 3)" in wide


def test_names_differ_and_shapes_fit(tmp_path):
    model = network()
    path = as_keras_2(tmp_path / "m.h5", model)
    other = network(name="elsewhere")
    for layer, name in zip(other.layers, "abcd", strict=True):
        layer.name = name
    loaded = read_model(path, architecture=other)
    x = values(5, 4)
    np.testing.assert_allclose(predict(loaded, x), model(x, training=False), atol=1e-5)
    assert any("position" in change for change in loaded.changes)


def test_keras_1_weights_and_a_model_of_today(tmp_path):
    """Keras 1 stored no version, kernels of Theano as (out, in, rows, columns) and rotated."""
    kernel, bias, matrix = values(3, 2, 2, 2), values(3, seed=1), values(3, 2, seed=2)
    stored = {
        "convolution2d_1": [("convolution2d_1_W", kernel), ("convolution2d_1_b", bias)],
        "dense_1": [("dense_1_W", matrix), ("dense_1_b", np.zeros(2, "float32"))],
    }
    path = write_h5(tmp_path / "m.hdf5", None, stored)
    inputs = keras.Input((2, 2, 2))
    x = layers.Conv2D(3, 2, data_format="channels_first")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Reshape((3,))(x)))
    loaded = read_model(path, architecture=model)
    x = values(4, 2, 2, 2, seed=3)
    # The only window of each image: a convolution is a sum over the rotated kernel.
    rows = np.einsum("nchw,ochw->no", x, kernel[:, :, ::-1, ::-1]) + bias
    weights = loaded.model.get_weights()
    np.testing.assert_allclose(
        np.einsum("nchw,hwco->no", x, weights[0]) + weights[1], rows, atol=1e-5
    )
    np.testing.assert_array_equal(weights[2], matrix)


@pytest.mark.skipif(
    FOREIGN is None, reason="no foreign_models beside SPKERAS_DATA (tests/README.md)"
)
def test_foreign_weights_of_keras_1_with_a_model_in_memory():
    reference = np.load(FOREIGN / "pplonski_keras1_mnist_weights.ref.npz")
    plan = FOREIGN / "pplonski_keras1_mnist_weights.arch.json"
    path = FOREIGN / "pplonski_keras1_mnist_weights.h5"
    right = read_model(path, architecture=plan).model
    again = keras.models.clone_model(right)
    found = read_model(path, architecture=again)
    np.testing.assert_allclose(predict(found, reference["x"]), reference["y"], atol=1e-4)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_input_shape_of_an_open_model(tmp_path, suffix):
    inner = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3)])
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(inner(inputs)))
    model.save(tmp_path / f"m{suffix}")
    loaded = read_model(tmp_path / f"m{suffix}", input_shape=(9, 7, 3))
    assert tuple(loaded.model.inputs[0].shape) == (None, 9, 7, 3)
    x = values(2, 9, 7, 3)
    np.testing.assert_allclose(predict(loaded, x), model(x), atol=1e-5)
    for shape, words in {
        (9, 7, 1): r"\(9, 7, 1\).*states \(None, None, 3\)",
        (9, 7): r"\(9, 7\)",
        ((9, 7, 3), (9, 7, 3)): "2 shapes for the 1 inputs",
    }.items():
        with pytest.raises(SpkerasError, match=words):
            read_model(tmp_path / f"m{suffix}", input_shape=shape)


def test_input_shapes_of_several_inputs_and_of_a_sequential(tmp_path):
    a, b = keras.Input((None,), name="a"), keras.Input((None, 2), name="b")
    x = [layers.GlobalAveragePooling1D()(layers.Reshape((-1, 1))(a)), layers.Flatten()(b[:, 0])]
    keras.Model([a, b], layers.Concatenate()(x)).save(tmp_path / "m.keras")
    loaded = read_model(tmp_path / "m.keras", input_shape=[(6,), (3, 2)]).model
    assert [tuple(tensor.shape) for tensor in loaded.inputs] == [(None, 6), (None, 3, 2)]
    records = [{"class_name": "InputLayer", "config": {"name": "i"}}, dense("d")]
    weights = {"i": [], "d": [("d/kernel:0", values(4, 2)), ("d/bias:0", values(2))]}
    path = write_h5(tmp_path / "m.h5", sequential(*records), weights, version="2.2.4")
    assert read_model(path, input_shape=(4,)).model.input_shape == (None, 4)
