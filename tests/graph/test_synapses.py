"""Synapses between neurons against brute force: one spike at a time, followed to its targets."""

import numpy as np
import pytest

from spkeras.graph import Node, product, reach
from spkeras.graph.macs import macs
from spkeras.graph.synapses import constant_macs, regions
from tests.graph.brute_force import Counter
from tests.graph.nodes import (
    concatenate,
    conv,
    dense,
    depthwise,
    function,
    merged,
    net,
    pool,
    relu,
    scale,
    shaped,
    source,
    transposed,
)
from tests.graph.topologies import TOPOLOGIES

X = source((6, 5, 4))


def counter(graph):
    return Counter(graph, [node.name for node in graph.nodes if node.op == "neuron"])


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_one_spike_of_every_neuron(name):
    graph = TOPOLOGIES[name]()
    brute, found = counter(graph), regions(graph)
    assert {frozenset(region.nodes) for region in found} == set(brute.regions())
    for region in found:
        for sender, fan in region.composed.items():
            composed, factored = brute.additions(sender, frozenset(region.nodes))
            np.testing.assert_array_equal(fan.array(), composed)
            np.testing.assert_array_equal(region.factored[sender].array(), factored)
            assert fan.exact and region.factored[sender].exact
        for sender in set(brute.sources) - set(region.composed):
            assert not any(map(np.any, brute.additions(sender, frozenset(region.nodes))))


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_sums_that_one_spike_changes(name):
    graph = TOPOLOGIES[name]()
    brute = counter(graph)
    everything = {sender: np.ones(brute.size[sender]) for sender in brute.sources}
    for region in regions(graph):
        dense = brute.changed_macs(everything, region.nodes)
        assert {n: count for n, count in dense.items() if count} == {
            layer.name: layer.dense for layer in region.later
        }
        for layer in region.later:
            for sender, fan in layer.caused.items():
                for place in range(brute.size[sender]):
                    fired = np.arange(brute.size[sender]) == place
                    wanted = brute.changed_macs({sender: fired}, region.nodes)[layer.name]
                    assert fan.array().reshape(-1)[place] == wanted


def check(graph, *sources):
    """All regions of a graph, with these sources, against brute force."""
    sources = sources or ("x",)
    brute, found = Counter(graph, list(sources)), regions(graph, sources)
    assert {frozenset(region.nodes) for region in found} == set(brute.regions())
    for region in found:
        for name, fan in region.composed.items():
            composed, factored = brute.additions(name, frozenset(region.nodes))
            np.testing.assert_array_equal(fan.array(), composed)
            np.testing.assert_array_equal(region.factored[name].array(), factored)
    return found


def total(graph, way="composed"):
    """Additions of a spike of each element of "x" over all regions."""
    fans = (getattr(region, way).get("x") for region in regions(graph, ["x"]))
    arrays = [fan.array() for fan in fans if fan is not None]
    return sum(arrays) if arrays else np.zeros(graph["x"].shape)


MATRIX = {"matrix": np.array([[1, 0, 0], [0.5, 0, -1], [0, 0, 2], [0, 0, 0], [0.5, 1, 0]])}
PASSING = {
    "pad": lambda x: shaped("pad", x, (9, 5, 4), amounts=((1, 2), (0, 0))),
    "crop": lambda x: shaped("crop", x, (4, 4, 4), amounts=((2, 0), (0, 1))),
    "permute": lambda x: shaped("permute", x, (5, 4, 6), axes=(2, 3, 1)),
    "grouped": lambda x: conv(x, (1, 1), 4, groups=2, name="first"),
    "reshape": lambda x: shaped("reshape", x, (3, 10, 4)),
    "pool": lambda x: pool(x, "average_pool", 2, 2),
    "overlapping pool": lambda x: pool(x, "average_pool", 3, 2, "same"),
    "sparse pool": lambda x: pool(x, "average_pool", 1, 2),
    "nearest": lambda x: shaped("upsample", x, (12, 15, 4), size=(2, 3), interpolation="nearest"),
    "bilinear": lambda x: shaped("upsample", x, (12, 15, 4), size=(2, 3), interpolation="bilinear"),
    "bicubic by 3": lambda x: shaped(
        "upsample", x, (18, 15, 4), size=(3, 3), interpolation="bicubic"
    ),
    "cut apart": lambda x: shaped("reshape", x, (5, 4, 2, 3)),
    "bicubic": lambda x: shaped("upsample", x, (12, 10, 4), size=(2, 2), interpolation="bicubic"),
    "resample": lambda x: Node("resample", "resample", (x.name,), (6, 3, 4), {"axis": 2}, MATRIX),
    "scale": lambda x: scale(x),
    "conv": lambda x: conv(x, (2, 3), 4, strides=2, name="first"),
    "depthwise": lambda x: depthwise(x, (3, 3), 2, name="first"),
}


