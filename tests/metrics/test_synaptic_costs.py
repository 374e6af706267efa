"""Operations of recorded spike trains against brute force that follows every single spike."""

import math
from dataclasses import replace

import numpy as np
import pytest

from spkeras.graph import Graph, Node, reach
from spkeras.graph.synapses import regions
from spkeras.metrics import activity
from spkeras.metrics.synaptic import _loop, _sent
from spkeras.trace import Trace
from tests.graph.brute_force import Counter
from tests.graph.nodes import conv, merged, shaped
from tests.graph.topologies import N1, TOPOLOGIES, X, neuron, readout
from tests.metrics import graphs

STEPS, SAMPLES = 7, 3


def spike_trains(graph, share, seed=3):
    """Random spikes (steps, samples, neurons) of each layer; none in the steps 2 and 5."""
    rng = np.random.default_rng(seed)
    trains = {}
    for node in graph.nodes:
        if node.op == "neuron":
            trains[node.name] = rng.random((STEPS, SAMPLES, int(np.prod(node.shape)))) < share
            trains[node.name][[2, 5]] = False
    return trains


def recorded(graph, trains, **changed):
    shapes = {node.name: node.shape for node in graph.nodes}
    spikes = {n: t.sum(axis=(0, 1)).reshape(shapes[n]).astype(float) for n, t in trains.items()}
    layers = {n: t.sum(axis=(1, 2)).cumsum() / SAMPLES for n, t in trains.items()}
    steps = np.arange(1, STEPS + 1)
    return Trace("clock_driven", STEPS, steps, SAMPLES, spikes, layers, 0.0, 1.0, **changed)


def followed(brute, trains, region):
    """What one region takes per sample: additions of both ways by source; by later layer the
    multiply-accumulates on changed sums, their bound, and all that the layer has."""
    additions, single = {}, {}
    for source, train in trains.items():
        both = brute.additions(source, region)
        counts = train.sum(axis=(0, 1)) / SAMPLES
        additions[source] = [float((counts * way.reshape(-1)).sum()) for way in both]
        size = brute.size[source]
        spikes = (np.arange(size) == place for place in range(size))
        single[source] = [brute.changed_macs({source: spike}, region) for spike in spikes]
    everything = {source: np.ones(brute.size[source]) for source in trains}
    dense = brute.changed_macs(everything, region)
    true, bound = dict.fromkeys(dense, 0.0), {}
    for step in range(STEPS):
        for sample in range(SAMPLES):
            fired = {source: train[step, sample] for source, train in trains.items()}
            for name, count in brute.changed_macs(fired, region).items():
                true[name] += count / SAMPLES
    for name in dense:
        most = {source: max(macs[name] for macs in found) for source, found in single.items()}
        steps = sum(t.sum(axis=(1, 2)) / SAMPLES * most[source] for source, t in trains.items())
        each = sum(
            (train.sum(axis=(0, 1)) / SAMPLES * [macs[name] for macs in single[source]]).sum()
            for source, train in trains.items()
        )
        bound[name] = min(np.minimum(steps, dense[name]).sum(), each)
    return additions, true, bound, dense


@pytest.mark.parametrize("share", [0.02, 0.5])
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_spike_trains(name, share):
    graph = TOPOLOGIES[name]()
    trains = spike_trains(graph, share)
    brute = Counter(graph, list(trains))
    found = {layer.name: layer for layer in activity(graph, recorded(graph, trains)).layers}
    operations, loops = dict.fromkeys(trains, 0.0), 0.0
    for region in brute.regions():
        additions, true, bound, dense = followed(brute, trains, region)
        for layer, changed in true.items():
            # The five steps with spikes cost no more than all of the layer each.
            assert changed <= bound[layer] + 1e-9 and bound[layer] <= 5 * dense[layer] + 1e-9
        totals = np.sum(list(additions.values()), axis=0) + [0.0, sum(bound.values())]
        factored = totals[1] < totals[0]
        loops += factored * sum(bound.values())
        for source, counts in additions.items():
            operations[source] += counts[int(factored)]
    for source, layer in found.items():
        assert layer.synaptic_operations == pytest.approx(operations[source], rel=1e-12)
        assert layer.accumulates == layer.synaptic_operations and layer.shift_adds == 0
    assert sum(layer.loop_macs for layer in found.values()) == pytest.approx(loops, rel=1e-12)


