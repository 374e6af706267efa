"""`spkeras finetune`."""

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras import recipes
from spkeras.cli import options
from spkeras.cli.checkpoint import checkpoint_folder, discard, folder_of
from spkeras.cli.files import CnnReader, check_output, write_whole
from spkeras.cli.generated import GroupedCommand, all_of, config_options, option, recipe_options
from spkeras.cli.labelled import cnn_quality
from spkeras.cli.messages import note, say, show_json, warn
from spkeras.cli.progress import progress
from spkeras.cli.trained import epoch_lines, report
from spkeras.errors import OptionError
from spkeras.files.models import save_model
from spkeras.recipes import Augmentation, FinetunePlan, LogWeights, Simulation

if TYPE_CHECKING:
    import keras
    import numpy as np


# Options of `spkeras.training.prepare`, by the names that it has for them.
_TWIN = ("timesteps", "policy", *recipes.options_of("training"))
# Options of the plan and the augmentation, by the name of their parameter.
_PLAN = {
    known.flag.replace("-", "_") or name: name for name, known in FinetunePlan.options().items()
}
_RECORDS = ("then", "choose_timesteps")
_HELD_OUT = 200


def _steps_and_epochs(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Return the numbers of T:EPOCHS."""
    if value is None:
        return None
    steps, _, epochs = value.partition(":")
    try:
        return int(steps), int(epochs or 1)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form T:EPOCHS") from None


def _counts(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Return whole numbers separated by commas."""
    try:
        return None if value is None else tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of whole numbers") from None


_TRAINING: dict[str, Any] = {"group": "training"}
_own_options = [
    option(
        "--policy",
        metavar="NAME",
        help="Keras dtype policy while training, such as mixed_bfloat16.  [default: the CNN's]",
        **_TRAINING,
    ),
    option(
        "--then",
        callback=_steps_and_epochs,
        metavar="T:EPOCHS",
        help="Train for another T afterwards.  [default: none]",
        **_TRAINING,
    ),
    option(
        "--choose-timesteps",
        callback=_counts,
        metavar="T,T,...",
        help="Choose the smallest of these T within --max-drop.  [default: none]",
        **_TRAINING,
    ),
    option(
        "--float-weights", is_flag=True, help="Keep the weights of cat as floats.", group="weights"
    ),
]

HELP = f"""Train a CNN for conversion at few time steps.

Activations take the values that spikes carry, in stages: clamped, then quantised. Convert
the result with the same recipe. A run that was stopped continues from its checkpoint when
the same command is given again.

{options.recipe_summaries("training")}

cat also folds batch norm into the kernels and rounds these to logarithmic codes, for
`spkeras hardware compile`.
"""


@click.command(cls=GroupedCommand, help=HELP)
@click.argument("model", type=options.MODEL)
@options.output_option("The trained network, .keras.  [default: ./MODEL_RECIPE.keras]")
@options.force_option
@options.data_options("train", None)
@options.batch_option
@options.insist_option
@options.recipe_option(recipes.names("training"), "cq", "One of the recipes above.")
@options.published_option
@all_of(config_options(Simulation, "timesteps", timesteps="64; low_latency, qcfs 8; cat 24"))
@all_of(recipe_options("training"))
@all_of(config_options(LogWeights, "weight_bits", "weight_steps", weight_bits="cat 5"))
@all_of(config_options(recipes.CQ, "threshold_bits", "membrane_bits"))
@all_of(config_options(FinetunePlan, held_out=str(_HELD_OUT)))
@all_of([*config_options(Augmentation), *_own_options])
@options.start_over_option
@options.json_option
@options.model_options
def command(
    model: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    batch_size: int,
    start_over: bool,
    as_json: bool,
    reader: CnnReader,
    **chosen: Any,
) -> None:
    """Train, write, report."""
    recipe, insist = chosen["recipe"], chosen.pop("insist")
    output = output or Path(f"{model.stem}_{recipe.replace('+', '_plus')}.keras")
    check_output(output, (".keras",), "--output", force)
    folder_of(output)
    published = bool(chosen.pop("published"))
    chosen |= _as_published(chosen) if published else {}
    plan = _plan(chosen)
    cnn = reader.read(model).model
    from spkeras.files.digests import Digest
    from spkeras.metrics.chance import MOST
    from spkeras.training.labelled import split

    samples = data.read(cnn)
    x = split(cnn, samples, plan.held_out)[0].x[0]
    # A CNN that is trained from the start, by epochs with ReLU, is near chance.
    quality = cnn_quality(cnn, samples.some(MOST), batch_size, insist or plan.relu > 0)
    note(f"training on {len(x)} samples of {samples.name}{quality}")
    twin = _twin(cnn, x, chosen, batch_size)
    given = {"data": data.words(), "samples": data.samples, **options.given(**chosen)}
    given["contents"] = Digest().add([*cnn.get_weights(), *samples.arrays]).words()
    backup = checkpoint_folder(output, given, start_over)
    trained, history = _train(twin, samples, plan, teacher=cnn, backup=backup, quiet=as_json)
    write_whole(output, partial(save_model, trained))
    discard(backup, start_over=True)
    record = {"output": str(output), "recipe": recipe, "epochs": plan.epochs + plan.coded}
    record |= _chosen_timesteps(trained, plan, history)
    record |= report(
        cnn,
        trained,
        x[:1000],
        data=data,
        recipe=recipe,
        batch_size=batch_size,
        # Publications start all layers at once.
        simulation={"stagger": 0} if published else {},
        widths=_whole(chosen),
    )
    _show(record, as_json, _next(output, chosen, data, published=published, cnn=model))


def _train(
    twin: "keras.Model", samples: Any, plan: FinetunePlan, *, quiet: bool, **training: Any
) -> tuple["keras.Model", dict[str, list[float]]]:
    """Return the trained twin and its history; print a line per epoch unless `quiet`."""
    from spkeras.training import finetune

    with progress("training") as advance:
        return finetune(
            twin,
            samples,
            plan,
            callbacks=[] if quiet else [epoch_lines(plan.epochs + plan.coded)],
            progress=advance,
            **training,
        )


def _chosen_timesteps(
    trained: "keras.Model", plan: FinetunePlan, history: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the T that was chosen, and the accuracy at each candidate."""
    if not plan.choose_timesteps:
        return {}
    from spkeras.training.schedule import timesteps_of

    found = zip(sorted(plan.choose_timesteps), history["candidate_accuracy"], strict=True)
    return {"timesteps": timesteps_of(trained), "held_out_accuracies": dict(found)}


def _show(record: Mapping[str, Any], as_json: bool, following: str) -> None:
    for text in record["warnings"]:
        warn(text)
    if as_json:
        show_json(dict(record))
        return
    for key, value in record.items():
        if key != "warnings":
            say(f"{key}: {value}")
    say(f"next: {following}")


def _next(
    output: Path,
    chosen: Mapping[str, Any],
    data: options.DataChoice,
    *,
    published: bool,
    cnn: Path,
) -> str:
    """Return the command that takes the trained network."""
    path, recipe = shlex.quote(str(output)), chosen["recipe"]
    if recipe == "cat":
        return (
            f"spkeras convert {path} {data.words()} --recipe ttfs, or spkeras hardware compile "
            f"{path} -o program.npz --cnn {shlex.quote(str(cnn))}"
        )
    widths = [f" --{name.replace('_', '-')} {bits}" for name, bits in _whole(chosen).items()]
    end = (" --published" if published else "") + "".join(widths)
    return f"spkeras convert {path} {data.words()} --recipe {recipe}{end}"


def _as_published(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a twin as published; refuse options that contradict them."""
    from spkeras.ops.published import check_plan, for_training

    recipe = chosen["recipe"]
    given = {name: chosen[parameter] for parameter, name in _PLAN.items()}
    weights = {name: chosen[name] for name in ("weight_bits", "float_weights")}
    check_plan(recipe, {**given, **weights})
    return for_training(recipe, {name: chosen[name] for name in _TWIN})


def _twin(
    cnn: "keras.Model", x: "np.ndarray", chosen: Mapping[str, Any], batch_size: int
) -> "keras.Model":
    from spkeras.ops import sampling
    from spkeras.training import prepare

    settings = options.given(**{name: chosen[name] for name in _TWIN})
    with progress("choosing ranges") as advance:
        return prepare(
            cnn,
            x[sampling.chosen(len(x), 1000)].astype("float32"),
            chosen["recipe"],
            batch_size=batch_size,
            progress=advance,
            **settings,
        )


def _plan(chosen: Mapping[str, Any]) -> FinetunePlan:
    weights = _weights(chosen)
    given = {name: chosen[parameter] for parameter, name in _PLAN.items()}
    given |= {name: chosen[name] for name in _RECORDS}
    given |= _whole(chosen)
    augmentation = options.given(**{name: chosen[name] for name in Augmentation.options()})
    return FinetunePlan(
        **{
            "held_out": _HELD_OUT,
            "log": 2 if weights else 0,
            **options.given(**given),
            "weights": weights.weight_format if weights else None,
        },
        augmentation=Augmentation(**augmentation),
        # The command has checked the CNN.
        insist=True,
    )


def _weights(chosen: Mapping[str, Any]) -> LogWeights | None:
    """Return the logarithmic weights of cat; None for recipes whose weights are floats."""
    given = options.given(**{name: chosen[name] for name in ("weight_bits", "weight_steps")})
    cat = chosen["recipe"] == "cat"
    names = ("threshold_bits", "membrane_bits", "rounded") if cat else ("weight_steps", "log")
    wrong = [f"--{name.replace('_', '-')}" for name in names if chosen[name] is not None]
    if wrong:
        raise OptionError(
            f"{', '.join(wrong)} with --recipe {chosen['recipe']}; allowed: --weight-bits with any "
            "recipe, --weight-steps and --log with cat (logarithmic weights), --threshold-bits, "
            "--membrane-bits and --rounded with the others (whole weights)"
        )
    return LogWeights(**given) if cat and not chosen["float_weights"] else None


def _whole(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the widths of whole numbers that are given; empty for cat."""
    names = () if chosen["recipe"] == "cat" else ("weight_bits", "threshold_bits", "membrane_bits")
    return options.given(**{name: chosen[name] for name in names})
