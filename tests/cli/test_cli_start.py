"""The group: help without Keras, exit codes, and choices that equal the library's."""

import importlib
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys

import pytest

import spkeras
from spkeras.cli.group import COMMANDS
from spkeras.cli.progress import progress
from spkeras.cli.quiet import _hushed

HELP = """
import json, sys
from spkeras.cli import main
try:
    main({words}, prog_name="spkeras")
except SystemExit as stop:
    heavy = [name for name in ("keras", "tensorflow", "numpy", "rich", "matplotlib", "h5py")
             if name in sys.modules]
    sys.stderr.write(json.dumps([stop.code, heavy]))
"""


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("words", [["--help"], ["convert", "--help"], ["--version"]])
def test_help_loads_nothing_heavy_and_is_quick(words):
    before = cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-c", HELP.format(words=words)], capture_output=True, text=True
    )
    assert json.loads(done.stderr) == [0, []]
    assert "spkeras" in done.stdout
    # CPU time: what else the machine does is no fault of ours.
    assert cpu_seconds() - before < 0.3


def test_version(run):
    assert run("--version").stdout == f"spkeras, version {spkeras.__version__}\n"


def test_every_command_has_a_line_of_help(run):
    text = run("--help").stdout
    for name in COMMANDS:
        assert f"\n  {name} " in text


def test_unknown_command_is_a_usage_error(run):
    result = run("explode")
    assert result.exit_code == 2 and "explode" in result.stderr and not result.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_missing_file_is_a_usage_error(run, name, tmp_path):
    extra = [tmp_path / "b.keras"] if name == "verify" else []
    options = [] if name in ("demo", "info", "inspect", "reproduce") else ["--data", "digits"]
    result = run(name, tmp_path / "a.keras", *extra, *options)
    assert result.exit_code == 2 and "a.keras" in result.stderr and not result.stdout


@pytest.mark.parametrize("command, stage", [("convert", "conversion"), ("finetune", "training")])
def test_every_option_of_a_recipe_is_one_of_the_command(command, stage):
    from spkeras.recipes import Simulation, options_of

    shown = {
        param.name: param for param in importlib.import_module(COMMANDS[command]).command.params
    }
    for name, recipes in options_of(stage).items():
        for known in recipes.values():
            assert known.help in [recipe.help for recipe in recipes.values()]
            if known.choices and known.kind is str:
                assert set(known.choices) <= set(shown[name].type.choices)
    if command == "convert":
        assert set(Simulation.options()) <= set(shown)
        assert "mse for binary spikes and T < 64" in shown["thresholds"].help
        assert "cq+: trained" in shown["thresholds"].help


def test_a_misspelt_command_or_option_gets_a_suggestion(run):
    result = run("convret", "x.keras")
    assert result.exit_code == 2 and "Did you mean 'convert'" in result.stderr
    result = run("convert", "x.keras", "--staggr", 1)
    assert result.exit_code == 2 and "--stagger" in result.stderr


def test_help_shows_options_in_groups(run):
    words = run("convert", "--help").stdout
    names = ("Common", "Data", "Network", "Neuron", "Thresholds", "Timing", "Input")
    titles = [words.index(f"{name} options:") for name in names]
    assert titles == sorted(titles) and titles[1] < words.index("--data") < titles[2]
    assert titles[3] < words.index("--spike-code") < titles[4]
    assert "STEPS" in words and "[default: clock_driven]" in " ".join(words.split())


def every_command():
    """Names and objects of all commands, those of the groups included."""
    for name, module in COMMANDS.items():
        found = importlib.import_module(module).command
        inner = getattr(found, "commands", None)
        for key, command in (inner or {"": found}).items():
            yield (name, key) if key else (name,), command


COMMAND_LINES = dict(every_command())


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_every_command_groups_its_options_and_shows_their_defaults(run, words):
    text = run(*words, "--help").stdout
    assert "Common options:" in text and "\nOptions:" not in text
    for param in COMMAND_LINES[words].params:
        if param.param_type_name == "option" and not param.is_flag and not param.required:
            assert "[default: " in param.help or param.show_default or param.name in UNSET, param
    assert "INTEGER RANGE" not in text


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_every_command_speaks_json(words):
    assert any("--json" in param.opts for param in COMMAND_LINES[words].params)


