"""Options that several commands share."""

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spkeras.cli.kinds import Numbers, Real, Replacement
from spkeras.cli.messages import note
from spkeras.ops.names import CODES, ENGINES, MOST_LEVELS, MOST_MANTISSA_BITS, NEURONS

if TYPE_CHECKING:
    from spkeras.data import Data

Command = TypeVar("Command", bound=Callable[..., Any])

# The library's own values, written out since importing it takes seconds; a test compares them.
RECIPES = ("ecc", "sigma_delta", "cq", "cq+", "low_latency", "qcfs", "auto")
SPIKES = ("binary", "signed", "graded")
THRESHOLDS = ("percentile", "mse", "iteration", "balance", "learned", "trained")
CORRECTIONS = ("light", "advanced", "both")
RESETS = ("subtract", "zero")
READOUTS = ("membrane", "spikes")
STEPS = {"binary": 64, "signed": 16, "graded": 4}
CODINGS = ("constant", "regular", "bernoulli")
SCHEDULES = ("clock_driven", "layer_synchronous")

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
            choice = DataChoice(data, part, samples, scale, mean, std)
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


def simulation_options(command: Command) -> Command:
    """--schedule, --stagger and --coding."""
    for option in (
        click.option(
            "--coding",
            type=click.Choice(CODINGS),
            help="Input as a constant current, regular spikes or random spikes.",
        ),
        click.option(
            "--stagger",
            type=Real(min=0),
            help="Steps by which each layer starts after the one before it, in sixteenths.  "
            "[default: chosen]",
        ),
        click.option(
            "--schedule",
            type=click.Choice(SCHEDULES),
            help="Spikes cross all layers at each step, or each layer waits for its window.",
        ),
    ):
        command = option(command)
    return command


def conversion_options(command: Command) -> Command:
    """What says how a CNN becomes a spiking network."""
    for option in reversed(_conversion_options()):
        command = option(command)
    return command


def _conversion_options() -> list[Callable[[Any], Any]]:
    share = Real(0, 100, min_open=True)
    one, part = click.IntRange(min=1), Real(0, 1)
    levels, spare = click.IntRange(1, MOST_LEVELS), click.IntRange(0, MOST_LEVELS - 1)
    mantissa = click.IntRange(0, MOST_MANTISSA_BITS)
    choice = click.Choice
    return [
        _option("--recipe", choice(RECIPES), "What spikes carry: see above.", "ecc"),
        click.option(
            "--published",
            is_flag=True,
            default=None,
            help="All settings as published for the recipe (docs/papers.md).",
        ),
        _option("--timesteps", one, "T, counted from the first input.", _steps()),
        _option("--spikes", choice(SPIKES), "What the hardware can send, for --recipe auto."),
        _option("--neuron", choice(NEURONS), "Which spikes a neuron sends.", "binary or recipe's"),
        _option("--code", choice(CODES), "What spikes mean.", "the neuron's own"),
        _option("--levels", levels, "Exponents of a graded spike.", "the neuron's own"),
        _option("--headroom", spare, "How many lie above a layer's scale.", "6 of 16"),
        _option("--mantissa-bits", mantissa, "Bits behind its leading one.", "the neuron's own"),
        _option(
            "--thresholds",
            choice(THRESHOLDS),
            "How they are chosen.",
            "mse for binary spikes and T < 64",
        ),
        _option("--correction", choice(CORRECTIONS), "Biases or potentials that make up for loss."),
        _option(
            "--percentile", share, "Activations below a layer's scale, in %.", "from T, 99.97 at 64"
        ),
        _option("--per-channel/--per-layer", bool, "What has a scale.", "per channel"),
        _option("--limit", one, "Most spikes in one step, for burst neurons.", 4),
        _option("--reset", choice(RESETS), "What a spike takes from it.", "subtract"),
        _option("--alpha", part, "Share of a level given in advance; 0.5 rounds.", 0.5),
        _option("--readout", choice(READOUTS), "Where the answer is read.", "membrane"),
        _option(
            "--pooling-neurons/--no-pooling-neurons",
            bool,
            "Neurons after average poolings, for ecc.",
            "no",
        ),
        _option("--weight-bits", click.IntRange(2, 16), "Bits of a weight.", "float32"),
        _option("--seed", int, "Of Bernoulli spikes and of positions drawn in calibration.", 0),
    ]


def _steps() -> str:
    return f"{STEPS['binary']}; {STEPS['graded']} where spikes carry values"


def _option(name: str, kind: Any, text: str, shown: object = None) -> Callable[[Any], Any]:
    """An option without a default of its own: what is not given is left to the library."""
    text = text if shown is None else f"{text}  [default: {shown}]"
    return click.option(name, type=kind, default=None, help=text)


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
