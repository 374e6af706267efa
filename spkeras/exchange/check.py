"""A written NIR file, run in other simulators and compared with spkeras."""

import subprocess  # nosec B404
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.parts import Exchange
from spkeras.exchange.starts import pulsed
from spkeras.ops.arrays import Float32Array
from spkeras.ops.coding import draws, encode
from spkeras.snn.model import loop_of
from spkeras.snn.network import as_list
from spkeras.snn.steps import Steps

# Inputs are rounded to this part of their scale: sums of dyadic weights are then exact everywhere.
GRID = 256
_SECONDS = 3600


@dataclass(frozen=True)
class Comparison:
    """Spike counts of a simulator beside those of spkeras.

    Attributes:
        simulator: Its name.
        samples: Samples that were run.
        spikes: Spikes of spkeras over all samples.
        different: Neurons whose counts differ in any sample, over all samples, by layer.
        neurons: Number of neurons times samples.
        decisions: Share of the samples with the same decision.
        largest: Largest difference between outputs.
        refused: Why the simulator cannot run the file; "" where it can.
    """

    simulator: str
    samples: int = 0
    spikes: int = 0
    different: dict[str, int] = field(default_factory=dict)
    neurons: int = 0
    decisions: float = 0.0
    largest: float = 0.0
    refused: str = ""

    @property
    def equal(self) -> bool:
        """Whether all counts are equal."""
        return not self.refused and not any(self.different.values())


def grid_of(samples: np.ndarray, scale: np.ndarray) -> Float32Array:
    """Return samples of one input rounded to multiples of 1 / 256 of its scale."""
    return np.asarray(np.round(samples / scale * GRID) / GRID * scale, np.float32)


def compare(
    snn: keras.Model,
    network: Exchange,
    path: Path,
    samples: Sequence[np.ndarray],
    simulators: Sequence[str],
) -> list[Comparison]:
    """Run samples in spkeras and in other simulators.

    Args:
        snn: What the file holds, as a converted model.
        network: The same, as parts, without pulses.
        path: The file.
        samples: Samples of each input in the CNN's units, on the grid of `grid_of`.
        simulators: Names; each one runs in a process of its own.
    """
    expected, outputs = _counts(snn, samples)
    given = _steps(snn, samples, {part.name for part in pulsed(network).values()})
    found = []
    for name in simulators:
        counts = _elsewhere(name, path, given)
        if isinstance(counts, str):
            found.append(Comparison(name, refused=counts))
        else:
            found.append(_compared(name, network, counts, (expected, outputs)))
    return found


def _elsewhere(name: str, path: Path, given: Sequence[Float32Array]) -> dict[str, np.ndarray] | str:
    """Return what a simulator computes, or why it cannot."""
    with tempfile.TemporaryDirectory(prefix="spkeras-") as folder:
        inputs, results = Path(folder, "inputs.npz"), Path(folder, "results.npz")
        np.savez(inputs, *given)
        command = [sys.executable, "-m", "spkeras.exchange.worker", path, inputs, results, name]
        words = [str(part) for part in command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS)  # nosec B603
        if not results.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return f"{name} ended with exit code {done.returncode}: {last}"
        with np.load(results) as arrays:
            found = dict(arrays)
    return str(found["refused"]) if "refused" in found else found


def _counts(
    snn: keras.Model, samples: Sequence[np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the spike counts of spkeras, and the means of the output."""
    loop = loop_of(snn)
    scaled = [np.asarray(keras.ops.convert_to_numpy(x)) for x in loop.units(list(samples))]
    steps = Steps(loop, lambda state, spikes, carry: (spikes, carry))
    names = [node.name for node in loop.network.neurons]
    total: dict[str, np.ndarray] = {name: np.zeros(1) for name in names}
    sums = np.zeros(1)
    for step in steps.over(scaled):
        for name, spikes in zip(names, as_list(step.read), strict=True):
            total[name] = total[name] + keras.ops.convert_to_numpy(spikes)
        sums = keras.ops.convert_to_numpy(step.state.sums[0])
    return total, sums / loop.timesteps


def _steps(
    snn: keras.Model, samples: Sequence[np.ndarray], more: Collection[str]
) -> list[Float32Array]:
    """Return what each input of the file receives: (samples, steps, channels, ...).

    Args:
        snn: The network.
        samples: Samples of each input.
        more: Names of the inputs with one more channel, the pulse.
    """
    loop = loop_of(snn)
    table = draws(loop.seed) if loop.input_encoding == "bernoulli" else None
    found: list[Float32Array] = []
    names = [node.name for node in loop.graph.of("input")]
    for name, scaled in zip(names, loop.units(list(samples)), strict=True):
        steps = []
        for time in range(loop.timesteps):
            encoded = encode(loop.input_encoding, scaled, np.float32(time), table)
            current = np.moveaxis(np.asarray(keras.ops.convert_to_numpy(encoded)), -1, 1)
            if name in more:
                shape = (len(current), 1, *current.shape[2:])
                pulse = np.full(shape, float(time == 0), np.float32)
                current = np.concatenate([current, pulse], axis=1)
            steps.append(current)
        found.append(np.stack(steps, axis=1).astype(np.float32))
    return found


def _compared(
    name: str,
    network: Exchange,
    found: dict[str, np.ndarray],
    expected: tuple[dict[str, np.ndarray], np.ndarray],
) -> Comparison:
    counts = [array for node, array in found.items() if node.startswith("node:")]
    different, neurons, spikes = {}, 0, 0
    for part, theirs in zip(network.of(kinds.NEURONS), counts, strict=True):
        ours, theirs = _first(expected[0][part.name]), theirs.reshape(len(theirs), -1)
        if all(network[source].kind == kinds.FLATTEN for source in part.inputs):
            # The order of a flattened map differs, channels first and last.
            ours, theirs = np.sort(ours, axis=1), np.sort(theirs, axis=1)
        different[part.name] = int((ours != theirs).sum())
        neurons += ours.size
        spikes += int(ours.sum())
    ours, theirs = _first(expected[1]), found["output"].reshape(len(found["output"]), -1)
    return Comparison(
        name,
        samples=len(ours),
        spikes=spikes,
        different=different,
        neurons=neurons,
        decisions=float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        largest=float(np.max(abs(ours - theirs))),
    )


def _first(array: np.ndarray) -> np.ndarray:
    """Return samples as vectors, channels first."""
    return np.moveaxis(array, -1, 1).reshape(len(array), -1)
