"""Options that several commands share."""

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras import recipes
from spkeras.cli import generated
from spkeras.cli.files import CnnReader
from spkeras.cli.generated import Command, all_of, option
from spkeras.cli.kinds import Architecture, Numbers, Real, Replacement, Sizes
from spkeras.cli.messages import note
from spkeras.ops.names import ENGINES

if TYPE_CHECKING:
    import keras

    from spkeras.data import Data

MODEL = click.Path(exists=True, path_type=Path)


@dataclass(frozen=True, kw_only=True)
class DataChoice:
    """The samples that a user names, and the range of their values.

    Attributes:
        spec: What --data names.
        part: "train" or "test".
        samples: How many; None for all.
        scale: Inputs are divided by it.
        mean: Subtracted, one number or one per channel.
        std: Divisor after `mean`.
    """

    spec: str
    part: str
    samples: int | None
    scale: float | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def stored(self, image_size: tuple[int, ...]) -> "Data":
        """Return the samples as their source has them.

        Args:
            image_size: Shape of an input, to which images in folders are resized.
        """
        from spkeras.data import read_data

        return read_data(**vars(self), image_size=image_size)

    def read(self, model: "keras.Model") -> "Data":
        """Return the samples in the shape that a Keras model takes; show their notes."""
        from spkeras.data import fit_inputs

        data = fit_inputs(self.stored(tuple(model.inputs[0].shape[1:])), model)
        for text in data.notes:
            note(text)
        return data

    def words(self) -> str:
        """Return the choice as command-line options, without the number of samples."""
        given = [("--data", self.spec)]
        if self.scale is not None:
            given.append(("--scale", f"{self.scale:g}"))
        for name, numbers in (("--mean", self.mean), ("--std", self.std)):
            if numbers is not None:
                given.append((name, ",".join(f"{number:g}" for number in numbers)))
        return " ".join(f"{name} {shlex.quote(value)}" for name, value in given)


def data_options(
    part: str, samples: int | None, required: bool = True
) -> Callable[[Command], Command]:
    """Return the options of the data; the command receives them as one `DataChoice`, `data`.

    Args:
        part: "train" or "test".
        samples: Default of --samples, None for all.
        required: Whether --data must be given; the command receives None without it.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(*args: Any, data: str | None, **rest: Any) -> Any:
            own = {name: rest.pop(name) for name in ("samples", "scale", "mean", "std")}
            chosen = None if data is None else DataChoice(spec=data, part=part, **own)
            return command(*args, data=chosen, **rest)

        return all_of(_data_options(part, samples, required))(wrapped)  # type: ignore[return-value]

    return decorate


def _data_options(part: str, samples: int | None, required: bool) -> list[generated.Decorator]:
    group: dict[str, Any] = {"group": "data"}
    return [
        option(
            "--data",
            required=required,
            metavar="DATA",
            help=f"Samples ({part} part): an .npz, .npy or .csv file, a folder with one folder of images per "
            "class, 'digits', or the name of a keras.datasets set."
            + ("" if required else "  [default: none]"),
            **group,
        ),
        option(
            "--samples",
            type=click.IntRange(min=1),
            default=samples,
            metavar="N",
            help="Number of samples, drawn at random with a fixed seed.  "
            f"[default: {samples or 'all'}]",
            **group,
        ),
        option(
            "--scale",
            type=Real(min=0, min_open=True),
            help="Divide inputs by this number: 255 for pixels from 0 to 255.  [default: 1]",
            **group,
        ),
        option(
            "--mean",
            type=Numbers(),
            help="Subtract this, one number or one per channel.  [default: 0]",
            **group,
        ),
        option("--std", type=Numbers(), help="Divide by this after --mean.  [default: 1]", **group),
    ]


batch_option = option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="SAMPLES",
    help="Samples at once; memory depends on it.",
    group="data",
)
_model_options = (
    option(
        "--architecture",
        type=Architecture(),
        metavar="FILE|FILE.py:FUNCTION",
        help="For a CNN file of weights only: JSON of model.to_json(), a whole model file, or a "
        "Python function that returns the model.",
    ),
    option(
        "--input-shape",
        type=Sizes(),
        multiple=True,
        metavar="SIZES",
        help="Input of a CNN that leaves sizes open, such as 224,224,3; once for each "
        "input.  [default: as the CNN states]",
    ),
    option(
        "--replace",
        type=Replacement(),
        multiple=True,
        help="Keras layer to use instead of a layer that holds code; repeatable.",
    ),
)


def model_options(command: Command) -> Command:
    """Add the options that say how a CNN is read.

    The command receives them as one `CnnReader`, `reader`.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, replace: tuple[tuple[str, str], ...], **rest: Any) -> Any:
        own = {name: rest.pop(name) for name in ("architecture", "input_shape")}
        return command(*args, reader=CnnReader(replace=dict(replace), **own), **rest)

    return all_of(_model_options)(wrapped)  # type: ignore[return-value]


