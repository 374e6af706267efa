"""Recipes and settings: frozen dataclasses that check their options.

A recipe is an object (`ECC(percentile=99.9)`) or its short name ("ecc"). `Simulation` has the
settings of a run, the plans those of training.
"""

from spkeras.recipes.base import CORRECTIONS, READOUTS, Recipe, Stepwise
from spkeras.recipes.conversion import Conversion
from spkeras.recipes.fields import Config, Option, option
from spkeras.recipes.first_spikes import TTFS
from spkeras.recipes.plan import Augmentation, CorrectionPlan, FinetunePlan, ThresholdPlan
from spkeras.recipes.registry import RECIPES, get, names, options_of, register_recipe
from spkeras.recipes.simulation import Simulation
from spkeras.recipes.trained import CAT, CQ, QCFS, CQPlus, LowLatency, Trained
from spkeras.recipes.untrained import ECC, Auto, SigmaDelta
from spkeras.recipes.weights import LogWeights

__all__ = [
    "Augmentation",
    "Auto",
    "CAT",
    "Config",
    "Conversion",
    "CorrectionPlan",
    "CORRECTIONS",
    "CQ",
    "CQPlus",
    "ECC",
    "FinetunePlan",
    "get",
    "LogWeights",
    "LowLatency",
    "names",
    "Option",
    "option",
    "options_of",
    "QCFS",
    "READOUTS",
    "Recipe",
    "RECIPES",
    "register_recipe",
    "SigmaDelta",
    "Simulation",
    "Stepwise",
    "ThresholdPlan",
    "Trained",
    "TTFS",
]
