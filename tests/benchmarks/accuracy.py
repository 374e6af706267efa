"""Accuracy of converted networks over time steps, as the table of docs/accuracy.md.

    python tests/benchmarks/accuracy.py MODEL --data SET [--scale 255] [--samples 1000]

Calibrates on the first 1,000 training samples, evaluates on the first test samples, and never
looks at a label before the network is fixed. Each T is a run of its own, counted from the first
input. `--data` as for `spkeras evaluate`.
"""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

CLOCK = (16, 32, 64, 128, 256)


def rows(model: Any, train: Any, x: Any, y: Any, quick: bool) -> list[dict[str, Any]]:
    """One record per setting and T."""
    import spkeras

    found: list[dict[str, Any]] = []

    def add(setting: str, snn: Any, times: tuple[int, ...], **options: Any) -> None:
        result = spkeras.evaluate(snn, x, y, timesteps=max(times), **options)
        accuracy = dict(zip(result.steps.tolist(), result.accuracy.tolist(), strict=True))
        for timesteps in times:
            found.append(
                {
                    "setting": setting,
                    "schedule": result.schedule,
                    "timesteps": timesteps,
                    "accuracy": accuracy[timesteps],
                    "drop": result.cnn_accuracy - accuracy[timesteps],
                    "cnn_accuracy": result.cnn_accuracy,
                    "stagger": result.settings["stagger"],
                    "spikes_per_neuron": (
                        result.activity.spikes_per_neuron if timesteps == max(times) else None
                    ),
                    "seconds": round(result.seconds, 1),
                }
            )
            click.echo(json.dumps(found[-1]), err=True)

    for timesteps in (16, 64) if quick else CLOCK:
        for schedule in ("layer_synchronous", "clock_driven"):
            snn = spkeras.convert(model, train, timesteps=timesteps, schedule=schedule)
            add("ecc", snn, (timesteps,))
    for timesteps in (16, 32):
        signed = spkeras.convert(model, train, timesteps=timesteps, neuron="signed")
        add("ecc, signed", signed, (timesteps,))
    return found


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True)
@click.option("--scale", type=float, default=255.0, show_default=True)
@click.option("--samples", default=1000, show_default=True)
@click.option("--quick", is_flag=True, help="T = 16 and 64 alone.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Records as JSON.")
def main(
    model: Path, data: str, scale: float, samples: int, quick: bool, output: Path | None
) -> None:
    import spkeras
    from spkeras.data import fit_inputs, read_data

    cnn = spkeras.load_model(model)
    # The first ones, not an even spread: figures of other tools are for these images.
    train = first(read_data(data, part="train", samples=None, scale=scale), 1000)
    test = first(read_data(data, part="test", samples=None, scale=scale), samples)
    start = time.perf_counter()
    train, test = fit_inputs(train, cnn), fit_inputs(test, cnn)
    found = rows(cnn, train.inputs, test.inputs, test.y, quick)
    seconds = time.perf_counter() - start
    click.echo(f"{model.stem}: CNN {100 * found[0]['cnn_accuracy']:.1f} %, {seconds:.0f} s")
    for row in found:
        click.echo(
            f"| {row['setting']} | {row['schedule']} | {row['timesteps']} | {row['stagger']} "
            f"| {100 * row['accuracy']:.1f} | {100 * row['drop']:+.1f} |"
        )
    if output:
        output.write_text(json.dumps(found, indent=1) + "\n")


def first(data: Any, samples: int) -> Any:
    """The first samples of a data set."""
    y = None if data.y is None else data.y[:samples]
    return replace(data, x=tuple(x[:samples] for x in data.x), y=y)


if __name__ == "__main__":
    main()
