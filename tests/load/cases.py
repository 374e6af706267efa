"""The cases: what is done, and the bound on memory."""

import ctypes
import gc
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

import spkeras
from tests.benchmarks.machine import peak

MEBI = 1 << 20


def resident():
    """Memory of this process now, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / MEBI


def tiny(seed=0):
    keras.utils.set_random_seed(seed)
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 6, 1)), *parts])


def data(count, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((count, 6, 6, 1)).astype("float32"), rng.integers(0, 3, count)


def samples(size):
    """Evaluations of a stream: a tenth of the samples, then all."""
    x, y = data(1000)
    snn = spkeras.convert(tiny(), x[:50], timesteps=8, insist=True)
    found = {}

    def stream(count):
        def batches():
            for _ in range(count // 1000):
                yield x.copy(), y.copy()

        return batches()

    for name, count in (("tenth", size // 10), ("all", size)):
        result = spkeras.evaluate(snn, stream(count), batch_size=100, insist=True)
        assert result.samples == count // 1000 * 1000
        found[name] = round(peak(), 1)
    # Decisions of each sample are kept: some bytes each.
    return {**found, "holds": found["all"] - found["tenth"] < 40, "bound": "40 MiB more"}


def conversions(size):
    """Conversions in one process: memory after the tenth, and after the last."""
    x, _ = data(50)
    after = {}
    for number in range(1, size + 1):
        snn = spkeras.convert(tiny(number), x, timesteps=4, insist=True)
        spkeras.evaluate(snn, x[:2], insist=True)
        del snn
        if number in (10, size // 2, size):
            keras.backend.clear_session()
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)  # what is free counts as free
            after[number] = round(resident(), 1)
    grown = after[size] - after[10]
    return {"after": after, "each": round(grown / max(size - 10, 1), 3), "holds": grown < 100}


def weights(size):
    """The file of a large model is read, converted, and written: peak against its size."""
    width = int(size**0.5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.keras"
        _large(path, width)
        gc.collect()
        keras.backend.clear_session()
        from click.testing import CliRunner

        from spkeras.cli import main

        np.savez(Path(folder) / "data.npz", x=np.random.default_rng(0).random((8, width), "f4"))
        before, stored = peak(), path.stat().st_size / MEBI
        out = Path(folder) / "snn.keras"
        line = ["convert", path, "--data", Path(folder) / "data.npz", "-o", out, "--insist"]
        done = CliRunner().invoke(main, [*map(str, line), "--timesteps", "4"])
        assert done.exit_code == 0, done.output
        used = peak() - before
    return {
        **{"stored": round(stored), "before": round(before), "used": round(used)},
        **{"times": round(used / stored, 2), "holds": used < 3 * stored},
    }


def _large(path, width):
    """Written in a process of its own: its memory is not that of the conversion."""
    import subprocess
    import sys

    code = (
        "import sys, keras; w = int(sys.argv[2]);"
        "keras.Sequential([keras.Input((w,)), keras.layers.Dense(w, activation='relu'),"
        " keras.layers.Dense(3)]).save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(width)], check=True)


def timesteps(size):
    """Runs of many steps, on both engines."""
    x, y = data(2)
    snn = spkeras.convert(tiny(), data(50)[0], timesteps=size // 10, insist=True)
    spkeras.evaluate(snn, x, y, insist=True)
    before = peak()
    spkeras.configure(snn, timesteps=size)
    result = spkeras.evaluate(snn, x, y, insist=True)
    assert len(result.accuracy) == size
    used = peak() - before
    # Scores of each step are kept.
    return {"before": round(before), "used": round(used), "holds": used < 100}
