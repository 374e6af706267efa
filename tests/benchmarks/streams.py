"""Streams of moving images: spikes per frame, steps and decisions, as docs/measurements/streams.md has them.

    python tests/benchmarks/streams.py MODEL --data SET [--plot docs/figures/streams.svg]

Sequences are made from the first test images. "still": the image stays, a piece of another one
moves over it by one pixel a frame. "pan": a window of the network's size circles over a larger
canvas (colour images are continued by their mirror image, grey ones by zeros), by 1/4 or 1 pixel
a frame, positions between pixels interpolated. "cut": another image each frame. "noise" adds
normal noise with a standard deviation of one of 255 grey levels, anew in each frame.

Each frame is shown to a stream, which keeps its state, and to a fresh run. Calibrates on the
first 1,000 training images. `--data` as for `spkeras evaluate`.
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from tests import networks

BATCH = 64


def view(canvas: np.ndarray, top: float, left: float, size: int) -> np.ndarray:
    """A window (batch, size, size, channels) of canvases, between pixels by interpolation."""
    (row, down), (column, right) = (divmod(place, 1) for place in (top, left))
    row, column = int(row), int(column)
    part = canvas[:, row : row + size + 1, column : column + size + 1]
    part = (1 - down) * part[:, :size] + down * part[:, -size:]
    return ((1 - right) * part[:, :, :size] + right * part[:, :, -size:]).astype("float32")


def pan(images: np.ndarray, frames: int, speed: float) -> np.ndarray:
    """Frames (frames, batch, ...) of a window that circles at `speed` pixels a frame."""
    size, slack = images.shape[1], images.shape[1] // 4
    grey = {} if images.shape[-1] > 1 else {"constant_values": 0}
    edge = ((0, 0), (slack, slack + 1), (slack, slack + 1), (0, 0))
    canvas = np.pad(images, edge, "constant" if grey else "reflect", **grey)
    radius = slack - 1
    angles = np.arange(frames) * speed / radius
    places = slack + radius * np.stack([np.sin(angles), np.cos(angles)], 1)
    return np.stack([view(canvas, *place, size) for place in places])


def still(images: np.ndarray, frames: int) -> np.ndarray:
    """Frames of images that stay while a piece of the next image moves to and fro over them."""
    size, piece = images.shape[1], images.shape[1] // 4
    cut = slice(size // 2 - piece // 2, size // 2 - piece // 2 + piece)
    found = np.repeat(images[None], frames, 0)
    for index, frame in enumerate(found):
        way = 2 * (size - piece)
        place = (size - piece) - abs(index % way - (size - piece))
        middle = (size - piece) // 2
        frame[:, middle : middle + piece, place : place + piece] = np.roll(images, 1, 0)[
            :, cut, cut
        ]
    return found


def sequences(images: np.ndarray, frames: int, count: int) -> dict[str, np.ndarray]:
    """The moving sequences, (frames, count, ...) each."""
    few = images[:count]
    rng = np.random.default_rng(0)
    cut = images[: frames * count].reshape(frames, count, *images.shape[1:])
    fast = pan(few, frames, 1.0)
    noise = rng.normal(0, 1 / 255, fast.shape).astype("float32")
    return {
        "unchanged": np.repeat(few[None], frames, 0),
        "still": still(few, frames),
        "still, noise": still(few, frames) + noise,
        "pan 1/4": pan(few, frames, 0.25),
        "pan 1": fast,
        "pan 1, noise": fast + noise,
        "cut": cut,
    }


def shown(stream: Any, frames: np.ndarray, steps: int, keep: bool) -> dict[str, np.ndarray]:
    """Outputs, spikes (frames, batch) and steps (frames,) of a stream, or of fresh runs."""
    outputs, spikes, taken = [], [], []
    stream.reset()
    if keep:
        parts = list(frames)
    else:
        # Fresh runs of all frames, BATCH at a time.
        flat = frames.reshape(-1, *frames.shape[2:])
        parts = [flat[i : i + BATCH] for i in range(0, len(flat), BATCH)]
    for part in parts:
        if not keep:
            stream.reset()
        outputs.append(stream.frame(part, steps=steps))
        spikes.append(sum(stream.frame_spikes.values()))
        taken.append(stream.frame_steps)
    shape = frames.shape[:2]
    return {
        "outputs": np.concatenate(outputs).reshape(*shape, -1),
        "spikes": np.concatenate(spikes).reshape(shape),
        "steps": np.array(taken),
    }


def row(name: str, found: Any, fresh: Any, cnn: np.ndarray, neurons: int) -> dict[str, Any]:
    """Figures of one sequence; the first frame, which is new to the stream, left out."""
    decided, afresh = (one["outputs"].argmax(-1)[1:] for one in (found, fresh))
    known = cnn.argmax(-1)[1:]
    apart = found["outputs"][1:] - fresh["outputs"][1:]
    return {
        "sequence": name,
        "fresh": fresh["spikes"][1:].mean() / neurons,
        "stream": found["spikes"][1:].mean() / neurons,
        "share": found["spikes"][1:].sum() / max(fresh["spikes"][1:].sum(), 1),
        "steps": found["steps"][1:].mean(),
        "fresh_steps": fresh["steps"].mean(),
        "stream_fresh": (decided == afresh).mean(),
        "stream_cnn": (decided == known).mean(),
        "fresh_cnn": (afresh == known).mean(),
        "apart": float(np.sqrt((apart**2).mean() / (fresh["outputs"][1:] ** 2).mean())),
        "fresh_apart": _apart(fresh, cnn),
        "stream_apart": _apart(found, cnn),
    }


def _apart(found: Any, cnn: np.ndarray) -> float:
    """Relative root mean square difference of logits to the CNN's."""
    return float(np.sqrt(((found["outputs"] - cnn)[1:] ** 2).mean() / (cnn[1:] ** 2).mean()))