ENDS = {
    "neuron": lambda x: (),
    "conv": lambda x: (conv(x, (2,) * (len(x.shape) - 1), 2, name="end"),),
    "depthwise": lambda x: (depthwise(x, (3,) * (len(x.shape) - 1), 1, strides=2, name="end"),),
    "transposed": lambda x: (transposed(x, (2,) * (len(x.shape) - 1), 2, "valid", 2, name="end"),),
    "dense": lambda x: (dense(x, 3),),
    "scale": lambda x: (scale(x, "end"),),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", PASSING)
def test_what_a_spike_passes(name, end):
    middle = PASSING[name](X)
    last = ENDS[end](middle)
    check(net(X, middle, *last, relu([middle, *last][-1])))


@pytest.mark.parametrize("end", ["neuron", "scale", "dense"])
@pytest.mark.parametrize("name", ["pad", "overlapping pool", "permute", "cut apart", "depthwise"])
def test_a_flat_axis(name, end):
    """A flattened map keeps its axes apart until an operation mixes or moves them."""
    middle = PASSING[name](X)
    flat = shaped("reshape", middle, (int(np.prod(middle.shape)),), "flat")
    last = ENDS[end](flat)
    check(net(X, middle, flat, *last, relu([flat, *last][-1])))
    # Beside another flat map, read as one axis.
    joined = concatenate(flat, shaped("reshape", X, (120,), "other"), name="joined")
    last = ENDS[end](joined)
    nodes = (X, middle, flat, shaped("reshape", X, (120,), "other"), joined, *last)
    check(net(*nodes, relu(nodes[-1])))
    back = shaped("reshape", flat, middle.shape, "back")
    check(net(X, middle, flat, back, conv(back, (2,) * (len(back.shape) - 1), 2, name="c")))


def test_shuffled_channel_groups():
    first = conv(X, (1, 1), 6, groups=2, name="first")
    cut = shaped("reshape", first, (6, 5, 2, 3), "cut")
    turned = shaped("permute", cut, (6, 5, 3, 2), "turned", axes=(1, 2, 4, 3))
    shuffled = shaped("reshape", turned, (6, 5, 6), "shuffled")
    second = conv(shuffled, (3, 3), 6, groups=3, name="second")
    (region,) = check(net(X, first, cut, turned, shuffled, second, relu(second)))
    assert [layer.name for layer in region.later] == ["second"]


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_average(keepdims):
    shape = (1, 1, 4) if keepdims else (4,)
    pooled = shaped("global_average_pool", X, shape, keepdims=keepdims)
    graph = net(X, pooled, dense(pooled, 3))
    check(graph)
    np.testing.assert_array_equal(total(graph), np.full(X.shape, 3.0))


def test_identity_shortcut_lies_within_the_convolution():
    layer = conv(X, (3, 3), 4)
    joined = merged("add", layer, X)
    graph = net(X, layer, joined, relu(joined))
    check(graph)
    alone = total(net(X, layer, relu(layer)))
    # Composed, the shortcut is one more weight at a synapse that is there; factored, an addition.
    np.testing.assert_array_equal(total(graph), alone)
    np.testing.assert_array_equal(total(graph, "factored") - alone, 1.0)


def test_dilated_branches_overlap():
    """Windows that share some taps: each target counts once."""
    x = source((9, 11, 2))
    branches = [conv(x, (3, 3), 3, dilation=d, name=f"d{d}") for d in (1, 2, 3, 4)]
    wide = conv(x, (1, 5), 3, name="wide")
    summed = merged("add", *branches, wide)
    (region,) = check(net(x, *branches, wide, summed, relu(summed)))
    assert region.composed["x"].exact and region.composed["x"].array().max() > 3 * 25


def test_a_layer_that_reads_a_spike_twice():
    doubled = Node("a", "add", ("x", "x"), X.shape)
    joined = concatenate(doubled, X)
    check(net(X, doubled, joined, conv(joined, (3, 3), 2)))


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -3])
def test_concatenate(axis):
    y = source(X.shape, "y")
    joined = concatenate(y, X, axis=axis)
    check(net(X, y, joined, conv(joined, (3, 3), 2, strides=2)), "x", "y")


