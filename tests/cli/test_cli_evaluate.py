"""`spkeras evaluate`: the figures of the library, as text, JSON, plot and page."""

import json

import keras
import numpy as np
import pytest

import spkeras
from spkeras.report.numbers import percent

PLAIN = "running by events, without Keras ...\n"


@pytest.fixture(scope="module")
def expected(snn, data):
    arrays = np.load(data)
    model = keras.models.load_model(snn)
    return spkeras.evaluate(model, arrays["x_test"][..., None], arrays["y_test"])


def test_text(run, snn, data, expected):
    result = run("evaluate", snn, "--data", data)
    assert result.exit_code == 0 and result.stderr == PLAIN
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    # The read-out starts after 2 of 4 steps; before that nothing is shown.
    for step in (3, 4):
        assert percent(expected.accuracy[step - 1]) in rows[str(step)]
    assert "1" not in rows and "2" not in rows and "(built for)" in rows["4"]
    assert "step 3" in result.stdout and "spkeras convert CNN --data DATA" in result.stdout
    assert percent(expected.cnn_accuracy) in rows["CNN"]
    assert rows[expected.activity.layers[0].name].split()[1] == "64"
    assert "clock-driven" in result.stdout and "T = 4" in result.stdout
    assert "multiply-accumulates" in rows["Operations"]


def test_json_alone_on_stdout(run, snn, data, expected):
    result = run("evaluate", snn, "--data", data, "--json")
    found, wanted = json.loads(result.stdout), expected.to_dict()
    assert result.exit_code == 0 and found.pop("data") == str(data)
    assert found.pop("seconds") > 0 and wanted.pop("seconds") > 0
    assert found.pop("energy") == expected.energy().to_dict()
    assert found == wanted


def test_energy_with_the_name_of_its_table(run, snn, data, expected):
    wanted = expected.energy("jouppi-7nm", "int8")
    args = ("evaluate", snn, "--data", data, "--costs", "jouppi-7nm", "--numbers", "int8")
    assert json.loads(run(*args, "--json").stdout)["energy"] == wanted.to_dict()
    shown = " ".join(run(*args).stdout.split())
    assert f"(jouppi-7nm (7 nm), int8 numbers): {wanted.snn.total:.3g} uJ" in shown
    assert "estimated with jouppi-7nm (7 nm), int8 numbers" in shown
    refused = run("evaluate", snn, "--data", data, "--costs", "none.toml")
    assert refused.exit_code == 1 and "none.toml: cannot be read as a cost table" in refused.stderr


def test_graded_spikes(run, graded, data):
    result = run("evaluate", graded, "--data", data)
    assert result.exit_code == 0 and not result.stderr
    for words in (
        "latency 4 steps (5 pipelined)",
        "by exponent",
        "shift-and-adds",
        "bits of payload",
        "5 on pipelined hardware",
        "pipelined latency",
        "settle",
    ):
        assert words in result.stdout
    found = json.loads(run("evaluate", graded, "--data", data, "--json").stdout)
    assert (found["timesteps"], found["latency"], found["pipelined_latency"]) == (4, 4, 5)
    activity = found["activity"]
    (layer,) = activity["layers"]
    assert sum(layer["exponents"]) == pytest.approx(layer["spikes"])
    assert layer["payload_bits"] == pytest.approx(6 * layer["spikes"])
    # Each spike reaches three classes, with one or two bits.
    additions = activity["accumulates"] + activity["shift_adds"]
    assert 3 * layer["spikes"] < additions < 6 * layer["spikes"]
    assert len(found["convergence"]["within"]) == 4
    long = json.loads(run("evaluate", graded, "--data", data, "--json", "--timesteps", 30).stdout)
    assert long["convergence"]["share"] == 1 and long["convergence"]["maximum"] < 30
    assert long["activity"]["steps"] == pytest.approx(long["convergence"]["mean"] + 1)


def test_another_timesteps_than_built_for(run, snn, data):
    result = run("evaluate", snn, "--data", data, "--timesteps", 8)
    assert result.exit_code == 0 and "T = 8 (built for 4)" in result.stdout
    assert "warning: " in result.stderr and "--timesteps 8" in result.stderr


def test_settings_of_the_run(run, snn, data):
    words = ("--timesteps", 6, "--schedule", "layer_synchronous", "--samples", 7)
    found = json.loads(run("evaluate", snn, "--data", data, "--json", *words).stdout)
    assert (found["timesteps"], found["schedule"], found["samples"]) == (6, "layer_synchronous", 7)
    words = ("--stagger", 1, "--input-encoding", "regular")
    found = json.loads(run("evaluate", snn, "--data", data, "--json", *words).stdout)
    assert (found["settings"]["stagger"], found["settings"]["input_encoding"]) == (1, "regular")


