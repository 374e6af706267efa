"""Kinds of files: how whole ones are made, how they are changed, and what a user does with them."""

import hashlib
import io
import json
import math
import os

import h5py
import keras
import numpy as np
from click.testing import CliRunner
from keras import layers

import spkeras
from spkeras.cli import main
from spkeras.data import read_data
from spkeras.facade.sweep_checkpoint import Checkpoint
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.images import write_images
from spkeras.ops.log_weights import LogFormat, log_quantize
from spkeras.training.backup import Backup, restore
from tests.fuzz import graphs, mutate
from tests.keras_files.handmade import dense, sequential, write_h5
from tests.ttfs.nets import chain, pixels

# A number that only the file outside holds.
SENTINEL = 31337.0


def outside(folder):
    """Writes the files that no case may read; returns the path of the HDF5 one."""
    with h5py.File(folder / "secret", "w") as file:
        file["data"] = np.full(4096, SENTINEL, "float32")
    return str(folder / "secret")


def _functional():
    x = keras.Input((6, 6, 2), name="image")
    y = layers.Conv2D(3, 3, padding="same", use_bias=False, name="conv")(x)
    y = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(y))
    z = layers.Conv2D(3, 1, activation="relu", name="side")(y)
    y = layers.AveragePooling2D(2, name="pool")(layers.Add(name="add")([y, z]))
    y = layers.Dense(4, name="out")(layers.Flatten(name="flatten")(y))
    return keras.Model(x, layers.Softmax(name="softmax")(y), name="net")


def _cat():
    """A network for programs: coded activations, logarithmic weights."""
    net = chain(10, 4)
    for layer in net.layers:
        weights = layer.get_weights()
        if len(weights) == 2:
            layer.set_weights([log_quantize(weights[0], LogFormat()), weights[1]])
    return net


def _content(path):
    content = path.read_bytes()
    path.unlink()
    return content


class Target:
    """One kind of file.

    Attributes:
        suffix: Of the file.
        seeds: Whole files, as bytes.
    """

    suffix = ""

    def __init__(self, folder, secret):
        self.secret = secret
        self.seeds = [_content(path) for path in self.make(folder)]

    def case(self, random):
        """Returns the bytes of one case."""
        content = random.choice(self.seeds)
        if random.random() < self.share_of_bytes:
            return mutate.in_bytes(random, content)
        try:
            return self.change(random, content)
        except (
            ValueError,
            TypeError,
            KeyError,
            OSError,
            RuntimeError,
            MemoryError,
        ):  # h5py or zipfile refuse it
            return mutate.in_bytes(random, content)

    share_of_bytes = 0.3


class Models(Target):
    """CNNs in HDF5, of Keras 2 and 3."""

    suffix = ".h5"

    def make(self, folder):
        keras.utils.set_random_seed(0)
        path = folder / "model.h5"
        _functional().save(path)
        yield path
        record = {**dense("one", 3, activation="relu", batch_input_shape=[None, 4])}
        weights = {
            "one": [("k", np.ones((4, 3), "f4")), ("b", np.zeros(3, "f4"))],
            "two": [("k", np.ones((3, 2), "f4")), ("b", np.zeros(2, "f4"))],
        }
        yield write_h5(path, sequential(record, dense("two")), weights, "2.4.0", "tensorflow")

    def change(self, random, content):
        return mutate.in_hdf5(random, content, self.secret)

    def use(self, path, folder, random):
        loaded = spkeras.read_model(path)
        model = loaded.model
        for array in model.get_weights():
            assert not (np.asarray(array) == SENTINEL).any(), "numbers of another file"
        spkeras.inspect(model)
        size = sum(
            np.prod(tensor.shape[1:]) for tensor in model.inputs if None not in tensor.shape[1:]
        )
        if size <= 4096 and random.random() < 0.3:
            x = [
                np.ones((8, *t.shape[1:]), "float32")
                * np.arange(8).reshape(-1, *[1] * (len(t.shape) - 1))
                / 8
                for t in model.inputs
            ]
            snn = spkeras.convert(model, x if len(x) > 1 else x[0], timesteps=4, insist=True)
            spkeras.evaluate(snn, x if len(x) > 1 else x[0], insist=True)


class Zips(Models):
    """CNNs of Keras 3."""

    suffix = ".keras"

    def make(self, folder):
        keras.utils.set_random_seed(0)
        path = folder / "model.keras"
        _functional().save(path)
        yield path

    def change(self, random, content):
        def member(name, part):
            if name.endswith(".json"):
                return mutate.text_of(random, mutate.in_tree(random, json.loads(part))).encode()
            if name.endswith(".h5"):
                return mutate.in_hdf5(random, part, self.secret)
            return mutate.in_bytes(random, part)

        return mutate.in_zip(random, content, member)


