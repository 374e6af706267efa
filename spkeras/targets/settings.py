"""The recipe and the settings of a conversion for a target."""

from collections.abc import Mapping
from typing import Any

from spkeras.errors import OptionError
from spkeras.ops.names import NEURON_MODELS
from spkeras.recipes import RECIPES, Recipe, Simulation, Stepwise, get
from spkeras.targets.record import Target


def recipe_for(
    target: Target | None,
    recipe: Recipe | str | Mapping[str, Any] | None,
    schedule: str,
    options: Mapping[str, Any],
) -> Recipe:
    """Return the recipe of a conversion; the target's options are defaults of those given.

    Args:
        target: None for any target.
        recipe: As for `spkeras.convert`; None for the target's recipe, or "ecc".
        schedule: Of the simulation.
        options: Options that were given, None counts as not given.

    Raises:
        OptionError: as `spkeras.recipes.get`.
    """
    if recipe is None:
        recipe = "ecc" if target is None else target.recipe
    given = {name: value for name, value in options.items() if value is not None}
    if target is not None and isinstance(recipe, str) and recipe in RECIPES:
        known = RECIPES[recipe].options()
        given = {n: v for n, v in target.options.items() if n in known} | given
    return get(recipe, "conversion", schedule=schedule, **given)


def simulation_for(target: Target | None, simulation: Simulation) -> Simulation:
    """Return the settings of a simulation, completed by those of a target."""
    return simulation if target is None else _completed(simulation, target.simulation)


def whole_simulation_for(
    target: Target | None, recipe: Recipe, simulation: Simulation
) -> Simulation:
    """Return the settings completed by those of a target for whole numbers, if there are any."""
    if target is None or not isinstance(recipe, Stepwise) or recipe.threshold_bits is None:
        return simulation
    return _completed(simulation, target.whole)


def _completed(simulation: Simulation, given: Mapping[str, Any]) -> Simulation:
    plain = Simulation()
    unknown = set(given) - set(Simulation.options())
    if unknown:
        raise OptionError(
            f"target: simulation settings {sorted(unknown)}; allowed: {', '.join(Simulation.options())}"
        )
    open_ = {n: v for n, v in given.items() if getattr(simulation, n) == getattr(plain, n)}
    return simulation.changed(**open_)


def refuse_misfits(target: Target, recipe: Recipe, simulation: Simulation) -> None:
    """Refuse a recipe and settings that a target cannot run.

    Raises:
        OptionError: names all settings that do not fit, and what is allowed.
    """
    if not isinstance(recipe, Stepwise) or not recipe.name or recipe.name == "auto":
        raise OptionError(
            f"recipe {recipe.name!r} for target {target.name}; allowed: a recipe whose settings are "
            f"fixed and whose network runs step by step, such as {target.recipe!r}"
        )
    settings = recipe.conversion(recipe.default_timesteps)
    problems = [
        *_choice(target, "spikes", f"neuron={settings.neuron!r}", _spikes(settings.neuron)),
        *_choice(target, "resets", f"reset={settings.reset!r}", settings.reset),
        *_weights(target, settings.weight_bits),
        *_widths(target, recipe),
    ]
    if target.value("start_delay", True) is False and simulation.stagger != 0:
        problems.append(f"stagger={simulation.stagger!r}; allowed: 0")
    if target.value("initial_potential", True) is False and settings.initial_potential:
        problems.append(f"initial_potential={settings.initial_potential!r}; allowed: 0")
    if problems:
        raise OptionError(f"target {target.name}: {'; '.join(problems)}")


def _spikes(neuron: str) -> str:
    """Return the kind of a neuron's spikes: binary, signed or graded."""
    model = NEURON_MODELS[neuron]
    if model.graded or model.burst or model.emit is not None:
        return "graded"
    return "signed" if model.signed else "binary"


def _choice(target: Target, limit: str, option: str, kind: str) -> list[str]:
    allowed = target.value(limit)
    if allowed is None or kind in allowed:
        return []
    return [f"{option} ({limit}: {kind}); allowed: {', '.join(allowed)}"]


def _weights(target: Target, bits: int | None) -> list[str]:
    most = target.value("weight_bits")
    if most is None or (bits is not None and bits <= most):
        return []
    return [f"weight_bits={bits!r}; allowed: up to {most}"]


def _widths(target: Target, recipe: Stepwise) -> list[str]:
    """Return the widths of thresholds and potentials that the target does not have."""
    given = {name: getattr(recipe, name) for name in ("threshold_bits", "membrane_bits")}
    return [
        f"{name}={bits!r}; allowed: up to {target.value(name)}"
        for name, bits in given.items()
        if bits is not None and bits > target.value(name, bits)
    ]
