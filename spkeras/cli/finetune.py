"""`spkeras finetune`."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras import recipes
from spkeras.cli import generated, options
from spkeras.cli.checkpoint import checkpoint_folder
from spkeras.cli.files import check_output, read_cnn, write_whole
from spkeras.cli.kinds import Real
from spkeras.cli.labelled import cnn_quality
from spkeras.cli.messages import note, show_json, warn
from spkeras.cli.progress import progress
from spkeras.cli.trained import report
from spkeras.errors import DataError, OptionError
from spkeras.recipes import Augmentation, FinetunePlan

if TYPE_CHECKING:
    from spkeras.ops.log_weights import LogFormat

# Options that say what the twin is, under the names that `spkeras.training.prepare` has for them.
_TWIN = ("recipe", "timesteps", "policy", *recipes.options_of("training"))
# Options of the plan and the augmentation, by the name of their parameter.
_PLAN = {
    known.flag.replace("-", "_") or name: name for name, known in FinetunePlan.options().items()
}


def _steps_and_epochs(ctx: Any, param: Any, value: str | None) -> tuple[int, int] | None:
    """T:EPOCHS."""
    if value is None:
        return None
    steps, _, epochs = value.partition(":")
    try:
        return int(steps), int(epochs or 1)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form T:EPOCHS") from None


def _counts(ctx: Any, param: Any, value: str | None) -> list[int]:
    """Whole numbers separated by commas."""
    try:
        return [int(part) for part in (value or "").split(",") if part]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of whole numbers") from None


def _twin_options() -> list[Any]:
    option = click.option
    return [
        option(
            "--recipe",
            type=click.Choice(recipes.names("training")),
            default="cq",
            show_default=True,
            help="What is trained for: see above.",
        ),
        options.published_option,
        option(
            "--timesteps",
            type=click.IntRange(min=1),
            metavar="TIME STEPS",
            help="T.  [default: 64; low_latency, qcfs 8; cat 24]",
        ),
        option("--policy", help="Keras dtype policy while training, such as mixed_bfloat16."),
        *generated.recipe_options("training"),
    ]


def _plan_options() -> list[Any]:
    group: dict[str, Any] = {"cls": generated.GroupedOption, "group": "training"}
    option = click.option
    return [
        *generated.config_options(FinetunePlan),
        *generated.config_options(Augmentation),
        option(
            "--then", callback=_steps_and_epochs, metavar="T:EPOCHS", help="A further T.", **group
        ),
        option(
            "--weight-bits",
            type=click.IntRange(2, 12),
            metavar="BITS",
            help="Bits of a logarithmic weight, for cat.  [default: 5]",
            **group,
        ),
        option(
            "--weight-steps",
            type=click.Choice(["1", "2", "4", "8"]),
            help="Their levels an octave.  [default: 2]",
            **group,
        ),
        option("--float-weights", is_flag=True, help="Leave cat's weights as they are.", **group),
        option(
            "--choose-timesteps",
            callback=_counts,
            metavar="T,T,...",
            help="Take the smallest of these within --max-drop, on held-out samples.",
            **group,
        ),
        option(
            "--max-drop",
            type=Real(0, 100),
            default=1.0,
            show_default=True,
            metavar="POINTS",
            help="For that.",
            **group,
        ),
        option(
            "--held-out",
            type=click.IntRange(min=0),
            default=200,
            show_default=True,
            help="Training samples that are evaluated and never trained on.",
            **group,
        ),
    ]


def _decorated(command: Any) -> Any:
    for option in reversed([*_twin_options(), *_plan_options()]):
        command = option(command)
    return command


HELP = f"""Train a CNN for few time steps, then convert it with the same recipe.

Its activations take the values that spikes carry, in stages: clamped, then quantised.
A run that was stopped continues from its checkpoint when the same command is given again.

{options.recipe_summaries("training")}