# Options that change nothing when they are left out.
UNSET = ("architecture", "replace", "plot", "report", "csv", "latex", "plugin")


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_a_misspelt_option_of_every_command_gets_a_suggestion(run, words):
    option = max((name for param in COMMAND_LINES[words].params for name in param.opts), key=len)
    result = run(*words, option[:-1] + "zz")
    assert result.exit_code == 2 and option in result.stderr


def test_a_misspelt_command_of_a_group_gets_a_suggestion(run):
    result = run("hardware", "compil")
    assert result.exit_code == 2 and "Did you mean 'compile'" in result.stderr


def test_exit_codes_are_part_of_the_help(run):
    text = run("--help").stdout
    assert all(f"\n    {code} " in text for code in (0, 1, 2, 130))


def test_ctrl_c_in_the_midst_of_writing_leaves_nothing(run, cnn, data, tmp_path, monkeypatch):
    import keras

    def save(model, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "save", save)
    result = run("convert", cnn, "-o", tmp_path / "x.keras", "--data", data)
    assert (result.exit_code, result.stderr) == (130, "Interrupted. No output was written.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_process_that_is_interrupted_ends_with_130_and_one_line(cnn, data, tmp_path):
    words = [
        sys.executable,
        "-m",
        "spkeras",
        "finetune",
        cnn,
        "-o",
        tmp_path / "x.keras",
        "--data",
        data,
        "--held-out",
        "5",
        "--train-batch",
        "5",
        "--quantize",
        "100000",
    ]
    # A suite that a shell started in the background ignores interrupts, and so would its children.
    process = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for line in process.stderr:
        if line.startswith("epoch 2/"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 130 and rest[-1].startswith("Interrupted. ")
    assert all(line.startswith("epoch ") for line in rest[:-1])
    assert [path.name for path in tmp_path.iterdir()] == ["x.checkpoint"]


def test_library_errors_are_one_message(run, tmp_path):
    empty = tmp_path / "empty.keras"
    empty.touch()
    result = run("inspect", empty)
    assert result.exit_code == 1 and not result.stdout
    assert result.stderr.startswith(f"Error: {empty}: is empty")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_nothing_but_our_words_on_stderr(cnn):
    words = [sys.executable, "-m", "spkeras", "inspect", cnn]
    plain = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    done = subprocess.run(words, capture_output=True, text=True, env=plain)
    assert done.returncode == 0 and re.fullmatch(r"loading Keras on \w+ \.\.\.\n", done.stderr)


def test_what_was_held_back_is_shown_on_failure(capfd):
    with _hushed():
        os.write(2, b"noise")
    assert capfd.readouterr().err == ""
    with pytest.raises(KeyError), _hushed():
        os.write(2, b"cause")
        raise KeyError
    assert capfd.readouterr().err == "cause"


def test_progress_in_a_terminal_only_and_only_when_it_takes_long(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def shown(stream, seconds):
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr("spkeras.cli.progress._SECONDS", seconds)
        with progress("working") as told:
            told(1, 2)
        return "working" in stream.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    assert shown(Terminal(), 0)
    assert not shown(Terminal(), 60)
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich draw bars anywhere
    assert not shown(io.StringIO(), 0)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "option", ["--percentile", "--initial-potential", "--stagger", "--scale", "--mean", "--std"]
)
def test_convert_takes_finite_numbers_only(run, cnn, data, tmp_path, option, number):
    output = tmp_path / "out.keras"
    result = run("convert", cnn, "-o", output, "--data", data, f"{option}={number}")
    assert result.exit_code == 2 and option in result.stderr and not output.exists()


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize("option", ["--max-drop", "--rate", "--noise", "--tau", "--distil"])
def test_finetune_takes_finite_numbers_only(run, cnn, data, option, number):
    result = run("finetune", cnn, "--data", data, f"{option}={number}")
    assert result.exit_code == 2 and option in result.stderr


@pytest.mark.parametrize("option", ["--stagger", "--early-exit", "--scale"])
def test_evaluate_takes_finite_numbers_only(run, snn, data, option):
    result = run("evaluate", snn, "--data", data, f"{option}=nan")
    assert result.exit_code == 2 and option in result.stderr
