"""Hard gates: events send the oracle's spikes, of each neuron and in each step."""

import re

import keras
import numpy as np
import pytest
from keras import layers as L

from spkeras.errors import OptionError
from spkeras.simulation import Simulator
from spkeras.snn.model import build, configure, loop_of
from tests import networks, oracle, runs

NETS = ("chain", "residual", "pools", "depthwise", "concat", "several")
STEPS = 12


def events(snn, x, batch_size=2):
    """(spikes of each neuron, spikes of each layer up to each step, outputs at each step)."""
    inputs = networks.as_list(x)
    outputs = {}

    def told(rows, index, values):
        for output, value in enumerate(values):
            outputs.setdefault((output, index), []).append(np.array(value))

    trace = runs.run(Simulator(loop_of(snn), "events"), inputs, batch_size, told)
    joined = {key: np.concatenate(parts) for key, parts in outputs.items()}
    return trace, joined


def check(graph, snn, x, **simulation):
    configure(snn, timesteps=STEPS, **simulation)
    loop, inputs = loop_of(snn), networks.as_list(x)
    run = oracle.clock_driven(
        graph, inputs, loop.timesteps, loop.stagger, loop.input_encoding, loop._draws
    )
    trace, outputs = events(snn, x)
    for name, train in run.spikes.items():
        np.testing.assert_array_equal(trace.spikes[name], abs(train).sum((0, 1)), err_msg=name)
        each = abs(train).reshape(STEPS, -1).sum(1).cumsum() / len(inputs[0])
        np.testing.assert_array_equal(trace.layer_spikes[name], each, err_msg=name)
    for (output, step), value in outputs.items():
        np.testing.assert_array_equal(value, run.outputs[step][output].astype("float32"))
    assert len(outputs) == STEPS * len(graph.outputs)
    return run


@pytest.mark.parametrize("neuron", ["binary", "signed", "burst", "signed_burst"])
@pytest.mark.parametrize("net", NETS)
def test_every_neuron(net, neuron):
    model = getattr(networks, net)()
    graph = networks.spiking(model, neuron=neuron)
    run = check(graph, build(graph), networks.samples(model), stagger=0)
    assert min(abs(train).sum() for train in run.spikes.values()) > 0, "a silent layer"


@pytest.mark.slow
@pytest.mark.parametrize("neuron", ["binary", "signed_burst"])
@pytest.mark.parametrize("net", NETS)
def test_staggered_start(net, neuron):
    model = getattr(networks, net)()
    graph = networks.spiking(model, neuron=neuron)
    check(graph, build(graph), networks.samples(model), stagger=2)
    check(graph, build(graph), networks.samples(model), stagger=0.8125)


@pytest.mark.parametrize(
    "options", [{"reset": "zero"}, {"initial_potential": 0.0}, {"initial_potential": 0.75}], ids=str
)
@pytest.mark.parametrize("net", ["chain", "residual", "several"])
def test_reset_and_alpha(net, options):
    model = getattr(networks, net)()
    graph = networks.spiking(model, **options)
    check(graph, build(graph), networks.samples(model), stagger=1)


def test_one_scale_for_a_layer():
    model = networks.residual()
    graph = networks.spiking(model, per_channel=False)
    check(graph, build(graph), networks.samples(model), stagger=0)


# --- every way through which spikes can pass ---------------------------------------------

_SPATIAL = [
    {"strides": 1},
    {"strides": 2},
    {"strides": 3},
    {"strides": 1, "dilation_rate": 2},
]
_PASSAGES = {
    **{
        f"conv-{k}-{padding}-{options}": lambda k=k, p=padding, o=options: L.Conv2D(
            8, k, padding=p, **o
        )
        for k in (1, 2, 3, 5)
        for padding in ("valid", "same")
        for options in _SPATIAL
        if (k - 1) * options.get("dilation_rate", 1) < 8
    },
    **{
        f"depthwise-{padding}-{options}": lambda p=padding, o=options: L.DepthwiseConv2D(
            3, padding=p, depth_multiplier=2, **o
        )
        for padding in ("valid", "same")
        for options in _SPATIAL
    },
    **{
        f"transposed-{k}-{s}-{padding}": lambda k=k, s=s, p=padding: L.Conv2DTranspose(
            3, k, strides=s, padding=p
        )
        for k in (1, 2, 3)
        for s in (1, 2)
        for padding in ("valid", "same")
    },
    **{
        f"pool-{size}-{strides}-{padding}": lambda s=size, t=strides, p=padding: L.AveragePooling2D(
            s, t, padding=p
        )
        for size, strides in ((2, 2), (2, 1), (4, 2))
        for padding in ("valid", "same")
        if padding == "valid" or size == 2  # a border of 12 elements has no exact mean
    },
    "groups": lambda: L.Conv2D(8, 3, groups=2, padding="same"),
    "separable": lambda: L.SeparableConv2D(4, 3, padding="same"),
    "pad": lambda: L.ZeroPadding2D(((1, 2), (0, 1))),
    "crop": lambda: L.Cropping2D(((1, 0), (2, 1))),
    "upsample": lambda: L.UpSampling2D((2, 3)),
    "permute": lambda: L.Permute((3, 1, 2)),
    "reshape": lambda: L.Reshape((16, 16)),
    "gap": lambda: L.GlobalAveragePooling2D(keepdims=True),
    "norm": lambda: L.BatchNormalization(epsilon=2.0**-10),
    "dense": lambda: L.Dense(17),
}