force_option = option("--force", is_flag=True, help="Replace the output if it exists.")
start_over_option = option(
    "--start-over", is_flag=True, help="Discard the checkpoint of a stopped run."
)
published_option = option(
    "--published",
    is_flag=True,
    default=None,
    help="Use all settings as published for the recipe (docs/papers.md).",
    group="network",
)
engine_option = option(
    "--engine",
    type=click.Choice(ENGINES),
    help="dense: one Keras pass per time step; events: spike by spike (needs numba).  "
    "[default: auto, the faster one]",
)
any_range_option = option(
    "--any-range", is_flag=True, help="Accept data far outside the calibrated range.", group="data"
)
insist_option = option(
    "--insist",
    is_flag=True,
    help="Accept data that look wrong, or on which the CNN is near chance.",
    group="data",
)
# Names of `spkeras.metrics.costs.COST_TABLES` and `metrics.energy.NUMBERS`, whose import takes
# NumPy.
COSTS = ("horowitz-45nm", "jouppi-7nm")
NUMBERS = ("float32", "int8")
costs_option = option(
    "--costs",
    default=COSTS[0],
    show_default=True,
    metavar="NAME|FILE",
    help=f"Energy of single operations: {', '.join(COSTS)}, or a .toml or .json file with a table.",
    group="energy",
)
numbers_option = option(
    "--numbers",
    type=click.Choice(NUMBERS),
    default=NUMBERS[0],
    show_default=True,
    help="Numbers that the estimate of energy assumes; int8 has sums of 32 bits.",
    group="energy",
)
json_option = option("as_json", "--json", is_flag=True, help="Print JSON only.")


def output_option(shown: str, required: bool = False) -> generated.Decorator:
    """Return the option -o/--output.

    Args:
        shown: Help, with the default.
        required: Whether there is no default.
    """
    return option("-o", "--output", type=click.Path(path_type=Path), required=required, help=shown)


def recipe_option(names: tuple[str, ...], default: str, text: str) -> generated.Decorator:
    """Return the option --recipe.

    Args:
        names: Recipes of the command.
        default: One of them.
        text: Help.
    """
    return option(
        "--recipe",
        type=click.Choice(names),
        default=default,
        show_default=True,
        help=text,
        group="network",
    )


target_option = option(
    "--target",
    metavar="NAME|FILE",
    help="Chip or format that the network is for: akida1, generic-int8, loihi2, nir, speck2f, "
    "spinnaker2, or a .toml file (docs/targets.md).  [default: none]",
    group="network",
)


def recipe_summaries(stage: str) -> str:
    """Return the recipes of a stage and what each of them does, for a help text."""
    names = recipes.names(stage)
    width = max(map(len, names)) + 2
    lines = [f"  {name:{width}}{recipes.RECIPES[name].summary}" for name in names]
    return "\n".join(["\b", "Recipes:", *lines])


def given(**options: Any) -> dict[str, Any]:
    """Return the options that are set."""
    return {name: value for name, value in options.items() if value is not None}
