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


def test_graded_spikes(run, cnn, graded, data):
    result = run("verify", cnn, graded, "--data", data, "--samples", 8)
    assert result.exit_code == 0 and not result.stderr
    for words in (
        "Values held by receiving neurons",
        "quantization",
        "t = 3",
        "last spike at",
        "The layer that settles last: ",
    ):
        assert words in result.stdout
    found = json.loads(run("verify", cnn, graded, "--data", data, "--json").stdout)
    assert (found["spike_code"], found["steps"]) == ("delta", [1, 2, 3, 4])
    assert found["settles_last"] in [check["name"] for check in found["neurons"]]
    course = found["neurons"][0]["course"]
    assert len(course) == 4 and course[3] < course[0] / 20


def test_data_far_outside_the_range(run, cnn, snn, data):
    words = ("verify", cnn, snn, "--data", data, "--scale", 0.1, "--samples", 4)
    result = run(*words)
    assert result.exit_code == 1 and not result.stdout and "--any-range" in result.stderr
    assert run(*words, "--any-range").exit_code == 0


def test_order_of_the_files(run, cnn, snn, data):
    result = run("verify", snn, cnn, "--data", data)
    assert result.exit_code == 1 and "is a spiking network; allowed: a CNN" in result.stderr
    result = run("verify", cnn, cnn, "--data", data)
    assert result.exit_code == 1 and "is a CNN" in result.stderr
