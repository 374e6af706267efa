"""`spkeras thresholds`: trains, goes on from a checkpoint, refuses."""

import json
import shutil

import pytest

from spkeras.calibration import train_thresholds
from spkeras.calibration.thresholds import SEEN


@pytest.fixture(scope="module")
def deep(folder, run, data):
    """A spiking network of two layers: the second one's spikes arrive unevenly."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    net = [
        keras.Input((6, 6, 1)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.Conv2D(4, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(3),
    ]
    keras.Sequential(net).save(folder / "deep.keras")
    path = folder / "deep_snn.keras"
    done = run(
        "convert",
        folder / "deep.keras",
        "-o",
        path,
        "--data",
        data,
        "--timesteps",
        4,
        "--stagger",
        0,
    )
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture
def loaded(deep):
    import keras

    return keras.models.load_model(deep)


def thresholds(path):
    import keras

    from spkeras.snn.model import loop_of

    graph = loop_of(keras.models.load_model(path)).graph
    return graph.settings, [node.arrays["threshold"].tolist() for node in graph.of("neuron")]


def test_it_trains_and_says_what_it_has_seen(run, deep, data, tmp_path):
    path = tmp_path / "t.keras"
    result = run("thresholds", deep, "-o", path, "--data", data, "--batch-size", 5, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    settings, found = thresholds(path)
    assert settings[SEEN] == record["samples"] == 20
    assert len(found[1]) == 4 and any(abs(v - 1) > 1e-3 for v in found[1])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.keras"]


@pytest.mark.slow
def test_a_checkpoint_is_gone_on_from(run, deep, data, loaded, tmp_path):
    import numpy as np

    with np.load(data) as file:
        x = file["x_train"][..., None]
    kept = []
    train_thresholds(loaded, x[:10], batch_size=5, checkpoint_every=2, checkpoint=kept.append)
    kept[0].save(tmp_path / "t.checkpoint.keras")
    words = ("--data", data, "--batch-size", 5)
    result = run("thresholds", deep, "-o", tmp_path / "t.keras", *words)
    assert result.exit_code == 0 and "continuing from" in result.stderr
    assert run("thresholds", deep, "-o", tmp_path / "u.keras", *words).exit_code == 0
    for one, other in zip(
        thresholds(tmp_path / "t.keras")[1], thresholds(tmp_path / "u.keras")[1], strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_cnn_and_graded_spikes_are_refused(run, cnn, graded, data, tmp_path):
    for network, words in ((cnn, "is a CNN"), (graded, "equal the closed form")):
        result = run("thresholds", network, "-o", tmp_path / "t.keras", "--data", data)
        assert result.exit_code == 1 and words in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_checkpoint_of_another_network_is_refused(run, deep, graded, data, tmp_path):
    shutil.copy(graded, tmp_path / "t.checkpoint.keras")
    result = run("thresholds", deep, "-o", tmp_path / "t.keras", "--data", data)
    assert result.exit_code == 1 and "another network" in result.stderr
