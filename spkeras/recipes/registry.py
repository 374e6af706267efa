"""Recipes by their short names."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from spkeras.errors import OptionError
from spkeras.recipes.base import Recipe, Stepwise
from spkeras.recipes.fields import Option
from spkeras.recipes.first_spikes import TTFS
from spkeras.recipes.trained import CAT, CQ, QCFS, CQPlus, LowLatency
from spkeras.recipes.untrained import ECC, Auto, SigmaDelta

RECIPES: dict[str, type[Recipe]] = {
    known.name: known for known in (ECC, SigmaDelta, CQ, CQPlus, LowLatency, QCFS, CAT, TTFS, Auto)
}
_STAGES = {"conversion": "spkeras.convert", "training": "spkeras.training.prepare"}


def register_recipe(recipe: type[Recipe]) -> None:
    """Add a recipe, which `convert` and `prepare` then know by its `name`.

    Args:
        recipe: A frozen, keyword-only dataclass derived from `spkeras.recipes.Stepwise` (or from one
            of its subclasses), with a `name` of its own and a `conversion` method.

    Raises:
        OptionError: no such class, or the name is taken.
    """
    if not (isinstance(recipe, type) and issubclass(recipe, Stepwise) and is_dataclass(recipe)):
        raise OptionError(f"recipe={recipe!r}; allowed: a dataclass derived from Stepwise")
    if not recipe.name or recipe.name in RECIPES:
        raise OptionError(
            f"recipe {recipe.__name__}: name={recipe.name!r}; allowed: a name beside "
            f"{tuple(RECIPES)}"
        )
    RECIPES[recipe.name] = recipe


def names(stage: str) -> tuple[str, ...]:
    """Return the names of the recipes of a stage.

    Args:
        stage: "conversion" or "training".
    """
    if stage == "training":
        return tuple(name for name, known in RECIPES.items() if known.needs_training)
    return tuple(name for name, known in RECIPES.items() if known.converts)


def options_of(stage: str) -> dict[str, dict[str, Option]]:
    """Return all options of a stage by name, then by recipe."""
    found: dict[str, dict[str, Option]] = {}
    for name in names(stage):
        for known in RECIPES[name].options().values():
            if known.stage == stage:
                found.setdefault(known.name, {})[name] = known
    return found


def get(recipe: Recipe | str | Mapping[str, Any], stage: str, /, **options: Any) -> Recipe:
    """Return a recipe.

    Args:
        recipe: An object, a short name, or what `get_config` returned.
        stage: "conversion" or "training": where it is used.
        options: Options of that recipe, if a name is given; None counts as not given. For a
            conversion `published=True` takes the settings of the publication for `schedule`.

    Raises:
        OptionError: an unknown recipe, an option that it does not have, or a value out of range.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(recipe, Recipe):
        given.pop("schedule", None)
        if given:
            raise OptionError(
                f"options {sorted(given)} beside {recipe!r}; allowed: options in the recipe "
                "object, or a name and options"
            )
        return recipe
    stored = dict(recipe) if isinstance(recipe, Mapping) else {}
    name = str(stored.get("recipe") if isinstance(recipe, Mapping) else recipe)
    if name not in names(stage):
        hint = "; 'ttfs' converts what 'cat' has trained" if name == CAT.name else ""
        raise OptionError(f"recipe={name!r}; allowed: {names(stage)}{hint}")
    schedule = given.pop("schedule", "clock_driven")
    kind = RECIPES[name]
    _refuse_others(kind, stage, given)
    if given.pop("published", False):
        return kind.as_published(schedule, **given)
    return kind.from_config({**stored, **given})


def _refuse_others(kind: type[Recipe], stage: str, given: Mapping[str, Any]) -> None:
    """Refuse options that do not exist, or that another stage reads."""
    kind.refuse_unknown(given)
    known = kind.options()
    for name, value in given.items():
        if name in known and known[name].stage != stage:
            raise OptionError(
                f"{name}={value!r}: an option of {_STAGES[known[name].stage]}; {kind.label()} has "
                f"here: {', '.join(sorted(n for n, o in known.items() if o.stage == stage))}"
            )
