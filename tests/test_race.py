"""The race beside other simulators: the same network, and answers that are told apart."""

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spkeras.snn.settings import start
from tests import networks, oracle
from tests.benchmarks.agreement import Answer, Reference
from tests.benchmarks.stages import stages
from tests.oracle_layers import OPERATIONS

STEPS = 12
PACKAGES = {"SpikingJelly": "spikingjelly", "sinabs": "sinabs", "snnTorch": "snntorch"}


def listed(net, stagger, **neurons):
    """(stages, images, the oracle's run) of a small network of exact weights."""
    model = getattr(networks, net)()
    graph, x = networks.spiking(model, lifted=False, **neurons), networks.samples(model)
    found = stages(graph, lambda node: start(node, stagger))
    return graph, found, x, oracle.clock_driven(graph, [x], STEPS, stagger)


def by_stages(found, unit, x):
    """Spikes of each layer (T, batch, ...) and the read-out's mean, from what the stages say."""
    trains, total = {}, 0.0
    potentials = {stage.name: None for stage in found}
    given = np.asarray(x, "float64") / unit
    for t in range(STEPS):
        values = {}
        for stage in found:
            if t < stage.start:
                continue
            known = {name: values.get(name, given) for name in stage.sources}
            for node in stage.nodes:
                known[node.name] = OPERATIONS[node.op](node, *(known[n] for n in node.inputs))
            current = known[stage.nodes[-1].name] if stage.nodes else known[stage.sources[0]]
            if stage.is_readout:
                total = total + current / (STEPS - stage.start)
                continue
            v = potentials[stage.name]
            v = current + (np.broadcast_to(stage.initial, current.shape) if v is None else v)
            fired = (v >= stage.threshold).astype("float64")
            potentials[stage.name] = v - fired * stage.threshold
            values[stage.name] = fired
            trains.setdefault(stage.name, np.zeros((STEPS, *current.shape)))[t] = fired
    return trains, total * (1 if found[-1].scale is None else found[-1].scale)


@pytest.mark.parametrize("stagger", [0, 1, 1.5])
@pytest.mark.parametrize("net", ["chain", "residual"])
def test_stages_say_all_that_a_simulator_needs(net, stagger):
    graph, found, x, run = listed(net, stagger)
    trains, mean = by_stages(found, graph.of("input")[0].arrays["scale"], x)
    assert list(trains) == list(run.spikes)
    for name, train in run.spikes.items():
        assert train.sum() > 0 and np.array_equal(trains[name], train), name
    np.testing.assert_allclose(mean, run.outputs[-1][0], rtol=1e-12)
    per_channel = any(np.ndim(stage.threshold) for stage in found)
    assert per_channel == (net == "residual"), "a sum of branches keeps a threshold per channel"
    assert [stage.is_constant for stage in found][:2] == [True, False]


@pytest.mark.parametrize(
    "options, words",
    [({"neuron": "signed"}, "model='signed'"), ({"reset": "zero"}, "reset='zero'")],
)
def test_neurons_that_peers_do_not_have_are_refused(options, words):
    with pytest.raises(ValueError, match=f"{words}; allowed"):
        listed("chain", 0, **options)


@pytest.mark.parametrize("peer", PACKAGES)
def test_peers_send_the_same_spikes(peer, tmp_path):
    package = PACKAGES[peer]
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed; it is part of no extra of spkeras")
    graph, found, x, run = listed("residual", 1.5)
    counts = [t.sum(0).reshape(len(x), -1) for t in run.spikes.values()]
    unit = float(graph.of("input")[0].arrays["scale"])
    case = found, unit, STEPS, x, run.outputs[-1][0], np.concatenate(counts, 1).astype("int32")
    (tmp_path / "case.pkl").write_bytes(pickle.dumps(case))
    done = subprocess.run(
        [sys.executable, "-m", "tests.race_torch", peer, str(tmp_path / "case.pkl")],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]


# --- agreement ------------------------------------------------------------------------------

LOGITS = np.array([[4.0, 1.0, 0.0], [2.0, 1.75, 0.0], [0.0, 0.0, 9.0]])
COUNTS = np.arange(3000).reshape(3, 1000) % 7


def reference(shift=0.25, flips=2):
    """Rounding moves one logit by `shift`, so that leads up to twice that are open, and counts."""
    moved, counts = LOGITS.copy(), COUNTS.copy()
    moved[2, 0] += shift
    counts[0, :flips] += 1
    return Reference(Answer(LOGITS, COUNTS), (Answer(LOGITS, COUNTS), Answer(moved, counts)))


def changed(image, flips=0):
    """Another decision on one image, and some other counts."""
    logits, counts = LOGITS.copy(), COUNTS.copy()
    if image is not None:
        logits[image] = logits[image][::-1] if image != 1 else [1.75, 2.0, 0.0]
    counts[1, :flips] -= 1
    return Answer(logits, counts)


def test_the_same_answer_agrees():
    found = reference().compare(Answer(LOGITS, COUNTS))
    assert (found.decisions, found.clear, found.logit, found.counts) == (0, 0, 0, 0)
    assert found.refusal == "" and found.spikes == COUNTS.sum()
    assert (reference().lead, reference().open) == (0.5, 1)


def test_a_decision_may_differ_only_where_rounding_can_change_it():
    found = reference().compare(changed(1))
    assert (found.decisions, found.clear, found.refusal) == (1, 0, "")
    assert "1 decisions differ" in reference(shift=0.0625).compare(changed(1)).refusal
    for image in (0, 2):
        found = reference().compare(changed(image))
        assert (found.decisions, found.clear) == (1, 1)
        assert "lead is above 0.5" in found.refusal


def test_counts_may_differ_ten_times_as_often_as_by_rounding():
    assert not reference(flips=2).compare(changed(None, flips=19)).refusal
    refusal = reference(flips=2).compare(changed(None, flips=21)).refusal
    assert "0.7 % of the spike counts differ; allowed: 0.667 %" in refusal
    # However large rounding is, one count in a hundred at most.
    assert not reference(flips=9).compare(changed(None, flips=29)).refusal
    assert "allowed: 1 %" in reference(flips=9).compare(changed(None, flips=31)).refusal


def test_without_rounded_runs_nothing_may_differ():
    strict = Reference(Answer(LOGITS, COUNTS))
    assert not strict.compare(Answer(LOGITS)).refusal
    assert strict.compare(changed(1)).refusal and strict.compare(changed(None, 1)).refusal
    assert "expected (3, 3)" in strict.compare(Answer(LOGITS[:2], COUNTS[:2])).refusal


def test_a_missing_layer_of_counts_is_refused():
    assert (
        "100 % of the spike counts" in reference().compare(Answer(LOGITS, COUNTS[:, :900])).refusal
    )
