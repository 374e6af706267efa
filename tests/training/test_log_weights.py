"""The last phase of conversion-aware training, and its whole way to the hardware."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from spkeras.cli import main
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.hardware import log_ttfs
from spkeras.layers import LogConv1D, LogConv2D, LogDense, LogDepthwiseConv2D
from spkeras.ops.log_weights import LogFormat, log_quantize
from spkeras.training import FinetunePlan, finalized, finetune, finished, logarithmic, prepare
from spkeras.training.rebuild import all_layers
from spkeras.ttfs.lower import lower
from tests.training.nets import NETS
from tests.ttfs.nets import shaken

pytestmark = pytest.mark.slow

FORM = LogFormat()
_LOG = (LogConv1D, LogConv2D, LogDense, LogDepthwiseConv2D)


def residual():
    """Batch norm everywhere, a projection, a depthwise and a separable layer."""
    keras.utils.set_random_seed(0)
    given = keras.Input((8, 8, 2))
    x = start = layers.ReLU()(
        layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", name="stem")(given))
    )
    x = layers.ReLU()(
        layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", name="deep")(x))
    )
    x = layers.BatchNormalization()(layers.Conv2D(4, 1, use_bias=False, name="point")(x))
    x = layers.ReLU()(layers.Add()([x, start]))
    short = layers.BatchNormalization()(layers.Conv2D(6, 1, 2, name="short")(x))
    x = layers.BatchNormalization()(
        layers.SeparableConv2D(6, 3, 2, padding="same", name="separable")(x)
    )
    x = layers.ReLU()(layers.Add()([x, short]))
    x = layers.GlobalAveragePooling2D()(x)
    return shaken(keras.Model(given, layers.Dense(4, activation="softmax")(x), name="residual"))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = (rng.integers(0, 256, (64, 8, 8, 2)) / 255).astype("float32")
    return x, rng.integers(0, 4, 64)


@pytest.fixture(scope="module")
def trained(data):
    return finished(prepare(residual(), data[0], recipe="cat", timesteps=12))


def test_batch_norm_is_in_the_kernels_and_nothing_else_changes(trained, data):
    fine = LogFormat(12, 8)
    folded = logarithmic(trained, fine, trainable=False)
    kinds = {type(layer).__name__ for layer in all_layers(folded)}
    assert "BatchNormalization" not in kinds and "SeparableConv2D" not in kinds
    assert not read_graph(folded).of("scale")
    # Kernels of 1/8 octaves are off by up to 4 %; their rounding is the whole difference.
    expected = trained.predict(data[0], verbose=0)
    found = folded.predict(data[0], verbose=0)
    assert np.abs(found - expected).max() < 0.1
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.9


def test_training_sees_the_codes_and_what_is_stored_has_them(trained, data):
    coded = logarithmic(trained, FORM)
    assert sum(isinstance(layer, _LOG) for layer in all_layers(coded)) == 6
    plain = logarithmic(trained, FORM, trainable=False)
    first = coded.predict(data[0], verbose=0)
    np.testing.assert_allclose(plain.predict(data[0], verbose=0), first, rtol=1e-5, atol=1e-6)
    coded.compile(keras.optimizers.SGD(0.3), "sparse_categorical_crossentropy")
    before = [layer.get_weights()[0] for layer in all_layers(coded) if isinstance(layer, _LOG)]
    coded.fit(*data, epochs=1, verbose=0)
    after = [layer.get_weights()[0] for layer in all_layers(coded) if isinstance(layer, _LOG)]
    assert all((a != b).mean() > 0.2 for a, b in zip(after, before, strict=True))
    stored = finalized(coded)
    assert not any(isinstance(layer, _LOG) for layer in all_layers(stored))
    np.testing.assert_allclose(
        stored.predict(data[0], verbose=0), coded.predict(data[0], verbose=0), rtol=1e-5, atol=1e-6
    )
    for node in read_graph(stored).of("conv", "depthwise_conv", "dense"):
        kernel = node.arrays["kernel"]
        np.testing.assert_array_equal(log_quantize(kernel, FORM), kernel)


def test_linear_bottlenecks_are_merged_and_said_to_be():
    """Nothing codes a negative value: two layers without an activation become one kernel."""
    model = NETS["mobilenet_v2"]()
    x = np.random.default_rng(1).random((6, *model.input_shape[1:])).astype("float32")
    twin = finished(prepare(model, x, recipe="cat", timesteps=12))
    program = log_ttfs.compile(logarithmic(twin, FORM, trainable=False))
    assert any("project+top: no activation between them" in note for note in program.notes)


@pytest.mark.parametrize("name", ["vgg", "resnet", "densenet"])
def test_the_papers_topologies_compile_without_a_loss(name):
    model = NETS[name]()
    shape = model.input_shape[1:]
    images = np.random.default_rng(1).integers(0, 256, (6, *shape))
    x = (images / 255).astype("float32")
    twin = finished(prepare(model, x, recipe="cat", timesteps=12))
    stored = logarithmic(twin, FORM, trainable=False)
    kernels = [
        branch.kernel
        for layer in lower(read_graph(stored)).layers
        for branch in layer.branches
        if branch.weighted
    ]
    for kernel in kernels:
        np.testing.assert_array_equal(log_quantize(kernel, FORM), kernel)
    config = log_ttfs.HardwareConfig(table_bits=24, accumulator_bits=52)
    result = log_ttfs.run(log_ttfs.compile(stored, config), images)
    expected = stored.predict(x, verbose=0)
    values = result.outputs.reshape(expected.shape) * result.answers[0].unit
    np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-3)


def test_phases_follow_one_another_and_go_on_where_they_stopped(data, tmp_path):
    def run(plan, folder):
        twin = prepare(residual(), data[0], recipe="cat", timesteps=12)
        seen = []
        noted = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        model, figures = finetune(twin, data, plan, backup=folder, callbacks=[noted])
        return model, figures, seen

    plan = FinetunePlan(clamp=1, quantize=1, weights=FORM, log=2, batch_size=32, rate=0.01)
    model, figures, seen = run(plan, tmp_path / "a")
    assert seen == [0, 1, 2, 3] and len(figures["loss"]) == 4
    again, _, more = run(plan, tmp_path / "a")
    assert more == []
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    short, _, _ = run(FinetunePlan(clamp=1, quantize=1, batch_size=32, rate=0.01), None)
    rounded, _, _ = run(
        FinetunePlan(clamp=1, quantize=1, weights=FORM, batch_size=32, rate=0.01), None
    )
    for one, other in zip(
        rounded.get_weights(), logarithmic(short, FORM, trainable=False).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert any(
        (a != b).any() for a, b in zip(rounded.get_weights(), model.get_weights(), strict=True)
    )


def test_plans_and_networks_that_cannot_be_are_refused(trained):
    with pytest.raises(OptionError, match="log=1 with weights=None"):
        FinetunePlan(log=1)
    with pytest.raises(OptionError, match="logarithmic domain"):
        FinetunePlan(log=1, weights=LogFormat(rounding="linear"))
    with pytest.raises(OptionError, match="1 or more in all"):
        FinetunePlan(clamp=0, quantize=0)
    assert not FinetunePlan(clamp=0, quantize=0, weights=FORM).epochs
    given = keras.Input((4, 4, 2))
    x = layers.BatchNormalization(name="alone")(layers.MaxPooling2D(2)(given))
    late = keras.Model(given, layers.Flatten()(x))
    late.get_layer("alone").beta.assign([0.1, 0.2])
    with pytest.raises(UnsupportedLayerError, match="alone.*no kernel beside it"):
        logarithmic(late, FORM)
    twice = layers.Conv2D(2, 3, padding="same", name="twice")
    y = layers.BatchNormalization()(twice(given))
    z = layers.BatchNormalization()(twice(layers.ReLU()(y)))
    shared = shaken(keras.Model(given, layers.Flatten()(z)))
    with pytest.raises(UnsupportedLayerError, match="twice.*different batch norms"):
        logarithmic(shared, FORM)


@pytest.mark.parametrize("layer", [LogConv1D(3, 2), LogDepthwiseConv2D(3, depth_multiplier=2)])
def test_layers_are_saved_and_show_the_values_of_their_codes(layer, tmp_path):
    keras.utils.set_random_seed(0)
    shape = (5, 2) if isinstance(layer, LogConv1D) else (5, 5, 2)
    model = keras.Sequential([keras.Input(shape), type(layer).from_config(layer.get_config())])
    stored = model.layers[0].get_weights()[0]
    (node,) = read_graph(model).of("conv", "depthwise_conv")
    form = LogFormat(full_scale="ceil")
    np.testing.assert_array_equal(node.arrays["kernel"], log_quantize(stored, form))
    x = np.random.default_rng(0).random((3, *shape))
    model.compile("sgd", "mse")
    model.fit(x, np.ones((3, *model.output_shape[1:])), verbose=0)
    assert (model.layers[0].get_weights()[0] != stored).mean() > 0.9
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.fixture
def files(tmp_path, data):
    residual().save(tmp_path / "net.keras")
    x, y = (data[0] * 255).round().astype("uint8"), data[1]
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    return tmp_path


def command(*args):
    done = CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)
    assert "Traceback" not in done.output
    return done


@pytest.mark.parametrize("epochs", [(0, 0, 0), (1, 1, 1)])
def test_from_a_cnn_to_a_program_on_the_command_line(files, epochs):
    """The program decides as the trained network does, which holds the codes' values already."""
    clamp, quantize, log = epochs
    done = command(
        "finetune",
        files / "net.keras",
        "-o",
        files / "cat.keras",
        "--recipe",
        "cat",
        "--data",
        files / "data.npz",
        "--scale",
        "255",
        "--timesteps",
        "12",
        "--clamp",
        clamp,
        "--quantize",
        quantize,
        "--log",
        log,
        "--held-out",
        "4",
        "--train-batch",
        "20",
        "--json",
    )
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["epochs"] == sum(epochs)
    done = command(
        "hardware",
        "compile",
        files / "cat.keras",
        "-o",
        files / "cat.npz",
        "--table-bits",
        "20",
        "--accumulator-bits",
        "48",
    )
    assert done.exit_code == 0, done.output
    done = command("hardware", "run", files / "cat.npz", "--data", files / "data.npz", "--json")
    assert json.loads(done.stdout)["accuracy"] == pytest.approx(record["trained"])


