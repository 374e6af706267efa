"""The training of the stored CNNs (models/): recipe, augmentation, resumption, carried weights."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))
from cnn_training.recipe import Recipe  # noqa: E402
from cnn_training.samples import Batches  # noqa: E402

SMALL = Recipe(epochs=3, batch=16, part=8, shift=1, cutout=2, average=2, rate=0.1, bias_rate=4)


def images(count=48, size=8):
    rng = np.random.default_rng(3)
    return rng.integers(1, 256, (count, size, size, 3)).astype("uint8"), np.arange(count) % 3


@pytest.fixture(scope="module")
def training():
    """The modules that run on PyTorch, with one thread: other tests may run beside these."""
    torch = pytest.importorskip("torch")
    from cnn_training import loop, start, torch_graph

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield loop, start, torch_graph
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model():
    """A net with every kind of layer that the stored nets have, and uneven edges."""
    inputs = keras.Input((9, 8, 3))
    x = layers.Conv2D(6, 3, 2, padding="same", use_bias=False)(inputs)
    x = shortcut = layers.ReLU()(layers.BatchNormalization(scale=False)(x))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.Conv2D(6, 1, activation="relu")(x)
    x = layers.Concatenate()([layers.Add()([x, shortcut]), shortcut])
    x = layers.AveragePooling2D((2, 1))(layers.Activation("swish")(x))
    x = layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])
    x = layers.BatchNormalization()(layers.Dense(5)(layers.Flatten()(x)))
    x = layers.Dropout(0.2)(x)
    net = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(0)
    bounds = ((0.5, 1), (-0.3, 0.3))  # Of vectors, and of kernels.
    net.set_weights([rng.uniform(*bounds[w.ndim > 1], w.shape) for w in net.get_weights()])
    return net


def plain(width=12):
    """A small net with batch norm and dropout."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(width, 3, padding="same", use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.ReLU(),
            layers.Conv2D(width + 4, 3, use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )


def trained(training, recipe, stop_after=None, checkpoint=None, every=120.0):
    loop, start, torch_graph = training
    graph = torch_graph.TorchGraph(plain(), recipe.logit_scale)
    start.start(graph, recipe, images()[0])
    run = loop.Training(graph, recipe, images())
    run.run(checkpoint, every, stop_after=stop_after)
    state = {name: value.numpy().copy() for name, value in graph.state_dict().items()}
    assert len(state) == 14
    return state


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_triangular_rate_rises_to_the_peak_and_falls_to_the_end():
    recipe = Recipe(rate=2.0, start=0.25, warmup=0.2, end=0.1)
    rates = [recipe.rate_at(progress) for progress in (0, 0.1, 0.2, 0.6, 1)]
    assert rates == pytest.approx([0.5, 1.25, 2.0, 1.1, 0.2])
    cosine = replace(recipe, schedule="cosine")
    assert [cosine.rate_at(p) for p in (0.2, 0.6, 1)] == pytest.approx([2.0, 1.1, 0.2])
    assert replace(recipe, schedule="constant").rate_at(0.7) == 2.0


def test_settings_are_read_as_their_type_and_others_are_refused():
    changed = Recipe().changed({"cutout": "4", "rate": "0.2", "identity": "0", "flips": "none"})
    assert (changed.cutout, changed.rate, changed.identity, changed.flips) == (
        4,
        0.2,
        False,
        "none",
    )
    with pytest.raises(ValueError, match="no setting 'colour'.*epochs, batch"):
        Recipe().changed({"colour": "1"})
    with pytest.raises(ValueError, match="cutout: '0.5' is not a number .int"):
        Recipe().changed({"cutout": "0.5"})
    with pytest.raises(ValueError, match="identity: '' is not 0 or 1"):
        Recipe().changed({"identity": ""})
    with pytest.raises(ValueError, match="schedule: 'step' is none of triangular"):
        Recipe(schedule="step")
    with pytest.raises(ValueError, match="100 is no multiple of part, 64"):
        Recipe(batch=100, part=64)


