"""Networks without Keras: read from files, and run spike for spike as the oracle."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from spkeras.graph import Node
from spkeras.plain.network import PlainNetwork
from spkeras.plain.read import read_network
from spkeras.plain.simulator import PlainSimulator
from spkeras.plain.values import computed
from spkeras.snn.model import build
from tests import networks, oracle
from tests.processes import python
from tests.runs import run

pytest.importorskip("numba", reason="events need numba")

STEPS = 6


def mobile():
    """Padding apart, strides, depthwise convolutions, ReLU6."""
    x = keras.Input((8, 8, 2), name="image")
    y = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x)
    y = layers.Conv2D(3, 3, strides=2, name="stem")(y)
    y = layers.ReLU(6.0, name="six1")(y)
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="deep")(y)
    y = layers.ReLU(6.0, name="six2")(y)
    y = layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(4, 1, name="point")(y))
    return networks.dyadic(keras.Model(x, layers.Dense(3, name="dense")(y), name="mobile"))


NETS = {
    "mobile": mobile,
    **{
        name: getattr(networks, name)
        for name in ("chain", "residual", "pools", "concat", "several")
    },
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("net", NETS)
def test_files_run_as_the_oracle_says(net, suffix, tmp_path):
    model = NETS[net]()
    graph, x = networks.spiking(model), networks.as_list(networks.samples(model, 5))
    build(graph, timesteps=STEPS, stagger=0).save(tmp_path / f"a{suffix}")
    network = read_network(tmp_path / f"a{suffix}")
    assert isinstance(network, PlainNetwork) and network.runs and network.timesteps == STEPS
    found = {}

    def noted(rows, step, outputs):
        found.setdefault(step, []).append(outputs)

    trace = run(PlainSimulator(network), x, 3, noted)
    wanted = oracle.clock_driven(graph, x, STEPS)
    for name, train in wanted.spikes.items():
        np.testing.assert_array_equal(trace.spikes[name], train.sum((0, 1)))
    for step, batches in found.items():
        for place, output in enumerate(wanted.outputs[step]):
            mine = np.concatenate([batch[place] for batch in batches])
            np.testing.assert_array_equal(mine, output.astype("float32"))
    answers = networks.as_list(model(x if len(x) > 1 else x[0]))
    for mine, answer in zip(network.reference(x), answers, strict=True):
        np.testing.assert_allclose(as_answers(mine, answer), answer, rtol=1e-5, atol=1e-5)


def as_answers(logits, answers):
    """Logits as the CNN answers: through its softmax, if it ends in one."""
    if not np.allclose(np.sum(answers, -1), 1, atol=1e-4):
        return logits
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def test_originals_are_the_reference(tmp_path):
    model = networks.chain()
    graph, x = networks.spiking(model), networks.samples(model, 4)
    halved = {n.name: n.with_arrays(kernel=n.arrays["kernel"] / 2) for n in graph.of("conv")}
    changed = graph.updated(halved).keeping(graph)
    for suffix in (".keras", ".h5"):
        build(changed, timesteps=2).save(tmp_path / f"a{suffix}")
        network = read_network(tmp_path / f"a{suffix}")
        (found,) = network.reference([x])
        answers = model(x)
        np.testing.assert_allclose(as_answers(found, answers), answers, rtol=1e-5, atol=1e-5)
        for name, node in halved.items():
            np.testing.assert_array_equal(
                network.graph[name].arrays["kernel"], node.arrays["kernel"]
            )


def save(folder, settings=None, **neurons):
    path = folder / "a.keras"
    build(networks.spiking(networks.chain(), **neurons), **(settings or {})).save(path)
    return read_network(path)


def test_what_needs_keras_does_not_run(tmp_path):
    assert not save(tmp_path, recipe="sigma_delta").runs
    build(networks.spiking(networks.depthwise())).save(tmp_path / "transposed.keras")
    assert not read_network(tmp_path / "transposed.keras").runs
    assert not save(tmp_path, {"schedule": "layer_synchronous"}).runs
    assert not save(tmp_path, {"input_encoding": "regular"}).runs
    network = save(tmp_path)
    shape = network.graph.of("input")[0].shape
    assert network.runs and network.suits([np.zeros((10, *shape))])
    assert not network.suits([np.zeros((10, 4, *shape))])
    assert not network.suits([np.broadcast_to(np.float32(0), (10**9, *shape))])


def test_other_files_are_left_to_keras(tmp_path):
    networks.chain().save(tmp_path / "cnn.keras")
    (tmp_path / "text.keras").write_text("text")
    for name in ("cnn.keras", "text.keras", "missing.keras"):
        assert read_network(tmp_path / name) is None


# Inputs, a kernel and a window, by explicit loops in float64.
SIZE = 7


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride, dilation, groups", [(1, 1, 1), (2, 1, 3), (1, 2, 1)])
def test_convolutions(padding, stride, dilation, groups):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, SIZE, SIZE, 6)), rng.normal(size=(3, 2, 6 // groups, 9))
    spans = [dilation * (taps - 1) + 1 for taps in kernel.shape[:2]]
    if padding == "valid":
        outs, before = [(SIZE - span) // stride + 1 for span in spans], [0, 0]
    else:
        outs = [-(-SIZE // stride)] * 2
        before = [max((outs[0] - 1) * stride + span - SIZE, 0) // 2 for span in spans]
    wanted = np.zeros((2, *outs, 9))
    for i, j, k, m in np.ndindex(*outs, *kernel.shape[:2]):
        row, column = (
            o * stride + t * dilation - b for o, t, b in zip((i, j), (k, m), before, strict=True)
        )
        if 0 <= row < SIZE and 0 <= column < SIZE:
            for group in range(groups):
                mine = slice(group * 9 // groups, (group + 1) * 9 // groups)
                part = x[:, row, column, group * 6 // groups : (group + 1) * 6 // groups]
                wanted[:, i, j, mine] += part @ kernel[k, m][:, mine]
    node = Node(
        name="c",
        op="conv",
        inputs=("x",),
        shape=tuple(wanted.shape[1:]),
        attributes={
            "strides": (stride, stride),
            "padding": padding,
            "dilation": (dilation, dilation),
            "groups": groups,
        },
        arrays={"kernel": kernel.astype("float32")},
    )
    found = computed([node], {"x": x.astype("float32")})["c"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


COMMAND = """
import json, sys
from spkeras.cli import main
data = ["--data", "d.npz", "--any-range", "--json"]
for words in (["info", "a.keras"], ["evaluate", "a.keras", *data]):
    try:
        main(words)
    except SystemExit as stop:
        assert not stop.code, words