def test_warnings_go_to_stderr(run, snn, data):
    words = ("--data", data, "--scale", 0.1, "--json")
    refused = run("evaluate", snn, *words)
    assert refused.exit_code == 1 and not refused.stdout and "--scale 10" in refused.stderr
    result = run("evaluate", snn, *words, "--any-range")
    assert result.exit_code == 0 and "warning: the data reach" in result.stderr
    assert json.loads(result.stdout)["warnings"]


def test_without_labels(run, snn, data, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.load(data)["x_test"])
    result = run("evaluate", snn, "--data", tmp_path / "x.npz")
    assert result.exit_code == 0 and "same decision as CNN" in result.stdout
    assert "accuracy" not in result.stdout


def test_plot_and_report(run, snn, data, tmp_path):
    words = ("--plot", tmp_path / "p.svg", "--report", tmp_path / "r.html")
    assert run("evaluate", snn, "--data", data, *words).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.svg", "r.html"]
    assert "<svg" in (tmp_path / "p.svg").read_text()
    assert "<table>" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(("option", "name"), [("--plot", "p.exe"), ("--report", "r.pdf")])
def test_other_suffixes_are_usage_errors(run, snn, data, tmp_path, option, name):
    result = run("evaluate", snn, "--data", data, option, tmp_path / name)
    assert result.exit_code == 2 and option in result.stderr and not list(tmp_path.iterdir())


def test_cnn_is_told_apart(run, cnn, data):
    result = run("evaluate", cnn, "--data", data)
    assert result.exit_code == 1 and not result.stdout
    assert "is a CNN" in result.stderr and "spkeras convert" in result.stderr


def test_labels_that_do_not_fit(run, snn, data, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.load(data)["x_test"], y=np.full(20, 9))
    result = run("evaluate", snn, "--data", tmp_path / "d.npz")
    assert result.exit_code == 1 and "9 to 9" in result.stderr


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_engine(run, snn, data, expected, engine):
    result = run("evaluate", snn, "--data", data, "--engine", engine, "--json")
    found = json.loads(result.stdout)
    assert found["engine"] == engine
    assert found["scores"][0]["accuracy"] == [None, None, *expected.accuracy[2:].tolist()]
    assert f"({engine})" in run("evaluate", snn, "--data", data, "--engine", engine).stdout


def test_an_engine_that_cannot_run_the_network(run, snn, data):
    given = ("evaluate", snn, "--data", data, "--engine")
    for words, message in (
        (("events", "--schedule", "layer_synchronous"), "run the clock-driven schedule"),
        (("integers",), "engine='integers'"),
    ):
        result = run(*given, *words)
        assert result.exit_code == 1 and not result.stdout
        assert message in result.stderr and "'auto'" in result.stderr


def test_the_cnn_by_name(run, folder, cnn, data):
    """A network of coarse weights; the CNN's own accuracy with and without its file."""
    path = folder / "coarse.keras"
    assert run("convert", cnn, "-o", path, "--data", data, "--weight-bits", 2).exit_code == 0
    arrays = np.load(data)
    answers = keras.models.load_model(cnn).predict(arrays["x_test"][..., None], verbose=0)
    wanted = (answers.argmax(-1) == arrays["y_test"]).mean()
    for words in ((), ("--cnn", cnn)):
        result = run("evaluate", path, "--data", data, *words)
        rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
        assert percent(wanted) in rows["CNN"] and result.stderr in ("", PLAIN)
        found = json.loads(run("evaluate", path, "--data", data, "--json", *words).stdout)
        assert (found["reference"], found["scores"][0]["cnn_accuracy"]) == ("CNN", wanted)


def test_another_cnn_is_refused(run, folder, snn, cnn, data):
    other = keras.models.clone_model(keras.models.load_model(cnn))
    other.save(folder / "other.keras")
    result = run("evaluate", snn, "--data", data, "--cnn", folder / "other.keras")
    assert result.exit_code == 1 and not result.stdout
    assert "give the model that was converted" in result.stderr.replace("\n", " ")
    result = run("evaluate", snn, "--data", data, "--cnn", snn)
    assert (
        result.exit_code == 1
        and "is a spiking network; allowed: a CNN" in result.stderr.replace("\n", " ")
    )


def test_frames_in_time(run, snn, data, tmp_path):
    """Equal frames are a constant input, which the first layer reads at each step."""
    arrays = np.load(data)
    x = np.repeat(arrays["x_test"][:, None, ..., None], 4, axis=1)
    np.savez(tmp_path / "frames.npz", x_test=x, y_test=arrays["y_test"])
    moving = json.loads(run("evaluate", snn, "--data", tmp_path / "frames.npz", "--json").stdout)
    args = ("evaluate", snn, "--data", data, "--engine", "dense", "--json")
    still = json.loads(run(*args).stdout)
    assert moving["settings"]["input_encoding"] == "frames"
    assert moving["scores"] == still["scores"]
    assert moving["activity"]["input_macs"] == 4 * still["activity"]["input_macs"] > 0
