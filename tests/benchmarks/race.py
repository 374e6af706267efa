"""spkeras beside its peers: the same network, images, T and threads, in one run.

    python -m tests.benchmarks.race models/cifar10_vgg16.keras --data cifar10.npz

Each system has a process of its own and they take turns, so that a busy machine slows all of them.
Before any clock starts, each system's decisions and spike counts are compared with those of spkeras:
thresholds, initial potentials and start steps are part of the network (`stages.py`, `peers.py`). A
system that simulates another network is left out of the table, with the reason. Peers run in the
fastest of their modes, found on the first T and printed.

Times are multiples of the float32 Keras CNN's forward pass per image in the same round; peak memory
is the whole process's. Peers are optional: pip install spikingjelly sinabs snntorch.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

from tests.benchmarks.agreement import Agreement, Answer, Reference
from tests.benchmarks.machine import processor, versions
from tests.benchmarks.stages import stages

ROOT = Path(__file__).resolve().parents[2]
UNIT = "Keras CNN, TensorFlow"
NEEDS = {
    "SpikingJelly": "spikingjelly",
    "sinabs": "sinabs",
    "snnTorch": "snntorch",
    "PyTorch CNN": "torch",
    "spkeras, events": "numba",
}
NEEDS |= {
    name: "jax" for name in ("Keras CNN, JAX", "spkeras, dense, JAX", "spkeras, predict, JAX")
}
ORDER = (
    UNIT,
    "Keras CNN, JAX",
    "PyTorch CNN",
    "spkeras, events",
    "spkeras, dense, TensorFlow",
    "spkeras, predict, TensorFlow",
    "spkeras, dense, JAX",
    "spkeras, predict, JAX",
    "SpikingJelly",
    "sinabs",
    "snnTorch",
)
CNN, SNN = "cnn", "snn"


class Runner:
    """A system in its own process, set up and ready to run.

    Attributes:
        name: Of the system.
        mode: How it runs.
        failure: The last lines of its output if it did not start; else empty.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.mode, self.failure = name, "", ""
        log = folder / "answers" / f"{name}.log"
        # Threads of GNU OpenMP that wait do not spin: beside another process they would stop it.
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.systems", name, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env=environment,
            )
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        word, _, mode = self.stdout.readline().partition(" ")
        lines = log.read_text().splitlines()
        for line in lines:
            if line.startswith(f"{name}: "):
                click.echo(line, err=True)
        if word != "ready":
            self.failure = "did not start:\n" + "\n".join(lines[-5:])
            return
        self.mode = json.loads(mode)

    def run(self, timesteps: int) -> dict[str, float]:
        """Run once; returns seconds, and peak memory so far in MB."""
        self.stdin.write(f"run {timesteps}\n")
        self.stdin.flush()
        found: dict[str, float] = json.loads(self.stdout.readline())
        return found

    def stop(self) -> None:
        """End the process."""
        self.stdin.close()
        self.process.wait()


def prepare(
    model: str,
    data: str,
    folder: Path,
    times: tuple[int, ...],
    scale: float,
    images: int,
    batch: int,
    threads: int,
) -> dict[int, dict[str, Reference]]:
    """Convert the model, write what the systems need; returns what they have to answer for each T."""
    import pickle

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import spkeras
    from spkeras.snn.model import loop_of
    from tests.benchmarks import reference

    (folder / "answers").mkdir()
    with np.load(data) as file:
        x = (file["x_test"][:images] / scale).astype("float32")
        train = (file["x_train"][:500] / scale).astype("float32")
    loaded = spkeras.load_model(model)
    cnn = getattr(loaded, "model", loaded)
    cnn.save(folder / "cnn.keras")
    own = Reference(Answer(cnn.predict(x, batch_size=batch, verbose=0)))
    paths, networks, wanted = {}, {}, {}
    for timesteps in times:
        snn = spkeras.convert(cnn, train, timesteps=timesteps)
        paths[timesteps] = str(folder / f"snn_{timesteps}.keras")
        snn.save(paths[timesteps])
        loop = loop_of(snn)
        (node,) = loop.graph.of("input")
        networks[timesteps] = stages(loop.graph, loop.start), float(node.arrays["scale"])
        answer, rounded = reference.dense(loop, x), reference.rounded(loop, x)
        wanted[timesteps] = {
            CNN: own,
            SNN: Reference(Answer(*answer), tuple(Answer(*run) for run in rounded)),
        }
    with open(folder / "stages.pkl", "wb") as file:
        pickle.dump(networks, file)
    case = {
        "x": x,
        "batch": batch,
        "threads": threads,
        "timesteps": times,
        "snn": paths,
        "cnn": str(folder / "cnn.keras"),
        "stages": str(folder / "stages.pkl"),
    }
    with open(folder / "case.pkl", "wb") as file:
        pickle.dump(case, file)
    return wanted


def compare(name: str, folder: Path, timesteps: int, references: dict[str, Reference]) -> Agreement:
    """Return how a system's answers compare with those of spkeras, or the CNN's with Keras."""
    with np.load(folder / "answers" / f"{name}, {timesteps}.npz") as file:
        found = Answer(file["logits"], file["counts"] if "counts" in file.files else None)
    return references[CNN if "CNN" in name else SNN].compare(found)


