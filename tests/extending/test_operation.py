"""Graph operations from outside the package: a mirror image, and a weighted mix of positions."""

import dataclasses

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import GraphError, SpkerasError
from spkeras.graph.macs import macs
from spkeras.graph.operations import OPERATIONS, Operation, register_operation
from spkeras.graph.synapses import regions
from spkeras.snn.model import loop_of
from tests import networks

pytestmark = pytest.mark.slow


class Mirror(keras.layers.Layer):
    """Images with left and right exchanged."""

    def call(self, x):
        return keras.ops.flip(x, axis=2)


class Mix(keras.layers.Layer):
    """Each row's positions, mixed by a matrix (before, after); the same for all channels."""

    def __init__(self, shape=(5, 5), bias=True, **options):
        super().__init__(**options)
        self.mixing = self.add_weight(shape, "zeros", name="mixing")
        self.bias = self.add_weight((), "zeros", name="bias") if bias else None

    def call(self, x):
        y = keras.ops.einsum("byxc,xz->byzc", x, self.mixing)
        return y if self.bias is None else y + self.bias


MIRROR = Operation(
    linear=True,
    channelwise=True,
    keeps_sign=lambda node: True,
    tables=lambda node, shapes, place: [None, np.arange(shapes[0][1])[::-1, None]],
    layer=lambda node: Mirror(),
)
MIX = Operation(
    linear=True,
    weighted=True,
    arrays=("mixing", "bias"),
    optional=("bias",),
    tables=lambda node, shapes, place: [
        None,
        np.broadcast_to(np.arange(shapes[0][1]), (node.shape[1], shapes[0][1])),
    ],
    layer=lambda node: Mix(node.arrays["mixing"].shape, "bias" in node.arrays),
)


def of_mirror(call):
    return call.add("mirror", [call.input], call.shape)


def of_mix(call):
    weights = {name: np.asarray(getattr(call.operation, name)) for name in ("mixing", "bias")}
    return call.add("mix", [call.input], call.shape, arrays=weights)


@pytest.fixture(autouse=True)
def known(registries):
    register_operation("mirror", MIRROR)
    spkeras.register_operation("mix", MIX)
    spkeras.register_layer(Mirror, of_mirror)
    spkeras.register_layer(Mix, of_mix)


def model_of(layer):
    """Two convolutions around a layer; the second one does not read the last column."""
    net = keras.Sequential(
        [
            keras.Input((2, 5, 2)),
            keras.layers.Conv2D(3, (1, 3), padding="same", activation="relu", name="first"),
            layer,
            keras.layers.Conv2D(4, (1, 2), strides=(1, 2), activation="relu", name="second"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, name="last"),
        ]
    )
    rng = np.random.default_rng(4)
    for weight in net.weights:
        weight.assign(rng.normal(0, 0.6, weight.shape))
    return net


@pytest.mark.parametrize("layer", [Mirror, Mix])
@pytest.mark.parametrize("recipe", ["ecc", "sigma_delta"])
def test_it_converts_and_is_verified(layer, recipe):
    model = model_of(layer(name="own"))
    x = networks.samples(model, 20)
    snn = spkeras.convert(model, x, recipe, timesteps=256)
    expected = model.predict(x, verbose=0)
    error = np.abs(snn.predict(x, verbose=0) - expected).max() / np.abs(expected).max()
    assert error < 0.05
    assert spkeras.verify(model, snn, x).layers
    assert {v.verdict for v in spkeras.inspect(model) if v.name == "own"} == {"supported"}


@pytest.mark.parametrize("schedule", ["clock_driven", "layer_synchronous"])
def test_its_constant_counts_once_a_step(schedule):
    model = model_of(Mix(name="own"))
    model.get_layer("own").bias.assign(8.0)
    x = networks.samples(model, 20)
    snn = spkeras.convert(model, x, timesteps=256, schedule=schedule, per_channel=False)
    expected = model.predict(x, verbose=0)
    assert np.abs(snn.predict(x, verbose=0) - expected).max() < 0.05 * np.abs(expected).max()


def test_engines_without_a_kernel_for_it_refuse_it():
    model = model_of(Mirror(name="own"))
    x = networks.samples(model, 6)
    snn = spkeras.convert(model, x, timesteps=8)
    assert spkeras.evaluate(snn, x, engine="auto").engine == "dense"
    with pytest.raises(SpkerasError, match="own: operation mirror"):
        spkeras.evaluate(snn, x, engine="events")


def test_a_move_is_counted():
    """The last column of the second layer's input, the first one of the image, reaches nothing."""
    model = model_of(Mirror(name="own"))
    snn = spkeras.convert(model, networks.samples(model, 6), timesteps=8)
    graph = loop_of(snn).graph
    assert macs(graph)["own"] == 0
    first, *_ = graph.of("neuron")
    (region,) = (r for r in regions(graph) if "own" in r.nodes)
    wanted = np.broadcast_to(np.array([0, 4, 4, 4, 4])[:, None], (2, 5, 3))
    np.testing.assert_array_equal(region.composed[first.name].array(), wanted)


def test_weights_are_counted():
    """Each spike reaches five sums, of which the second layer reads four."""
    model = model_of(Mix(name="own"))
    # One scale for a layer commutes with any linear operation: no weight is added before it.
    snn = spkeras.convert(model, networks.samples(model, 6), timesteps=8, per_channel=False)
    graph = loop_of(snn).graph
    assert macs(graph)["own"] == 2 * 5 * 5 * 3
    assert {v.name: v.macs for v in spkeras.inspect(model)}["own"] == 2 * 5 * 5 * 3
    first, *_ = graph.of("neuron")
    (region,) = (r for r in regions(graph) if "own" in r.nodes)
    assert (region.factored[first.name].array() == 5).all()
    assert (region.composed[first.name].array() == 2 * 4).all()


def test_its_files_load(tmp_path):
    model = model_of(Mix(name="own"))
    x = networks.samples(model, 6)
    snn = spkeras.convert(model, x, timesteps=8)
    snn.save(tmp_path / "snn.keras")
    again = spkeras.load_model(tmp_path / "snn.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), snn.predict(x, verbose=0))
    del OPERATIONS["mix"]
    with pytest.raises(SpkerasError, match="unknown operation 'mix'.*register"):
        spkeras.load_model(tmp_path / "snn.keras")


@pytest.mark.parametrize(
    "name, operation, words",
    [
        ("conv", MIRROR, "the name is taken"),
        ("other", Operation(layer=MIRROR.layer), "linear=False"),
        ("other", Operation(linear=True), "layer=None"),
        ("other", OPERATIONS["dense"], "kernel="),
    ],
)
def test_what_cannot_be_registered(name, operation, words):
    with pytest.raises(GraphError, match=words):
        register_operation(name, operation)


@pytest.mark.parametrize(
    "table, words",
    [
        (np.arange(6)[:, None], r"shape \(6, 1\), values 0 to 5, for axis 1; allowed: \(5, taps\)"),
        (np.arange(1, 6)[:, None], "values 1 to 5, for axis 1; .* positions 0 to 4"),
        (np.arange(5), r"shape \(5,\)"),
    ],
)
def test_a_table_that_does_not_fit_is_named(table, words):
    del OPERATIONS["mirror"]
    register_operation("mirror", dataclasses.replace(MIRROR, tables=lambda *_: [None, table]))
    model = model_of(Mirror(name="own"))
    with pytest.raises(GraphError, match=f"operation 'mirror': tables.*{words}"):
        spkeras.evaluate(
            spkeras.convert(model, networks.samples(model, 6)), networks.samples(model, 6)
        )