def test_both_ways_are_chosen_and_named():
    graph = TOPOLOGIES["densely_connected"]()
    rare, frequent = (
        activity(graph, recorded(graph, spike_trains(graph, share))) for share in (0.02, 0.9)
    )
    assert rare.loop_macs == 0 and frequent.loop_macs > 0
    assert rare.layers[0].synapses == "composed"
    assert frequent.layers[0].synapses == "factored"
    assert frequent.layers[-1].synapses == "direct"


def test_a_plain_chain_has_one_way():
    graph = TOPOLOGIES["plain_convolutions"]()
    found = activity(graph, recorded(graph, spike_trains(graph, 0.9)))
    assert {layer.synapses for layer in found.layers} == {"direct"} and found.loop_macs == 0


def test_layers_that_have_not_started_take_no_loop():
    graph = TOPOLOGIES["densely_connected"]()
    trains = spike_trains(graph, 0.9)
    # What receives anything starts at step 4: of the five steps with spikes two are left.
    starts = {node.name: 4 for node in graph.nodes if node.op in ("neuron", "readout")}
    late = activity(graph, recorded(graph, trains, starts=starts))
    early = activity(graph, recorded(graph, trains))
    assert late.loop_macs == pytest.approx(early.loop_macs * 2 / 5)
    assert late.courses["loop_macs"][:4] == (0,) * 4


def test_a_later_layer_counts_for_the_last_layer_that_reaches_it():
    graph = TOPOLOGIES["bottleneck"]()
    # Every neuron of n1 and n3 fires at each step: both reach expand2, only n1 reaches expand1.
    trains = {name: np.ones((STEPS, SAMPLES, 1)) for name in ("n1", "n2", "n3", "n4")}
    trains = {
        n: np.broadcast_to(t, (STEPS, SAMPLES, graph[n].shape[0] * 5 * graph[n].shape[2]))
        for n, t in trains.items()
    }
    found = {layer.name: layer for layer in activity(graph, recorded(graph, trains)).layers}
    assert {n: layer.loop_macs for n, layer in found.items()} == {
        "n1": STEPS * 30 * 3 * 6,
        "n2": 0,
        "n3": STEPS * 30 * 3 * 5,
        "n4": 0,
    }


def test_spikes_cause_no_more_than_their_own_sums():
    """One corner neuron that fires at each step changes fewer sums than the largest fan-out."""
    graph = TOPOLOGIES["densely_connected"]()
    sums = Counter(graph, ["n1"]).changed_macs({"n1": np.arange(120) == 0}, ["norm1"])["norm1"]
    assert sums == 2 * 2 * 2
    sent = {name: np.zeros((STEPS, 1, math.prod(graph[name].shape))) for name in ("n1", "n2")}
    sent["n1"][:, :, 0] = 1
    trace = recorded(graph, {name: np.repeat(t, SAMPLES, axis=1) for name, t in sent.items()})
    costs = {name: _sent(name, trace) for name in sent}
    layers = [layer for region in regions(graph) for layer in region.later]
    (norm,) = [layer for layer in layers if layer.name == "norm1"]
    assert _loop(norm, costs, trace)[-1] == STEPS * sums


def test_a_layer_that_waits_for_its_window_computes_later_layers_once():
    graph = TOPOLOGIES["densely_connected"]()
    trace = recorded(graph, spike_trains(graph, 0.9))
    layers = {name: np.full(STEPS, course[-1]) for name, course in trace.layer_spikes.items()}
    window = replace(trace, schedule="layer_synchronous", layer_spikes=layers)
    once, each = activity(graph, window).loop_macs, activity(graph, trace).loop_macs
    assert once == pytest.approx(each / 5) and once > 0


def test_courses_grow_to_the_totals():
    graph = TOPOLOGIES["densely_connected"]()
    found = activity(graph, recorded(graph, spike_trains(graph, 0.9)))
    for name, course in found.courses.items():
        assert course[-1] == pytest.approx(getattr(found, name))
        assert (np.diff(course) >= 0).all()
        if name != "membrane_updates":
            assert np.flatnonzero(np.diff(course, prepend=0)).tolist() == [0, 1, 3, 4, 6]


def two_dense(**neurons):
    """One neuron - dense - two sums - dense - three values that are read out."""
    nodes = (
        Node("image", "input", (), (1,), {"dtype": "float32"}),
        graphs.neuron("n1", "image", (1,), **neurons),
        graphs.dense("first", "n1", 1, 2),
        graphs.dense("second", "first", 2, 3),
        graphs.readout("second", (3,), "delta"),
    )
    return Graph("two", nodes, ("answer",))