def test_alternating_flips_show_each_image_in_both_forms():
    x, _ = images()
    y = np.arange(len(x))
    recipe = replace(SMALL, shift=0, cutout=0)

    def epoch(number, recipe):
        batches = Batches(x, y, recipe)
        parts = [batches.batch(number, index) for index in range(len(batches))]
        order = np.concatenate([labels for _, labels in parts])
        return np.concatenate([given for given, _ in parts])[np.argsort(order)], order

    (first, order), (second, later), (third, _) = (epoch(n, recipe) for n in range(3))
    assert sorted(order) == list(y) and list(order) != list(later)
    assert np.array_equal(second, first[:, :, ::-1]) and np.array_equal(third, first)
    kept = (first == x).all((1, 2, 3))
    assert 0 < kept.sum() < len(x) and np.array_equal(first[~kept], x[~kept][:, :, ::-1])
    unrelated = [epoch(n, replace(recipe, flips="random"))[0] for n in range(2)]
    both = (unrelated[1] == unrelated[0][:, :, ::-1]).all((1, 2, 3))
    assert 0 < both.sum() < len(x)
    assert np.array_equal(epoch(5, replace(recipe, flips="none"))[0], x)


def test_shift_and_cutout_stay_within_their_size():
    x, y = images()
    still = replace(SMALL, flips="none", cutout=0, shift=2)
    shifted, _ = Batches(x, np.arange(len(x)), still).batch(0, 0)
    numbers = Batches(x, np.arange(len(x)), still).batch(0, 0)[1]
    around = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    corners = [
        [(i, j) for i in range(5) for j in range(5) if (around[n, i : i + 8, j : j + 8] == a).all()]
        for a, n in zip(shifted, numbers, strict=True)
    ]
    assert all(len(found) == 1 for found in corners)
    assert len({found[0] for found in corners}) > 5
    blanked = Batches(x, y, replace(still, shift=0, cutout=4)).batch(0, 0)[0]
    sizes = (blanked == 0).all(-1).sum((1, 2))
    assert sizes.min() >= 4 and sizes.max() == 16


def test_graph_computes_what_keras_does_and_gives_the_weights_back(training, model):
    loop, _, torch_graph = training
    import torch

    x = np.random.default_rng(1).random((4, 9, 8, 3), dtype="float32")
    expected = model.predict(x, verbose=0)
    graph = torch_graph.TorchGraph(model, 0.25).eval()
    with torch.no_grad():
        found = torch.softmax(graph(loop.as_input(x)), 1).numpy()
    assert expected.std(0).min() > 1e-3
    np.testing.assert_allclose(found, expected, atol=2e-6)
    before = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in before])
    graph.store()
    for kept, given in zip(model.get_weights(), before, strict=True):
        np.testing.assert_allclose(kept, given, rtol=1e-6)
    bare = keras.Sequential([keras.Input((4, 4, 1)), layers.MaxPooling2D(), layers.Flatten()])
    with pytest.raises(TypeError, match="no Dense with softmax"):
        torch_graph.TorchGraph(bare)
    bare.add(layers.Dense(2, activation="softmax"))
    with pytest.raises(TypeError, match="no PyTorch form of MaxPooling2D.*Conv2D"):
        torch_graph.TorchGraph(bare)


def test_a_stopped_training_ends_in_the_same_weights(training, tmp_path):
    whole = trained(training, SMALL)
    assert same(whole, trained(training, SMALL))
    assert not same(whole, trained(training, replace(SMALL, seed=2)))
    path = tmp_path / "net.checkpoint"
    # Stops in the middle of an epoch, then after more updates that no checkpoint keeps.
    trained(training, SMALL, 4, path)
    kept = path.read_bytes()
    trained(training, SMALL, 6, path)
    path.write_bytes(kept)
    (tmp_path / "net.checkpoint.partial").write_bytes(kept[:100])
    assert same(whole, trained(training, SMALL, None, path))
    with pytest.raises(ValueError, match="written with another recipe"):
        trained(training, replace(SMALL, rate=0.2), None, path)


def test_checkpoints_are_written_at_intervals(training, tmp_path, monkeypatch):
    written = []
    loop = training[0]
    monkeypatch.setattr(loop.Training, "_write", lambda self, path: written.append(self.done))
    trained(training, SMALL, 4, tmp_path / "a", every=0.0)
    assert written == [1, 2, 3, 4, 4]
    written.clear()
    trained(training, SMALL, 4, tmp_path / "a", every=1e9)
    assert written == [4]


