"""Checkpoints: one run at a time, of the same work, whole, and of a known format."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.calibration import train_thresholds
from spkeras.errors import OptionError, WeightsError
from spkeras.files.locks import locked
from spkeras.recipes import FinetunePlan
from spkeras.training import finetune, prepare

HOLD = """
import sys, time
from spkeras.files.locks import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
RNG = np.random.default_rng(7)
X, Y = RNG.random((24, 6, 6, 1)).astype("float32"), RNG.integers(0, 3, 24)
PLAN = {"clamp": 1, "quantize": 2, "batch_size": 6, "insist": True}


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(4)
    parts = [
        layers.Conv2D(2, 3, activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ]
    return keras.Sequential([keras.Input((6, 6, 1)), *parts])


def test_a_lock_is_of_one_run_and_ends_with_a_kill(tmp_path):
    path = tmp_path / "a.checkpoint"
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(OptionError, match="is in use by another run"), locked(path):
        pass
    with locked(tmp_path / "b.checkpoint"):  # another one is free
        pass
    other.kill()
    other.wait()
    assert [entry.name for entry in tmp_path.iterdir()] == [".a.checkpoint.lock"]
    with locked(path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_that_cannot_be_made_is_refused(tmp_path):
    with pytest.raises(OptionError, match="choose another folder"), locked(tmp_path / ("x" * 255)):
        pass
    (tmp_path / "target").write_text("mine")
    (tmp_path / ".c.lock").symlink_to(tmp_path / "target")
    with pytest.raises(OptionError, match="choose another folder"), locked(tmp_path / "c"):
        pass
    assert (tmp_path / "target").read_text() == "mine"


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def train(net, folder, data=(X, Y), stop=False, start=0, **plan):
    keras.utils.set_random_seed(start)
    copy = keras.models.clone_model(net)
    copy.set_weights(net.get_weights())
    twin = prepare(copy, X, "low_latency", timesteps=4)
    tools = [Stop()] if stop else []
    plan = FinetunePlan(**{**PLAN, **plan})
    return finetune(twin, data, plan, backup=folder, callbacks=tools)[0].get_weights()


@pytest.fixture(scope="module")
def stopped(net, tmp_path_factory):
    """A folder with the checkpoint of a training that was stopped after one epoch."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(KeyboardInterrupt):
        train(net, folder, stop=True, start=1)
    return folder


def copied(folder, tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes((folder / "checkpoint.npz").read_bytes())
    return tmp_path


def test_random_layers_go_on_bit_for_bit(net, stopped, tmp_path):
    again = train(net, copied(stopped, tmp_path), start=2)
    whole = train(net, tmp_path / "whole", start=3)
    for one, other in zip(again, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_of_other_work_is_refused(net, stopped, tmp_path):
    folder = copied(stopped, tmp_path)
    for data, plan in (
        ((X + np.float32(1e-6), Y), {}),
        ((X, (Y + 1) % 3), {}),
        ((X[:18], Y[:18]), {}),
        ((X, Y), {"rate": 1e-3}),
        ((X, Y), {"seed": 2}),
    ):
        with pytest.raises(OptionError, match="checkpoint of another training"):
            train(net, folder, data, **plan)


def test_forms_of_the_checkpoint_of_a_training(net, stopped, tmp_path):
    folder = copied(stopped, tmp_path)
    path = folder / "checkpoint.npz"
    with np.load(path) as file:
        arrays = dict(file)
    whole = train(net, copied(stopped, tmp_path))

    def written(**changed):
        kept = {k: v for k, v in {**arrays, **changed}.items() if v is not None}
        np.savez(path, **kept)

    written(format=None, depends_on=None)  # format 1
    for one, other in zip(train(net, folder), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    written(format=np.int64(9))
    with pytest.raises(OptionError, match="format 9, which a newer version wrote"):
        train(net, folder)
    for part in ("0", "epoch", "depends_on"):
        written(**{part: None})
        with pytest.raises(OptionError, match="damaged or of another model"):
            train(net, folder)
    for epoch in (np.float32("nan"), np.array([1, 2]), np.str_("x"), np.int64(-1), np.int64(99)):
        written(epoch=epoch)
        with pytest.raises(OptionError, match="checkpoint.npz|has 99 epochs of 3"):
            train(net, folder)
    written(**{"0": np.full_like(arrays["0"], np.nan)})
    with pytest.raises(WeightsError, match="108 of 108 values"):
        train(net, folder)
    written(**{"0": np.full(arrays["0"].shape, "x")})
    with pytest.raises(OptionError, match="of another model"):
        train(net, folder)


def test_two_trainings_in_one_folder(net, stopped, tmp_path):
    folder = copied(stopped, tmp_path)
    with locked(folder), pytest.raises(OptionError, match="in use by another run"):
        train(net, folder)


@pytest.fixture(scope="module")
def snn(net):
    return spkeras.convert(net, X, timesteps=4, insist=True)


def partly(snn, x, **plan):
    """The network of a checkpoint after 12 samples."""
    kept = []
    plan = {"batch_size": 6, "checkpoint_every": 2, **plan}
    train_thresholds(snn, x, checkpoint=kept.append, **plan)
    return kept[0]


def thresholds(snn):
    loop = spkeras.snn.model.loop_of(snn)
    return [node.arrays["threshold"] for node in loop.graph.of("neuron")]


def test_trained_thresholds_go_on_bit_for_bit(snn, tmp_path):
    part = partly(snn, X)
    part.save(tmp_path / "part.keras")
    part = keras.models.load_model(tmp_path / "part.keras")
    again = train_thresholds(snn, X, batch_size=6, resume=part)
    whole = train_thresholds(snn, X, batch_size=6)
    for one, other in zip(thresholds(again), thresholds(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    graphs = [spkeras.snn.model.loop_of(net).graph for net in (again, whole)]
    assert graphs[0].settings == graphs[1].settings
    batches = []
    train_thresholds(whole, X, batch_size=6, on_batch=batches.append)
    assert len(batches) == 4, "a network that was trained before is trained on all samples"


def test_thresholds_of_other_work_are_refused(net, snn, tmp_path):
    part = partly(snn, X)
    other = spkeras.convert(net, X[:9], timesteps=4, insist=True)
    moved = X.copy()
    moved[0] += np.float32(1e-3)
    for network, x, plan in (
        (snn, moved, {}),
        (snn, X[:6], {}),
        (snn, X[::-1], {}),
        (snn, X, {"rate": 0.2}),
        (snn, X, {"batch_size": 5}),
        (snn, X, {"batch_size": 12}),
        (other, X, {}),
    ):
        with pytest.raises(OptionError, match="not the first ones of these data"):
            train_thresholds(network, x, resume=part, **{"batch_size": 6, **plan})


def swept(net, path, **changed):
    return spkeras.sweep(
        net, (X, Y), ["ecc"], timesteps=[2, 4], insist=True, checkpoint=path, **changed
    )


@pytest.fixture(scope="module")
def points(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "points"
    return path, swept(net, path).to_dict()


def test_damaged_points_are_measured_again(net, points, tmp_path):
    source, whole = points
    head, first, second = source.read_text().splitlines()
    path, runs = tmp_path / "points", []

    def counting(*args, **kwargs):
        runs.append(1)
        return spkeras.evaluate(*args, **kwargs)

    entry = json.loads(first)
    entry["record"]["point"]["energy"] *= 2
    forged = json.loads(first)
    del forged["record"]["point"]["energy"]
    number = json.loads(first)
    number["record"]["cnn"]["macs"] = "many"
    from spkeras.facade.sweep_checkpoint import _hash

    forged["sha256"], number["sha256"] = _hash(forged), _hash(number)
    kinds = (json.dumps(entry), json.dumps(forged), json.dumps(number), first[:50], "[1]", "null")
    for line in kinds:
        runs.clear()
        path.write_text("\n".join([head, line, second]) + "\n")
        found = swept(net, path, evaluator=counting).to_dict()
        assert len(runs) == 1, line
        for one, other in zip(found["points"], whole["points"], strict=True):
            assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_formats_of_points(net, points, tmp_path):
    path = tmp_path / "points"
    for version, words in ((1, "format 1, which another version"), (77, "format 77, which")):
        path.write_text(json.dumps({"spkeras sweep": version, "depends on": "x"}) + "\n")
        with pytest.raises(OptionError, match=words):
            swept(net, path)
    for text in ("", "[]\n", "\xff\xfe", "[" * 100_000):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(OptionError, match="points"):
            swept(net, path)


def test_two_sweeps_with_one_checkpoint(net, points):
    with locked(points[0]), pytest.raises(OptionError, match="in use by another run"):
        swept(net, points[0])
