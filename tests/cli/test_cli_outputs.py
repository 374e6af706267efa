"""Every output path of every command is checked before the work, and any case of a suffix is written."""

import os

import click
import numpy as np
import pytest

from spkeras.cli import main
from spkeras.cli.checkpoint import checkpoint_folder
from spkeras.errors import OptionError

# Command line before the model, and its options of files to write with an allowed suffix.
COMMANDS = {
    ("convert",): {"--output": ".keras"},
    ("finetune",): {"--output": ".keras"},
    ("thresholds",): {"--output": ".keras"},
    ("evaluate",): {"--plot": ".svg", "--report": ".html"},
    ("tune",): {"--output": ".keras"},
    ("report",): {"--output": ".html"},
    ("sweep",): {"--csv": ".csv", "--latex": ".tex", "--plot": ".svg"},
    ("hardware", "compile"): {"--output": ".npz"},
    ("export",): {"--output": ".nir"},
}
CASES = [(command, option) for command, options in COMMANDS.items() for option in options]


def _commands(group, words=()):
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))
        else:
            yield (*words, name), command


def _line(command, folder, *more):
    """A command line whose model and data are no such files, so that reading them fails."""
    model = folder / "model.keras"
    model.write_bytes(b"no model")
    data = [] if command == ("hardware", "compile") else ["--data", folder / "none.npz"]
    return (*command, model, *data, *more)


def test_the_table_names_every_option_that_writes():
    writing = {
        (words, parameter.opts[-1])
        for words, command in _commands(main)
        for parameter in command.params
        if isinstance(parameter.type, click.Path) and not parameter.type.exists
    }
    assert writing == {
        *CASES,
        (("hardware", "images"), "--output"),
        (("demo",), "--output"),
        (("reproduce",), "--markdown"),
    }


@pytest.mark.parametrize(("command", "option"), CASES)
def test_bad_paths_are_refused_before_the_model_is_read(run, tmp_path, command, option):
    suffix = COMMANDS[command][option]
    (tmp_path / f"folder{suffix}").mkdir()
    long = tmp_path / f"{'n' * 300}{suffix}"
    wanted = {
        tmp_path / "out.txt": "allowed:",
        tmp_path / "out": "allowed:",
        tmp_path / "none" / f"out{suffix}": "does not exist",
        tmp_path / f"folder{suffix}": "is a folder",
        long: "cannot be written",
    }
    if option == "--output":
        (tmp_path / f"there{suffix}").write_bytes(b"")
        wanted[tmp_path / f"there{suffix}"] = "--force"
    for path, words in wanted.items():
        result = run(*_line(command, tmp_path, option, path))
        assert result.exit_code in (1, 2) and words in result.stderr, (path, result.stderr)
    # An allowed path leads to the next check, of the model.
    result = run(*_line(command, tmp_path, option, tmp_path / f"OUT{suffix.upper()}"))
    assert "model.keras" in result.stderr
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_folder_of_images(run, tmp_path):
    (tmp_path / "full").mkdir()
    program = tmp_path / "full" / "program.npz"
    program.write_bytes(b"no program")
    result = run("hardware", "images", program, "-o", tmp_path / "full")
    assert result.exit_code == 1 and "not empty" in result.stderr
    result = run("hardware", "images", program, "-o", program / "inside")
    assert result.exit_code == 1 and "another --output" in result.stderr


def test_checkpoints_that_cannot_be_written(run, tmp_path):
    (tmp_path / "a.checkpoint").write_bytes(b"")
    result = run(*_line(("finetune",), tmp_path, "-o", tmp_path / "a.keras"))
    assert "a.checkpoint: is a file" in result.stderr
    (tmp_path / "a.checkpoint.keras").mkdir()
    result = run(*_line(("thresholds",), tmp_path, "-o", tmp_path / "a.keras"))
    assert "a.checkpoint.keras: is a folder" in result.stderr


@pytest.mark.parametrize("suffix", [".H5", ".Hdf5", ".KERAS"])
def test_suffix_in_any_case(run, cnn, data, tmp_path, suffix):
    path = tmp_path / f"SNN{suffix}"
    result = run("convert", cnn, "--data", data, "-o", path, "--timesteps", 4)
    assert result.exit_code == 0, result.stderr
    assert os.listdir(tmp_path) == [path.name]
    assert run("evaluate", path, "--data", data).exit_code == 0


def test_suffix_of_a_program_in_upper_case(tmp_path):
    from spkeras.cli.files import write_whole

    write_whole(tmp_path / "P.NPZ", lambda path: np.savez(path, a=1))
    assert os.listdir(tmp_path) == ["P.NPZ"]


def test_names_that_no_file_can_have(run):
    result = run("inspect", "\ud800.h5")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["Error: '\\ud800.h5': no name that a file can have"]


def test_a_checkpoint_of_a_run_that_was_killed_at_its_beginning(tmp_path):
    for name, ours in ((".spkeras-ab1.draft", True), ("notes", False)):
        folder = tmp_path / f"{ours}.checkpoint"
        (folder / name).mkdir(parents=True)
        output = tmp_path / f"{ours}.keras"
        with click.Context(main):
            if ours:
                assert (checkpoint_folder(output, {"a": 1}, False) / "command.json").is_file()
            else:
                with pytest.raises(OptionError, match="is not empty; move it away"):
                    checkpoint_folder(output, {"a": 1}, False)
