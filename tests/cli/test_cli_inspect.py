"""`spkeras inspect`: verdicts, and an exit code for scripts."""

import json


def test_convertible(run, cnn):
    result = run("inspect", cnn)
    assert result.exit_code == 0 and not result.stderr
    for name in ("conv2d", "flatten", "dense", "Conv2D"):
        assert name in result.stdout
    # kernel and bias of the convolution and of the dense layer
    parameters = (9 * 4 + 4) + (64 * 3 + 3)
    macs = 16 * 4 * 9 + 64 * 3
    assert f"{parameters} parameters, {macs} multiply-accumulates" in result.stdout


def test_refused(run, unsupported):
    result = run("inspect", unsupported)
    assert result.exit_code == 1
    (line,) = (line for line in result.stdout.splitlines() if " in_the_way " in line)
    assert "refused" in line


def test_refused_by_one_recipe_alone(run, unsupported):
    result = run("inspect", unsupported, "--recipe", "sigma_delta")
    assert result.exit_code == 0 and "refused" not in result.stdout
    (line,) = (line for line in result.stdout.splitlines() if " in_the_way " in line)
    assert "supported" in line and "accumulated values" in line
    assert "for recipe sigma_delta" in result.stdout
    found = json.loads(run("inspect", unsupported, "--recipe", "sigma_delta", "--json").stdout)
    assert found["convertible"] and found["recipe"] == "sigma_delta"
    assert run("inspect", unsupported, "--recipe", "magic").exit_code == 2


def test_json(run, cnn, unsupported):
    found = json.loads(run("inspect", cnn, "--json").stdout)
    assert found["convertible"] and found["changes"] == []
    assert [layer["kind"] for layer in found["layers"]][-1] == "Dense"
    assert sum(layer["macs"] for layer in found["layers"]) == found["macs"]
    result = run("inspect", unsupported, "--json")
    assert result.exit_code == 1 and not json.loads(result.stdout)["convertible"]


def test_info_shows_a_converted_network(run, snn, cnn):
    done = run("info", snn)
    assert done.exit_code == 0 and "T = 4" in done.stdout and "recipe ecc" in done.stdout
    assert max(map(len, done.stdout.splitlines()[2:])) <= 80
    found = json.loads(run("info", snn, "--json").stdout)
    assert found["neurons"] == 64 and found["layers"][1]["kind"] == "conv"
    refused = run("info", cnn)
    assert refused.exit_code == 1 and "is a CNN; allowed: a spiking network" in refused.stderr
