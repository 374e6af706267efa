"""`--plugin`: layers, functions and recipes of the user on the command line."""

import sys
import textwrap

import keras
import numpy as np
import pytest

from spkeras.cli import plugins

PLUGIN = """
    from dataclasses import dataclass
    from typing import ClassVar

    import keras
    import spkeras
    from spkeras.recipes import ECC


    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x


    def half(x):
        return keras.ops.relu(x) / 2


    @dataclass(frozen=True, kw_only=True)
    class Plain(ECC):
        name: ClassVar[str] = "{recipe}"
        summary: ClassVar[str] = "as ecc"


    spkeras.register_recipe(Plain)
    custom_objects = {{"half": half}}
"""


@pytest.fixture()
def plugin(tmp_path, registries, monkeypatch):
    """The file of a plugin, and a network that needs it."""
    monkeypatch.setattr(plugins, "_loaded", set())
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "lab_layers.py"
    path.write_text(textwrap.dedent(PLUGIN).format(recipe="plain"))
    sys.modules.pop("lab_layers", None)
    spec = {"class_name": "Twice", "config": {"name": "twice"}}
    net = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), Twice(name="twice")])
    net.add(keras.layers.Dense(3, activation=half))
    net.save(tmp_path / "net.keras")
    yield path, tmp_path / "net.keras", spec
    sys.modules.pop("lab_layers", None)


class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def half(x):
    return keras.ops.relu(x) / 2


@pytest.mark.parametrize("form", ["path", "name"])
def test_layers_and_functions_of_a_plugin(run, plugin, data, tmp_path, monkeypatch, form):
    path, net, _ = plugin
    assert run("inspect", net).exit_code == 1
    monkeypatch.chdir(tmp_path)
    name = path if form == "path" else "lab_layers"
    result = run("inspect", net, "--plugin", name)
    assert result.exit_code == 0 and "twice/multiply" in result.stdout
    snn = tmp_path / "snn.keras"
    result = run("convert", net, "--data", data, "-o", snn, f"--plugin={name}", "--insist")
    assert result.exit_code == 0, result.output
    assert run("evaluate", snn, "--data", data, "--insist").exit_code == 0


def test_a_plugin_that_cannot_be_imported(run, plugin, tmp_path):
    _, net, _ = plugin
    broken = tmp_path / "broken.py"
    broken.write_text("custom_objects = 1 / 0")
    wrong = tmp_path / "wrong.py"
    wrong.write_text("custom_objects = [3]")
    for name, words in (
        ("no_such_module", "ModuleNotFoundError"),
        (broken, "ZeroDivisionError"),
        (wrong, "--plugin"),
        (tmp_path / "none.py", "FileNotFoundError"),
    ):
        result = run("inspect", net, "--plugin", name)
        assert result.exit_code == 1 and words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_every_command_has_it(run):
    for command in ("convert", "evaluate", "finetune", "inspect", "sweep", "thresholds", "verify"):
        assert "--plugin MODULE" in run(command, "--help").stdout
    assert "--plugin MODULE" in run("hardware", "compile", "--help").stdout


def test_plugins_of_a_command_line():
    line = ["convert", "m.h5", "--plugin", "a", "--plugin=b.py", "--", "--plugin", "c"]
    assert list(plugins.named(line)) == ["a", "b.py"]
    assert list(plugins.named(["inspect", "--plugin"])) == []


def test_its_recipes_are_choices_of_commands_that_are_loaded_after_it(plugin):
    from spkeras import recipes

    plugins.load([str(plugin[0])])
    assert "plain" in recipes.names("conversion")
    assert np.size(sys.modules["lab_layers"].half(np.float32([2]))) == 1
