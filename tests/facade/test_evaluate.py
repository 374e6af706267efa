"""What `evaluate` says of cost and latency, against loops written out by hand."""

import numpy as np
import pytest

import spkeras
from spkeras.snn.model import build
from tests import by_hand, networks
from tests.by_hand import LEVELS, STEPS

# Weights that a spike of each layer meets.
FAN_OUT = {"one": 5, "two": 3}


@pytest.fixture(scope="module")
def case():
    """(network of powers of two, samples, spikes of each layer (T, batch, neurons))."""
    cnn = by_hand.dense_chain()
    graph = networks.spiking(cnn, recipe="sigma_delta", levels=LEVELS, mantissa_bits=0)
    x = networks.samples(cnn, 7, low=-16)
    return build(graph, timesteps=STEPS), x, by_hand.run(cnn, graph, x)[0]


def test_graded_spikes_and_their_operations(case):
    snn, x, spikes = case
    found = spkeras.evaluate(snn, x)
    for layer in found.activity.layers:
        sizes = abs(spikes[layer.name])
        sent, whole = (sizes > 0).sum() / 7, (sizes == 1).sum() / 7
        assert layer.spikes == pytest.approx(sent)
        assert layer.exponents == pytest.approx(
            [(sizes == 2.0**-k).sum() / 7 for k in range(LEVELS)]
        )
        assert layer.accumulates == pytest.approx(whole * FAN_OUT[layer.name])
        assert layer.shift_adds == pytest.approx((sent - whole) * FAN_OUT[layer.name])
        assert layer.synaptic_operations == pytest.approx(sent * FAN_OUT[layer.name])
        # A sign and 3 bits for one of 6 exponents.
        assert layer.payload_bits == pytest.approx(4 * sent)
    assert found.activity.accumulates > 0 and found.activity.function_evaluations == 0


def test_settled_steps(case):
    snn, x, spikes = case
    found = spkeras.evaluate(snn, x)
    sending = np.any([train.any(-1) for train in spikes.values()], 0)
    last = np.array([max(np.flatnonzero(of) + 1, default=0) for of in sending.T])
    assert 1 < last.min() < last.max() < STEPS
    assert found.convergence.mean == pytest.approx(last.mean())
    assert (found.convergence.maximum, found.convergence.share) == (last.max(), 1)
    assert found.convergence.within == pytest.approx(
        [(last <= t).mean() for t in range(1, 1 + STEPS)]
    )
    assert found.activity.steps == pytest.approx((last + 1).mean())
    cut = spkeras.evaluate(snn, x, timesteps=int(last.max()))
    assert (
        cut.convergence.share == pytest.approx((last < last.max()).mean())
        and cut.convergence.share < 1
    )
    assert cut.activity.steps == pytest.approx(np.minimum(last + 1, last.max()).mean())


def test_both_latencies(case):
    snn, x, _ = case
    found = spkeras.evaluate(snn, x, timesteps=4)
    assert (found.latency, found.depth, found.pipelined_latency) == (4, 2, 6)
    assert found.to_dict()["pipelined_latency"] == 6
    rated = build(networks.spiking(networks.residual()), timesteps=4)
    x = networks.samples(networks.residual())
    found = spkeras.evaluate(rated, x)
    assert (found.latency, found.pipelined_latency, found.convergence) == (4, 9, None)
    found = spkeras.evaluate(rated, x, schedule="layer_synchronous")
    assert (found.latency, found.pipelined_latency) == (24, 29)


@pytest.fixture(scope="module")
def binary():
    """(network of two layers of binary neurons, samples)."""
    cnn = by_hand.dense_chain()
    x = networks.samples(cnn, 7, low=-16)
    return spkeras.convert(cnn, x, timesteps=8), x


def test_potentials_of_a_staggered_run(binary):
    snn, x = binary
    found = spkeras.evaluate(snn, x, stagger=2)
    one, two = found.activity.layers
    assert (one.membrane_updates, two.membrane_updates) == (8 * one.neurons, 6 * two.neurons)
    assert found.activity.courses["membrane_updates"][1] == 2 * one.neurons


def test_an_encoded_input_takes_its_layer_at_each_step(binary):
    snn, x = binary
    once, each = (
        spkeras.evaluate(snn, x, input_encoding=coding) for coding in ("constant", "regular")
    )
    assert each.activity.input_macs == 8 * once.activity.input_macs > 0


def test_ratios_are_part_of_the_record(binary):
    snn, x = binary
    found = spkeras.evaluate(snn, x)
    record = found.to_dict()["activity"]
    for name in ("synaptic_operations", "loop_macs", "membrane_updates", "comparisons"):
        assert record["per_cnn_mac"][name] == record[name] / record["cnn_macs"]
