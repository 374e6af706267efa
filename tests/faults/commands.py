"""The commands, their inputs, and what must be equal after a fault."""

import csv
import io
import json
import zipfile
from dataclasses import dataclass, field

import h5py
import numpy as np

from tests.faults.server import run

FINETUNE = "--recipe cq --timesteps 4 --clamp 1 --quantize 3 --held-out 4 --train-batch 5 --insist"


@dataclass(frozen=True, eq=False)
class Command:
    """A command line and its result.

    Attributes:
        line: Without `spkeras`; `{}` is replaced by the name of the output.
        output: Name of the output.
        checkpoint: Name of its checkpoint, which may stay after a kill.
        again: Options of a second run, whether or not the first one wrote the output.
    """

    line: str
    output: str
    checkpoint: str = ""
    again: list = field(default_factory=lambda: ["--force"])

    def words(self, output=None):
        return self.line.format(output or self.output).split()


COMMANDS = {
    "convert": Command("convert cnn.keras --data data.npz --timesteps 4 --insist -o {}", "a.keras"),
    "convert_h5": Command("convert cnn.keras --data data.npz --timesteps 4 --insist -o {}", "a.h5"),
    "evaluate": Command("evaluate snn.keras --data data.npz --insist --report {}", "a.html"),
    "finetune": Command(
        "finetune cnn.keras --data data.npz -o {} " + FINETUNE, "a.keras", "a.checkpoint"
    ),
    "thresholds": Command(
        "thresholds snn.keras --data many.npz --batch-size 1 -o {}",
        "a.keras",
        "a.checkpoint.keras",
    ),
    "sweep": Command(
        "sweep cnn.keras --data data.npz --recipe ecc,sigma_delta --timesteps 2,4 --insist "
        "--csv {}",
        "a.csv",
        "cnn_sweep.checkpoint",
    ),
    "compile": Command("hardware compile cat.keras -o {}", "a.npz"),
}


def inputs(folder):
    """Writes the inputs of all commands; the networks in a process of its own."""
    rng = np.random.default_rng(5)
    x, y = rng.random((20, 6, 6, 1)).astype("float32"), rng.integers(0, 3, 20)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    many = rng.random((60, 6, 6, 1)).astype("float32")
    np.savez(folder / "many.npz", x_train=many, y_train=rng.integers(0, 3, 60))
    made = run(["--version"], folder, before=lambda: _networks(folder))
    assert made.code == 0, made.err
    line = "convert cnn.keras --data data.npz --timesteps 4 --insist -o snn.keras"
    made = run(line.split(), folder)
    assert made.code == 0, made.err


def _networks(folder):
    import keras
    from keras import layers

    from tests.faults.cat import cat

    keras.utils.set_random_seed(3)
    net = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(8, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ],
        name="tiny",
    )
    net.save(folder / "cnn.keras")
    cat().save(folder / "cat.keras")


def content(path):
    """What a file says, without times and dates: equal for equal runs. Fails for a torn file."""
    data = path.read_bytes()
    if path.suffix == ".keras":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            config = archive.read("config.json")
            return json.loads(config), _datasets(io.BytesIO(archive.read("model.weights.h5")))
    if path.suffix == ".h5":
        return _datasets(io.BytesIO(data))
    if path.suffix == ".npz":
        with np.load(io.BytesIO(data)) as file:
            return {name: file[name].tobytes() for name in file.files}
    text = data.decode()
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == 4
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    assert text.startswith("<!") and text.rstrip().endswith("</html>")
    return text.count("<svg"), text.count("<tr")


def _datasets(stream):
    found = {}
    with h5py.File(stream) as file:

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                found[name] = np.asarray(item).tobytes()

        file.visititems(visit)
    return found