@pytest.mark.parametrize("op", ["add", "subtract"])
@pytest.mark.parametrize("shape", [(1, 1, 4), (6, 1, 4), (4,), (5, 4), (6, 5, 4)])
def test_broadcast_input_reaches_every_element(op, shape):
    small = source(shape, "small")
    summed = merged(op, X, small)
    check(net(X, small, summed, conv(summed, (3, 3), 2)), "x", "small")


STOPPING = {
    "activation": relu,
    "max_pool": lambda x: pool(x, "max_pool", 2, 2),
    "global_max_pool": lambda x: shaped("global_max_pool", x, (4,), keepdims=False),
    "multiply": lambda x: Node("m", "multiply", ("x", "other"), x.shape),
    "function": lambda x: function("layer_normalization", [x], x.shape, axes=(3,), epsilon=0.1),
    "readout": lambda x: Node("o", "readout", ("x",), x.shape, {"depth": 0, "spike_code": "rate"}),
}


@pytest.mark.parametrize("name", STOPPING)
def test_where_a_spike_stops(name):
    stop = STOPPING[name](X)
    graph = net(X, source(X.shape, "other"), stop, dense(stop, 3))
    np.testing.assert_array_equal(total(graph), np.ones(X.shape))


def test_a_value_read_twice_arrives_twice():
    """Keys that are the values too are kept by the neuron as two inputs."""
    q, v = source((2, 5, 3)), source((2, 7, 4), "v")
    numbers = {"scale": 1.0, "causal": False, "window": None}
    graph = net(q, v, function("attention", [q, q, q], (2, 5, 3), **numbers))
    np.testing.assert_array_equal(total(graph), np.full(q.shape, 3.0))


def test_an_output_takes_spikes_as_a_neuron_does():
    graph = net(X, dense(X, 3), outputs=("x", "dense"))
    np.testing.assert_array_equal(total(graph), np.full(X.shape, 4.0))


def test_a_sum_that_two_neurons_read():
    layer = conv(X, (3, 3), 3)
    graph = net(X, layer, relu(layer), relu(layer, "r2"))
    check(graph)
    np.testing.assert_array_equal(total(graph), 2 * total(graph, "factored"))


def test_spikes_that_nothing_reads():
    graph = net(X, source((3,), "y"), outputs=("y",))
    np.testing.assert_array_equal(total(graph), np.zeros(X.shape))


def test_targets_of_a_later_layer():
    """What a later layer adds to decides when it starts."""
    graph = TOPOLOGIES["densely_connected"]()
    later = {layer.name: layer.targets for region in regions(graph) for layer in region.later}
    assert later == {"norm1": ("n2",), "norm2": ("n3",), "three": ("n4",)}


def test_constant_currents_meet_spikes():
    """Before the first neuron all of a layer counts, beside spikes what the input reaches."""
    spiking = relu(X, "n")
    first = conv(X, (3, 3), 4, name="first")
    joined = concatenate(first, spiking)
    second = conv(joined, (3, 3), 2, name="second")
    graph = net(X, spiking, first, joined, second, relu(second, "end"))
    products = macs(graph)
    assert constant_macs(graph) == products["first"] + products["second"] / 2


def test_upper_bounds_say_so(monkeypatch):
    """Where a count takes too large a matrix, or too many intersections, it is a bound."""
    x = source((9, 11, 2))
    branches = [conv(x, (3, 3), 3, dilation=d, name=f"d{d}") for d in (1, 2, 3, 4)]
    summed = merged("add", *branches)
    graph = net(x, *branches, summed, relu(summed))
    exact = total(graph)
    monkeypatch.setattr(reach, "_BUDGET", 2)
    bound = regions(graph, ["x"])[0].composed["x"]
    assert not bound.exact and (bound.array() >= exact).all() and (bound.array() > exact).any()

    flat = shaped("reshape", X, (120,), "flat")
    joined = concatenate(flat, source((3,), "y"))
    graph = net(X, flat, source((3,), "y"), joined, scale(joined), relu(joined))
    monkeypatch.setattr(product, "LIMIT", 1000)
    bound = regions(graph, ["x"])[0].composed["x"]
    assert not bound.exact and (bound.array() >= 1).all()


def test_large_layers_are_quick():
    x = source((224, 224, 32))
    first = conv(x, (3, 3), 64, strides=2)
    second = conv(first, (3, 3), 64, name="second")
    flat = shaped("reshape", second, (112 * 112 * 64,), "flat")
    graph = net(x, first, second, relu(second), flat, dense(flat, 10))
    assert total(graph).shape == x.shape
