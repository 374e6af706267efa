"""SpikingJelly's accuracy on a converted CNN, over a grid of its settings.

    python -m tests.benchmarks.spikingjelly_accuracy MODEL --data cifar10.npz [--scale 1]

SpikingJelly converts the same CNN (batch norm folded) from the first training images by its own
recipes, as its documentation shows: rate coding with the maximum or the 99.9th percentile, for
each layer or channel, with or without half a threshold at the start; local threshold balancing
with three batch sizes. The input is a constant current. The answer after T steps is the mean of
the logits over steps d + 1 to T: d is the delay of the read-out.

The best line for each T is the best of the whole grid *on these test images*: an advantage that
no other figure in the documentation has. Needs: pip install spikingjelly.
"""

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

DELAYS = (0, 8, 16, 32)
RATE = tuple(
    {"mode": mode, "channel_wise": channel_wise, "half_threshold": half}
    for mode, channel_wise, half in itertools.product(
        ("max", "99.9%"), (False, True), (False, True)
    )
    if channel_wise or not half  # half a threshold acts with one threshold a channel only
)
BALANCING = (1, 10, 100)


def network(cnn: Any) -> Any:
    """Return the CNN as a PyTorch module that SpikingJelly can trace: logits, channels first."""
    from torch import nn

    from spkeras.frontend.walk import read_graph
    from spkeras.passes.pipeline import fold

    graph = fold(read_graph(cnn))
    plan = [(node.name, node.op, node.inputs, f"m{n}") for n, node in enumerate(graph.nodes)]

    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            known: dict[str, Any] = {}
            for name, op, inputs, module in plan:
                values = [known[source] for source in inputs]
                if op in ("input", "readout"):
                    known[name] = values[0] if values else x
                elif op == "add":
                    known[name] = values[0] + values[1]
                else:
                    known[name] = getattr(self, module)(values[0])
            return known[name]

    net = Net()
    for node, (_, op, inputs, module) in zip(graph.nodes, plan, strict=True):
        if op not in ("input", "add", "readout"):
            net.add_module(module, made(node, graph[inputs[0]].shape))
    return net.eval()


def made(node: Any, size: tuple[int, ...]) -> Any:
    """Return the module of a node whose input has this shape."""
    from torch import nn

    from tests.benchmarks.torch_modules import module_of, padded_before

    if node.op != "activation":
        return padded_before(module_of(node, size))
    if node["function"] != "relu":
        raise SystemExit(f"{node.name}: {node['function']}; allowed: relu")
    return nn.ReLU()


def recipe_of(setting: dict[str, Any], train: Any) -> Any:
    """Return the recipe of a setting, with its calibration data."""
    from spikingjelly.activation_based import ann2snn
    from torch.utils.data import DataLoader

    setting = dict(setting)
    size = setting.pop("balancing", None)
    if size:
        return ann2snn.LocalThresholdBalancingRecipe(DataLoader(train, batch_size=size))
    return ann2snn.RateCodingRecipe(DataLoader(train, batch_size=100), **setting)


def sums(snn: Any, x: Any, steps: int, batch: int) -> np.ndarray:
    """Return the sum of the logits up to each step, (steps + 1, samples, classes)."""
    import torch
    from spikingjelly.activation_based import functional

    functional.set_step_mode(snn, "s")
    parts = []
    with torch.inference_mode():
        for images in x.split(batch):
            functional.reset_net(snn)
            logits = [snn(images) for _ in range(steps)]
            total = torch.stack([torch.zeros_like(logits[0]), *logits]).double().cumsum(0)
            parts.append(total.numpy())
    return np.concatenate(parts, axis=1)


