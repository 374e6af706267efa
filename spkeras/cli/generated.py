"""Command-line options made from the fields of dataclasses, and help that shows them in groups."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from spkeras.cli import plugins
from spkeras.cli.kinds import Real
from spkeras.recipes import Config, Option, Simulation, options_of
from spkeras.recipes.tables import default_of

GROUPS = (
    "common",
    "data",
    "network",
    "neuron",
    "weights",
    "thresholds",
    "whole numbers",
    "timing",
    "input",
    "training",
    "early exit",
    "arithmetic",
    "processor",
    "energy",
    "cluster",
)
# What the negative of a switch is called, where it is not --no-NAME.
_NEGATIVES = {"per_channel": "per-layer"}

Decorator = Callable[[Any], Any]
Command = TypeVar("Command", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option that help shows under a heading.

    Attributes:
        group: The heading, one of `GROUPS`.
    """

    def __init__(self, *args: Any, group: str = "common", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups; every command has --plugin."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.append(
            GroupedOption(
                [plugins.FLAG],
                multiple=True,
                metavar="MODULE",
                is_eager=True,
                expose_value=False,
                help=plugins.HELP,
                callback=lambda ctx, param, value: plugins.load(value),
            )
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                groups.setdefault(getattr(param, "group", "common"), []).append(record)
        for group in GROUPS:
            if group in groups:
                with formatter.section(f"{group.capitalize()} options"):
                    formatter.write_dl(groups[group])


def option(*names: str, group: str = "common", **attributes: Any) -> Decorator:
    """Return an option of one command, written by hand.

    Args:
        names: As for `click.option`.
        group: Heading in the help, one of `GROUPS`.
        attributes: As for `click.option`.
    """
    return click.option(*names, cls=GroupedOption, group=group, **attributes)


def all_of(decorators: Iterable[Decorator]) -> Callable[[Command], Command]:
    """Return one decorator for several options; help shows them in this order."""
    made = list(decorators)

    def decorate(command: Command) -> Command:
        for decorator in reversed(made):
            command = decorator(command)
        return command

    return decorate


def recipe_options(stage: str) -> list[Decorator]:
    """Return the options of all recipes of a stage.

    Args:
        stage: "conversion" or "training".
    """
    found = options_of(stage)
    every = len({recipe for recipes in found.values() for recipe in recipes})
    made = [_made(*_merged(recipes, every)) for recipes in found.values()]
    return [decorator for _, decorator in sorted(made, key=lambda pair: pair[0])]


def simulation_options(shows_defaults: bool, without: str = "") -> list[Decorator]:
    """Return the options of `Simulation`.

    Args:
        shows_defaults: Whether help shows them; a network that is stored has its own values.
        without: Name of one that the command has in another form.
    """
    names = (name for name in Simulation.options() if name != without)
    shown = {} if shows_defaults else dict.fromkeys(Simulation.options(), "the network's")
    return config_options(Simulation, *names, **shown)


def config_options(config: type[Config], *names: str, **shown: str) -> list[Decorator]:
    """Return the options of a dataclass, with their defaults.

    Args:
        config: Such as `FinetunePlan`.
        names: Those that are wanted; without any all of them.
        shown: Defaults in words, by name, where the command has other ones.
    """
    known = config.options()
    return [
        _made(known[name], shown.get(name) or default_of(known[name]))[1] for name in names or known
    ]


def _merged(recipes: Mapping[str, Option], every: int) -> tuple[Option, str]:
    """One option for all recipes that have it, and its default in words."""
    first = next(iter(recipes.values()))
    choices = tuple(dict.fromkeys(c for known in recipes.values() for c in known.choices))
    by_default: dict[str, list[str]] = {}
    for recipe, known in recipes.items():
        by_default.setdefault(default_of(known), []).append(recipe)
    if len(by_default) == 1:
        (shown,) = by_default
        # Help names the recipes that have an option if they are few.
        shown += f"; {', '.join(recipes)} only" if len(recipes) <= every // 2 else ""
    else:
        shown = "; ".join(f"{', '.join(names)}: {text}" for text, names in by_default.items())
    low = min((known.low for known in recipes.values() if known.low is not None), default=None)
    return Option(**{**vars(first), "choices": choices, "low": low}), shown.lstrip("; ")


def _made(known: Option, shown: str) -> tuple[int, Decorator]:
    """Position of its group, and the click option."""
    name = known.flag or known.name.replace("_", "-")
    words = f"--{name}"
    if known.kind is bool:
        words = f"{words}/--{_NEGATIVES.get(known.name, f'no-{name}')}"
    text = known.help + (f"  [default: {shown}]" if shown else "")
    decorator = option(
        words,
        name.replace("-", "_"),
        type=_type(known),
        default=None,
        help=text,
        group=known.group,
        metavar=_metavar(known),
    )
    return GROUPS.index(known.group), decorator


def _metavar(known: Option) -> str | None:
    if known.choices or known.kind is bool:
        return None
    return known.unit.upper() or ("N" if known.kind is int else "NUMBER")


def _type(known: Option) -> "click.ParamType[Any] | type":
    """The click type that takes the values of an option."""
    if known.kind is bool:
        return bool
    if known.choices:
        return click.Choice(known.choices)
    if known.kind is int:
        low, high = (None if end is None else int(end) for end in (known.low, known.high))
        return click.INT if low is None else click.IntRange(low, high)
    if known.kind is float:
        return Real(known.low, known.high, min_open=known.above, max_open=known.below)
    return str
