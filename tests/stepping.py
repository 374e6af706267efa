"""A spiking network one step at a time, to be put beside the oracle's trains."""

import numpy as np

from spkeras.snn.model import loop_of
from spkeras.snn.network import as_list


def every_step(snn, x):
    """Spikes of every neuron at every step, {node: (T, batch, ...)}, by the step model."""
    loop = loop_of(snn)
    network, scaled = loop.network, loop.units(x)
    constant = loop.drive(scaled, np.float32(0)) if loop.input_encoding == "constant" else None
    states = network.initial_states(len(scaled[0]))
    first, after = len(network.readouts), len(network.readouts) + len(states)
    trains = {node.name: [] for node in network.neurons}
    for t in range(loop.timesteps):
        frontier = loop.frontier(scaled, constant, np.float32(t))
        answer = as_list(network.step([*frontier, *states, loop.clock(np.float32(t))]))
        states = answer[first:after]
        for name, spikes in zip(trains, answer[after:], strict=True):
            trains[name].append(np.asarray(spikes))
    return {name: np.array(train) for name, train in trains.items()}


def assert_same_spikes(found, wanted):
    """Every spike of every neuron, with no tolerance."""
    assert list(found) == list(wanted)
    for name, train in wanted.items():
        wrong = (found[name] != train).sum()
        assert wrong == 0, f"{name}: {wrong} of {train.size} spikes differ"


def assert_same_outputs(found, wanted):
    """Every output to the last bit of float32."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.asarray(one), other.astype("float32"))