def rows(total: np.ndarray, labels: np.ndarray, name: str) -> list[dict[str, Any]]:
    """Return one record for each delay and T: powers of two from 8 on."""
    steps, found = len(total) - 1, []
    for delay in DELAYS:
        for timesteps in (2**power for power in range(3, 12)):
            if delay < timesteps <= steps:
                decisions = (total[timesteps] - total[delay]).argmax(axis=1)
                accuracy = float((decisions == labels).mean())
                found.append(
                    {"setting": name, "delay": delay, "timesteps": timesteps, "accuracy": accuracy}
                )
    return found


def name_of(setting: dict[str, Any]) -> str:
    """Return a setting in words."""
    if "balancing" in setting:
        return f"local threshold balancing, batches of {setting['balancing']}"
    parts = [
        setting["mode"],
        "per channel" if setting["channel_wise"] else "per layer",
        "half threshold" * setting["half_threshold"],
    ]
    return ", ".join(filter(None, ["rate", *parts]))


def show(found: list[dict[str, Any]]) -> None:
    """Print a table, one line for each setting and delay, and the best for each T."""
    times = sorted({row["timesteps"] for row in found})
    click.echo("| setting | read-out from step | " + " | ".join(map(str, times)) + " |")
    click.echo("|---|---|" + "---|" * len(times))
    for setting, delay in dict.fromkeys((row["setting"], row["delay"]) for row in found):
        cells = {
            row["timesteps"]: f"{100 * row['accuracy']:.1f}"
            for row in found
            if (row["setting"], row["delay"]) == (setting, delay)
        }
        line = " | ".join(cells.get(timesteps, "") for timesteps in times)
        click.echo(f"| {setting} | {delay + 1} | {line} |")
    for timesteps in times:
        best = max(
            (row for row in found if row["timesteps"] == timesteps), key=lambda row: row["accuracy"]
        )
        click.echo(
            f"best at T = {timesteps}: {100 * best['accuracy']:.1f} % "
            f"({best['setting']}, read-out from step {best['delay'] + 1})"
        )


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True, help="An .npz with x_train, x_test and y_test.")
@click.option("--scale", type=float, default=255.0, show_default=True, help="Divides the data.")
@click.option("--samples", default=1000, show_default=True, help="First test images.")
@click.option("--calibration", default=1000, show_default=True, help="First training images.")
@click.option("--timesteps", default=64, show_default=True, help="Largest T.")
@click.option("--batch", default=100, show_default=True)
@click.option("--only", multiple=True, help="Settings whose name contains this.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Records as JSON.")
def main(
    model: Path,
    data: str,
    scale: float,
    samples: int,
    calibration: int,
    timesteps: int,
    batch: int,
    only: tuple[str, ...],
    output: Path | None,
) -> None:
    """Convert with each setting, measure, print."""
    # TensorFlow and the Triton that SpikingJelly loads do not run in one process.
    os.environ["KERAS_BACKEND"] = "torch"
    import torch
    from spikingjelly.activation_based import ann2snn

    import spkeras

    loaded = spkeras.load_model(model)
    cnn = getattr(loaded, "model", loaded)
    with np.load(data) as file:
        train, x = (
            torch.tensor(
                (file[part][:count] / scale).astype("float32").transpose(0, 3, 1, 2).copy()
            )
            for part, count in (("x_train", calibration), ("x_test", samples))
        )
        labels = file["y_test"][:samples].ravel()
    with torch.inference_mode():
        right = (network(cnn)(x).argmax(1).numpy() == labels).mean()
    click.echo(f"{model.stem}, first {len(x)} test images: CNN {100 * right:.1f} %")
    found = []
    for setting in (*RATE, *({"balancing": size} for size in BALANCING)):
        name, start = name_of(setting), time.perf_counter()
        if only and not any(part in name for part in only):
            continue
        snn = ann2snn.Converter(recipe=recipe_of(setting, train)).convert(network(cnn))
        found += rows(sums(snn, x, timesteps, batch), labels, name)
        click.echo(f"{name}: {time.perf_counter() - start:.0f} s", err=True)
    show(found)
    if output:
        output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
