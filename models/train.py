"""Train the stored CNNs: `python models/train.py NAME --data SET -o models/NAME.keras`.

Inputs are scaled to [0, 1] and nothing else, so that a constant current equals a pixel. `SET` is
an `.npz` with `x_train`, `y_train`, `x_test`, `y_test`, the name of a `keras.datasets` set, or
`digits` (scikit-learn's bundled 8x8 digits). The last training images are held out for
validation; the test set is read once, at the end. The same command goes on after a stop.
`--set FIELD=VALUE` changes one setting of the recipe (`cnn_training/recipe.py`).
"""

import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, fields
from pathlib import Path

import click

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from cnn_training.loop import Training, accuracy  # noqa: E402
from cnn_training.nets import NETS  # noqa: E402
from cnn_training.recipe import Recipe  # noqa: E402
from cnn_training.samples import Pair, read, scaled  # noqa: E402
from cnn_training.start import start  # noqa: E402
from cnn_training.torch_graph import TorchGraph  # noqa: E402


@click.command(help=__doc__)
@click.argument("name", type=click.Choice(list(NETS)))
@click.option("--data", required=True, help="Data set (see above).")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--epochs", type=float, help="Instead of the net's own number.")
@click.option("--rate", type=float, help="Peak learning rate, instead of the net's own.")
@click.option("--seed", type=int, help="Instead of 1.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Any setting.")
@click.option("--float32", is_flag=True, help="Instead of bfloat16, which is about twice as fast.")
@click.option("--no-test", is_flag=True, help="Leave the test set unread.")
@click.option("--threads", default=torch.get_num_threads(), show_default=True)
@click.option("--every", default=120.0, show_default=True, help="Seconds between checkpoints.")
def main(
    name: str,
    data: str,
    output: Path,
    changes: tuple[str, ...],
    float32: bool,
    no_test: bool,
    threads: int,
    every: float,
    **short: float | None,
) -> None:
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    build, recipe = NETS[name]
    texts = {key: str(value) for key, value in short.items() if value is not None}
    try:
        pairs = (change.partition("=") for change in changes)
        recipe = recipe.changed({**texts, **{key: text for key, _, text in pairs}})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    train, held_out, test = split(read(data), recipe.held_out)
    model = build()
    graph = TorchGraph(model, recipe.logit_scale)
    start(graph, recipe, train[0])
    training = Training(graph, recipe, train, not float32)

    def report(values: dict[str, float]) -> None:
        line = " ".join(f"{key} {value:.4g}" for key, value in values.items())
        now = time.strftime("%d %H:%M", time.gmtime())
        with torch.autocast("cpu", torch.bfloat16, enabled=not float32):
            share = accuracy(graph, held_out)
        click.echo(f"{now} {line} held_out {share:.4f}")

    click.echo(f"{name}: {training.updates} updates, {model.count_params()} parameters, {recipe}")
    training.run(output.with_name(output.name + ".checkpoint"), every, report)
    graph.eval()
    graph.store()
    verify(model, graph, held_out)
    model.save(output)
    record = {
        **described(output, name, data, recipe),
        "held_out_accuracy": round(accuracy(graph, held_out), 4),
        "parameters": model.count_params(),
        "seconds": round(training.seconds),
        "threads": threads,
        "precision": "float32" if float32 else "bfloat16",
    }
    if not no_test:
        record |= {"test_accuracy": round(accuracy(graph, test), 4), "test_samples": len(test[1])}
    manifest = output.with_name("manifest.json")
    entries = json.loads(manifest.read_text()) if manifest.exists() else {}
    entries[output.stem] = record
    manifest.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n")
    click.echo(json.dumps(record, indent=2))


def described(output: Path, name: str, data: str, recipe: Recipe) -> dict[str, object]:
    """Return what the manifest says of a file, apart from what was measured."""
    return {
        "file": output.name,
        "data": Path(data).stem,
        "input": "pixels scaled to [0, 1]",
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "command": command(name, data, recipe),
        "recipe": asdict(recipe),
        "versions": {
            "keras": keras.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def split(parts: tuple[Pair, Pair], held_out: int) -> tuple[Pair, Pair, Pair]:
    """Return training, validation (the last of the training set) and test samples."""
    (x, y), test = parts
    kept = len(y) - held_out
    return (x[:kept], y[:kept]), (x[kept:], y[kept:]), test


def command(name: str, data: str, recipe: Recipe) -> str:
    """Return the command that trains this net again, settings of the net's own left out."""
    own = NETS[name][1]
    changed = {
        field.name: getattr(recipe, field.name)
        for field in fields(recipe)
        if getattr(recipe, field.name) != getattr(own, field.name)
    }
    words = [
        f"--set {key}={int(v) if v is True or v is False else v}" for key, v in changed.items()
    ]
    return " ".join([f"python models/train.py {name} --data {Path(data).stem}", *words])


def verify(model: keras.Model, graph: TorchGraph, pair: Pair) -> None:
    """Check that the Keras model gives the probabilities of the trained graph in float32."""
    x = scaled(pair[0][:500])
    mine = model.predict(x, batch_size=100, verbose=0)
    with torch.no_grad():
        logits = graph(torch.from_numpy(x).permute(0, 3, 1, 2))
    difference = float(np.abs(mine - torch.softmax(logits, 1).numpy()).max())
    if difference > 1e-4:
        raise RuntimeError(
            f"{model.name}: probabilities of Keras and PyTorch differ: {difference}."
        )


if __name__ == "__main__":
    main()
