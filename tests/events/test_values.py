"""Codes that keep values under events: the spikes of the oracle, and the analysis of the dense engine."""

import numpy as np
import pytest

from spkeras.simulation import Simulator
from spkeras.snn.model import build, configure, loop_of
from tests import networks, oracle, runs

# The differential code divides by the step: only halves are sums of powers of two.
STEPS = {"delta": 5, "rate": 5, "differential": 2}
NEURONS = {
    "sigma_delta": {"neuron": "sigma_delta"},
    "mantissa": {"neuron": "sigma_delta", "mantissa_bits": 2},
    "multi_threshold": {"neuron": "multi_threshold"},
    "differential": {"neuron": "multi_threshold", "spike_code": "differential"},
    "signed": {"neuron": "signed", "spike_code": "differential"},
    "signed_burst": {"neuron": "signed_burst", "spike_code": "differential"},
}


def simulated(loop, engine, inputs):
    """(trace, outputs of all samples by output and step)."""
    outputs = {}

    def keep(rows, index, values):
        for output, value in enumerate(values):
            outputs.setdefault((output, index), []).append(np.array(value))

    trace = runs.run(Simulator(loop, engine), inputs, 2, keep)
    return trace, {key: np.concatenate(parts) for key, parts in outputs.items()}


@pytest.mark.parametrize("options", NEURONS.values(), ids=NEURONS)
@pytest.mark.parametrize("net", ["residual", "pools", "depthwise", "concat", "several"])
def test_spikes_and_their_analysis(net, options):
    model = getattr(networks, net)()
    graph = networks.spiking(model, **options)
    steps = STEPS[graph.of("neuron")[0]["spike_code"]]
    loop = loop_of(configure(build(graph), timesteps=steps))
    inputs = networks.as_list(networks.samples(model))
    (dense, expected), (events, found) = (
        simulated(loop, engine, inputs) for engine in ("dense", "events")
    )
    run = oracle.clock_driven(graph, inputs, steps, loop.offset, "constant", None)
    for node in loop.network.neurons:
        train = run.spikes[node.name]
        sent = (train != 0) if node.neuron.graded else abs(train)
        np.testing.assert_array_equal(events.spikes[node.name], sent.sum((0, 1)))
        by_step = sent.reshape(steps, -1).sum(1).cumsum() / len(inputs[0])
        np.testing.assert_array_equal(events.layer_spikes[node.name], by_step)
    for record in ("exponents", "unit_spikes", "bits"):
        wanted, counted = getattr(dense, record), getattr(events, record)
        assert wanted.keys() == counted.keys()
        for name in wanted:
            np.testing.assert_array_equal(counted[name], wanted[name], err_msg=f"{record} {name}")
    np.testing.assert_array_equal(events.settled, dense.settled)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-6, atol=1e-6)
