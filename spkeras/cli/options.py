"""Options that several commands share."""

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spkeras import recipes
from spkeras.cli import generated
from spkeras.cli.kinds import Numbers, Real, Replacement
from spkeras.cli.messages import note
from spkeras.ops.names import ENGINES

if TYPE_CHECKING:
    from spkeras.data import Data

Command = TypeVar("Command", bound=Callable[..., Any])

MODEL = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class DataChoice:
    """Which samples a user asked for, and in which range of values."""

    spec: str
    part: str
    samples: int | None
    scale: float | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def read(self, model: Any) -> "Data":
        """The samples as a Keras model wants them; their notes go to stderr."""
        from spkeras.data import fit_inputs, read_data

        read = read_data(
            self.spec,
            part=self.part,
            samples=self.samples,
            scale=self.scale,
            mean=self.mean,
            std=self.std,
            image_size=tuple(model.inputs[0].shape[1:]),
        )
        data = fit_inputs(read, model)
        for text in data.notes:
            note(text)
        return data

    def words(self) -> str:
        """The same choice as command line options, without the number of samples."""
        given = [("--data", self.spec)]
        if self.scale is not None:
            given.append(("--scale", f"{self.scale:g}"))
        for option, numbers in (("--mean", self.mean), ("--std", self.std)):
            if numbers is not None:
                given.append((option, ",".join(f"{number:g}" for number in numbers)))
        return " ".join(f"{option} {shlex.quote(value)}" for option, value in given)


def data_options(part: str, samples: int | None) -> Callable[[Command], Command]:
    """--data and what says how to read it, given to the command as one `data`."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(
            *args: Any,
            data: str,
            samples: int | None,
            scale: float | None,
            mean: tuple[float, ...] | None,
            std: tuple[float, ...] | None,
            **rest: Any,
        ) -> Any:
            choice = DataChoice(
                spec=data, part=part, samples=samples, scale=scale, mean=mean, std=std
            )
            return command(*args, data=choice, **rest)

        for option in reversed(_data_options(part, samples)):
            wrapped = option(wrapped)
        return wrapped  # type: ignore[return-value]

    return decorate


def _data_options(part: str, samples: int | None) -> list[Callable[[Any], Any]]:
    shown = str(samples) if samples else "all"
    positive = Real(min=0, min_open=True)
    return [
        click.option(
            "--data",
            required=True,
            metavar="DATA",
            help=f"Samples, {part} part: an .npz file, a folder of class folders of images, "
            "'digits', or the name of a keras.datasets set.",
        ),
        click.option(
            "--samples",
            type=click.IntRange(min=1),
            default=samples,
            help=f"How many samples, drawn at random from the part (the same each time).  "
            f"[default: {shown}]",
        ),
        click.option(
            "--scale", type=positive, help="Divide inputs by this: 255 for pixels of 0..255."
        ),
        click.option(
            "--mean", type=Numbers(), help="Subtract this; one number or one per channel."
        ),
        click.option("--std", type=Numbers(), help="Divide by this after --mean."),
        click.option(
            "--batch-size",
            type=click.IntRange(min=1),
            default=100,
            show_default=True,
            help="Most samples at once; memory depends on it.",
        ),
    ]


def model_options(command: Command) -> Command:
    """--architecture and --replace, for files that do not hold a whole model."""
    command = click.option(
        "--replace",
        type=Replacement(),
        multiple=True,
        help="What stands for a layer that is code; may be given again.",
    )(command)
    return click.option(
        "--architecture",
        type=MODEL,
        help="JSON of model.to_json(), if MODEL holds weights only.",
    )(command)


def _decorated(command: Command, made: list[generated.Decorator]) -> Command:
    for option in reversed(made):
        command = option(command)
    return command


def simulation_options(command: Command) -> Command:
    """Settings of a run instead of the network's own."""
    return _decorated(command, generated.simulation_options(shows_defaults=False))


def conversion_options(command: Command) -> Command:
    """What says how a CNN becomes a spiking network."""
    return _decorated(
        command,
        [
            click.option(
                "--recipe",
                type=click.Choice(recipes.names("conversion")),
                default="ecc",
                show_default=True,
                help="What spikes carry: see above.",
            ),
            published_option,
            *generated.recipe_options("conversion"),
            *generated.simulation_options(shows_defaults=True),
        ],
    )


def recipe_summaries(stage: str) -> str:
    """The recipes of a stage and what each of them does, for a help text."""
    names = recipes.names(stage)
    width = max(map(len, names)) + 2
    lines = [f"  {name:{width}}{recipes.RECIPES[name].summary}" for name in names]
    return "\n".join(["\b", "Recipes:", *lines])


published_option = click.option(
    "--published",
    is_flag=True,
    default=None,
    help="All settings as published for the recipe (docs/papers.md).",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="A Keras pass a step, or spike by spike (needs numba).  [default: the faster one]",
)

any_range_option = click.option(
    "--any-range", is_flag=True, help="Accept data far outside the calibrated range."
)
insist_option = click.option(
    "--insist",
    is_flag=True,
    help="Go on with data on which the CNN is near chance or that look wrong.",
)
json_option = click.option("as_json", "--json", is_flag=True, help="Print JSON and nothing else.")


def given(**options: Any) -> dict[str, Any]:
    """The options that a user set."""
    return {name: value for name, value in options.items() if value is not None}