class Networks(Zips):
    """Spiking networks."""

    share_of_bytes = 0.1

    def make(self, folder):
        keras.utils.set_random_seed(0)
        x = pixels((6, 6, 2), 8)
        path = folder / "snn.keras"
        for net, recipe, options in (
            (_functional(), "ecc", {"timesteps": 8}),
            (_functional(), "sigma_delta", {"timesteps": 8}),
            (_cat(), "ttfs", {}),
        ):
            spkeras.convert(net, x, recipe, insist=True, **options).save(path)
            yield path

    def use(self, path, folder, random):
        model = spkeras.read_model(path).model
        for array in model.get_weights():
            assert not (np.asarray(array) == SENTINEL).any(), "numbers of another file"
        x = pixels((6, 6, 2), 2)
        spkeras.evaluate(model, x, np.array([0, 1]), insist=True, any_range=True)
        engine = random.choice(("dense", "events"))
        if random.random() < 0.2:
            spkeras.evaluate(model, x, engine=engine, timesteps=3, insist=True, any_range=True)


class Programs(Target):
    """Programs of a log-TTFS processor, most with a hash that fits what was changed."""

    suffix = ".npz"

    def make(self, folder):
        path = folder / "program.npz"
        log_ttfs.save_program(log_ttfs.compile(_cat(), samples=pixels((6, 6, 2), 3)), path)
        yield path

    def change(self, random, content):
        with np.load(io.BytesIO(content)) as file:
            arrays = {name: file[name] for name in file.files if name != "sha256"}
        header = json.loads(arrays["header"].tobytes())
        if random.random() < 0.5:
            header = mutate.in_tree(random, header)
        else:
            name = random.choice(sorted(set(arrays) - {"header"}))
            arrays[name] = mutate.odd_array(random, arrays[name])
            if random.random() < 0.1:
                del arrays[name]
        arrays["header"] = np.frombuffer(mutate.text_of(random, header).encode(), np.uint8)
        digest = hashlib.sha256()
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
        into = io.BytesIO()
        np.savez(into, sha256=np.frombuffer(digest.digest(), np.uint8), **arrays)
        return into.getvalue()

    def use(self, path, folder, random):
        program = log_ttfs.load_program(path)
        x = pixels((6, 6, 2), 2)
        log_ttfs.run(program, x, np.array([0, 1]))
        if program.golden:
            log_ttfs.check_golden(program)
        if random.random() < 0.3:
            log_ttfs.run(program, x, reference=True)
            write_images(program, folder / "images")


class Arrays(Target):
    """Data in .npz."""

    suffix = ".npz"
    share_of_bytes = 0.4

    def make(self, folder):
        path = folder / "data.npz"
        x = pixels((6, 6, 2), 6)
        np.savez_compressed(
            path, x_train=x, y_train=np.arange(6) % 4, x_test=x, y_test=x[:, 0, 0, 0]
        )
        yield path

    def change(self, random, content):
        if random.random() < 0.4:
            return mutate.in_zip(random, content, lambda _, part: mutate.in_bytes(random, part))
        with np.load(io.BytesIO(content)) as file:
            arrays = {name: file[name] for name in file.files}
        for name in random.sample(sorted(arrays), 2):
            arrays[name] = mutate.odd_array(random, arrays[name])
        if random.random() < 0.1:
            arrays["x_test"] = np.array([print], object)
        into = io.BytesIO()
        np.savez(into, **arrays)
        return into.getvalue()

    def use(self, path, folder, random):
        read_data(
            str(path), part=random.choice(("train", "test")), samples=random.choice((None, 3))
        )


class Images(Target):
    """A picture in a folder of classes."""

    suffix = ".png"
    share_of_bytes = 1.0

    def make(self, folder):
        for name in ("a.png", "a.gif", "a.bmp", "a.jpg"):
            path = folder / name
            keras.utils.save_img(path, np.arange(48.0).reshape(4, 4, 3), file_format=None)
            yield path

    def use(self, path, folder, random):
        kinds = {b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"\xff\xd8": ".jpg"}
        head = path.read_bytes()[:4]
        suffix = next((kind for mark, kind in kinds.items() if head.startswith(mark)), ".png")
        (folder / "data" / "class").mkdir(parents=True)
        (folder / "data" / "class" / f"image{suffix}").write_bytes(path.read_bytes())
        read_data(str(folder / "data"), part="test", image_size=(4, 4, random.choice((1, 3, 4))))