heavy = [name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules]
print("RESULT" + json.dumps(heavy))
"""


def test_commands_that_only_run_import_no_backend(tmp_path):
    model = networks.chain()
    build(networks.spiking(model), timesteps=4).save(tmp_path / "a.keras")
    np.savez(tmp_path / "d.npz", x_test=networks.samples(model, 4))
    code = f"import os; os.chdir({str(tmp_path)!r})" + COMMAND
    assert json.loads(python(code).split("RESULT")[1]) == []


@pytest.mark.parametrize(
    "config",
    [
        "x",
        None,
        {"config": "x"},
        {"config": {"layers": "x"}},
        {"config": {"layers": [{"class_name": "SpikeLoop", "config": "x"}]}},
        {"config": {"layers": [{"class_name": "SpikeLoop", "config": {"structure": []}}]}},
        {
            "config": {
                "layers": [{"class_name": "SpikeLoop", "config": {"structure": {"schema": 3}}}]
            }
        },
    ],
)
def test_configurations_of_another_form_are_left_to_keras(config, tmp_path):
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.12.0"}))
        weights = io.BytesIO()
        with h5py.File(weights, "w") as file:
            file.create_group("layers/spike_loop")
        archive.writestr("model.weights.h5", weights.getvalue())
    assert read_network(path) is None
