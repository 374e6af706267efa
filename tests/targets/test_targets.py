"""Targets: their files, and the settings that a conversion takes from them."""

import json
from pathlib import Path

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner

import spkeras
from spkeras.cli import main
from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.snn.converted import converted_of
from spkeras.targets import LIMITS, TARGETS, Limit, Target, register_target, target
from spkeras.targets.fit import fit

FILE = """
name = "mine"
title = "My chip"
open = ["cores"]

[limits.weight_bits]
value = 4
source = "its manual, page 3"

[limits.start_delay]
value = false
source = "its manual, page 4"

[conversion]
recipe = "ecc"
options = { weight_bits = 4, percentile = 99.5 }
simulation = { stagger = 0 }
whole = { input_encoding = "regular" }
"""


@pytest.fixture(scope="module")
def cnn():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(3, 3, activation="relu"), layers.Flatten()]
        + [layers.Dense(4)]
    )


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((20, 6, 6, 1)).astype("float32")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "mine.toml").write_text(FILE)
    return tmp_path / "mine.toml"


def settings_of(snn):
    loop = converted_of(snn)
    return {**loop.graph.settings, **loop.settings}


def test_a_target_decides_what_is_left_open(cnn, x, path):
    own = settings_of(spkeras.convert(cnn, x, target=path, timesteps=8))
    assert (own["recipe"], own["weight_bits"], own["percentile"]) == ("ecc", 4, 99.5)
    assert own["stagger"] == 0
    fewer = settings_of(spkeras.convert(cnn, x, target=str(path), timesteps=8, weight_bits=3))
    assert (fewer["weight_bits"], fewer["percentile"]) == (3, 99.5)
    assert own["input_encoding"] == fewer["input_encoding"] == "constant"
    for given, encoding in ((None, "regular"), ("constant", "constant")):
        options = {"threshold_bits": 10, "input_encoding": given, "insist": True}
        whole = settings_of(spkeras.convert(cnn, x, target=path, timesteps=8, **options))
        assert (whole["input_encoding"], whole["stagger"]) == (encoding, 0)


def test_settings_that_no_simulation_has_are_refused(cnn, x, path):
    path.write_text(FILE.replace("{ stagger = 0 }", "{ staggers = 0 }"))
    with pytest.raises(OptionError, match="simulation settings .*staggers.*; allowed: timesteps"):
        spkeras.convert(cnn, x, target=path, timesteps=8)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"weight_bits": 6}, "target mine: weight_bits=6; allowed: up to 4"),
        ({"stagger": 1}, "stagger=1; allowed: 0"),
        ({"recipe": spkeras.recipes.ECC()}, "weight_bits=None; allowed: up to 4"),
        ({"recipe": "auto"}, "recipe 'auto' for target mine"),
    ],
)
def test_settings_that_a_target_cannot_run_are_refused(cnn, x, path, options, words):
    with pytest.raises(OptionError, match=words):
        spkeras.convert(cnn, x, target=path, **options)


def test_spikes_and_resets_of_a_target(cnn, x):
    limits = {"spikes": Limit(["binary"], "s"), "resets": Limit(["zero"], "s")}
    chip = Target(name="plain", title="Plain", limits=limits, options={"reset": "zero"})
    assert settings_of(spkeras.convert(cnn, x, target=chip, timesteps=4))["reset"] == "zero"
    with pytest.raises(
        OptionError, match=r"neuron='signed' \(spikes: signed\); allowed: binary; res"
    ):
        spkeras.convert(cnn, x, target=chip, neuron="signed", reset="subtract")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("value = 4", "value = -4", r"limits.weight_bits.value=-4; allowed: a whole number"),
        ("limits.start_delay", "limits.start", "limits.start; allowed: operations, "),
        ("value = false", "value = 0", "limits.start_delay.value=0; allowed: true or false"),
        ('source = "its manual, page 3"', "", "limits.weight_bits.source=None; give text"),
        ('name = "mine"', "", "name=None; give text"),
        ("[conversion]", "[conversions]", "conversions; allowed: name, title"),
        ("title", "title =", "is not a TOML file of a target"),
        ("simulation = {", "settings = {", "conversion.settings; allowed: conversion.recipe"),
    ],
)
def test_files_that_are_no_targets(path, old, new, words):
    path.write_text(FILE.replace(old, new, 1))
    with pytest.raises(OptionError, match=words):
        target(path)


def test_names(monkeypatch, path):
    with pytest.raises(
        OptionError, match="target='nochip'; allowed: .*generic-int8.*or a .toml file"
    ):
        target("nochip")
    with pytest.raises(OptionError, match="is not a TOML file"):
        target(path.with_name("none.toml"))
    monkeypatch.setattr("spkeras.targets.registry.TARGETS", known := dict(TARGETS))
    register_target(mine := target(path))
    assert target("mine") is mine and known["mine"] is mine
    with pytest.raises(OptionError, match="'mine': is registered"):
        register_target(mine)


