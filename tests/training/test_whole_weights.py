"""Training that sees whole weights: the conversion with the same bits finds these codes again."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

import spkeras
from spkeras.cli import main
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.snn.model import loop_of
from spkeras.training import FinetunePlan, finetune, prepare

KERNELS = ("conv", "depthwise_conv", "dense")


def residual():
    """Batch norm, a shortcut, depthwise and separable convolutions, average pooling."""
    given = keras.Input((8, 8, 2))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False)(given)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(x))
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.ReLU()(layers.DepthwiseConv2D(3)(x))
    x = layers.ReLU()(layers.SeparableConv2D(5, 3)(x))
    x = layers.Dense(7, activation="relu")(layers.Flatten()(layers.AveragePooling2D(2)(x)))
    net, rng = keras.Model(given, layers.Dense(3)(x)), np.random.default_rng(4)
    for variable in net.variables:
        noise = 0.3 * rng.normal(size=variable.shape)
        variable.assign(np.abs(noise) + 0.3 if "gamma" in variable.path else noise)
        if "variance" in variable.path:
            variable.assign(np.abs(noise) + 0.5)
    return net


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = (rng.integers(0, 256, (60, 8, 8, 2)) / 255).astype("float32")
    x[:, 0, 0] = 1
    return x, rng.integers(0, 3, 60)


def trained(data, recipe="qcfs", **options):
    keras.utils.set_random_seed(0)
    twin = prepare(residual(), data[0], recipe, timesteps=6, encoding="real")
    plan = {"clamp": 0, "quantize": 1, "batch_size": 20, "insist": True, "verbose": 0}
    return finetune(twin, data, **{**plan, **options})


def graph_of(net, x, recipe="qcfs", **options):
    return loop_of(spkeras.convert(net, x, recipe, insist=True, verbose=0, **options)).graph


@pytest.mark.parametrize(
    "recipe, bits",
    [
        ("qcfs", {"weight_bits": 4, "threshold_bits": 12}),
        ("low_latency", {"weight_bits": 8, "membrane_bits": 16}),
        ("qcfs", {"weight_bits": 3}),
    ],
)
def test_the_conversion_rounds_nothing(data, recipe, bits, tmp_path):
    """Weights are codes times the unit of their channel; biases are multiples of it."""
    net, history = trained(data, recipe, **bits, rounded=2)
    assert len(history["loss"]) == 3
    assert {type(layer).__module__.split(".")[0] for layer in net.layers} == {"keras", "spkeras"}
    kinds = {type(layer).__name__ for layer in net.layers}
    assert "Conv2D" in kinds and "BatchNormalization" not in kinds
    net.save(tmp_path / "net.keras")
    net = keras.models.load_model(tmp_path / "net.keras")
    real = graph_of(net, data[0], recipe)
    for rounding in ("fitted", "nearest"):
        whole = graph_of(net, data[0], recipe, **bits, rounding=rounding)
        form = whole.integers
        for node in whole.of(*KERNELS):
            before, stored = real[node.name], node.arrays["kernel"].astype(float)
            if form.is_whole:
                receiver = node
                while receiver.name not in form.units:
                    receiver = whole.consumers[receiver.name][0]
                bias = node.arrays["bias"] * form.units[receiver.name]
                np.testing.assert_allclose(bias, before.arrays["bias"], rtol=1e-4, atol=1e-6)
            # One factor between both, per channel.
            wanted = before.arrays["kernel"].astype(float)
            shape = (-1, stored.shape[-1]) if node.op != "depthwise_conv" else (9, -1)
            for one, other in zip(stored.reshape(shape).T, wanted.reshape(shape).T, strict=True):
                factor = np.abs(one).max() / np.abs(other).max()
                np.testing.assert_allclose(one, factor * other, rtol=1e-4, atol=1e-6 * factor)


def test_training_sees_the_rounded_weights(data):
    """In batches and in validation, not in checkpoints; the loss falls below that of rounding."""
    seen = {"batch": [], "validation": [], "epoch": []}

    class Values(keras.callbacks.Callback):
        def note(self, kind):
            (kernel,) = [v for v in self.model.variables if len(v.shape) == 2 and v.shape[1] == 7]
            kernel = np.abs(np.asarray(kernel))
            seen[kind].append(max(len(np.unique(np.round(own, 6))) for own in kernel.T))

        def on_train_batch_begin(self, batch, logs=None):
            self.note("batch")

        def on_test_begin(self, logs=None):
            self.note("validation")

        def on_epoch_end(self, epoch, logs=None):
            self.note("epoch")

    bits = {"weight_bits": 3, "threshold_bits": 10, "quantize": 0}
    net, _ = trained(data, **bits, rounded=8, held_out=20, log_rate=0.01, callbacks=[Values()])
    after, _ = trained(data, **bits, rounded=0)
    # Codes 0 to 3.
    assert max(seen["batch"]) <= 4 and max(seen["validation"]) <= 4 and max(seen["epoch"]) > 6
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    first, last = (float(loss(data[1], m.predict(data[0], verbose=0))) for m in (after, net))
    assert last < first


def test_a_stopped_training_continues(data, tmp_path):
    options = {"weight_bits": 4, "threshold_bits": 12, "backup": tmp_path / "a"}
    seen = []

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(epoch)
            if epoch == 2 and seen.count(2) == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(data, **options, rounded=3, callbacks=[Stop()])
    again, _ = trained(data, **options, rounded=3, callbacks=[Stop()])
    assert seen == [0, 1, 2, 2, 3]
    whole, _ = trained(data, weight_bits=4, threshold_bits=12, rounded=3)
    for one, other in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_what_makes_no_sense_is_refused(data):
    from spkeras.ops.log_weights import LogFormat

    for options, message in (
        ({"rounded": 2}, "rounded=2 without weight_bits"),
        ({"weight_bits": 4, "weights": LogFormat()}, "one of whole and logarithmic weights"),
        ({"weight_bits": 40}, "weight_bits=40; allowed: "),
        ({"threshold_bits": 20, "membrane_bits": 20}, "fewer bits than a potential"),
    ):
        with pytest.raises(OptionError, match=message):
            FinetunePlan(**options)
    assert "weight_bits" not in FinetunePlan().get_config()
    plan = FinetunePlan(weight_bits=4, membrane_bits=16, rounded=1)
    assert FinetunePlan.from_config(plan.get_config()) == plan
    assert (plan.integers.threshold_bits, plan.coded) == (14, 1)
    given = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 1)(layers.Conv2D(3, 3, activation="relu")(given))
    x = layers.Conv2D(3, 3, activation="relu")(x)
    net = keras.Model(given, layers.Dense(3)(layers.Flatten()(x)))
    x = data[0][:, :6, :6]
    twin = prepare(net, x, "qcfs", encoding="real")
    plan = {"clamp": 0, "quantize": 0, "threshold_bits": 12, "insist": True, "verbose": 0}
    with pytest.raises(UnsupportedLayerError, match="train without threshold_bits, then convert"):
        finetune(twin, (x, data[1]), **plan)


@pytest.mark.slow
def test_on_the_command_line(data, tmp_path):
    residual().save(tmp_path / "net.keras")
    x, y = (data[0] * 255).round().astype("uint8"), data[1]
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])

    def run(*words):
        given = ("net.keras", "--data", "data.npz", "-o", "out.keras")
        paths = [str(tmp_path / w) if w.endswith(("keras", "npz")) else w for w in given]
        line = ["finetune", *paths, "--scale", "255", "--insist", *map(str, words)]
        return CliRunner().invoke(main, line)

    few = ("--clamp", 0, "--quantize", 1, "--held-out", 5, "--train-batch", 20)
    bits = ("--recipe", "qcfs", "--encoding", "real", "--weight-bits", 4, "--threshold-bits", 12)
    wrong = run("--recipe", "cat", "--threshold-bits", 12, "--rounded", 2)
    assert wrong.exit_code == 1 and "--threshold-bits, --rounded with --recipe cat" in wrong.output
    done = run(*bits, *few, "--rounded", 1)
    assert done.exit_code == 0, done.output
    assert "--recipe qcfs --weight-bits 4 --threshold-bits 12" in done.stdout
    assert json.loads(run(*bits, *few, "--force", "--json").stdout)["epochs"] == 3
