"""Weights and what layers derive from them are those of the file, wherever a layer stands."""

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import ModelFileError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import dense, predict, sequential, values, write_h5
from tests.versions import with_versions

RANDOM = np.random.default_rng(3)
# How a model is saved, and how it is read.
WAYS = ["m.keras", "m.h5", "m.weights.h5", "architecture of m.h5"]


def normalization(size=4):
    layer = layers.Normalization()
    layer.adapt(RANDOM.normal(3, 5, (50, size)).astype("float32"))
    return layer


def filled(model):
    """The model with random weights; variances are positive."""
    for variable in model.weights:
        if "float" in variable.dtype and not variable.path.endswith(("/mean", "/variance")):
            drawn = RANDOM.normal(size=variable.shape)
            variable.assign(abs(drawn) + 0.1 if "variance" in variable.path else drawn)
    return model


def chain(*inside, name=None):
    return keras.Sequential([keras.Input((4,)), *inside], name=name)


def inner_models():
    """Normalization in a Sequential, two levels deep, and in a functional model called twice."""
    a = keras.Input((4,))
    shared = keras.Model(a, layers.Dense(4)(normalization()(a)))
    deep = chain(chain(normalization(), layers.Dense(4)), layers.BatchNormalization())
    b, c = keras.Input((4,)), keras.Input((4,))
    return keras.Model([b, c], layers.Add()([deep(shared(b)), shared(c)]))


def wrappers():
    """Normalization and frozen layers in wrappers, cells in a list."""
    steps = keras.Input((3, 4))
    inner = chain(normalization(), layers.Dense(4), layers.BatchNormalization(), layers.Dense(4))
    inner.layers[1].trainable = False
    x = layers.TimeDistributed(normalization())(steps)
    x = layers.TimeDistributed(inner)(x)
    x = layers.TimeDistributed(layers.SpectralNormalization(layers.Dense(4)))(x)
    return keras.Model(steps, layers.RNN([layers.LSTMCell(4), layers.GRUCell(4)])(x))


def shared_between_models():
    """A layer of two inner models and of the outer one; Keras builds three and loads one."""
    scale, mix = normalization(), layers.Dense(4, name="mix")
    a, b = keras.Input((4,)), keras.Input((4,))
    one = keras.Model(a, layers.Dense(4)(mix(scale(a))), name="one")
    two = keras.Model(b, layers.ReLU()(mix(scale(b))), name="two")
    c = keras.Input((4,))
    return keras.Model(c, layers.Add()([one(mix(c)), two(scale(c))]))


def shared_by_wrappers():
    """A layer and a model inside two wrappers each; the model is also called without one."""
    inner = chain(layers.Dense(3), layers.BatchNormalization(), name="inner")
    dense = layers.Dense(4, name="dense")
    steps, row = keras.Input((3, 4)), keras.Input((4,))
    x = layers.TimeDistributed(dense)(layers.TimeDistributed(dense)(steps))
    parts = [layers.TimeDistributed(inner)(x), layers.TimeDistributed(inner)(steps)]
    flat = [layers.Flatten()(part) for part in parts]
    return keras.Model([steps, row], layers.Concatenate()([*flat, inner(row)]))


def branches():
    """Branches of equal shapes, inside a model whose inputs have another order."""
    parts = [keras.Input((4,)) for _ in range(3)]
    ends = [layers.Dense(4)(layers.Dense(4)(part)) for part in parts]
    inner = keras.Model([parts[2], parts[0], parts[1]], layers.Add()(ends[::-1]))
    given = [keras.Input((4,)) for _ in range(3)]
    return keras.Model(given, inner([layers.Dense(4)(part) for part in given]))


def low_rank():
    inner = chain(layers.Dense(4, lora_rank=2), layers.SpectralNormalization(layers.Dense(4)))
    inner.layers[1].trainable = False
    return chain(inner, layers.Dense(2))


def eight_bits():
    model = chain(chain(layers.Dense(4)), layers.Dense(4))
    filled(model).layers[0].layers[0].quantize("int8")
    return model


MODELS = [
    inner_models,
    wrappers,
    shared_between_models,
    shared_by_wrappers,
    branches,
    low_rank,
    eight_bits,
]


@pytest.mark.parametrize(
    "make", with_versions(MODELS, {shared_between_models: "3.14"}), ids=lambda make: make.__name__
)
def test_outputs_of_the_saved_model(tmp_path, make):
    keras.utils.set_random_seed(7)
    model = make()
    if make is not eight_bits:
        filled(model)
    x = [RANDOM.normal(size=(5, *t.shape[1:])).astype("float32") for t in model.inputs]
    x = x if len(x) > 1 else x[0]
    expected = model(x, training=False)
    plan = tmp_path / "plan.json"
    plan.write_text(model.to_json())
    for way in WAYS:
        path = tmp_path / way.split()[-1]
        if path.name == "m.weights.h5":
            model.save_weights(path)
        elif not path.exists():
            model.save(path)
        whole = way in ("m.keras", "m.h5")
        loaded = read_model(path, architecture=None if whole else plan).model
        np.testing.assert_allclose(
            loaded(x, training=False), expected, rtol=1e-4, atol=1e-4, err_msg=way
        )


def test_a_layer_without_weights_is_no_copy_of_another(tmp_path):
    """Two layers of one name, of which the file lacks one: nothing says that they are the same."""
    model = keras.Sequential(
        [chain(layers.Dense(4, name="d")), chain(layers.Dense(4, "relu", name="d"))]
    )
    model.build((None, 4))
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as stream:
        del stream["layers/sequential_1"]
    (tmp_path / "plan.json").write_text(model.to_json())
    with pytest.raises(ModelFileError, match=r"no weights for 'd' \(Dense\)"):
        read_model(tmp_path / "m.weights.h5", architecture=tmp_path / "plan.json")


@pytest.mark.parametrize("wrapped", [False, True])
def test_normalization_of_keras_2_inside_another_layer(tmp_path, wrapped):
    record = {"class_name": "Normalization", "config": {"name": "n", "axis": [-1]}}
    if wrapped:
        shape, inside = (3, 2), {"class_name": "TimeDistributed", "config": {"layer": record}}
    else:
        shape, inside = (2,), sequential(record)
    inside["config"] |= {"name": "outer", "batch_input_shape": [None, *shape]}
    kernel, mean, variance = values(2, 2), values(2, seed=1), abs(values(2, seed=2)) + 0.1
    stored = [("mean:0", mean), ("variance:0", variance), ("count:0", np.int64(9))]
    weights = {"outer": [(f"n/{name}", array) for name, array in stored]}
    weights["d"] = [("d/kernel:0", kernel), ("d/bias:0", np.zeros(2, "float32"))]
    path = write_h5(tmp_path / "m.h5", sequential(inside, dense("d")), weights, version="2.11.0")
    x = values(5, *shape, seed=3)
    expected = (x - mean) / np.sqrt(variance) @ kernel
    np.testing.assert_allclose(predict(read_model(path), x), expected, rtol=1e-4, atol=1e-5)