def test_layers_that_do_not_fit_are_named_with_all_reasons():
    """By hand: 8 words of a 3x3 kernel become 16, 5 channels 8; a map of 6x6 takes 8x8 words for each of 5 channels."""
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((20, 20, 2), name="image"),
            layers.Conv2D(5, 3, strides=3, activation="relu", name="first"),
            layers.AveragePooling2D(3, name="pool"),
            layers.Conv2D(4, 1, dilation_rate=1, use_bias=False, name="second"),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(name="all"),
            layers.Dense(3, name="last"),
        ]
    )
    source = "its manual"
    limits = {
        "kernel_size": Limit(2, source),
        "strides": Limit([1, 2], source),
        "pool_sizes": Limit([1, 2], source),
        "bias": Limit(False, source),
        "cores": Limit(2, source),
        "weight_words_per_core": Limit([256, 255], source),
        "neuron_words_per_core": Limit([319, 320], source),
        "input_size": Limit(16, source),
        "fan_in": Limit(17, source),
    }
    chip = Target(name="chip", title="Chip", limits=limits)
    found = {one.layer: one.problems for one in fit(read_graph(net), chip)}
    assert found["first"] == (
        "kernel 3x3; allowed: up to 2",
        "strides 3x3; allowed: 1, 2",
        "fan-in 18; allowed: up to 17",
        "a bias; chip has none",
        "256 words of weights and 320 of neurons; no core has both (weights, neurons: 255, 320, "
        "256, 319)",
    )
    assert found["pool"] == ("pooling windows 3x3; allowed: 1, 2",)
    assert found["second"] == () and found["all"] == ()
    assert found["last"] == ("a bias; chip has none",)
    assert found[net.name] == (
        "3 layers with weights; chip has 2 cores, one for each",
        "input image 20x20; allowed: up to 16",
    )
    everything = Target(name="any", title="Any")
    assert all(one.fits for one in fit(read_graph(net), everything))


def test_neurons_fill_cores():
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(11)])
    limits = {"cores": Limit(1, "s"), "neurons_per_core": Limit(10, "s")}
    *_, whole = fit(read_graph(net), Target(name="chip", title="Chip", limits=limits))
    assert whole.problems == ("2 cores for its neurons; chip has 1 of 10 each",)


def test_help_names_the_targets_of_the_package():
    from spkeras.cli.options import target_option

    command = target_option(click.command()(lambda **given: None))
    (option,) = command.params
    words = option.help.split(": ")[1].split(", or")[0]
    assert words.split(", ") == sorted(TARGETS)


def test_inspect_lists_what_does_not_fit(cnn, path, tmp_path):
    cnn.save(tmp_path / "cnn.keras")
    path.write_text(FILE + '[limits.kernel_size]\nvalue = 2\nsource = "its manual"\n')
    run = CliRunner().invoke
    done = run(main, ["inspect", str(tmp_path / "cnn.keras"), "--target", str(path)])
    assert done.exit_code == 1 and "kernel 3x3; allowed: up to 2" in done.output
    fine = run(main, ["inspect", str(tmp_path / "cnn.keras"), "--target", "speck2f", "--json"])
    assert fine.exit_code == 0 and not any(
        one["problems"] for one in json.loads(fine.stdout)["target"]
    )


def test_every_limit_of_the_package_has_a_source():
    assert "generic-int8" in TARGETS
    for known in TARGETS.values():
        for name, limit in known.limits.items():
            assert name in LIMITS and len(limit.source) > 20, (known.name, name)


def test_every_limit_is_checked_or_said_to_be_unchecked(cnn, tmp_path):
    """By inspect, by convert, or by neither, which the output says."""
    from spkeras.targets import fit as module

    source = (Path(module.__file__)).read_text()
    for name in LIMITS:
        listed = name in (*module.OF_OPTIONS, *module.UNCHECKED)
        assert listed or f'(target, "{name}"' in source or f'value("{name}"' in source, name
    text = FILE + '[limits.payload_bits]\nvalue = 6\nsource = "page 5"\n'
    (tmp_path / "mine.toml").write_text(text)
    cnn.save(tmp_path / "cnn.keras")
    line = ["inspect", str(tmp_path / "cnn.keras"), "--target", str(tmp_path / "mine.toml")]
    run = CliRunner().invoke
    shown = run(main, line).output
    assert "not checked: bits of the value of a graded spike (6)" in shown
    assert "checked by convert: weight_bits, start_delay" in shown
    assert "without a public source: cores" in shown
    assert len(json.loads(run(main, [*line, "--json"]).output)["unchecked"]) == 3


def test_fan_out_and_widths_of_whole_numbers(cnn, x):
    limits = {
        name: Limit(value, "page 6")
        for name, value in {"fan_out": 26, "threshold_bits": 12, "membrane_bits": 16}.items()
    }
    mine = Target(name="mine", title="My chip", limits=limits)
    problems = [text for one in fit(read_graph(cnn), mine) for text in one.problems]
    # A pixel reaches 3 x 3 positions of 3 channels, a neuron 4 others.
    assert problems == ["fan-out 27; allowed: up to 26"]
    with pytest.raises(OptionError, match="threshold_bits=14; allowed: up to 12"):
        spkeras.convert(cnn, x, target=mine, threshold_bits=14, insist=True)
    with pytest.raises(OptionError, match="membrane_bits=32; allowed: up to 16"):
        spkeras.convert(cnn, x, target=mine, threshold_bits=10, insist=True)
