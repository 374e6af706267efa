"""The margin of early exit that calibration data gives, and what it costs on test images.

    python -m tests.benchmarks.early_exit models/cifar10_resnet20.keras --data cifar10.npz

1. Converts the network with the first training images.
2. Simulates other training images, drawn with a seed, and takes the smallest margin of the table
   that changes at most `--changed` of their decisions (`ExitCourse.smallest`).
3. Simulates test images, drawn with the same seed, once, with that margin.
4. Takes the processor time of `--timed` test images, run to T and with samples that stop.

A share of n images is uncertain: the upper end of its 95 % confidence interval (Clopper and
Pearson 1934) is printed beside it. The images are also those of the CNN's training; new images are
decided less clearly, so that the interval does not cover the share on test images.
"""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np


def main_table(course: Any, samples: int) -> str:
    """The rows of a course of early exit as a table in Markdown."""
    lines = [
        "| margin | mean T | stop before T | accuracy | decisions changed (at most, 95 %) "
        "| spikes saved |",
        "|---|---|---|---|---|---|",
    ]
    for row in course.rows:
        right = "" if row.accuracy is None else f"{100 * row.accuracy:.1f} %"
        bound = upper_bound(round(row.changed * samples), samples)
        lines.append(
            f"| {row.margin:g} | {row.steps:.1f} | {100 * row.exits:.1f} % | {right} "
            f"| {100 * row.changed:.2f} % ({100 * bound:.2f} %) | {100 * row.saved:.1f} % |"
        )
    return "\n".join(lines)


def upper_bound(found: int, samples: int, confidence: float = 0.95) -> float:
    """Return the upper end of the two-sided Clopper-Pearson interval of a share.

    Args:
        found: Number of samples with the property.
        samples: Number of samples.
        confidence: Of the interval, in (0, 1).
    """
    if found >= samples:
        return 1.0
    tail, low, high = (1 - confidence) / 2, found / samples, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(found, samples, middle) > tail else (low, middle)
    return high


def at_most(found: int, samples: int, share: float) -> float:
    """Return the probability of at most `found` of `samples` independent draws."""
    logs = [
        math.lgamma(samples + 1)
        - math.lgamma(k + 1)
        - math.lgamma(samples - k + 1)
        + k * math.log(share)
        + (samples - k) * math.log1p(-share)
        for k in range(found + 1)
    ]
    return sum(map(math.exp, logs))


def drawn(data: Any, first: int, count: int, seed: int) -> Any:
    """Return `count` samples of a data set, drawn with a seed among those from `first` on."""
    rows = np.random.default_rng(seed).permutation(np.arange(first, len(data.x[0])))[:count]
    rows.sort()
    return replace(data, x=tuple(x[rows] for x in data.x), y=data.y[rows])


def processor_seconds(snn: Any, x: Any, policy: Any) -> float:
    """Return the processor time of an evaluation, of all threads; the better of two runs."""
    import spkeras

    found = []
    for _ in range(2):
        start = time.process_time()
        spkeras.evaluate(snn, x, engine="events", batch_size=100, early_exit=policy)
        found.append(time.process_time() - start)
    return min(found)


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True, help="An .npz with x_train, x_test, and labels.")
@click.option("--scale", type=float, default=255.0, show_default=True, help="Divides the data.")
@click.option("--timesteps", default=64, show_default=True)
@click.option("--stagger", type=float, default=1.0, show_default=True)
@click.option("--calibration", default=500, show_default=True, help="Images to convert with.")
@click.option("--held-back", default=4000, show_default=True, help="Training images for the rule.")
@click.option("--samples", default=10_000, show_default=True, help="Test images.")
@click.option("--changed", default=0.005, show_default=True, help="Of the rule.")
@click.option("--patience", default=2, show_default=True)
@click.option("--timed", default=200, show_default=True, help="Test images of the last stage.")
@click.option("--seed", default=0, show_default=True)
def main(
    model: Path,
    data: str,
    scale: float,
    timesteps: int,
    stagger: float,
    calibration: int,
    held_back: int,
    samples: int,
    changed: float,
    patience: int,
    timed: int,
    seed: int,
) -> None:
    """Run the stages and print their tables."""
    import spkeras
    from spkeras.data import fit_inputs, read_data
    from spkeras.metrics import EarlyExit

    cnn = spkeras.load_model(model)
    train = read_data(data, part="train", samples=None, scale=scale)
    test = read_data(data, part="test", samples=None, scale=scale)
    seen = fit_inputs(replace(train, x=tuple(x[:calibration] for x in train.x), y=None), cnn)
    snn = spkeras.convert(
        cnn, seen.inputs, timesteps=timesteps, simulation=spkeras.Simulation(stagger=stagger)
    )
    apart = fit_inputs(drawn(train, calibration, held_back, seed), cnn)
    first = EarlyExit(margin=16, patience=patience)
    course = spkeras.evaluate(snn, apart.inputs, apart.y, early_exit=first).early_exit
    click.echo(f"{model.stem}, T = {timesteps}, stagger {stagger:g}: {held_back} training images")
    click.echo(main_table(course, len(apart.x[0])))
    policy = course.smallest(changed=changed)
    click.echo(f"Smallest margin that changes at most {100 * changed:g} %: {policy.margin:g}\n")
    new = fit_inputs(drawn(test, 0, samples, seed), cnn)
    result = spkeras.evaluate(snn, new.inputs, new.y, early_exit=policy)
    click.echo(f"{len(new.x[0])} test images, margin {policy.margin:g}")
    click.echo(main_table(result.early_exit, len(new.x[0])))
    row = result.early_exit.chosen
    click.echo(
        f"| no exit | {timesteps} | | {100 * (row.accuracy + row.cost):.1f} % | | |\n"
        f"Margin {row.margin:g}: {100 * row.changed:.2f} % of the decisions changed, accuracy "
        f"lost {100 * row.cost:.2f} points, {100 * row.saved:.1f} % of the spikes saved"
    )
    some = replace(new, x=tuple(x[:timed] for x in new.x), y=None).inputs
    whole = processor_seconds(snn, some, None)
    stopped = processor_seconds(snn, some, replace(policy, stop=True))
    click.echo(
        f"Processor time of {timed} test images: {stopped:.1f} s with stop, {whole:.1f} s to T "
        f"({100 * (1 - stopped / whole):.0f} % less)"
    )


if __name__ == "__main__":
    main()
