"""What the commands that compare networks of a CNN share: options, checkpoint, samples, rules."""

import functools
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.checkpoint import discard
from spkeras.cli.evaluate import evaluator_of, ray_options
from spkeras.cli.files import CnnReader
from spkeras.cli.generated import Command, all_of, simulation_options
from spkeras.cli.messages import keep, note
from spkeras.recipes import Simulation

if TYPE_CHECKING:
    import keras

    from spkeras.data import Data
    from spkeras.metrics.sweep import SweepPoint

_CALIBRATION = 1000


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """The options of a command that compares networks of a CNN.

    Attributes:
        model: File of the CNN.
        data: Samples.
        reader: How the file is read.
        batch_size: Samples at once.
        insist: Accept samples and labels that look wrong.
        costs: Cost table, a name or a file.
        numbers: Numbers that the estimate of energy assumes.
        ray: Address of a cluster, or None.
        ray_cpus: Processors of a worker.
        start_over: Discard the checkpoint.
        settings: Of the simulation; None for what is not given.
    """

    model: Path
    data: options.DataChoice
    reader: CnnReader
    batch_size: int
    insist: bool
    costs: str
    numbers: str
    ray: str | None
    ray_cpus: int | None
    start_over: bool
    settings: Mapping[str, Any]

    def begin(self, command: str) -> "Begun":
        """Check the options, read the CNN, and name the checkpoint that work goes on from."""
        from spkeras.metrics.energy import table_for

        table = table_for(self.numbers, self.costs)
        checkpoint = Path(f"{self.model.stem}_{command}.checkpoint")
        discard(checkpoint, self.start_over)
        cnn = self.reader.read(self.model).model
        rules = {
            "simulation": Simulation(**options.given(**self.settings)),
            "costs": table,
            "numbers": self.numbers,
            "batch_size": self.batch_size,
            "insist": self.insist,
            "checkpoint": checkpoint,
            "evaluator": evaluator_of(self.ray, self.ray_cpus),
        }
        if checkpoint.is_file():
            note(f"{checkpoint}: continuing from this checkpoint")
        keep(checkpoint)
        return Begun(cnn=cnn, checkpoint=checkpoint, rules=rules)

    def converting(self, point: "SweepPoint", output: str | None = None) -> str:
        """Return the command that makes a network of the comparison."""
        own = {**point.recipe, "timesteps": point.timesteps, "stagger": point.stagger}
        given = {**options.given(**self.settings), **options.given(**own)}
        chosen = [f"--{name.replace('_', '-')} {value}" for name, value in given.items()]
        named = [] if output is None else [f"-o {shlex.quote(output)}"]
        return " ".join(["spkeras convert", self._words, *named, *chosen])

    def following(self, point: "SweepPoint") -> tuple[str, ...]:
        """Return the commands that make a network of the comparison, measure it and check it."""
        output = f"{self.model.stem}_snn.keras"
        made, model = shlex.quote(output), shlex.quote(str(self.model))
        return (
            self.converting(point, output),
            f"spkeras evaluate {made} {self.data.words()}",
            f"spkeras verify {model} {made} {self.data.words()}",
        )

    @property
    def _words(self) -> str:
        return f"{shlex.quote(str(self.model))} {self.data.words()}"

    def parts(self, cnn: "keras.Model") -> tuple["Data", Any]:
        """Return the samples to score, and those that calibrate where the data have a part for it."""
        scored = self.data.read(cnn)
        train = changed(self.data, part="train", samples=_CALIBRATION)
        other = train.stored(tuple(cnn.inputs[0].shape[1:]))
        if other.part == scored.part:
            note(f"{self.data.spec}: has one part; a quarter of it calibrates and is not scored")
            return scored, None
        return scored, train.read(cnn).inputs


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A comparison whose options are checked.

    Attributes:
        cnn: The CNN.
        checkpoint: File of what is done.
        rules: Keyword arguments of `spkeras.sweep` and its relatives.
    """

    cnn: "keras.Model"
    checkpoint: Path
    rules: dict[str, Any]


def comparing_options(samples: int | None) -> Callable[[Command], Command]:
    """Return the options; the command receives them as one `Comparing`, `comparing`.

    Args:
        samples: Default of --samples, None for all.
    """
    names = ("batch_size", "insist", "costs", "numbers", "ray", "ray_cpus", "start_over")

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(
            *args: Any, model: Path, data: options.DataChoice, reader: CnnReader, **rest: Any
        ) -> Any:
            own = {name: rest.pop(name) for name in names}
            # T is no setting of all networks, but varied.
            settings = {
                name: rest.pop(name) for name in Simulation.options() if name != "timesteps"
            }
            given = Comparing(model=model, data=data, reader=reader, settings=settings, **own)
            return command(*args, comparing=given, **rest)

        return all_of(
            [
                click.argument("model", type=options.MODEL),
                options.data_options("test", samples),
                options.batch_option,
                options.insist_option,
                all_of(simulation_options(True, without="timesteps")),
                options.costs_option,
                options.numbers_option,
                ray_options,
                options.start_over_option,
                options.model_options,
            ]
        )(
            wrapped
        )  # type: ignore[return-value]

    return decorate
