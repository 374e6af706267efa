"""`--recipe ttfs` from the command line: converted, measured, verified, and what is refused."""

import json

import keras
import pytest
from keras import layers

from spkeras.layers import TTFSActivation


@pytest.fixture(scope="module")
def twin(folder):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            TTFSActivation(8, 2),
            layers.Conv2D(4, 3),
            TTFSActivation(8, 2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        name="twin",
    )
    path = folder / "twin.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def windows(folder, run, twin, data):
    path = folder / "twin_snn.h5"
    result = run(
        "convert", twin, "-o", path, "--data", data, "--recipe", "ttfs", "--start", 4, "--insist"
    )
    assert result.exit_code == 0, result.output
    assert (
        "2 windows of T = 8 steps, latency 12 steps, recipe ttfs, kernel trained" in result.stdout
    )
    return path


def test_evaluate(run, windows, data, folder):
    words = ("evaluate", windows, "--data", data, "--insist")
    result = run(*words, "--report", folder / "windows.html")
    assert result.exit_code == 0
    for text in ("early firing", "latency 12 steps", "twin", "synaptic operations", "start 4"):
        assert text in result.stdout
    assert "kernel" in (folder / "windows.html").read_text()
    found = json.loads(run(*words, "--json").stdout)
    assert (found["latency"], found["windows"], found["timesteps"]) == (12, 2, 8)
    assert max(n["spikes_per_neuron"] for n in found["activity"]["layers"]) <= 1


def test_verify(run, twin, windows, data):
    result = run("verify", twin, windows, "--data", data, "--samples", 8)
    assert result.exit_code == 0 and "Values held by receiving neurons" in result.stdout
    found = json.loads(run("verify", twin, windows, "--data", data, "--json").stdout)
    assert (found["schedule"], found["spike_code"]) == ("early_firing", "ttfs")


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no float64 here")
def test_exact_kernels_of_a_plain_cnn(run, cnn, data, folder):
    path = folder / "exact.keras"
    result = run(
        "convert",
        cnn,
        "-o",
        path,
        "--data",
        data,
        "--recipe",
        "ttfs",
        "--kernel",
        "exact",
        "--insist",
    )
    assert result.exit_code == 0 and "in continuous time, recipe ttfs" in result.stdout
    result = run("evaluate", path, "--data", data, "--insist")
    assert result.exit_code == 0 and "None" not in result.stdout
    assert "Latency: " in result.stdout and "in continuous time" in result.stdout
    found = json.loads(run("evaluate", path, "--data", data, "--insist", "--json").stdout)
    assert "timesteps" not in found and found["latency"] > 1
    assert run("verify", cnn, path, "--data", data).exit_code == 0


def test_refusals_say_what_to_do(run, cnn, twin, windows, data, folder):
    given = ("--data", data, "--insist")
    for words, text in (
        (("convert", cnn, "-o", folder / "no.keras", "--recipe", "ttfs"), "--recipe cat"),
        (
            ("convert", twin, "-o", folder / "no.keras", "--recipe", "ttfs", "--tau", 3),
            "tau=3.0 with kernel='trained'",
        ),
        (("evaluate", windows, "--plot", folder / "no.png"), "--plot"),
        (("evaluate", windows, "--timesteps", 3), "fixed by the conversion"),
        (("thresholds", windows, "-o", folder / "no.keras"), "each in a window"),
    ):
        words = [
            word for word in (*words, *given) if words[0] != "thresholds" or word != "--insist"
        ]
        result = run(*words)
        assert result.exit_code == 1 and text in result.stderr, (words, result.output)
