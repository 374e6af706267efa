"""`spkeras finetune`: trains, reports, goes on, refuses; what it writes is converted."""

import json

import keras
import numpy as np
import pytest

from spkeras.cli import finetune
from spkeras.layers import ValueRange

pytestmark = pytest.mark.slow

FEW = ("--held-out", "5", "--train-batch", "5", "--clamp", "1", "--quantize", "1")


@pytest.fixture(scope="module")
def trained(folder, run, cnn, data):
    path = folder / "trained.keras"
    result = run(
        "finetune",
        cnn,
        "-o",
        path,
        "--data",
        data,
        "--recipe",
        "low_latency",
        "--timesteps",
        4,
        "--then",
        "2:1",
        "--json",
        *FEW
    )
    assert result.exit_code == 0, result.output
    return path, json.loads(result.stdout)


def test_the_report_and_the_file(trained):
    path, record = trained
    assert record["epochs"] == 3 and record["test_samples"] == 20
    assert record["layer_synchronous"]["timesteps"] == 2
    # The report's spiking network and the trained one decide alike, layer by layer.
    assert record["layer_synchronous"]["accuracy"] == pytest.approx(record["trained"])
    model = keras.models.load_model(path)
    (activation,) = [layer for layer in model.layers if isinstance(layer, ValueRange)]
    assert activation.timesteps == 2 and activation.levels == 2.5


def test_what_was_trained_is_converted(trained, run, data, folder):
    path, _ = trained
    snn = folder / "trained_snn.keras"
    result = run(
        "convert",
        path,
        "-o",
        snn,
        "--data",
        data,
        "--recipe",
        "low_latency",
        "--schedule",
        "layer_synchronous",
    )
    assert result.exit_code == 0, result.output
    assert "T = 2, layer_synchronous" in result.stdout


def test_the_same_command_goes_on_and_another_is_refused(trained, run, cnn, data, tmp_path):
    path = tmp_path / "trained.keras"
    words = ["finetune", cnn, "-o", path, "--recipe", "low_latency", "--timesteps", 4]
    words += ["--then", "2:1", "--json", *FEW]
    folder = tmp_path / "trained.checkpoint"

    def kept(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        # After the last epoch.
        patch.setattr(finetune, "write_whole", kept)
        assert run(*words, "--data", data).exit_code == 130
    assert sorted(entry.name for entry in folder.iterdir()) == ["checkpoint.npz", "command.json"]
    other = run(*words, "--data", data, "--seed", 9)
    assert other.exit_code == 1 and "checkpoint of another command" in other.stderr
    # Other samples in a file of the same name.
    changed = tmp_path / "data.npz"
    with np.load(data) as file:
        arrays = dict(file)
    np.savez(changed, **{**arrays, "y_train": (arrays["y_train"] + 1) % 3})
    content = changed.read_bytes()
    before = data.read_bytes()
    data.write_bytes(content)
    other = run(*words, "--data", data)
    data.write_bytes(before)
    assert other.exit_code == 1 and "another command, model or data" in other.stderr
    label = (folder / "command.json").read_bytes()
    (folder / "command.json").unlink()
    lost = run(*words, "--data", data)
    assert lost.exit_code == 1 and "has no command.json" in lost.stderr
    (folder / "command.json").write_bytes(label)
    again = run(*words, "--data", data)
    assert again.exit_code == 0 and "continuing after" in again.stderr
    assert json.loads(again.stdout)["trained"] == trained[1]["trained"]
    one, two = (keras.models.load_model(p).get_weights() for p in (path, trained[0]))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    # Nothing is left of the checkpoint: another command is no continuation.
    assert [entry.name for entry in tmp_path.glob("trained*")] == ["trained.keras"]
    over = run(*words, "--data", data, "--seed", 9, "--force", "--start-over")
    assert over.exit_code == 0 and "continuing" not in over.stderr, over.output


def test_published_settings_are_trained_and_converted(run, cnn, data, tmp_path):
    path, snn = tmp_path / "p.keras", tmp_path / "p_snn.keras"
    words = ["finetune", cnn, "-o", path, "--data", data, "--recipe", "low_latency", "--published"]
    result = run(*words, *FEW)
    assert result.exit_code == 0, result.output
    assert "--recipe low_latency --published" in result.stdout
    convert = ["convert", path, "-o", snn, "--data", data, "--recipe", "low_latency", "--published"]
    result = run(*convert)
    assert result.exit_code == 0, result.output
    assert "T = 8, clock_driven" in result.stdout and "stagger 0" in result.stdout
    refused = run(*convert, "--force", "--stagger", 1)
    assert refused.exit_code == 1 and "published" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--recipe", "cq", "--shift", 0.5), ("shift=0.5", "shift=0.0")),
        (("--recipe", "cq+", "--distil", 0.5), ("distil=0.5", "distil=0.0")),
        (("--recipe", "cat", "--weight-bits", 4), ("weight_bits=4", "weight_bits=5")),
        (("--recipe", "cat", "--float-weights"), ("float_weights=True", "float_weights=False")),
    ],
)
def test_what_contradicts_a_publication_is_refused(run, cnn, data, tmp_path, arguments, words):
    path = tmp_path / "q.keras"
    result = run("finetune", cnn, "-o", path, "--data", data, "--published", *arguments)
    assert result.exit_code == 1 and all(word in result.stderr for word in words)
    assert not list(tmp_path.iterdir())