def show(found: dict[str, Any]) -> None:
    """One line of a Markdown table."""
    shares = [f"{100 * found[key]:.1f}" for key in ("stream_fresh", "stream_cnn", "fresh_cnn")]
    click.echo(
        f"| {found['sequence']} | {found['fresh']:.3f} | {found['stream']:.3f} "
        f"| {100 * found['share']:.0f} % | {found['fresh_steps']:.1f} | {found['steps']:.1f} | "
        + " | ".join(shares)
        + f" | {found['apart']:.4f} | {found['fresh_apart']:.4f} | {found['stream_apart']:.4f} |"
    )


def draw(path: Path, runs: dict[str, tuple[Any, Any]], neurons: int, title: str) -> None:
    """Spikes per neuron over the frames, the first sequence of each kind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, (found, fresh) in runs.items():
        (line,) = axes.plot(found["spikes"].mean(1) / neurons, label=f"stream, {name}")
        axes.plot(
            fresh["spikes"].mean(1) / neurons, "--", color=line.get_color(), label=f"fresh, {name}"
        )
    axes.set(xlabel="frame", ylabel="spikes per neuron and frame", ylim=(0, None), title=title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def logits(simulation: Any, images: np.ndarray) -> np.ndarray:
    """What the CNN answers to frames (frames, batch, ...)."""
    return np.stack([simulation.reference([frame])[0] for frame in images])


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True)
@click.option("--scale", type=float, default=255.0, show_default=True)
@click.option("--frames", default=48, show_default=True)
@click.option("--count", default=8, show_default=True, help="Sequences of each kind.")
@click.option("--recipe", default="sigma_delta", show_default=True)
@click.option("--levels", type=int, help="Exponents of a graded spike.")
@click.option("--timesteps", default=32, show_default=True, help="T; most steps of a frame.")
@click.option("--only", multiple=True, help="Sequences; all, unless given.")
@click.option("--plot", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Records as JSON.")
def main(
    model: Path,
    data: str,
    scale: float,
    frames: int,
    count: int,
    recipe: str,
    levels: int | None,
    timesteps: int,
    only: tuple[str, ...],
    plot: Path | None,
    output: Path | None,
) -> None:
    import spkeras
    from spkeras.data import fit_inputs, read_data
    from spkeras.simulation import Simulator
    from spkeras.snn.model import loop_of

    cnn = spkeras.load_model(model)
    train = fit_inputs(read_data(data, part="train", samples=None, scale=scale), cnn)
    test = fit_inputs(read_data(data, part="test", samples=None, scale=scale), cnn)
    options = {} if levels is None else {"levels": levels}
    snn = networks.convert(cnn, train.x[0][:1000], recipe=recipe, timesteps=timesteps, **options)
    simulation = Simulator(loop_of(snn))
    stream = spkeras.Stream(snn)
    neurons = sum(int(np.prod(node.shape)) for node in stream.loop.graph.of("neuron"))
    runs, records = {}, []
    for name, images in sequences(test.x[0], frames, count).items():
        if only and name not in only:
            continue
        found, fresh = (shown(stream, images, timesteps, keep) for keep in (True, False))
        records.append(row(name, found, fresh, logits(simulation, images), neurons))
        show(records[-1])
        runs[name] = found, fresh
    if plot:
        chosen = {name: runs[name] for name in ("still", "pan 1/4", "pan 1") if name in runs}
        draw(plot, chosen, neurons, f"{model.stem}, {count} sequences")
    if output:
        output.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