@pytest.mark.slow
@pytest.mark.parametrize("passage", _PASSAGES, ids=str)
def test_every_passage(passage):
    """Between two layers of neurons, and once more with a weighted layer behind it."""
    x = keras.Input((8, 8, 2), name="image")
    stem = L.Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    y = _PASSAGES[passage]()(stem)
    behind = L.Flatten()(y)
    y = L.Concatenate()(
        [L.Flatten()(L.ReLU(name="fires")(y)), L.Dense(3, activation="relu", name="more")(behind)]
    )
    model = networks.dyadic(keras.Model(x, L.Dense(3, name="dense")(y), name="passage"))
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.moving_variance.assign(np.full(4, 1 - 2.0**-10))
    graph = networks.spiking(model)
    check(graph, build(graph), networks.samples(model), stagger=1)


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_sequences(padding):
    x = keras.Input((9, 2), name="signal")
    y = L.Conv1D(4, 3, padding="same", activation="relu")(x)
    y = L.Conv1D(5, 3, padding=padding, strides=2, activation="relu")(y)
    y = L.Dense(3)(L.Flatten()(L.MaxPooling1D(2)(y)))
    model = networks.dyadic(keras.Model(x, y, name="sequence"))
    graph = networks.spiking(model)
    check(graph, build(graph), networks.samples(model), stagger=0)


def test_what_the_input_feeds_past_neurons():
    """A branch from the input joins spikes behind a convolution: its current is each sample's."""
    x = keras.Input((4, 4, 2), name="image")
    y = L.Conv2D(3, 3, padding="same", activation="relu")(x)
    y = L.Add()([L.Conv2D(3, 3, padding="same")(y), L.Conv2D(3, 1)(x)])
    y = L.ReLU()(L.Conv2D(4, 2)(y))
    y = L.Subtract()([L.Dense(3)(L.Flatten()(y)), L.Dense(3)(L.Flatten()(x))])
    model = networks.dyadic(keras.Model(x, y, name="past"))
    graph = networks.spiking(model)
    check(graph, build(graph), networks.samples(model), stagger=1)


def test_differences_and_doubles():
    """Spikes less spikes, and a branch that meets itself."""
    x = keras.Input((4, 4, 2), name="image")
    y = L.Conv2D(3, 3, padding="same", activation="relu", name="stem")(x)
    z = L.Conv2D(3, 3, padding="same", activation="relu", name="next")(y)
    z = L.ReLU(name="less")(L.Subtract()([y, z]))
    z = L.ReLU(name="twice")(L.Add()([z, z]))
    z = L.Subtract()([L.Dense(3, name="a")(L.Flatten()(z)), L.Dense(3, name="b")(L.Flatten()(y))])
    model = networks.dyadic(keras.Model(x, z, name="differences"))
    graph = networks.spiking(model)
    run = check(graph, build(graph), networks.samples(model), stagger=1)
    assert min(abs(train).sum() for train in run.spikes.values()) > 0


# --- which engine runs --------------------------------------------------------------------


def test_many_blocks_and_threads_are_one_run(monkeypatch):
    from spkeras.events import engine

    model = networks.residual()
    snn = configure(build(networks.spiking(model)), timesteps=STEPS, stagger=1)
    x = networks.samples(model, count=7)
    whole, outputs = events(snn, x, batch_size=7)
    monkeypatch.setattr(engine, "_BLOCK", 5 * 3 * 3)
    monkeypatch.setattr(engine, "available", lambda: 3)
    parts, pieces = events(snn, x, batch_size=3)
    for name in whole.spikes:
        np.testing.assert_array_equal(whole.spikes[name], parts.spikes[name])
        np.testing.assert_array_equal(whole.layer_spikes[name], parts.layer_spikes[name])
    for key in outputs:
        np.testing.assert_array_equal(outputs[key], pieces[key])


