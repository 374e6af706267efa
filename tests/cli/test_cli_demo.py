"""`spkeras demo`: the main job with nothing but the package."""

import json

import keras
import pytest


@pytest.mark.slow
def test_demo_compares_networks_and_writes_the_cnn(run, tmp_path):
    output = tmp_path / "cnn.keras"
    done = run("demo", "-o", output, "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["samples"] == 500 and record["cnn"]["accuracy"] == 0.994
    best = [point for point in record["points"] if point["network"] == "sigma_delta"]
    assert best[0]["accuracy"] > 0.98
    assert keras.saving.load_model(output).output_shape == (None, 10)

    again = run("demo", "-o", output)
    assert again.exit_code == 1 and "--force" in again.stderr
    assert run("demo", "-o", tmp_path / "cnn.txt").exit_code == 2
