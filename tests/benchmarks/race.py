"""spkeras beside its peers: the same network, images, T and threads, in one run.

    python tests/benchmarks/race.py models/cifar10_vgg16.keras --data cifar10.npz

Each system has a process of its own and they take turns, so that a busy machine slows all of
them. Times are multiples of the float32 Keras CNN's forward pass per image in the same round;
peak memory is the whole process's. Peers are optional: pip install spikingjelly sinabs snntorch.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

SYSTEMS = Path(__file__).with_name("systems.py")
UNIT = "Keras CNN, TensorFlow"
NEEDS = {"SpikingJelly": "spikingjelly", "sinabs": "sinabs", "snnTorch": "snntorch",
         "PyTorch CNN": "torch"}  # fmt: skip
ORDER = (
    UNIT, "Keras CNN, JAX", "PyTorch CNN", "spkeras, events", "spkeras, dense, TensorFlow",
    "spkeras, predict, TensorFlow", "spkeras, dense, JAX", "spkeras, predict, JAX",
    "SpikingJelly", "sinabs", "snnTorch",
)  # fmt: skip
PACKAGES = ("spkeras", "keras", "tensorflow", "jax", "numba", "torch", "spikingjelly", "sinabs",
            "snntorch", "numpy")  # fmt: skip


class Runner:
    """A system in its own process, ready to run."""

    def __init__(self, name: str, case: Path) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, str(SYSTEMS), name, str(case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        if self.stdout.readline().strip() != "ready":
            raise click.ClickException(
                f"{name} did not start; see: {sys.executable} {SYSTEMS} '{name}' {case}"
            )

    def run(self) -> dict[str, float]:
        """One run: seconds, and peak memory so far in MB."""
        self.stdin.write("run\n")
        self.stdin.flush()
        found: dict[str, float] = json.loads(self.stdout.readline())
        return found

    def stop(self) -> None:
        """End the process."""
        self.stdin.close()
        self.process.wait()


def processor() -> str:
    """The CPU's name, and what of it matters here."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
             if flag in fields.get("flags", "").split()]  # fmt: skip
    return f"{fields.get('model name', 'unknown')} ({', '.join(flags)})"


def versions() -> dict[str, str]:
    """Versions of all that takes part."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def prepare(model: str, data: str, folder: Path, **options: Any) -> Path:
    """Convert the model and write what the systems need: CNN, SNN, images, settings."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import spkeras

    with np.load(data) as file:
        scale = options.pop("scale")
        x = (file["x_test"][: options.pop("images")] * scale).astype("float32")
        train = (file["x_train"][:500] * scale).astype("float32")
    loaded = spkeras.load_model(model)
    cnn = getattr(loaded, "model", loaded)
    cnn.save(folder / "cnn.keras")
    spkeras.convert(cnn, train, timesteps=options["timesteps"]).save(folder / "snn.keras")
    case = folder / "case.npz"
    paths = {"cnn": str(folder / "cnn.keras"), "snn": str(folder / "snn.keras")}
    np.savez(case, x=x, **paths, **options)
    return case


def race(case: Path, systems: list[str], repeats: int) -> dict[str, list[dict[str, float]]]:
    """All systems in turns; one record per system and round."""
    runners = [Runner(name, case) for name in systems]
    try:
        rounds = [{runner.name: runner.run() for runner in runners} for _ in range(repeats)]
    finally:
        for runner in runners:
            runner.stop()
    return {name: [found[name] for found in rounds] for name in systems}


def summary(found: dict[str, list[dict[str, float]]], images: int, timesteps: int) -> list[dict]:
    """Per system: ms an image and step, forward passes a step, spread, peak memory."""
    unit = np.array([record["seconds"] for record in found[UNIT]])
    rows = []
    for name, records in found.items():
        seconds = np.array([record["seconds"] for record in records])
        steps = 1 if "CNN" in name else timesteps
        ratio = seconds / unit / steps
        rows.append(
            {
                "system": name,
                "ms_per_image_and_step": float(1e3 * np.median(seconds) / images / steps),
                "forward_passes_per_step": float(np.median(ratio)),
                "least": float(ratio.min()),
                "most": float(ratio.max()),
                "peak_mb": float(max(record["peak_mb"] for record in records)),
            }
        )
    return rows


def show(rows: list[dict], title: str) -> None:
    """The rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "system", *("ms / image, step", "forward passes", "spread", "peak MB"), title=title
    )
    for row in rows:
        table.add_row(
            row["system"],
            f"{row['ms_per_image_and_step']:.3f}",
            f"{row['forward_passes_per_step']:.2f}",
            f"{row['least']:.2f} to {row['most']:.2f}",
            f"{row['peak_mb']:.0f}",
        )
    Console().print(table)


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True))
@click.option("--data", required=True, help="An .npz with x_train and x_test.")
@click.option("--scale", default=1 / 255, show_default=True, help="Times the data.")
@click.option("--images", default=200, show_default=True)
@click.option("--batch", default=100, show_default=True)
@click.option("--timesteps", default=32, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--repeats", default=5, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(ORDER), help="These, and the unit.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON.")
def main(model: str, data: str, repeats: int, only: tuple[str, ...], output: Path | None,
         **options: Any) -> None:  # fmt: skip
    images, timesteps = options["images"], options["timesteps"]
    wanted = [name for name in ORDER if name == UNIT or not only or name in only]
    systems = [name for name in wanted if name not in NEEDS or find_spec(NEEDS[name])]
    for name in sorted(set(wanted) - set(systems)):
        click.echo(f"{name}: not installed, left out", err=True)
    with tempfile.TemporaryDirectory() as folder:
        case = prepare(model, data, Path(folder), **options)
        found = race(case, systems, repeats)
    rows = summary(found, images, timesteps)
    title = f"{Path(model).stem}, T = {timesteps}, {images} images, batch {options['batch']}"
    show(rows, title)
    click.echo(f"{processor()}, {options['threads']} threads, {versions()}")
    if output:
        record = {"model": model, "processor": processor(), "versions": versions(),
                  "options": options, "repeats": repeats, "rows": rows, "rounds": found}  # fmt: skip
        output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
