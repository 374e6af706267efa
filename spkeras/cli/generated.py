"""Command-line options made from the fields of recipes and settings."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from spkeras.cli.kinds import Real
from spkeras.recipes import Config, Option, Simulation, options_of
from spkeras.recipes.tables import default_of

GROUPS = ("network", "neuron", "thresholds", "timing", "input", "training")
# What the negative of a switch is called, where it is not --no-NAME.
_NEGATIVES = {"per_channel": "per-layer"}

Decorator = Callable[[Any], Any]


class GroupedOption(click.Option):
    """An option that is shown under a heading.

    Attributes:
        group: The heading, "" for the first one.
    """

    def __init__(self, *args: Any, group: str = "", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                groups.setdefault(getattr(param, "group", ""), []).append(record)
        for group in ("", *GROUPS):
            if group in groups:
                title = "Options" if not group else f"Options: {group}"
                with formatter.section(title):
                    formatter.write_dl(groups[group])


def recipe_options(stage: str) -> list[Decorator]:
    """Return the options of all recipes of a stage.

    Args:
        stage: "conversion" or "training".
    """
    found = options_of(stage)
    every = len({recipe for recipes in found.values() for recipe in recipes})
    made = [_made(*_merged(recipes, every)) for recipes in found.values()]
    return [decorator for _, decorator in sorted(made, key=lambda pair: pair[0])]


def simulation_options(shows_defaults: bool, without: Iterable[str] = ()) -> list[Decorator]:
    """Return the options of `Simulation`.

    Args:
        shows_defaults: Whether help shows them; a network that is stored has its own values.
        without: Names that are left out.
    """
    known = [found for name, found in Simulation.options().items() if name not in without]
    return [_made(found, default_of(found) if shows_defaults else "")[1] for found in known]


def config_options(config: type[Config]) -> list[Decorator]:
    """Return the options of a dataclass, with their defaults.

    Args:
        config: Such as `FinetunePlan`.
    """
    return [_made(known, default_of(known))[1] for known in config.options().values()]


def _merged(recipes: Mapping[str, Option], every: int) -> tuple[Option, str]:
    """One option for all recipes that have it, and its default in words."""
    first = next(iter(recipes.values()))
    choices = tuple(dict.fromkeys(c for known in recipes.values() for c in known.choices))
    by_default: dict[str, list[str]] = {}
    for recipe, known in recipes.items():
        by_default.setdefault(default_of(known), []).append(recipe)
    if len(by_default) == 1:
        (shown,) = by_default
        # Which recipes have it is worth a word where few have.
        shown += f"; {', '.join(recipes)} only" if len(recipes) <= every // 2 else ""
    else:
        shown = "; ".join(f"{', '.join(names)}: {text}" for text, names in by_default.items())
    low = min((known.low for known in recipes.values() if known.low is not None), default=None)
    return Option(**{**vars(first), "choices": choices, "low": low}), shown.lstrip("; ")


def _made(known: Option, shown: str) -> tuple[int, Decorator]:
    """Position of its group, and the click option."""
    name = known.flag or known.name.replace("_", "-")
    words = f"--{name}"
    kind: Any
    if known.kind is bool:
        negative = _NEGATIVES.get(known.name, f"no-{name}")
        words, kind = f"{words}/--{negative}", bool
    elif known.choices:
        kind = click.Choice([str(choice) for choice in known.choices])
    elif known.kind is int:
        low, high = (None if end is None else int(end) for end in (known.low, known.high))
        kind = click.INT if low is None else click.IntRange(low, high)
    else:
        kind = Real(known.low, known.high, min_open=known.above, max_open=known.below)
    text = known.help + (f"  [default: {shown}]" if shown else "")
    metavar = known.unit.upper() if known.unit and not known.choices else None
    decorator = click.option(
        words,
        name.replace("-", "_"),
        type=kind,
        default=None,
        help=text,
        cls=GroupedOption,
        group=known.group,
        metavar=metavar,
    )
    return GROUPS.index(known.group), decorator
