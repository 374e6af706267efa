"""`spkeras verify`: a CNN and its spiking network side by side."""

import json


def test_text(run, cnn, snn, data):
    result = run("verify", cnn, snn, "--data", data, "--samples", 8)
    assert result.exit_code == 0 and not result.stderr
    for word in ("conv2d", "correlation", "unevenness", "simulated", "T = 4", "clock-driven"):
        assert word in result.stdout


def test_json(run, cnn, snn, data):
    result = run("verify", cnn, snn, "--data", data, "--json", "--timesteps", 3, "--samples", 8)
    found = json.loads(result.stdout)
    assert (found["timesteps"], found["samples"]) == (3, 8)
    assert list(found["output_error"]) == ["folded", "clipped", "quantized", "simulated"]


def test_order_of_the_files(run, cnn, snn, data):
    result = run("verify", snn, cnn, "--data", data)
    assert result.exit_code == 1 and "is a spiking network already" in result.stderr
    result = run("verify", cnn, cnn, "--data", data)
    assert result.exit_code == 1 and "is a CNN" in result.stderr