def started(names: list[str], folder: Path) -> list[Runner]:
    """Return the systems that start; one at a time, since peers time their modes."""
    runners = []
    for name in names:
        runner = Runner(name, folder)
        if runner.failure and name == UNIT:
            raise click.ClickException(f"{name}: {runner.failure}")
        if runner.failure:
            click.echo(f"{name}: left out: {runner.failure}", err=True)
            runner.stop()
        else:
            runners.append(runner)
    return runners


def race(
    names: list[str], folder: Path, wanted: dict[int, dict[str, Reference]], rounds: int
) -> dict[int, list[dict[str, Any]]]:
    """Start all systems, compare their answers, then time those that agree; rows for each T."""
    runners, tables = started(names, folder), {}
    try:
        for timesteps, references in wanted.items():
            agreed = {}
            for runner in runners:
                agreement = compare(runner.name, folder, timesteps, references)
                if agreement.refusal:
                    click.echo(
                        f"{runner.name}, T = {timesteps}: another network, not raced: "
                        f"{agreement.refusal}",
                        err=True,
                    )
                else:
                    agreed[runner] = agreement
            found = [
                {runner.name: runner.run(timesteps) for runner in agreed} for _ in range(rounds)
            ]
            if UNIT not in {runner.name for runner in agreed}:
                raise click.ClickException(
                    f"{UNIT} decides otherwise than `predict` of the same model"
                )
            tables[timesteps] = [
                row(
                    runner,
                    agreement,
                    [record[runner.name] for record in found],
                    [record[UNIT]["seconds"] for record in found],
                    timesteps,
                )
                for runner, agreement in agreed.items()
            ]
    finally:
        for runner in runners:
            runner.stop()
    return tables


def row(
    runner: Runner,
    agreement: Agreement,
    records: list[dict[str, float]],
    unit: list[float],
    timesteps: int,
) -> dict[str, Any]:
    """Return seconds a run, forward passes a step, their spread, peak memory and agreement."""
    seconds = np.array([record["seconds"] for record in records])
    steps = 1 if "CNN" in runner.name else timesteps
    ratio = seconds / np.array(unit) / steps
    return {
        "system": runner.name,
        "mode": runner.mode,
        "seconds_a_step": float(np.median(seconds) / steps),
        "forward_passes_per_step": float(np.median(ratio)),
        "least": float(ratio.min()),
        "most": float(ratio.max()),
        "peak_mb": float(max(record["peak_mb"] for record in records)),
        "decisions_that_differ": agreement.decisions,
        "spikes": agreement.spikes,
        "counts_that_differ": agreement.counts,
        "seconds": seconds.tolist(),
    }


def show(rows: list[dict[str, Any]], images: int, reference: Reference, title: str) -> None:
    """Print the rows as a table in Markdown."""
    spikes = (reference.answer.spikes or 0) / images
    click.echo(
        f"\n{title}: {spikes:,.0f} spikes an image. Rounding moves logits by up to "
        f"{reference.lead / 2:.3g}: decisions may differ on {reference.open} images with a lead "
        f"below {reference.lead:.3g}, and {100 * reference.share:.3g} % of the counts.\n\n"
        "| system | ms an image and step | forward passes a step | spread | peak MB "
        "| decisions that differ | counts that differ |\n|---|---|---|---|---|---|---|"
    )
    for row in rows:
        counts = row["counts_that_differ"]
        click.echo(
            f"| {row['system']} | {1e3 * row['seconds_a_step'] / images:.3f} "
            f"| {row['forward_passes_per_step']:.2f} | {row['least']:.2f} to {row['most']:.2f} "
            f"| {row['peak_mb']:.0f} | {row['decisions_that_differ']} "
            f"| {'' if counts is None else f'{100 * counts:.4f} %'} |"
        )
    for row in rows:
        if row["mode"]:
            click.echo(f"{row['system']}: {row['mode']}")


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True))
@click.option("--data", required=True, help="An .npz with x_train and x_test.")
@click.option("--scale", default=255.0, show_default=True, help="Divides the data.")
@click.option("--images", default=100, show_default=True, help="First test images.")
@click.option("--batch", default=100, show_default=True)
@click.option("--timesteps", "times", default=(32,), show_default=True, multiple=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(ORDER), help="These, and the unit.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON.")
def main(
    model: str,
    data: str,
    rounds: int,
    only: tuple[str, ...],
    output: Path | None,
    images: int,
    times: tuple[int, ...],
    **options: Any,
) -> None:
    """Prepare, race, print."""
    wanted = [name for name in ORDER if name == UNIT or not only or name in only]
    names = [name for name in wanted if name not in NEEDS or find_spec(NEEDS[name])]
    for name in sorted(set(wanted) - set(names)):
        click.echo(f"{name}: left out: {NEEDS[name]} is not installed", err=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        references = prepare(model, data, folder, times, images=images, **options)
        tables = race(names, folder, references, rounds)
    for timesteps, rows in tables.items():
        title = f"{Path(model).stem}, T = {timesteps}, {images} images, batch {options['batch']}"
        show(rows, images, references[timesteps][SNN], title)
    click.echo(f"\n{processor()}, {options['threads']} threads, {rounds} rounds, {versions()}")
    if output:
        record = {
            "model": model,
            "processor": processor(),
            "versions": versions(),
            "rounds": rounds,
            "options": {"images": images, **options},
            "rows": tables,
        }
        output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
