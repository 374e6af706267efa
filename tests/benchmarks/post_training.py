"""Binary spikes without training weights: what each switch gives, as the tables of docs/training.md.

    python tests/benchmarks/post_training.py models/cifar10_vgg16.keras --data cifar10.npz -o vgg16.json
    python tests/benchmarks/post_training.py MODEL --data SET -o FILE --only default --times 16,32 --samples 10000

Calibrates and corrects on training samples, looks at labels of test samples at the end alone.
T counts from the first input, the time for which layers wait included. Each figure is written when
it is there: the same command goes on where it stopped, and prints the table at last.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "mse": {"thresholds": "mse"},
    "light": {"thresholds": "mse", "correction": "light"},
    "advanced": {"thresholds": "mse", "correction": "advanced"},
    "both": {"thresholds": "mse", "correction": "both"},
    "percentile": {"thresholds": "percentile"},
    "balance": {"thresholds": "balance"},
    "at once": {"stagger": 0},
    "percentile at once": {"thresholds": "percentile", "stagger": 0},
    # The default before mean square thresholds knew how long each layer fires.
    "percentile whole steps": {"thresholds": "percentile", "share": 0.45},
}


def measured(model: Any, train: Any, test: Any, timesteps: int, name: str) -> dict[str, Any]:
    """One figure."""
    import spkeras
    from spkeras.snn.spike_loop import loop_of
    from spkeras.training import correct

    options = dict(SETTINGS[name])
    share, correction = options.pop("share", None), options.pop("correction", None)
    if share is not None:
        depth = loop_of(spkeras.convert(model, train.inputs[:1], timesteps=timesteps)).depth
        options["stagger"] = int(share * timesteps / max(depth, 1))
    snn = spkeras.convert(model, train.inputs, timesteps=timesteps, **options)
    loop = loop_of(snn)
    if correction is not None:
        snn = correct(snn, train.inputs, correction)
        loop = loop_of(snn)
    result = spkeras.evaluate(snn, test.inputs, test.y)
    accuracy = float(result.accuracy[-1])
    return {
        "setting": name,
        "timesteps": timesteps,
        "stagger": loop.offset,
        "first_answer": max(loop.start(node) for node in loop.network.readouts) + 1,
        "latency": loop.latency,
        "samples": len(test.y),
        "accuracy": accuracy,
        # Corrected biases are no longer the CNN's: its accuracy is that of the default's row.
        "cnn_accuracy": None if correction else float(result.cnn_accuracy),
        "spikes_per_neuron": result.activity.spikes_per_neuron,
        "seconds": round(result.seconds, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The drop in points, a row a setting, a column a T."""
    cnn = next(row["cnn_accuracy"] for row in rows if row["cnn_accuracy"] is not None)
    times = sorted({row["timesteps"] for row in rows})
    lines = [
        f"CNN {100 * cnn:.2f} %; points lost",
        "| | " + " | ".join(f"T = {time}" for time in times) + " |",
        "|---" * (len(times) + 1) + "|",
    ]
    for name in dict.fromkeys(row["setting"] for row in rows):
        found = {row["timesteps"]: row for row in rows if row["setting"] == name}
        cells = [
            f"{100 * (cnn - found[time]['accuracy']):.2f}" if time in found else ""
            for time in times
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def kept(path: Path, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures of a file, if they are of the same model, data and samples."""
    if not path.exists():
        return []
    record = json.loads(path.read_text())
    if record["of"] != wanted:
        raise click.ClickException(f"{path}: holds {record['of']}, not {wanted}; name another file")
    return list(record["rows"])


def write(path: Path, of: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Whole, or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps({"of": of, "rows": rows}, indent=1) + "\n")
    os.replace(part, path)


def first(data: Any, samples: int) -> Any:
    """The first samples of a data set."""
    y = None if data.y is None else data.y[:samples]
    return replace(data, x=tuple(x[:samples] for x in data.x), y=y)


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True)
@click.option("--scale", type=float, default=255.0, show_default=True)
@click.option("--samples", default=1000, show_default=True, help="Test samples, the first ones.")
@click.option("--calibration", default=1000, show_default=True, help="Training samples.")
@click.option("--times", default="8,16,32,64,128", show_default=True)
@click.option("--only", help=f"Settings, by comma; of {', '.join(SETTINGS)}.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    model: Path, data: str, scale: float, samples: int, calibration: int, times: str,
    only: str | None, output: Path,
) -> None:  # fmt: skip
    import spkeras
    from spkeras.data import fit_inputs, read_data

    of = {"model": model.name, "data": Path(data).name, "samples": samples,
          "calibration": calibration}  # fmt: skip
    rows = kept(output, of)
    cnn = spkeras.load_model(model)
    train, test = (
        fit_inputs(first(read_data(data, part=part, samples=None, scale=scale), count), cnn)
        for part, count in (("train", calibration), ("test", samples))
    )
    for timesteps in numbers(times):
        for name in only.split(",") if only else SETTINGS:
            if not any((row["timesteps"], row["setting"]) == (timesteps, name) for row in rows):
                rows.append(measured(cnn, train, test, timesteps, name))
                write(output, of, rows)
                click.echo(json.dumps(rows[-1]), err=True)
    click.echo(table(rows))


if __name__ == "__main__":
    main()