def test_values_are_reported_by_their_error(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((40, 4)).astype("float32")
    np.savez(tmp_path / "values.npz", x_train=x, y_train=x[:, 0], x_test=x, y_test=x[:, 0])
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    )
    model.save(tmp_path / "values.keras")
    words = [
        "finetune",
        tmp_path / "values.keras",
        "-o",
        tmp_path / "out.keras",
        "--data",
        tmp_path / "values.npz",
        "--recipe",
        "qcfs",
        "--json",
        *FEW,
    ]
    result = run(*words, "--loss", "mse")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["measure"] == "error"
    # The report's layer-synchronous network computes what was trained.
    assert record["layer_synchronous"]["error"] == pytest.approx(record["trained"], rel=1e-4)
    refused = run(*words, "--force", "--start-over")
    assert refused.exit_code == 1 and "loss='mse'" in refused.stderr


def test_time_steps_are_chosen_on_held_out_samples(run, cnn, data, tmp_path):
    result = run(
        "finetune",
        cnn,
        "-o",
        tmp_path / "x.keras",
        "--data",
        data,
        "--choose-timesteps",
        "2,8",
        "--max-drop",
        100,
        "--json",
        *FEW
    )
    record = json.loads(result.stdout)
    assert record["timesteps"] == 2 and set(record["held_out_accuracies"]) == {"2", "8"}
    assert record["layer_synchronous"]["timesteps"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--held-out", 20], "held_out=20"),
        (["--recipe", "ecc"], "ecc"),
        (["--clamp", 0, "--quantize", 0], "1 or more in all"),
        (["--then", "x"], "T:EPOCHS"),
        (["--choose-timesteps", "2", "--held-out", 0], "choose_timesteps=(2,) with held_out=0"),
        (["--encoding", "expanded", "--held-out", 5], "encoding='expanded'; allowed"),
    ],
)
def test_bad_input_is_one_message_and_no_file(run, cnn, data, tmp_path, arguments, words):
    path = tmp_path / "y.keras"
    result = run("finetune", cnn, "-o", path, "--data", data, *arguments)
    assert result.exit_code in (1, 2) and words in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "recipe, low, words",
    [("low_latency", 0, "0 to 1; scale the data"), ("cq", -100, "0 and above")],
)
def test_another_range_of_pixels_is_refused(run, cnn, tmp_path, recipe, low, words):
    path = tmp_path / "raw.npz"
    x = np.full((30, 6, 6), 200, "int16")
    x[0] = low
    np.savez(path, x_train=x, y_train=np.zeros(30, int))
    given = ("--data", path, "--held-out", 1, "--recipe", recipe)
    result = run("finetune", cnn, "-o", tmp_path / "z.keras", *given)
    assert result.exit_code == 1 and words in result.stderr
