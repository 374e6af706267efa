"""Nothing is lost after the work, and no input or other file is overwritten unasked."""

import os
import shutil
import subprocess
import sys

import keras
import pytest


def test_an_output_that_is_the_input_is_refused_with_force_too(run, cnn, data, tmp_path):
    path = tmp_path / "net.keras"
    shutil.copy(cnn, path)
    link = tmp_path / "link.keras"
    link.symlink_to(path)
    before = path.read_bytes()
    for target in (path, link, tmp_path / "." / "net.keras"):
        for words in (["convert", path], ["finetune", path]):
            result = run(*words, "--data", data, "-o", target, "--force")
            assert result.exit_code == 1 and "is an input of this command" in result.stderr
    assert path.read_bytes() == before


def test_reports_replace_no_file_unasked(run, snn, data, tmp_path):
    for option, name in (("--report", "r.html"), ("--plot", "p.png")):
        path = tmp_path / name
        path.write_text("mine")
        result = run("evaluate", snn, "--data", data, option, path)
        assert result.exit_code == 1 and "exists; give --force" in result.stderr
        assert path.read_text() == "mine"
        assert run("evaluate", snn, "--data", data, option, path, "--force").exit_code == 0
        assert path.read_bytes()[:4] != b"mine"


@pytest.mark.slow
def test_a_closed_pipe_keeps_the_report(snn, data, tmp_path):
    """The reader of stdout is gone before the first line."""
    path = tmp_path / "r.html"
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-m", "spkeras", "evaluate", str(snn), "--data", str(data)]
    done = subprocess.run([*line, "--report", str(path)], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert b"Traceback" not in done.stderr
    assert path.read_text().startswith("<!")


def test_names_that_are_formulas_or_escapes(run, data, tmp_path):
    """Names of layers from a file, in tables, plots and messages."""
    net = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, activation="relu", name="$x_{1$"),
            keras.layers.Flatten(),
            keras.layers.Dense(5, activation="relu", name="a\x1b[31mred\x1b[0m"),
            keras.layers.Dense(3),
        ],
        name="$x_{1$",
    )
    net.save(tmp_path / "net.keras")
    out, page = tmp_path / "snn.keras", tmp_path / "r.html"
    results = [
        run("inspect", tmp_path / "net.keras"),
        run("convert", tmp_path / "net.keras", "--data", data, "-o", out, "--insist"),
        run("evaluate", out, "--data", data, "--report", page, "--plot", tmp_path / "p.svg"),
    ]
    for result in results:
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
    assert "'$x_{1$' is '_x__1_'" in results[1].stderr and "_x__1_" in results[2].stdout
    assert "\\x1b" in results[1].stderr
    assert "\x1b" not in page.read_text()


def test_file_names_that_are_no_text(run, cnn, data, tmp_path):
    out = tmp_path / os.fsdecode(b"sn\xff.keras")
    result = run("convert", cnn, "--data", data, "-o", out, "--insist")
    assert result.exit_code == 0 and "\\udcff" in result.stdout and out.exists()


def test_an_interrupt_names_what_is_kept(run, cnn, data, tmp_path, monkeypatch):
    from spkeras.cli import finetune

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(finetune, "_train", interrupt)
    out = tmp_path / "t.keras"
    result = run("finetune", cnn, "--data", data, "-o", out, "--insist", "--held-out", 4)
    assert result.exit_code == 130, result.stderr
    assert "t.checkpoint: kept; repeat the command" in result.stderr
    monkeypatch.setattr(finetune, "cnn_quality", interrupt)
    result = run("finetune", cnn, "--data", data, "-o", out, "--insist", "--held-out", 4)
    assert result.exit_code == 130 and "No output was written" in result.stderr


def test_old_drafts_are_named(run, cnn, data, tmp_path):
    left = tmp_path / ".spkeras-abc.draft"
    left.mkdir()
    os.utime(left, (0, 0))
    result = run("convert", cnn, "--data", data, "-o", tmp_path / "s.keras", "--insist")
    assert result.exit_code == 0 and f"{left}: left by a run that was killed" in result.stderr
