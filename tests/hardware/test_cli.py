"""`spkeras hardware`, as a user would run it."""

import json
import shutil
import subprocess
from dataclasses import replace

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
    assert "the network that was compiled: accuracy" in done.output and "the CNN" not in done.output
    assert "literature" in done.output and "no result of this run" in done.output
    done = run("hardware", "images", files / "new.npz", "-o", files / "images")
    assert done.exit_code == 0 and (files / "images" / "listing.txt").exists()
    again = run("hardware", "images", files / "new.npz", "-o", files / "images")
    assert again.exit_code == 1 and "not empty" in again.output


def test_a_run_beside_the_networks_that_it_comes_from(files, chain_model):
    """Decisions of both on the values that the port codes; a file that is gone is a note."""
    out, other = files / "both.npz", files / "cnn.keras"
    chain_model.save(other)
    made = run("hardware", "compile", files / "net.keras", "-o", out, "--cnn", other)
    assert made.exit_code == 0, made.output
    found = json.loads(run("hardware", "run", out, "--data", files / "data.npz", "--json").stdout)
    with np.load(files / "data.npz") as data:
        decisions = chain_model.predict(data["x_test"] / 255, verbose=0).argmax(1)
        wanted = float((decisions == data["y_test"]).mean())
    for name in ("cnn", "cat"):
        assert found[name] == {"accuracy": wanted, "agreement": wanted}, name
    done = run("hardware", "run", out, "--data", files / "data.npz")
    assert "the CNN: accuracy" in done.output and "decides alike on" in done.output
    other.rename(files / "moved.keras")
    gone = run("hardware", "run", out, "--data", files / "data.npz")
    assert gone.exit_code == 0 and "does not exist; give --cnn" in gone.stderr
    named = run(
        "hardware", "run", out, "--data", files / "data.npz", "--cnn", files / "moved.keras"
    )
    assert "the CNN: accuracy" in named.output
    (files / "moved.keras").write_bytes(b"no model")
    broken = run(
        "hardware", "run", out, "--data", files / "data.npz", "--cnn", files / "moved.keras"
    )
    assert broken.exit_code == 0 and "note: cnn: " in broken.stderr


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog")
def test_simulate_says_equal_or_where_not(files, chain_program, tmp_path):
    done = run("hardware", "simulate", files / "net.npz", "--every", 7)
    assert done.exit_code == 0, done.output
    assert "first: 78 values, 0 different" in done.output and "all equal" in done.output
    golden = {name: array.copy() for name, array in chain_program.golden.items()}
    golden["times/second"][1, 3, 2] ^= 1
    golden["times/code"][0, 0, 0] = 0 if golden["times/code"][0, 0, 0] else 1
    log_ttfs.save_program(replace(chain_program, golden=golden), tmp_path / "wrong.npz")
    wrong = run("hardware", "simulate", tmp_path / "wrong.npz")
    assert wrong.exit_code == 1 and "second: 162 values, " in wrong.output
    assert "sample 1, position 3, channel 2: " in wrong.output and " differ from" in wrong.output
    found = json.loads(run("hardware", "simulate", tmp_path / "wrong.npz", "--json").stdout)
    assert not found["equal"] and found["layers"][2]["different"] == 1


def test_simulate_without_a_simulator(files, monkeypatch):
    monkeypatch.setenv("PATH", str(files))
    done = run("hardware", "simulate", files / "net.npz")
    assert done.exit_code == 1 and "apt-get install iverilog" in done.output
    done = run("hardware", "simulate", files / "net.npz", "--simulator", "verilator")
    assert done.exit_code == 1 and "'verilator': is not installed" in done.output


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog")
def test_make_in_the_folder_of_images_does_the_same(files, tmp_path):
    folder = tmp_path / "images"
    assert run("hardware", "images", files / "net.npz", "-o", folder).exit_code == 0
    made = subprocess.run(["make", "-s"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0 and "equal" in made.stdout, made.stderr
    assert "layer02 second: 162 values, 0 different" in made.stdout
    lines = (folder / "layer02.golden.hex").read_text().splitlines()
    lines[5] = "00" if lines[5] != "00" else "01"
    (folder / "layer02.golden.hex").write_text("\n".join(lines))
    subprocess.run(["make", "-s", "clean"], cwd=folder, check=True)
    made = subprocess.run(["make", "-s"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert made.returncode != 0 and "layer02 second: 162 values, 1 different" in made.stdout


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
