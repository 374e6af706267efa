"""Options as tables in Markdown, for the documentation.

python -m spkeras.recipes.tables            # prints the tables of docs/recipes.md
"""

from collections.abc import Iterable

from spkeras.recipes.fields import Config, Option
from spkeras.recipes.plan import Augmentation, CorrectionPlan, FinetunePlan, ThresholdPlan
from spkeras.recipes.registry import RECIPES, names
from spkeras.recipes.simulation import Simulation

_HEAD = "| option | default | allowed | what it is |\n|---|---|---|---|"


def default_of(known: Option) -> str:
    """Return the default in words, empty if there is none."""
    if known.shown or known.default is None:
        return known.shown
    if isinstance(known.default, bool):
        return "yes" if known.default else "no"
    return f"{known.default:g}" if isinstance(known.default, float) else str(known.default)


def allowed(known: Option) -> str:
    """Return the allowed values in words, with their unit."""
    if known.choices:
        return ", ".join(f"`{choice}`" for choice in known.choices)
    return f"{known.allowed} ({known.unit})" if known.unit else known.allowed


def table(options: Iterable[Option]) -> str:
    """Return one table.

    Args:
        options: A row each.
    """
    rows = [
        f"| `{known.name}` | {default_of(known)} | {allowed(known)} | {known.help} |"
        for known in options
    ]
    return "\n".join([_HEAD, *rows])


def page() -> str:
    """Return all tables: the recipes by stage, the simulation, the plans."""
    parts = []
    for stage, title in (("conversion", "Conversion"), ("training", "Training")):
        for name in names(stage):
            known = RECIPES[name]
            options = [found for found in known.options().values() if found.stage == stage]
            parts.append(
                f"### {title}: `{known.__name__}` (`{name}`)\n\n{_sentence(known.summary)}\n\n"
                + table(options)
            )
    for config in (Simulation, FinetunePlan, Augmentation, ThresholdPlan, CorrectionPlan):
        parts.append(
            f"### `{config.__name__}`\n\n{_first(config)}\n\n" + table(config.options().values())
        )
    return "\n\n".join(parts)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _first(config: type[Config]) -> str:
    return (config.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    print(page())
