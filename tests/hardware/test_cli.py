"""`spkeras hardware`, as a user would run it."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from spkeras.cli import main
from spkeras.cli.options import COSTS, NUMBERS
from spkeras.hardware import log_ttfs
from spkeras.metrics.costs import COST_TABLES
from spkeras.metrics.energy import NUMBERS as FORMATS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hardware")


@pytest.fixture(scope="module")
def files(folder, chain_model, chain_program):
    chain_model.save(folder / "net.keras")
    log_ttfs.save_program(chain_program, folder / "net.npz")
    x = np.random.default_rng(3).integers(0, 256, (8, 6, 6, 2)).astype("uint8")
    y = log_ttfs.run(chain_program, x).decisions
    np.savez(folder / "data.npz", x_test=x, y_test=y)
    return folder


def run(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def test_compile_run_and_images(files):
    done = run("hardware", "compile", files / "net.keras", "-o", files / "new.npz")
    assert done.exit_code == 0, done.output
    assert "5-bit weights" in done.output and "next: spkeras hardware run" in done.output
    done = run("hardware", "run", files / "new.npz", "--data", files / "data.npz")
    assert done.exit_code == 0, done.output
    assert "accuracy 100.00 %" in done.output and "latency 30 steps" in done.output
    assert "literature" in done.output and "no result of this run" in done.output
    done = run("hardware", "images", files / "new.npz", "-o", files / "images")
    assert done.exit_code == 0 and (files / "images" / "listing.txt").exists()
    again = run("hardware", "images", files / "new.npz", "-o", files / "images")
    assert again.exit_code == 1 and "not empty" in again.output


def test_json_of_what_was_written(files, tmp_path):
    path = tmp_path / "new.npz"
    made = json.loads(run("hardware", "compile", files / "net.keras", "-o", path, "--json").stdout)
    assert made["output"] == str(path) and path.exists() and made["config"]["weight_bits"] == 5
    assert "code" in made["layers"]
    folder = tmp_path / "images"
    done = json.loads(run("hardware", "images", path, "-o", folder, "--json").stdout)
    written = [file for file in folder.rglob("*") if file.is_file()]
    assert len(done["files"]) == len(written) > 5


def test_json_is_for_machines(files):
    plain = run("hardware", "run", files / "net.npz", "--data", files / "data.npz", "--json")
    slow = run(
        "hardware",
        "run",
        files / "net.npz",
        "--data",
        files / "data.npz",
        "--json",
        "--reference",
        "--scale",
        "255",
    )
    found = json.loads(plain.stdout)
    assert json.loads(slow.stdout) == found
    other = run(
        "hardware",
        "run",
        files / "net.npz",
        "--data",
        files / "data.npz",
        "--json",
        "--costs",
        "jouppi-7nm",
    )
    assert json.loads(other.stdout)["energy_uj"]["table"] == "jouppi-7nm"
    assert found["accuracy"] == 1.0 and found["timing"]["latency"] == 30
    assert [layer["name"] for layer in found["layers"]][:2] == ["code", "first"]


def test_widths_reach_the_program(files):
    out = files / "widths.npz"
    done = run(
        "hardware",
        "compile",
        files / "net.keras",
        "-o",
        out,
        "--weight-steps",
        "1",
        "--table-bits",
        "9",
        "--no-zero-code",
        "--pe-count",
        "7",
    )
    assert done.exit_code == 0, done.output
    config = log_ttfs.load_program(out).config
    assert (config.weight_steps, config.table_bits, config.zero_code, config.pe_count) == (
        1,
        9,
        False,
        7,
    )
    assert not run("hardware", "compile", files / "net.keras", "-o", out).exit_code == 0


def test_refusals_are_sentences(files):
    plain = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="relu", name="hidden"),
            keras.layers.Dense(2),
        ]
    )
    plain.save(files / "plain.keras")
    for args, code, message in (
        (("compile", files / "plain.keras", "-o", files / "x.npz"), 1, "finetune MODEL"),
        (("compile", files / "net.keras", "-o", files / "x.npy"), 2, "suffix"),
        (
            ("compile", files / "net.keras", "-o", files / "x.npz", "--table-bits", "99"),
            2,
            "--table-bits",
        ),
        (
            ("compile", files / "net.keras", "-o", files / "x.npz", "--accumulator-bits", "6"),
            1,
            "wider accumulator",
        ),
        (("run", files / "data.npz", "--data", files / "data.npz"), 1, "not a program"),
        (("run", files / "net.npz", "--data", files / "none.npz"), 1, "none.npz"),
        (
            ("run", files / "net.npz", "--data", files / "data.npz", "--costs", "free"),
            1,
            "cost table 'free'",
        ),
    ):
        done = run("hardware", *args)
        assert done.exit_code == code and message in done.output, done.output
    assert not (files / "x.npz").exists()


def test_options_are_those_of_the_library():
    assert tuple(COST_TABLES) == COSTS
    assert tuple(FORMATS) == NUMBERS
