"""`spkeras sweep`: the figures of the library as text, JSON and files."""

import json

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_text_and_files(run, cnn, data, tmp_path):
    done = run(
        *("sweep", cnn, "--data", data, "--timesteps", "2,4", "--insist"),
        *("--csv", "a.csv", "--latex", "a.tex", "--plot", "a.svg", "--costs", "jouppi-7nm"),
    )
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(map(len, lines[:12])) <= 80 and "jouppi-7nm" in lines[0]
    assert sum("ecc signed" in line for line in lines[:12]) == 2
    assert any(line.startswith(f"next: spkeras convert {cnn} --data") for line in lines)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 7
    assert r"\toprule" in (tmp_path / "a.tex").read_text()
    assert (tmp_path / "a.svg").stat().st_size > 1000
    # Nothing is left of the checkpoint.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.svg", "a.tex"]


def test_json_has_every_number_of_the_table(run, cnn, data):
    args = (
        "sweep",
        cnn,
        "--data",
        data,
        "--spikes",
        "graded,binary",
        "--timesteps",
        "3",
        "--insist",
    )
    found = json.loads(run(*args, "--json").stdout)
    assert [p["recipe"] for p in found["points"]] == [{"recipe": "sigma_delta"}, {"recipe": "ecc"}]
    shown = run(*args).stdout
    for point in found["points"]:
        assert f"{100 * point['accuracy']:.2f} %" in shown
        assert f"{100 * point['low']:.1f}-{100 * point['high']:.1f}" in shown


def test_data_of_one_part_are_split(run, cnn, data, tmp_path):
    arrays = np.load(data)
    np.savez(tmp_path / "one.npz", x=arrays["x_test"], y=arrays["y_test"])
    done = run(
        *("sweep", cnn, "--data", "one.npz", "--recipe", "ecc", "--timesteps", "2", "--insist")
    )
    assert "has one part; a quarter of it calibrates" in done.stderr
    assert "15 samples" in done.stdout and "on 5 other samples" in done.stdout


def test_options_that_contradict_and_misspelt_names(run, cnn, data, tmp_path):
    for args, code, message in (
        (("--recipe", "exc"), 2, "Did you mean 'ecc'?"),
        (("--recipe", "ecc", "--spikes", "binary"), 1, "allowed: one of them"),
        (("--timesteps", "4,0"), 2, "whole numbers from 1"),
        (("--csv", "a.txt"), 2, "allowed: .csv"),
        (("--costs", "free"), 1, "cost table 'free'"),
    ):
        done = run("sweep", cnn, "--data", data, *args)
        assert done.exit_code == code and message in done.stderr, done.output
    assert not list(tmp_path.iterdir())


def test_the_next_command_makes_the_network_that_was_compared(run, cnn, data):
    import shlex

    timing = ("--input-encoding", "regular", "--seed", "3", "--schedule", "layer_synchronous")
    args = ("sweep", cnn, "--data", data, "--recipe", "ecc", "--timesteps", "4", "--insist")
    last = run(*args, *timing).stdout.splitlines()[-1]
    words = shlex.split(last.removeprefix("next: spkeras "))
    assert run(*words, "--insist", "-o", "made.keras").exit_code == 0
    record = json.loads(run("info", "made.keras", "--json").stdout)
    settings = record["settings"]
    assert settings["input_encoding"] == "regular" and settings["seed"] == 3
    assert "layer_synchronous" in record["run"]
