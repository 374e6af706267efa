"""Targets: their files, and the settings that a conversion takes from them."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError
from spkeras.snn.converted import converted_of
from spkeras.targets import LIMITS, TARGETS, Limit, Target, register_target, target

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


def test_every_limit_of_the_package_has_a_source():
    assert "generic-int8" in TARGETS
    for known in TARGETS.values():
        for name, limit in known.limits.items():
            assert name in LIMITS and len(limit.source) > 20, (known.name, name)
