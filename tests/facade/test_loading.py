"""What loading refuses and what conversion refuses stands in one list, with a way out for each."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

import spkeras
from spkeras.cli import main
from spkeras.errors import UnsupportedLayerError
from tests.keras_files.handmade import functional, input_layer, sequential, values, write_h5

WAYS_OUT = ("replace=", "use ", "feed ", "rebuild ", "Use ", "Rebuild ")


@keras.saving.register_keras_serializable(package="problems")
class Odd(layers.Layer):
    def call(self, x):
        return 2 * x


def mixture():
    """Problems of every stage; the Lambda keeps the shape, which the weights after it confirm."""
    picture, ids = keras.Input((8, 8, 2), name="picture"), keras.Input((5,), name="ids")
    x = layers.Lambda(lambda t: t / 255, name="scale")(picture)
    x = Odd(name="odd")(layers.Conv2D(3, 3, activation="relu")(x))
    x = layers.Flatten()(layers.LayerNormalization(name="norm")(x))
    y = layers.LSTM(3, name="lstm")(layers.Embedding(7, 4, name="rows")(ids))
    x = layers.Dense(4, activation="relu", name="mix")(layers.Concatenate()([x, y]))
    return keras.Model([picture, ids], layers.Dense(2)(keras.ops.sort(x)))


def reshaping():
    """The Lambda changes the number of channels, so that no size after it is known."""
    gray = layers.Lambda(lambda t: keras.ops.mean(t, -1, keepdims=True), name="gray")
    steps = [layers.Conv2D(2, 3), layers.Reshape((6, 12)), layers.LSTM(4, name="lstm")]
    return keras.Sequential(
        [keras.Input((8, 8, 3)), gray, *steps, layers.Embedding(3, 2, name="rows"), Odd(name="odd")]
    )


def masked():
    """The Lambda changes the sizes before operators that take numbers: those of a mask."""
    inputs = keras.Input((8,))
    x = layers.Lambda(lambda t: t[:, :5], name="part")(inputs)
    x = layers.Masking(name="mask")(layers.Reshape((5, 1))(layers.Dense(5)(x) / 2.0 - 1))
    return keras.Model(inputs, layers.Embedding(3, 2, name="rows")(layers.LSTM(4, name="lstm")(x)))


def inside():
    """Problems inside inner models and inside a model for each step."""
    inner = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3), Odd(name="odd")])
    deep = keras.Sequential([keras.Input((6, 6, 1)), inner, layers.Masking(name="mask")])
    each = keras.Sequential(
        [keras.Input((4,)), layers.Lambda(abs, name="abs"), layers.Embedding(3, 2, name="rows")]
    )
    inputs = keras.Input((6, 6, 1))
    x = layers.TimeDistributed(each, name="each")(layers.Reshape((8, 4))(deep(inputs)))
    return keras.Model(inputs, layers.Flatten()(x))


# Problems of a rate-coded network in order, by the name of the layer.
CASES = [
    (mixture, ["scale", "odd", "norm", "rows", "lstm", "sort"]),
    (reshaping, ["gray", "lstm", "rows", "odd"]),
    (masked, ["part", "mask", "lstm", "rows"]),
    (inside, ["odd", "mask", "abs", "rows"]),
]


def inspected(path, *options):
    result = CliRunner().invoke(
        main, ["inspect", str(path), "--json", *options], catch_exceptions=False
    )
    assert result.exit_code == 1
    return json.loads(result.stdout)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(("make", "names"), CASES, ids=[case[0].__name__ for case in CASES])
def test_one_list(tmp_path, make, names, suffix):
    keras.utils.set_random_seed(0)
    path = tmp_path / f"m{suffix}"
    make().save(path)
    found = inspected(path)
    refused = [layer for layer in found["layers"] if layer["verdict"] == "refused"]
    problems = [layer["reason"] for layer in refused]
    assert len(refused) == len(names)
    for name, layer in zip(names, refused, strict=True):
        assert name in f"{layer['name']} {layer['reason']}"
        assert any(way in layer["reason"] for way in WAYS_OUT), layer["reason"]
    assert found["macs"] is None and found["parameters"] is None
    np.savez(tmp_path / "data.npz", x=values(3, 2))
    words = ["convert", path, "--data", tmp_path / "data.npz", "-o", tmp_path / "o.keras"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 1 and result.stderr.count("\n  - ") == len(names)
    assert all(problem.split("; ")[0] in result.stderr for problem in problems)
    # Without a recipe, only what no code computes is listed.
    with pytest.raises(UnsupportedLayerError) as caught:
        spkeras.load_model(path)
    assert len(caught.value.problems) == len(set(names) - {"norm", "lstm"})


def test_sizes_are_said_to_be_unknown(tmp_path):
    reshaping().save(tmp_path / "m.keras")
    found = inspected(tmp_path / "m.keras")
    rows = {layer["kind"]: layer for layer in found["layers"]}
    assert rows["InputLayer"]["shape"] == [8, 8, 3]
    assert rows["Conv2D"]["verdict"] == "unknown" and rows["Conv2D"]["macs"] is None
    assert rows["Lambda"]["shape"] == [] and rows["Lambda"]["parameters"] is None


def test_problems_of_a_conversion_are_one_list_in_python():
    inputs = keras.Input((8,))
    x = layers.LayerNormalization(name="norm")(layers.Dense(4, activation="relu")(inputs))
    x = layers.Embedding(3, 2, name="rows")(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    with pytest.raises(UnsupportedLayerError) as caught:
        spkeras.convert(model, values(20, 8))
    assert [problem.split(" (")[0] for problem in caught.value.problems] == ["norm", "rows"]
    with pytest.raises(UnsupportedLayerError) as caught:
        spkeras.convert(model, values(20, 8), "sigma_delta")
    assert len(caught.value.problems) == 1


def test_arguments_and_classes_of_keras_2(tmp_path):
    def record(class_name, name, **config):
        return {"class_name": class_name, "config": {"name": name, **config}}

    layer_list = [
        (input_layer("a", (6, 6, 1)), []),
        (
            record("Conv2D", "conv", filters=2, kernel_size=[3, 3], new_option=3),
            [[["a", 0, 0, {}]]],
        ),
        (record("SReLU", "srelu"), [[["conv", 0, 0, {}]]]),
        (record("Lambda", "code", function=["", None, None]), [[["srelu", 0, 0, {}]]]),
        (record("Flatten", "flat"), [[["code", 0, 0, {}]]]),
        (record("Embedding", "rows", input_dim=3, output_dim=2), [[["flat", 0, 0, {}]]]),
    ]
    config = functional(layer_list, [["a", 0, 0]], [["rows", 0, 0]])
    weights = {
        "conv": [("conv/kernel:0", values(3, 3, 1, 2)), ("conv/bias:0", values(2))],
        "rows": [("rows/embeddings:0", values(3, 2))],
    }
    path = write_h5(tmp_path / "m.h5", config, weights, version="2.11.0")
    found = inspected(path, "--recipe", "sigma_delta")
    refused = [layer["name"] for layer in found["layers"] if layer["verdict"] == "refused"]
    assert refused == ["conv", "srelu", "code", "rows"]


def test_what_can_be_read_is_loaded_as_before(tmp_path):
    record = {"class_name": "Lambda", "config": {"name": "code", "batch_input_shape": [None, 2]}}
    path = write_h5(tmp_path / "m.h5", sequential(record), {}, version="2.3.0")
    model = spkeras.load_model(path, replace={"code": "rescaling:2"})
    np.testing.assert_allclose(model(np.ones((1, 2))), [[0.5, 0.5]])