class Lines(Networks):
    """Command lines: over changed CNNs and spiking networks, or with odd values of options."""

    share_of_bytes = 0.1

    def make(self, folder):
        yield from Zips.make(self, folder)
        yield from super().make(folder)

    def case(self, random):
        if random.random() < 0.3:  # whole files: the options are odd
            return random.choice(self.seeds)
        return super().case(random)

    def use(self, path, folder, random):
        data, out, page = folder / "data.npz", folder / "out.keras", folder / "page.html"
        np.savez(data, x=pixels((6, 6, 2), 8), y=np.arange(8) % 4)
        reads = [path, "--data", data]
        words = {
            "inspect": ["inspect", path, *random.choice(([], ["--json"]))],
            "info": ["info", path, *random.choice(([], ["--json"]))],
            "convert": ["convert", *reads, "--insist", "-o", out, "--timesteps", 4],
            "evaluate": ["evaluate", *reads, "--insist"],
            "evaluate --report": ["evaluate", *reads, "--insist", "--report", page],
            "finetune": ["finetune", *reads, "-o", out, "--insist", "--clamp", 1],
            "thresholds": ["thresholds", *reads, "-o", out],
            "sweep": ["sweep", *reads, "--insist", "--recipe", "ecc", "--timesteps", 2],
            "verify": ["verify", path, path, "--data", data],
            "compile": ["hardware", "compile", path, "-o", folder / "out.npz"],
        }
        line = [str(word) for word in words[random.choice(sorted(words))]]
        for _ in range(random.choice((0, 0, 1, 2))):
            line += [random.choice(OPTIONS), random.choice(VALUES)]
        before = os.getcwd()
        os.chdir(folder)  # checkpoints are written there
        try:
            result = CliRunner().invoke(main, line, catch_exceptions=False)
        finally:
            os.chdir(before)
        assert result.exit_code in (0, 1, 2), (line, result.output)
        assert "Traceback" not in result.output and "\x1b" not in result.output, line
        if result.exit_code:
            assert not out.exists() and not page.exists(), f"an output after an error of {line}"


OPTIONS = (
    *("--timesteps", "--samples", "--batch-size", "--scale", "--mean", "--std", "--recipe"),
    *("--percentile", "--stagger", "--noise", "--seed", "--input-shape", "--replace", "--json"),
    *("--schedule", "--output", "--levels", "--early-exit", "--costs", "--rate", "--held-out"),
)
VALUES = (
    *("0", "-1", "1", "2", "nan", "inf", "-inf", "1e308", "1e-320", "2.5", "1" * 400, "", " "),
    *("x", "ecc", "sigma_delta", "cat", "1,2", ",", "a=b", "=", "--", "/etc/passwd", "\x1b[31m"),
    *("$x_{1$", "x" * 5000, "\ud800", "None", "true", "0x10", "1_000", "../x", "."),
)


class Checkpoints(Arrays):
    """Checkpoints of a training and of a sweep."""

    def make(self, folder):
        keras.utils.set_random_seed(0)
        self.net = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        self.net.compile(keras.optimizers.Adam(0.01), "mse")
        tool = Backup(folder / "training", "what it depends on")
        tool.set_model(self.net)
        self.net.optimizer.build(self.net.trainable_variables)
        tool.on_epoch_end(0)
        yield tool.path
        sweep = Checkpoint(folder / "sweep.npz", [], {})
        for number in range(3):
            sweep.add({"recipe": "ecc", "timesteps": number}, {"refused": "stagger=3"})
        yield sweep.path

    def change(self, random, content):
        if content[:2] == b"PK":
            return super().change(random, content)
        lines = content.decode().splitlines()
        place = random.randrange(len(lines))
        lines[place] = mutate.text_of(random, mutate.in_tree(random, json.loads(lines[place])))
        return ("\n".join(lines) + "\n").encode()

    def use(self, path, folder, random):
        if path.read_bytes()[:2] == b"PK":
            path.rename(folder / "checkpoint.npz")
            assert restore(self.net, folder, "what it depends on") >= 1
            assert all(np.isfinite(array).all() for array in self.net.get_weights())
        else:
            found = Checkpoint(path, [], {})
            assert found.find({"recipe": "ecc", "timesteps": 1}) in (None, {"refused": "stagger=3"})


class Graphs(Target):
    """NIR files, most of them with graphs of another structure."""

    suffix = ".nir"
    share_of_bytes = 0.15

    def make(self, folder):
        path = folder / "net.nir"
        for graph in graphs.WHOLE:
            graphs.write(path, graph)
            yield path

    def change(self, random, content):
        if random.random() < 0.4:
            return mutate.in_hdf5(random, content, self.secret)
        graph = graphs.changed(random, random.choice(graphs.WHOLE))
        into = io.BytesIO()
        graphs.write(into, graph)
        return into.getvalue()

    def use(self, path, folder, random):
        if random.random() < 0.05:
            result = CliRunner().invoke(main, ["info", str(path)], catch_exceptions=False)
            assert result.exit_code in (1, 2) and "Traceback" not in result.output
        snn = spkeras.from_nir(path, reset=random.choice((None, "subtract", "zero")))
        for array in snn.get_weights():
            assert not (np.asarray(array) == SENTINEL).any(), "numbers of another file"
        shapes = [tensor.shape[1:] for tensor in snn.inputs]
        if sum(map(math.prod, shapes)) <= 4096 and snn.count_params() < 1 << 20:
            x = [np.ones((2, *shape), "float32") for shape in shapes]
            spkeras.evaluate(snn, x if len(x) > 1 else x[0], timesteps=3, insist=True, verbose=0)
        if random.random() < 0.2:
            spkeras.export(snn, folder / "net.npz")


TARGETS = {
    "h5": Models,
    "keras": Zips,
    "snn": Networks,
    "program": Programs,
    "npz": Arrays,
    "image": Images,
    "line": Lines,
    "checkpoint": Checkpoints,
    "nir": Graphs,
}
