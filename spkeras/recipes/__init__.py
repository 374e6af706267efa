"""Recipes: what a user chooses, checked, in one place.

A recipe is an object (`ECC(percentile=99.9)`) or its short name ("ecc"). `Simulation` says how the
network runs afterwards.
"""

from spkeras.recipes.base import CORRECTIONS, READOUTS, Recipe
from spkeras.recipes.conversion import Conversion
from spkeras.recipes.fields import Config, Option, option
from spkeras.recipes.plan import Augmentation, FinetunePlan
from spkeras.recipes.registry import RECIPES, get, names, options_of, register_recipe
from spkeras.recipes.simulation import Simulation
from spkeras.recipes.trained import CAT, CQ, QCFS, CQPlus, LowLatency, Trained
from spkeras.recipes.untrained import ECC, Auto, SigmaDelta

__all__ = [
    "Augmentation",
    "FinetunePlan",
    "CAT",
    "CORRECTIONS",
    "CQ",
    "CQPlus",
    "Auto",
    "Config",
    "Conversion",
    "ECC",
    "LowLatency",
    "Option",
    "QCFS",
    "READOUTS",
    "RECIPES",
    "Recipe",
    "SigmaDelta",
    "Simulation",
    "Trained",
    "get",
    "names",
    "option",
    "options_of",
    "register_recipe",
]