@pytest.mark.parametrize("bits, way", [(1, "composed"), (6, "composed"), (7, "factored")])
def test_the_way_with_fewer_additions_of_shifted_weights(bits, way):
    """A spike of b bits takes 3 b additions composed, factored 2 b and the 6 of both sums."""
    graph = two_dense(**graphs.GRADED)
    trace = graphs.trace(
        {"n1": [1]},
        samples=1,
        exponents={"n1": [0, 1]},
        unit_spikes={"n1": [0]},
        bits={"n1": [bits]},
    )
    (layer,) = activity(graph, replace(trace, layer_spikes={"n1": np.ones(4)})).layers
    composed = way == "composed"
    assert (layer.synapses, layer.loop_macs) == (way, 0 if composed else 6)
    assert layer.shift_adds == bits * (3 if composed else 2) and layer.accumulates == 0
    assert layer.synaptic_operations == (3 if composed else 2)


def test_a_way_is_named_once():
    """Two layers that read the same neurons are two regions; both have one way."""
    nodes = (
        Node("image", "input", (), (2,), {"dtype": "float32"}),
        graphs.neuron("n1", "image", (2,)),
        graphs.dense("left", "n1", 2, 3),
        graphs.dense("right", "n1", 2, 4),
        graphs.readout("left", (3,), "rate"),
        Node("other", "readout", ("right",), (4,), {"depth": 1, "spike_code": "rate"}),
    )
    graph = Graph("fork", nodes, ("answer", "other"))
    (layer,) = activity(graph, graphs.trace({"n1": [2, 4]}, samples=2)).layers
    assert (layer.synapses, layer.synaptic_operations) == ("direct", 3 * 7)


@pytest.mark.parametrize("budget, way", [(256, "composed"), (0, "direct (at most)")])
def test_upper_bounds_are_named_so(budget, way, monkeypatch):
    """Two windows that share taps; each counted for itself they are as many as factored."""
    monkeypatch.setattr(reach, "_BUDGET", budget)
    near, far = conv(N1, (3, 3), 2, name="near"), conv(N1, (3, 3), 2, dilation=2, name="far")
    total = merged("add", near, far, name="total")
    graph = Graph("net", (X, N1, near, far, total, readout(total)), ("answer",))
    (layer,) = activity(graph, recorded(graph, spike_trains(graph, 0.1))).layers
    assert layer.synapses == way


def test_a_shortcut_within_a_convolution_has_two_ways():
    """Factored it is one more addition, composed a weight of a synapse that is there."""
    layer = conv(N1, (3, 3), 4)
    total = merged("add", layer, N1, name="total")
    for last, way in ((total, "composed"), (layer, "direct")):
        end = readout(last)
        nodes = (X, N1, layer, *([total] if last is total else []), end)
        graph = Graph("net", nodes, ("answer",))
        (found,) = activity(graph, recorded(graph, spike_trains(graph, 0.5))).layers
        assert found.synapses == way


def test_a_later_layer_that_nothing_reads_starts_with_the_input():
    (layer,) = next(region.later for region in regions(two_dense()) if region.later)
    trace = replace(graphs.trace({"n1": [4]}, samples=1), layer_spikes={"n1": np.arange(1.0, 5)})
    sent = {"n1": _sent("n1", trace)}
    assert _loop(replace(layer, targets=()), sent, trace).tolist() == [6, 12, 18, 24]
    late = replace(trace, starts={"answer": 1})
    assert _loop(layer, sent, late).tolist() == [0, 6, 12, 18]
    # The first of several receivers decides; one that is not named starts with the input.
    several = replace(layer, targets=("answer", "later"))
    starts = {"answer": 3, "later": 2}
    assert _loop(several, sent, replace(trace, starts=starts)).tolist() == [0, 0, 6, 12]
    assert _loop(several, sent, late).tolist() == [6, 12, 18, 24]


def test_ways_differ_where_one_element_of_one_source_takes_another():
    """A shortcut of inner elements only, beside neurons that have one way."""
    inner = shaped("crop", N1, (4, 3, 4), amounts=((1, 1), (1, 1)))
    framed = shaped("pad", inner, N1.shape, amounts=((1, 1), (1, 1)))
    n2 = neuron(shaped("reshape", X, X.shape, "same"), "n2")
    layer = conv(N1, (3, 3), 4)
    total = merged("add", layer, framed, n2, name="total")
    nodes = (
        X,
        shaped("reshape", X, X.shape, "same"),
        N1,
        n2,
        inner,
        framed,
        layer,
        total,
        readout(total),
    )
    graph = Graph("net", nodes, ("answer",))
    found = activity(graph, recorded(graph, spike_trains(graph, 0.5))).layers
    assert [layer.synapses for layer in found] == ["composed", "composed"]
