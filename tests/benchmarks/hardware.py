"""Figures of the log-TTFS processor on real data.

    python tests/benchmarks/hardware.py accuracy cifar10_vgg16 --data cifar10.npz [--samples N]
    python tests/benchmarks/hardware.py speed cifar10_vgg16 --data cifar10.npz
    python tests/benchmarks/hardware.py verilog digits_cnn --data digits

accuracy: the plain CNN, the network trained for it (`models/NAME_cat.keras`), the network of first
spikes in float64 and the integer program, on the same test samples. speed: integer program and
Keras's forward pass of the plain CNN take turns. verilog: whole layers through Icarus Verilog.
What each field of the configuration is worth: `hardware_sweeps.py`.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import numpy as np

MODELS = Path(__file__).parents[2] / "models"


def samples(spec, count):
    """Test images of whole numbers, 0 to 255, or floats, and labels; drawn at random."""
    sys.path.insert(0, str(MODELS))
    from train import read

    _, (x, y) = read(spec)
    chosen = np.sort(np.random.default_rng(0).permutation(len(x))[:count])
    return x[chosen], y[chosen]


def nets(name):
    """The plain CNN, the one trained for spikes, and its plan."""
    import keras

    import spkeras  # noqa: F401  (registers the layers)
    from spkeras.frontend.walk import read_graph
    from spkeras.ttfs.lower import lower

    plain = keras.models.load_model(MODELS / f"{name}.keras")
    trained = keras.models.load_model(MODELS / f"{name}_cat.keras")
    return plain, trained, lower(read_graph(trained))


def floating(plan, x, batch=50):
    """Read-out of the network of first spikes, in float64."""
    from tests.ttfs.closed_form import spike_times

    parts = [spike_times(plan, x[i : i + batch])[1] for i in range(0, len(x), batch)]
    return np.concatenate(parts)


def accuracy(name, x, y):
    """Shares of right decisions, and how many decisions differ from step to step."""
    import spkeras
    from spkeras.hardware import log_ttfs

    plain, trained, plan = nets(name)
    network = spkeras.convert(trained, x[:2], "ttfs")
    decisions = {
        "plain CNN": plain.predict(x, batch_size=250, verbose=0).argmax(-1),
        "CAT network": trained.predict(x, batch_size=250, verbose=0).argmax(-1),
        "first spikes, Keras": network.predict(x, batch_size=250, verbose=0).argmax(-1),
        "first spikes, float64": floating(plan, x).argmax(-1),
    }
    program = log_ttfs.compile(trained, samples=x[:2])
    start = time.perf_counter()
    result = log_ttfs.run(program, x, y)
    seconds = time.perf_counter() - start
    decisions["integer program"] = result.decisions
    steps = list(decisions)
    return {
        "accuracy": {key: float((found == y).mean()) for key, found in decisions.items()},
        "decisions that differ": {
            f"{one} to {other}": int((decisions[one] != decisions[other]).sum())
            for one, other in zip(steps[1:], steps[2:], strict=False)
        },
        "seconds of the program": seconds,
        "run": result.to_dict(),
    }


def speed(name, x, _):
    """Milliseconds an image of the program and of Keras, taking turns; least of three.

    Time on the clock depends on what else the machine does, time of the processors less so.
    """
    from spkeras.hardware import log_ttfs

    plain, trained, _ = nets(name)
    program = log_ttfs.compile(trained)
    tasks = {
        "keras": lambda: plain.predict(x, batch_size=100, verbose=0),
        "program": lambda: log_ttfs.run(program, x),
    }
    found = {}
    for turn in range(4):
        for who, task in tasks.items():
            clock, cpu = time.perf_counter(), time.process_time()
            task()
            if not turn:
                continue  # Keras traces its first call.
            for kind, spent in (
                ("clock ms", time.perf_counter() - clock),
                ("cpu ms", time.process_time() - cpu),
            ):
                key = f"{who}, {kind}"
                found[key] = min(found.get(key, np.inf), spent / len(x) * 1e3)
    for kind in ("clock ms", "cpu ms"):
        found[f"ratio, {kind}"] = found[f"program, {kind}"] / found[f"keras, {kind}"]
    return found


def verilog(name, _, __):
    """Whole layers, bit for bit: neurons, and how many differ."""
    from spkeras.hardware import log_ttfs
    from tests.hardware.verilog_bench import layer_bench

    _, trained, _ = nets(name)
    program = log_ttfs.compile(trained)
    counts = {}
    for layer in [layer for layer in program.layers if layer.kind == "neurons"]:
        bench = layer_bench(program, layer.name)
        with tempfile.TemporaryDirectory() as folder:
            sums, spikes = icarus(bench, Path(folder))
        wrong = (sums != bench.sums) | (spikes != bench.spikes)
        counts[layer.name] = {"neurons": len(wrong), "different": int(wrong.sum())}
    return counts


def icarus(bench, folder):
    """Sums and spike times of a layer's neurons, simulated."""
    for name, text in bench.files.items():
        (folder / name).write_text(text)
    source = files("spkeras.hardware.log_ttfs") / "verilog"
    given = [f"-Plog_ttfs_bench.{key}={value}" for key, value in bench.parameters.items()]
    sources = [str(source / f"log_ttfs_{part}.v") for part in ("pe", "fire", "bench")]
    build = ["iverilog", "-g2005", "-o", "bench", "-s", "log_ttfs_bench", *given, *sources]
    subprocess.run(build, cwd=folder, check=True)
    subprocess.run(["vvp", "-n", "bench"], cwd=folder, check=True)
    return np.loadtxt(folder / "answers.txt", dtype=np.int64, ndmin=2).T[:2]


FIGURES = {"accuracy": accuracy, "speed": speed, "verilog": verilog}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=list(FIGURES))
    parser.add_argument("name")
    parser.add_argument("--data", required=True)
    parser.add_argument("--samples", type=int)
    arguments = parser.parse_args()
    x, y = samples(arguments.data, arguments.samples)
    found = FIGURES[arguments.figure](arguments.name, x, y)
    record = {"figure": arguments.figure, "name": arguments.name, "samples": len(x), **found}
    print(json.dumps({**record, "machine": platform.processor() or platform.machine()}, indent=2))


if __name__ == "__main__":
    main()
