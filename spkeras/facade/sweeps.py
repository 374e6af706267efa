"""Convert one CNN into many networks and measure each: accuracy, latency, operations, energy."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from spkeras.data import DataLike
from spkeras.errors import OptionError
from spkeras.facade.bench import Bench, Case, Evaluator, essential
from spkeras.facade.evaluation import evaluate
from spkeras.files.locks import locked
from spkeras.frontend.walk import walk
from spkeras.metrics.costs import CostTable
from spkeras.metrics.sweep import Refusal, SweepPoint
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress
from spkeras.recipes import Auto, Recipe, Simulation, get
from spkeras.report.objects import Sweep

# T of recipes whose spikes are bits, and of those whose spikes carry values.
TIMESTEPS = (2, 4, 8, 16, 32, 64)
VALUE_TIMESTEPS = (2, 4, 8)
# What is compared where nothing is named.
RECIPES: tuple[Mapping[str, Any], ...] = (
    {"recipe": "ecc"},
    {"recipe": "ecc", "neuron": "signed"},
    {"recipe": "sigma_delta"},
)


def sweep(
    model: keras.Model,
    data: DataLike,
    recipes: Sequence[str | Recipe | Mapping[str, Any]] | None = None,
    *,
    timesteps: Sequence[int] | None = None,
    simulation: Simulation | None = None,
    calibration: DataLike = None,
    costs: str | CostTable = "horowitz-45nm",
    numbers: str = "float32",
    batch_size: int = 100,
    insist: bool = False,
    checkpoint: str | Path | None = None,
    evaluator: Evaluator = evaluate,
    progress: Progress | None = None,
    verbose: str | int = "auto",
) -> Sweep:
    """Convert a CNN by several recipes for several T, each for its own T, and measure all.

    Args:
        model: As for `convert`.
        data: Samples that are scored, with their labels as a pair (x, y), or without; any form of
            docs/data.md. All are held in memory.
        recipes: Names, recipe objects, or dictionaries of name and options; "auto" stands for all
            that it tries. None: binary spikes, signed spikes and graded spikes without training.
        timesteps: T of each recipe. None: 2, 4, ... 64, for spikes that carry values 2, 4 and 8.
        simulation: Schedule, stagger, input encoding and seed of all networks.
        calibration: Samples that set thresholds and weights. None: a quarter of the samples, 1,000
            at most, drawn at random; they are not scored.
        costs: Cost table: its name, a .toml or .json file, or the table itself.
        numbers: Numbers that the estimate of energy assumes, "float32" or "int8".
        batch_size: Samples at once.
        insist: Accept samples and labels that look wrong.
        checkpoint: File that keeps finished points; a sweep that was stopped goes on from it.
        evaluator: Counterpart of `spkeras.evaluate`, such as one that runs on a cluster.
        progress: Called with (sample steps done, sample steps in all).
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.

    Returns:
        All points, the CNN beside them, and the networks that could not be built with the reason.

    Raises:
        UnsupportedLayerError, DataError, OptionError, WeightsError: as `convert` and `evaluate`;
            OptionError also where no network can be built, and for a checkpoint of other data or
            one that another run uses.
    """
    cases = list(cases_of(recipes or RECIPES, timesteps, simulation or Simulation()))
    with locked(checkpoint):
        bench = Bench.of(
            walk(model),
            data,
            calibration=calibration,
            simulation=simulation,
            costs=costs,
            numbers=numbers,
            checkpoint=checkpoint,
            batch_size=batch_size,
            insist=insist,
            evaluator=evaluator,
        )
        with reported(progress, verbose, "sample step") as report:
            return bench.sweep(points(bench, cases, report))


def points(bench: Bench, cases: Sequence[Case], progress: Progress) -> list[SweepPoint | Refusal]:
    """Return the points of all networks.

    Args:
        bench: Measures them.
        cases: The networks.
        progress: Called with (sample steps done, sample steps in all).
    """
    samples = len(bench.scored)
    work = [samples * (case.timesteps or 64) for case in cases]
    found: list[SweepPoint | Refusal] = []
    total, done = sum(work), 0
    for case, share in zip(cases, work, strict=True):

        def advance(part: int, of: int, done: int = done, share: int = share) -> None:
            progress(done + share * part // max(of, 1), total)

        found.append(bench.point(case, advance))
        done += share
        progress(done, total)
    return found


def cases_of(
    recipes: Sequence[str | Recipe | Mapping[str, Any]],
    timesteps: Sequence[int] | None,
    simulation: Simulation,
) -> Iterator[Case]:
    """Yield the networks of a sweep.

    Raises:
        OptionError: no recipe or T, an unknown recipe or option, a T that is none.
    """
    if not recipes or (timesteps is not None and not list(timesteps)):
        raise OptionError("sweep: received no recipe or no T; give at least one of each")
    for known in recipes:
        for recipe, stagger in _tried(get(known, "conversion", schedule=simulation.schedule)):
            steps = _steps(recipe) if timesteps is None else tuple(timesteps)
            for count in dict.fromkeys(steps):
                if count is not None:
                    simulation.changed(timesteps=count)
                if stagger is None or simulation.stagger is None:
                    yield Case(
                        config=essential(recipe), recipe=recipe, timesteps=count, stagger=stagger
                    )


def _tried(recipe: Recipe) -> Iterator[tuple[Recipe, float | None]]:
    """Yield the recipes that are tried for one, and their start delays; None for that in force."""
    if not isinstance(recipe, Auto):
        yield recipe, None
        return
    for candidate in recipe.candidates():
        yield candidate, None
        if recipe.spikes == "binary":
            yield candidate, 0.0


def _steps(recipe: Recipe) -> tuple[int | None, ...]:
    """Return T where none is given."""
    if recipe.needs_training or recipe.name == "ttfs":
        return (None,)
    carries = getattr(recipe, "spike_code", None) in ("delta", "differential")
    return VALUE_TIMESTEPS if carries or recipe.name == "sigma_delta" else TIMESTEPS