cat: batch norm goes into the kernels and these into logarithmic codes, for
`spkeras hardware compile`.
"""


@click.command(cls=generated.GroupedCommand, help=HELP)
@click.argument("model", type=options.MODEL)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The trained network.  [default: MODEL_RECIPE.keras here]",
)
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@options.data_options("train", None)
@options.insist_option
@_decorated
@click.option("--start-over", is_flag=True, help="Forget the checkpoint of a stopped run.")
@options.json_option
@options.model_options
def command(
    model: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    batch_size: int,
    insist: bool,
    start_over: bool,
    as_json: bool,
    architecture: Path | None,
    replace: tuple[tuple[str, str], ...],
    **chosen: Any,
) -> None:
    """Train, write, report."""
    output = output or Path(f"{model.stem}_{chosen['recipe'].replace('+', '_plus')}.keras")
    check_output(output, (".keras",), "--output", force)
    from spkeras.metrics.chance import MOST
    from spkeras.training import ChooseTimesteps, finetune

    published = bool(chosen.pop("published"))
    if published:
        chosen |= _as_published(chosen)
    plan = _plan(chosen)
    cnn = read_cnn(model, architecture, replace).model
    samples = data.read(cnn)
    x, y, held = _split(samples, chosen["held_out"])
    # A CNN that is trained from the start, by epochs with ReLU, is near chance.
    quality = cnn_quality(cnn, samples.some(MOST), batch_size, insist or plan.relu > 0)
    note(f"training on {len(x)} samples of {samples.name}{quality}")
    twin = _twin(cnn, x, chosen, batch_size)
    choice = []
    if chosen["choose_timesteps"]:
        if held is None:
            raise OptionError("--choose-timesteps: needs --held-out 1 or more")
        drop = chosen["max_drop"] / 100
        choice = [ChooseTimesteps(held[0], held[1], chosen["choose_timesteps"], drop)]
    backup = checkpoint_folder(output, model, data, chosen=chosen, start_over=start_over)
    with progress("training") as advance:
        trained, _ = finetune(
            twin,
            x,
            y,
            plan,
            validation=held,
            teacher=cnn,
            backup=backup,
            insist=True,
            callbacks=list(choice),
            progress=advance,
            on_epoch=None if as_json else lambda epoch, logs: _tell(epoch, plan, logs),
        )
    write_whole(output, trained.save)
    record = {"output": str(output), "recipe": chosen["recipe"], "epochs": plan.epochs + plan.log}
    if choice:
        record |= {"timesteps": choice[0].chosen, "held_out_accuracies": choice[0].accuracies}
    # The staggered start is no part of any publication.
    simulation = {"stagger": 0} if published else {}
    record |= report(
        cnn,
        trained,
        x[:1000],
        data=data,
        recipe=chosen["recipe"],
        batch_size=batch_size,
        simulation=simulation,
    )
    for text in record["warnings"]:
        warn(text)
    if as_json:
        show_json(record)
        return
    for key, value in record.items():
        if key == "warnings":
            continue
        click.echo(f"{key}: {value}")
    if chosen["recipe"] == "cat":
        click.echo(f"next: spkeras hardware compile {shlex.quote(str(output))} -o program.npz")
    else:
        click.echo(
            f"next: spkeras convert {shlex.quote(str(output))} {data.words()} "
            f"--recipe {chosen['recipe']}{' --published' if published else ''}"
        )


def _as_published(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a twin as published, where they leave room for those given."""
    from spkeras.ops.published import check_plan, for_training

    recipe = chosen["recipe"]
    check_plan(recipe, {name: chosen[parameter] for parameter, name in _PLAN.items()})
    weights = {"weight_bits": chosen["weight_bits"], "float_weights": chosen["float_weights"]}
    check_plan(recipe, weights)
    return for_training(recipe, {n: chosen[n] for n in _TWIN if n != "recipe"})


def _split(samples: Any, held_out: int) -> tuple[Any, Any, tuple[Any, Any] | None]:
    """Samples to train on, their labels, and ones drawn at random that are held out."""
    import numpy as np

    from spkeras.ops.sampling import chosen

    if len(samples.x) != 1 or samples.y is None or isinstance(samples.y, tuple):
        raise DataError(f"{samples.name}: allowed for training: one input, one set of labels")
    x, y, count = samples.x[0], samples.y, samples.samples
    if held_out >= count:
        raise OptionError(f"--held-out {held_out}: there are {count} samples; hold out fewer")
    kept = np.ones(count, bool)
    kept[chosen(count, held_out)] = False
    held = None if held_out == 0 else (x[~kept].astype("float32"), y[~kept])
    return x[kept], y[kept], held


def _twin(cnn: Any, x: Any, chosen: Mapping[str, Any], batch_size: int) -> Any:
    from spkeras.ops import sampling
    from spkeras.training import prepare

    settings = options.given(**{name: chosen[name] for name in _TWIN})
    recipe = settings.pop("recipe")
    with progress("choosing ranges") as advance:
        return prepare(
            cnn,
            x[sampling.chosen(len(x), 1000)].astype("float32"),
            recipe,
            batch_size=batch_size,
            progress=advance,
            **settings,
        )


def _plan(chosen: Mapping[str, Any]) -> FinetunePlan:
    form = _format(chosen)
    given = options.given(**{name: chosen[parameter] for parameter, name in _PLAN.items()})
    augmentation = options.given(**{name: chosen[name] for name in Augmentation.options()})
    epochs = {"log": 2} if form else {}
    return FinetunePlan(
        **{**epochs, **given},
        then=chosen["then"],
        weights=form,
        augmentation=Augmentation(**augmentation),
    )


def _format(chosen: Mapping[str, Any]) -> "LogFormat | None":
    """How cat's weights are written down; None for other recipes, whose weights stay floats."""
    from spkeras.ops.log_weights import LogFormat

    bits, steps, log = chosen["weight_bits"], chosen["weight_steps"], chosen["log"]
    if chosen["recipe"] != "cat" and (bits or steps or log):
        raise OptionError(
            f"--weight-bits, --weight-steps, --log: logarithmic weights belong to --recipe cat, "
            f"not {chosen['recipe']}"
        )
    if chosen["recipe"] != "cat" or chosen["float_weights"]:
        return None
    return LogFormat(bits or 5, int(steps or 2))


def _tell(epoch: int, plan: FinetunePlan, logs: Mapping[str, float]) -> None:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
    click.echo(f"epoch {epoch + 1}/{plan.epochs + plan.log}: {figures}", err=True)
