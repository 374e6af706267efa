"""Recipes as objects: ranges, what goes together, what they choose, and plain dictionaries."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import spkeras
from spkeras import recipes
from spkeras.errors import OptionError
from spkeras.hardware.config import HardwareConfig
from spkeras.ops.log_weights import LogFormat
from spkeras.recipes import ECC, QCFS, RECIPES, LowLatency, SigmaDelta, Simulation, get
from spkeras.snn.model import loop_of

MULTI = {"neuron": "multi_threshold"}
# (recipe, option): smallest, largest (None: without end), other options.
RANGES = {
    (ECC, "initial_potential"): (0, 1, {}),
    (ECC, "max_spikes_per_step"): (1, None, {"neuron": "burst"}),
    (ECC, "levels"): (1, 24, {**MULTI, "levels_above_scale": 0}),
    (ECC, "levels_above_scale"): (0, 7, MULTI),
    (ECC, "weight_bits"): (2, 16, {}),
    (SigmaDelta, "initial_potential"): (0, 1, {}),
    (SigmaDelta, "levels"): (1, 24, {"levels_above_scale": 0}),
    (SigmaDelta, "levels_above_scale"): (0, 9, {"levels": 10}),
    (SigmaDelta, "mantissa_bits"): (0, 3, {}),
    (LowLatency, "weight_bits"): (2, 16, {}),
    (Simulation, "timesteps"): (1, None, {}),
    (Simulation, "stagger"): (0, None, {}),
}


@pytest.mark.parametrize("kind, option", RANGES)
def test_both_ends_of_a_range_are_allowed_and_nothing_beyond(kind, option):
    low, high, others = RANGES[kind, option]
    for value in (low, 1000 if high is None else high):
        assert getattr(kind(**{**others, option: value}), option) == value
    for value in (low - 1, None if high is None else high + 1):
        if value is not None:
            with pytest.raises(OptionError, match=f"{option}={value}.*allowed: "):
                kind(**{**others, option: value})


@pytest.mark.parametrize("percentile", [1e-3, 50.0, 100, 100.0])
def test_percentiles_up_to_the_maximum_itself(percentile):
    assert ECC(percentile=percentile).percentile == percentile


@pytest.mark.parametrize("percentile", [0, -1.0, 100.001, float("nan"), "99", True])
def test_percentiles_out_of_range(percentile):
    with pytest.raises(OptionError, match="percentile=.*above 0, up to 100"):
        ECC(percentile=percentile)


@pytest.mark.parametrize("tau", [0, -1.0, float("inf")])
def test_open_ends_are_refused(tau):
    with pytest.raises(OptionError, match="tau=.*above 0"):
        recipes.CAT(tau=tau)
    with pytest.raises(OptionError, match="shift=1.*from 0 to below 1"):
        QCFS(shift=1)


@pytest.mark.parametrize("value", [2.5, "2", True, None, [2]])
def test_whole_numbers_are_whole(value):
    with pytest.raises(OptionError, match="seed=.*allowed: whole numbers"):
        Simulation(seed=value)
    assert Simulation(seed=np.int64(2)).seed == 2


@pytest.mark.parametrize("stagger", [0.75, 1.0625, 0, 3])
def test_staggers_are_sixteenths(stagger):
    assert Simulation(stagger=stagger).stagger == stagger
    with pytest.raises(OptionError, match="stagger=.*sixteenths"):
        Simulation(stagger=stagger + 0.03)


@pytest.mark.parametrize(
    "recipe, options",
    [
        ("none", {}),
        ("cat", {}),
        ("ecc", {"neuron": "none"}),
        ("ecc", {"spike_code": "none"}),
        ("ecc", {"thresholds": "learned"}),
        ("ecc", {"reset": "none"}),
        ("ecc", {"readout": 1}),
        ("ecc", {"neuron": "signed", "reset": "zero"}),
        ("ecc", {"spike_code": "delta"}),
        ("ecc", {"spike_code": "differential", "reset": "zero"}),
        ("ecc", {"neuron": "sigma_delta"}),
        ("ecc", {"per_channel": 1}),
        ("sigma_delta", {"spike_code": "rate"}),
        ("sigma_delta", {"neuron": "binary"}),
        ("sigma_delta", {"max_spikes_per_step": 2}),
        ("sigma_delta", {"correction": "light"}),
        ("cq", {"thresholds": "mse"}),
        ("cq", {"percentile": 99.0}),
        ("cq", {"shift": 0.5}),
        ("ecc", {"levels": 8}),
        ("ecc", {"max_spikes_per_step": 4}),
        ("ecc", {"spikes": "signed"}),
        ("ecc", {"neuron": "signed", "mantissa_bits": 0}),
        ("auto", {"correction": "light"}),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(recipe, options):
    with pytest.raises(OptionError, match="allowed: | has here: "):
        get(recipe, "conversion", **options)


def test_an_option_that_does_not_exist_names_those_that_do():
    with pytest.raises(OptionError, match="recipe 'sigma_delta' has no option 'reset'.*levels"):
        SigmaDelta(reset="zero")
    with pytest.raises(OptionError, match="Simulation has no option 'steps'.*timesteps"):
        Simulation(steps=3)


@pytest.mark.parametrize(
    "recipe, given, expected",
    [
        (ECC, {}, ("binary", "rate", 0, 0, 0.5, 1)),
        (ECC, {"neuron": "burst"}, ("burst", "rate", 0, 0, 0.5, 4)),
        (ECC, {"neuron": "signed_burst"}, ("signed_burst", "rate", 0, 0, 0.5, 4)),
        (ECC, MULTI, ("multi_threshold", "rate", 0, 0, 0.5, 1)),
        (SigmaDelta, {}, ("sigma_delta", "delta", 6, 1, 0.5, 1)),
        (SigmaDelta, {"levels": 12}, ("sigma_delta", "delta", 2, 1, 0.5, 1)),
        (SigmaDelta, {"levels": 8}, ("sigma_delta", "delta", 0, 1, 0.5, 1)),
        (SigmaDelta, {"levels": 20}, ("sigma_delta", "delta", 6, 1, 0.5, 1)),
        (QCFS, {}, ("binary", "rate", 0, 0, None, 1)),
    ],
)
def test_what_a_recipe_chooses_by_itself(recipe, given, expected):
    found = recipe(**given).conversion(64)
    names = (
        "neuron",
        "spike_code",
        "levels_above_scale",
        "mantissa_bits",
        "initial_potential",
        "max_spikes_per_step",
    )
    assert tuple(getattr(found, name) for name in names) == expected
    assert found.levels == given.get("levels", 16 if recipe is SigmaDelta else 8)


@pytest.mark.parametrize(
    "given, timesteps, expected",
    [
        ({}, 63, ("mse", 99.4971)),
        ({}, 64, ("percentile", 99.97)),
        ({"percentile": 99.0}, 8, ("percentile", 99.0)),
        ({"reset": "zero"}, 8, ("percentile", 99.5)),
        ({"neuron": "signed"}, 8, ("percentile", 99.5)),
        (MULTI, 8, ("percentile", 99.97)),
        ({"spike_code": "differential"}, 8, ("percentile", 99.97)),
        ({"thresholds": "balance"}, 64, ("balance", 99.97)),
    ],
)
def test_thresholds_and_percentile_follow_from_the_steps(given, timesteps, expected):
    found = ECC(**given).conversion(timesteps)
    assert found.thresholds == expected[0]
    wanted = 100 - 0.03 * (64 / 63) ** 1.5 if timesteps == 63 else expected[1]
    assert found.percentile == pytest.approx(wanted, abs=1e-3)
    assert SigmaDelta().conversion(timesteps).percentile == 99.97


@pytest.mark.parametrize(
    "recipe, given, steps",
    [
        (ECC, {}, 64),
        (ECC, {"spike_code": "differential"}, 4),
        (SigmaDelta, {}, 4),
        (QCFS, {}, 8),
    ],
)
def test_time_steps_where_none_are_given(recipe, given, steps):
    assert recipe(**given).default_timesteps == steps


@pytest.mark.parametrize(
    "settings", [{"schedule": "layer_synchronous"}, {"stagger": 1}, {"input_encoding": "regular"}]
)
def test_codes_that_keep_values_need_their_simulation(settings):
    for recipe in (SigmaDelta(), ECC(neuron="signed", spike_code="differential")):
        recipe.check(Simulation(stagger=0, input_encoding="constant"))
        with pytest.raises(OptionError, match=f"{next(iter(settings))}=.*coding; allowed"):
            recipe.check(Simulation(**settings))
    ECC().check(Simulation(**settings))


@pytest.mark.parametrize(
    "settings, recipe",
    [
        ({"schedule": "layer_synchronous"}, {"correction": "light"}),
        ({}, {"correction": "both", "neuron": "signed"}),
    ],
)
def test_corrections_are_for_clock_driven_binary_neurons(settings, recipe):
    ECC(correction="advanced").check(Simulation())
    with pytest.raises(OptionError, match="correction=.*'clock_driven', 'binary', 'rate'"):
        ECC(**recipe).check(Simulation(**settings))


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_configuration_makes_the_same_recipe(name):
    recipe = RECIPES[name]()
    config = json.loads(json.dumps(recipe.get_config()))
    assert config["recipe"] == name
    assert RECIPES[name].from_config(config) == recipe == pickle.loads(pickle.dumps(recipe))
    assert copy.deepcopy(recipe) == recipe
    if name != "cat":
        assert get(config, "conversion") == get(name, "conversion") == recipe
    with pytest.raises(OptionError, match="recipe='other'"):
        RECIPES[name].from_config({**config, "recipe": "other"})
    with pytest.raises(FrozenInstanceError):
        recipe.readout = "spikes"


def test_simulations_make_the_round_trip():
    simulation = Simulation(timesteps=8, stagger=0.5, input_encoding="bernoulli", seed=3)
    assert Simulation.from_config(json.loads(json.dumps(simulation.get_config()))) == simulation
    assert simulation.changed(seed=4).seed == 4 and simulation.seed == 3


def test_options_without_a_meaning_are_not_stored():
    assert "levels" not in ECC().get_config()
    assert "max_spikes_per_step" not in ECC(neuron="signed").get_config()
    assert ECC(neuron="burst").get_config()["max_spikes_per_step"] == 4
    assert ECC(**MULTI).get_config()["levels"] == 8
    assert "shift" not in QCFS().conversion_config() and QCFS().get_config()["shift"] == 0.5


def test_options_beside_an_object_are_refused():
    with pytest.raises(OptionError, match=r"options \['neuron'\]"):
        get(ECC(), "conversion", neuron="signed")


def test_published_settings_fix_recipe_and_simulation():
    recipe = ECC.as_published(weight_bits=8)
    assert (recipe.percentile, recipe.per_channel, recipe.weight_bits) == (100.0, False, 8)
    simulation = recipe.simulation(Simulation())
    assert (simulation.timesteps, simulation.stagger, simulation.input_encoding) == (
        256,
        0,
        "regular",
    )
    assert recipe.simulation(Simulation(timesteps=9)).timesteps == 9
    for wrong in ({"stagger": 1}, {"input_encoding": "constant"}):
        with pytest.raises(OptionError, match="as published"):
            recipe.simulation(Simulation(**wrong))
    with pytest.raises(OptionError, match="initial_potential=0.2 with published=True"):
        ECC.as_published(initial_potential=0.2)
    plain = Simulation(stagger=1)
    assert ECC().simulation(plain) is plain


def test_convert_takes_an_object_a_name_and_a_dictionary(tiny):
    cnn, x = tiny
    ways = (
        {"recipe": SigmaDelta(levels=12)},
        {"recipe": "sigma_delta", "levels": 12},
        {"recipe": SigmaDelta(levels=12).get_config()},
    )
    found = [spkeras.convert(cnn, x, **way).predict(x, verbose=0) for way in ways]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_convert_takes_settings_of_the_simulation_by_name(tiny):
    cnn, x = tiny
    found = loop_of(spkeras.convert(cnn, x, timesteps=8, stagger=1, seed=3, neuron="signed"))
    assert (found.timesteps, found.stagger, found.seed) == (8, 1, 3)
    with pytest.raises(OptionError, match="stagger=1 with Simulation.stagger=2.; allowed: one"):
        spkeras.convert(cnn, x, stagger=1, simulation=Simulation(stagger=2))
    with pytest.raises(OptionError, match="timesteps=3 with Simulation.timesteps=4"):
        spkeras.convert(cnn, x, timesteps=3, simulation=Simulation(timesteps=4))
    same = spkeras.convert(cnn, x, timesteps=4, simulation=Simulation(timesteps=4))
    assert spkeras.evaluate(same, x).timesteps == 4


@pytest.fixture(scope="module")
def tiny():
    import keras

    keras.utils.set_random_seed(1)
    cnn = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5, activation="relu"), keras.layers.Dense(3)]
    )
    return cnn, np.random.default_rng(0).random((20, 6)).astype("float32")


def test_what_is_chosen_where_nothing_is_asked_for():
    found = ECC()
    assert (found.per_channel, found.reset, found.readout) == (True, "subtract", "membrane")
    assert (found.percentile, found.thresholds, found.weight_bits) == (None, None, None)
    assert found.pooling_neurons is False and found.correction is None


def test_the_page_of_options_is_that_of_the_recipes():
    from pathlib import Path

    from spkeras.recipes.tables import page

    text = (Path(__file__).parents[2] / "docs/recipes.md").read_text()
    assert page() in text, "print the tables again: python -m spkeras.recipes.tables"


def test_recipes_are_reached_from_the_package():
    assert spkeras.recipes.ECC is ECC and spkeras.Simulation is Simulation


def through_json(config):
    return json.loads(json.dumps(config))


@pytest.mark.parametrize(
    "plan",
    [
        recipes.FinetunePlan(),
        recipes.FinetunePlan(
            clamp=2,
            then=(8, 1),
            log=2,
            weights=LogFormat(4, 1),
            held_out=9,
            distil=0.5,
            choose_timesteps=(2, 8),
            augmentation=recipes.Augmentation(crop_shift=2, flip=True),
        ),
        recipes.ThresholdPlan(rate=0.5),
        recipes.CorrectionPlan(method="both", samples=7),
        HardwareConfig(weight_bits=4, tau=8, fraction_bits=-3),
    ],
    ids=lambda plan: type(plan).__name__,
)
def test_plans_and_widths_turn_into_plain_dictionaries_and_back(plan):
    config = through_json(plan.get_config())
    assert type(plan).from_config(config) == plan == type(plan).of(config) == type(plan).of(plan)


def test_a_plan_is_given_as_an_object_or_by_its_options():
    plan = recipes.ThresholdPlan
    assert plan.of(None, rate=0.2) == plan(rate=0.2) == plan.of({"rate": 0.2})
    with pytest.raises(OptionError, match=r"options \['rate'\] beside ThresholdPlan\("):
        plan.of(plan(), rate=0.2)
    with pytest.raises(OptionError, match="ThresholdPlan has no option 'speed'.*rate"):
        plan.of(None, speed=1)


def test_whole_numbers_of_other_types_become_int():
    for value in (np.int64(8), 8.0):
        config = HardwareConfig(table_bits=value, tau=value)
        assert type(config.table_bits) is int and type(config.tau) is int
    json.dumps(Simulation(timesteps=np.int32(4)).get_config())


def test_candidates_for_t_need_samples_that_are_held_out():
    with pytest.raises(OptionError, match="choose_timesteps=.*held_out.*from 1"):
        recipes.FinetunePlan(choose_timesteps=(2, 8))


def test_two_bits_hold_no_code_of_zero():
    with pytest.raises(OptionError, match="weight_bits=2 with zero_code=True; allowed: 3 bits"):
        HardwareConfig(weight_bits=2)
    assert HardwareConfig(weight_bits=2, zero_code=False).weight_format.bits == 2