def test_logarithmic_weights_belong_to_cat(files):
    done = command(
        "finetune",
        files / "net.keras",
        "--data",
        files / "data.npz",
        "--weight-steps",
        "2",
        "-o",
        files / "x.keras",
    )
    assert done.exit_code == 1 and "--weight-steps and --log with cat" in done.output


def test_digits_from_the_stored_cnn_to_the_program(tmp_path):
    """Real data, nothing trained: what rounding to codes alone leaves of 99.4 %."""
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    x = (digits.images[order] / 16).astype("float32")[..., None]
    y = digits.target[order]
    np.savez(
        tmp_path / "digits.npz", x_train=x[:600], y_train=y[:600], x_test=x[1297:], y_test=y[1297:]
    )
    stored = Path(__file__).parents[2] / "models" / "digits_cnn.keras"
    done = command(
        "finetune",
        stored,
        "-o",
        tmp_path / "cat.keras",
        "--recipe",
        "cat",
        "--data",
        tmp_path / "digits.npz",
        "--clamp",
        "0",
        "--quantize",
        "0",
        "--log",
        "0",
        "--json",
    )
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["cnn"] > 0.99 and record["trained"] > 0.93
    done = command("hardware", "compile", tmp_path / "cat.keras", "-o", tmp_path / "cat.npz")
    assert done.exit_code == 0, done.output
    done = command(
        "hardware", "run", tmp_path / "cat.npz", "--data", tmp_path / "digits.npz", "--json"
    )
    found = json.loads(done.stdout)
    assert found["samples"] == 500 and abs(found["accuracy"] - record["trained"]) <= 0.006
