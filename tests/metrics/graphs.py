"""Graphs and traces written by hand, whose operations a reader can count."""

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.trace import Trace

GRADED = {"model": "sigma_delta", "spike_code": "delta", "levels": 5, "mantissa_bits": 1}


def neuron(name, before, shape, function="relu", **changed):
    """A neuron node; binary, rate-coded ReLU unless said otherwise."""
    numbers = {"relu": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}}
    attributes = {
        "model": "binary",
        "reset": "subtract",
        "initial_potential": 0.5,
        "max_spikes_per_step": 1,
        "depth": 0,
        "pool": None,
        "function": function,
        "spike_code": "rate",
        "levels": 5,
        "mantissa_bits": 0,
        **numbers.get(function, {}),
        **changed,
    }
    before = before if isinstance(before, tuple) else (before,)
    return Node(name, "neuron", before, shape, attributes, {"threshold": np.ones(())})


def dense(name, before, inputs, outputs):
    return Node(name, "dense", (before,), (outputs,), {}, {"kernel": np.ones((inputs, outputs))})


def readout(before, shape, code):
    return Node("answer", "readout", (before,), shape, {"depth": 2, "spike_code": code})


def chain(function="relu", **neurons):
    """input (4,) - dense - 3 neurons - dense - 2 neurons - read-out."""
    code = neurons.get("spike_code", "rate")
    nodes = (
        Node("image", "input", (), (4,), {"dtype": "float32"}),
        dense("first", "image", 4, 3),
        neuron("n1", "first", (3,), **neurons),
        dense("second", "n1", 3, 2),
        neuron("n2", "second", (2,), function, **neurons),
        readout("n2", (2,), code),
    )
    return Graph("chain", nodes, ("answer",))


def trace(spikes, timesteps=4, samples=2, schedule="clock_driven", **graded):
    """A trace of these spikes; arrays by layer."""
    spikes = {name: np.array(values, float) for name, values in spikes.items()}
    steps = np.arange(1, timesteps + 1)
    layers = {name: np.zeros(timesteps) for name in spikes}
    arrays = ("exponents", "unit_spikes", "bits")
    graded = {
        key: {n: np.array(v) for n, v in value.items()} if key in arrays else value
        for key, value in graded.items()
    }
    if "settled" in graded:
        graded["settled"] = np.array(graded["settled"])
    return Trace(schedule, timesteps, steps, samples, spikes, layers, 0.0, 1.0, **graded)