def test_averaged_weights_follow_the_rule_and_are_the_last(training):
    plain_run = replace(SMALL, average=0, epochs=1)
    averaged = replace(plain_run, average=1)
    first, fast = (trained(training, plain_run, n) for n in (1, 2))
    second = trained(training, averaged, 2)
    kept = 0.95 * (1 / 3) ** 3
    for key in [key for key in first if key.endswith("weight") or key.endswith("var")]:
        expected = kept * first[key] + (1 - kept) * fast[key]
        np.testing.assert_allclose(second[key], expected, rtol=1e-4, atol=1e-7)
    assert not same(second, fast)
    last = trained(training, averaged)
    assert all(
        np.array_equal(last[key], second[key]) for key in last if not key.endswith("tracked")
    )


def test_biases_of_batch_norm_learn_faster_by_their_factor(training):
    slow, fast = (
        trained(training, replace(SMALL, momentum=0.0, decay=0.0, bias_rate=times), 1)
        for times in (1, 8)
    )
    biases = [key for key in slow if "Norm" in key and key.endswith("bias")]
    assert len(biases) == 2
    for key in biases:
        assert np.abs(slow[key]).max() > 0
        np.testing.assert_allclose(fast[key], 8 * slow[key], rtol=1e-5)
    kernels = [key for key in slow if "Conv" in key]
    assert all(np.array_equal(slow[key], fast[key]) for key in kernels)


def test_first_weights_are_identities_and_whitened_patches(training):
    _, start, torch_graph = training
    x = np.cumsum(images(400)[0], axis=1).astype("uint8")
    graph = torch_graph.TorchGraph(plain(60))
    start.start(graph, SMALL, x)
    first, second = (
        module.weight.detach().numpy() for layer, module in graph.weighted if "conv" in layer.name
    )
    identity = np.zeros((60, 60, 3, 3))
    identity[np.arange(60), np.arange(60), 1, 1] = 1
    assert np.array_equal(second[:60], identity) and np.abs(second[60:]).max() < 0.1
    patches = np.stack([x[:, i : i + 3, j : j + 3] / 255 for i in (0, 3) for j in (0, 3)])
    patches = patches.reshape(-1, 27)
    filters = first[:27].transpose(0, 2, 3, 1).reshape(27, 27)
    np.testing.assert_allclose(np.cov(patches @ filters.T, rowvar=False), np.eye(27), atol=0.02)
    assert np.array_equal(first[27:54], -first[:27])
    start.start(graph, replace(SMALL, identity=False, whitening=False), x)
    assert all(
        0 < np.abs(module.weight.detach().numpy()).max() < 1
        for layer, module in graph.weighted
        if "conv" in layer.name
    )


def test_the_script_holds_samples_out_and_records_the_recipe(training, tmp_path):
    import train
    from click.testing import CliRunner

    rng = np.random.default_rng(0)
    y = np.arange(240) % 10
    x = (rng.random((240, 8, 8)) * 60 + 15 * y[:, None, None]).astype("uint8")
    np.savez(tmp_path / "set.npz", x_train=x[:200], y_train=y[:200], x_test=x[200:], y_test=y[200:])
    output = tmp_path / "digits_cnn.keras"
    words = ["digits_cnn", "--data", str(tmp_path / "set.npz"), "-o", str(output)]
    words += ["--epochs", "1", "--set", "held_out=40", "--threads", "1"]
    result = CliRunner().invoke(train.main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "seconds_left 0 " in result.output and "held_out 0." in result.output
    record = json.loads((tmp_path / "manifest.json").read_text())["digits_cnn"]
    assert record["command"].endswith("--set epochs=1.0 --set held_out=40")
    assert (record["recipe"]["held_out"], record["test_samples"]) == (40, 40)
    decisions = keras.models.load_model(output).predict(x[200:, ..., None] / 255.0, verbose=0)
    assert (decisions.argmax(1) == y[200:]).mean() == record["test_accuracy"]
    refused = CliRunner().invoke(train.main, [*words, "--set", "colour=1"])
    assert refused.exit_code == 2 and "no setting 'colour'" in refused.output