@pytest.mark.parametrize("neuron", ["binary", "signed_burst"])
@pytest.mark.parametrize("net", ["residual", "depthwise", "pools"])
def test_bands_of_rows_and_steps_are_one_run(monkeypatch, net, neuron):
    """Large maps run some rows and steps at a time."""
    from spkeras.events import plan, writer

    monkeypatch.setattr(plan, "_ROWS", 16)
    monkeypatch.setattr(plan, "_SUMS", 64)
    monkeypatch.setattr(writer, "_STEPS", 5)
    model = getattr(networks, net)()
    graph = networks.spiking(model, neuron=neuron)
    check(graph, build(graph), networks.samples(model), stagger=1)


def test_what_events_cannot_run_runs_dense():
    x = keras.Input((4, 4, 2), name="image")
    y = L.Dense(3)(L.Flatten()(L.Conv2D(3, 3, activation="tanh", name="curved")(x)))
    model = networks.dyadic(keras.Model(x, y, name="smooth"))
    loop = loop_of(build(networks.spiking(model)))
    assert Simulator(loop).engine == "dense"
    with pytest.raises(OptionError, match="curved.*tanh"):
        Simulator(loop, "events")


def test_the_engine_is_named(monkeypatch):
    import spkeras
    from spkeras.simulation import engine

    model = networks.chain()
    snn, x = build(networks.spiking(model)), networks.samples(model)
    found = spkeras.evaluate(snn, x, any_range=True)
    assert (found.engine, found.to_dict()["engine"]) == ("events", "events")
    assert re.search(r"expected to cost 0\.\d+ dense steps", found.engine_reason)
    assert spkeras.evaluate(snn, x, any_range=True, engine="dense").engine == "dense"
    closed = spkeras.evaluate(snn, x, any_range=True, schedule="layer_synchronous")
    assert closed.engine == "closed form"
    for settings, words in (
        ({"schedule": "layer_synchronous"}, "closed form"),
        ({"input_encoding": "regular"}, "constant input"),
    ):
        with pytest.raises(OptionError, match=words):
            spkeras.evaluate(snn, x, any_range=True, engine="events", **settings)
    with pytest.raises(OptionError, match="'auto', 'dense', 'events'"):
        spkeras.evaluate(snn, x, engine="fast")
    monkeypatch.setattr(engine, "missing", lambda: "numba is not installed")
    assert spkeras.evaluate(snn, x, any_range=True).engine == "dense"
    with pytest.raises(OptionError, match="numba is not installed"):
        spkeras.evaluate(snn, x, any_range=True, engine="events")


def test_what_graded_spikes_of_a_window_cost_is_not_guessed():
    import spkeras

    model = networks.chain()
    snn = build(networks.spiking(model, neuron="multi_threshold"))
    with pytest.raises(OptionError, match="graded spikes.*relu1.*clock_driven"):
        spkeras.evaluate(snn, networks.samples(model), any_range=True, schedule="layer_synchronous")


def shared():
    """A convolution without an activation that a layer reads at once, and a sum two layers on."""
    x = keras.Input((6, 6, 2), name="image")
    y = L.Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    both = L.Conv2D(4, 3, padding="same", name="shared")(y)
    early = L.ReLU(name="early")(both)
    z = L.Conv2D(4, 3, padding="same", activation="relu", name="between")(early)
    z = L.Conv2D(4, 1, name="after")(z)
    late = L.ReLU(name="late")(L.Add(name="sum")([both, z]))
    y = L.Dense(3, name="dense")(L.Flatten(name="flatten")(late))
    return networks.dyadic(keras.Model(x, y, name="shared"))


@pytest.mark.parametrize("stagger", [1, 2.5])
def test_a_shared_linear_node_starts_with_its_earliest_reader(stagger):
    """Not with the one that starts last: what comes in between is the earlier one's."""
    graph = networks.spiking(shared())
    depths = {node.name: node["depth"] for node in graph.of("neuron")}
    assert len(graph.consumers["shared"]) == 2 and depths["late"] > depths["early"] + 1
    run = check(graph, build(graph), networks.samples(shared()), stagger=stagger)
    start = int(depths["early"] * stagger)
    assert abs(run.spikes["early"][start : int(depths["late"] * stagger)]).sum() > 0
