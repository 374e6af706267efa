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


def test_weights_and_an_open_input(run, data, tmp_path):
    import keras
    from keras import layers

    stack = [layers.Conv2D(2, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((None, None, 1)), *stack, layers.Dense(3)])
    model.save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "net.json").write_text(model.to_json())
    (tmp_path / "net.py").write_text(
        "import keras\n\n\ndef build():\n"
        f"    return keras.models.model_from_json(open({str(tmp_path / 'net.json')!r}).read())\n"
    )
    weights, shape = tmp_path / "w.weights.h5", ("--input-shape", "6,6,1")
    result = run("inspect", weights)
    assert result.exit_code == 1 and "--architecture" in result.stderr
    result = run("inspect", weights, "--architecture", f"{tmp_path / 'net.py'}:build")
    assert result.exit_code == 1 and "--input-shape" in result.stdout
    plan = ("--architecture", tmp_path / "net.json")
    assert run("inspect", weights, *plan).exit_code == 1
    assert run("inspect", weights, *plan, *shape).exit_code == 0
    output = tmp_path / "snn.keras"
    words = (weights, *plan, *shape, "--data", data, "--timesteps", 4)
    result = run("convert", *words, "-o", output)
    assert result.exit_code == 0, result.stderr
    assert run("verify", weights, output, *plan, *shape, "--data", data).exit_code == 0
    for wrong in ("6x6", "0,6,1", ""):
        assert run("inspect", weights, *plan, "--input-shape", wrong).exit_code == 2
    assert run("inspect", weights, "--architecture", "none.py:build").exit_code == 2
