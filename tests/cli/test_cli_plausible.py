"""What `convert`, `finetune` and `evaluate` say of a CNN on labelled data, and when they stop."""

import json

import keras
import numpy as np
import pytest
from keras import layers

pytestmark = pytest.mark.slow

COUNT = 120


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A CNN that divides pixels by 255 itself, and its data, of four bars the brightest."""
    folder = tmp_path_factory.mktemp("plausible")
    net = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(1, (4, 1)),
            layers.Flatten(),
            layers.ReLU(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    net.layers[1].set_weights([np.full((4, 1, 1, 1), 0.25), np.full(1, -0.3)])
    net.layers[-1].set_weights([np.eye(4) * 20, np.zeros(4)])
    net.save(folder / "cnn.keras")
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(COUNT) % 4)
    x = rng.integers(0, 120, (COUNT, 4, 4))
    x[np.arange(COUNT), :, y] += 130
    np.savez(folder / "d.npz", x=x.astype("uint8"), y=y)
    np.savez(folder / "other.npz", x=x.astype("uint8"), y=(y + 1) % 4)
    # Trained on labels of another order, tested on the CNN's own.
    np.savez(folder / "mixed.npz", x_train=x, y_train=(y + 1) % 4, x_test=x, y_test=y)
    np.savez(folder / "misfit.npz", x=x.astype("uint8"), y=np.full(COUNT, 7))
    return folder


def test_convert_prints_the_accuracy_of_the_cnn(run, files, tmp_path):
    result = run(
        "convert", files / "cnn.keras", "--data", files / "d.npz", "-o", tmp_path / "s.keras"
    )
    assert result.exit_code == 0 and "on which the accuracy of the CNN is 100.00 %" in result.stdout


def test_scaled_twice(run, files, tmp_path):
    output = tmp_path / "s.keras"
    words = (files / "cnn.keras", "--data", files / "d.npz", "--scale", 255)
    result = run("convert", *words, "-o", output)
    assert result.exit_code == 1 and not output.exists() and not result.stdout
    assert "multiplied by 255 (leave --scale 255 out)" in result.stderr
    assert "--insist" in result.stderr
    assert run("convert", *words, "-o", output, "--insist").exit_code == 0
    result = run("evaluate", output, *words[1:])
    assert result.exit_code == 1 and "leave --scale 255 out" in result.stderr
    result = run("evaluate", output, *words[1:], "--insist", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["scores"][0]["cnn_accuracy"] < 0.5
    result = run("finetune", *words, "-o", tmp_path / "t.keras", "--held-out", 0)
    assert result.exit_code == 1 and "leave --scale 255 out" in result.stderr
    assert not (tmp_path / "t.keras").exists() and not list(tmp_path.glob("t.checkpoint"))


def test_labels_of_another_order_and_labels_that_do_not_fit(run, files, tmp_path):
    output = tmp_path / "s.keras"
    result = run("convert", files / "cnn.keras", "--data", files / "other.npz", "-o", output)
    assert result.exit_code == 1 and "labels in another order" in result.stderr
    result = run("convert", files / "cnn.keras", "--data", files / "misfit.npz", "-o", output)
    assert result.exit_code == 0 and "not measured: labels of" in result.stderr


def test_finetune_warns_of_lost_points(run, files, tmp_path):
    words = (
        "finetune",
        files / "cnn.keras",
        "-o",
        tmp_path / "t.keras",
        "--encoding",
        "real",
        "--timesteps",
        4,
        "--clamp",
        1,
        "--quantize",
        0,
        "--train-batch",
        20,
        "--held-out",
        0,
        "--json",
    )
    result = run(*words, "--data", files / "mixed.npz", "--rate", 0.5, "--insist")
    record = json.loads(result.stdout)
    assert record["cnn"] == 1 and record["trained"] < 0.6
    (text,) = record["warnings"]
    assert f"warning: {text}" in result.stderr and "100.00%" in text
    words = (*words, "--rate", 1e-6, "--force", "--start-over")
    result = run(*words, "--data", files / "d.npz")
    record = json.loads(result.stdout)
    assert "on which the accuracy of the CNN is 100.00 %" in result.stderr
    assert record["warnings"] == [] and record["trained"] > 0.9
