"""Graphs of SNN files that no pass makes: refused by node when they are read."""

import copy

import numpy as np
import pytest

import spkeras
from spkeras.errors import GraphError, OptionError, SpkerasError
from spkeras.graph import structure
from spkeras.snn.converted import converted_of
from spkeras.snn.spike_loop import SpikeLoop
from tests.networks import residual, samples


@pytest.fixture(scope="module")
def snn():
    cnn = residual()
    return spkeras.convert(cnn, samples(cnn, 20), timesteps=8, insist=True)


@pytest.fixture(scope="module")
def plan(snn):
    return structure(converted_of(snn).graph)


def node(plan, op):
    return next(entry for entry in plan["nodes"] if entry["op"] == op)


def forged(plan, op, part, **values):
    """A copy of a structure, with other values in the first node of an operation."""
    changed = copy.deepcopy(plan)
    target = node(changed, op)
    (target if part is None else target[part]).update(values)
    return changed


def test_the_structure_is_right(plan):
    assert SpikeLoop(plan, 8).timesteps == 8


@pytest.mark.parametrize(
    ("op", "part", "values", "words"),
    [
        (
            "conv",
            "attributes",
            {"strides": [0, 1]},
            "strides=.0, 1.; allowed: whole numbers from 1",
        ),
        ("conv", "attributes", {"strides": "11"}, "strides='11'"),
        ("conv", "attributes", {"strides": [1]}, "parts that fit"),
        ("conv", "attributes", {"padding": "SAME"}, "padding='SAME'; allowed: 'valid'"),
        ("conv", "attributes", {"groups": 0}, "groups=0"),
        ("conv", "attributes", {"groups": True}, "groups=True"),
        ("conv", "attributes", {"dilation": [1.5, 1]}, "dilation="),
        ("conv", None, {"shape": [4, 4, 7]}, r"shape \(4, 4, 7\) from .*allowed: \(4, 4, 4\)"),
        ("conv", None, {"shape": [4, 4, -4]}, "allowed: sizes from 1"),
        ("conv", None, {"shape": [10**9, 10**9, 4]}, "values"),
        ("dense", None, {"shape": [4]}, r"allowed: \(3,\)"),
        ("global_average_pool", "attributes", {"keepdims": "x"}, "keepdims='x'"),
        ("neuron", "attributes", {"function": "eval"}, "function='eval'"),
        ("neuron", "attributes", {"function": "multiply"}, "1 inputs of 'multiply'"),
        ("neuron", "attributes", {"function": ["relu"]}, "function="),
        ("neuron", "attributes", {"depth": -1}, "depth=-1"),
        ("neuron", "attributes", {"depth": "1"}, "depth='1'"),
        ("neuron", "attributes", {"spike_code": "morse"}, "spike_code='morse'"),
        ("neuron", "attributes", {"model": "leaky"}, "model='leaky'"),
        ("neuron", "attributes", {"initial_potential": float("nan")}, "initial_potential=nan"),
        ("neuron", "attributes", {"max_spikes_per_step": 0}, "max_spikes_per_step=0"),
        ("neuron", "attributes", {"pool": {"pool_size": [2, 2]}}, "pool="),
        (
            "neuron",
            "attributes",
            {"function": "elu", "alpha": {"class_name": None}},
            "alpha=.*allowed: a finite number",
        ),
        (
            "neuron",
            "attributes",
            {"function": "leaky_relu", "negative_slope": "x" * 300},
            "negative_slope=.*allowed: a finite number",
        ),
        (
            "neuron",
            "attributes",
            {"function": "gelu", "approximate": 3},
            "approximate=3; allowed: True or False",
        ),
        (
            "neuron",
            "attributes",
            {"function": "relu", "max_value": [], "negative_slope": 0.0, "threshold": 0.0},
            "max_value=.*allowed: a finite number or None",
        ),
        (
            "neuron",
            "attributes",
            {"function": "softmax", "axis": 1.5},
            "axis=1.5; allowed: whole numbers",
        ),
        ("readout", None, {"shape": [9]}, r"allowed: \(3,\)"),
    ],
)
def test_nodes(plan, op, part, values, words):
    name = node(plan, op)["name"]
    with pytest.raises(GraphError, match=rf"node '{name}' \({op}\): .*{words}"):
        SpikeLoop(forged(plan, op, part, **values), 8)


def test_constants_of_inputs_that_are_not_there(plan):
    changed = copy.deepcopy(plan)
    node(changed, "neuron")["arrays"]["constant_input3"] = [1]
    with pytest.raises(GraphError, match="constant_input3"):
        SpikeLoop(changed, 8)


def test_units_and_thresholds_of_zero(snn):
    """They would divide by zero."""
    cnn = residual()
    for name, words in (("scale", "image, scale"), ("threshold", "stem, threshold")):
        loop = converted_of(snn)
        before = loop.graph
        op = "input" if name == "scale" else "neuron"
        first = before.of(op)[0]
        zero = first.with_arrays(**{name: np.zeros_like(first.arrays[name])})
        loop.load(before.updated({first.name: zero}))
        with pytest.raises(SpkerasError, match=f"layer {words}.*0"):
            spkeras.evaluate(snn, samples(cnn, 2), insist=True)
        loop.load(before)


@pytest.mark.parametrize("value", [float("inf"), None, 0, 2.5, True, "8", 10**7, 10**400, [8]])
def test_configure_changes_all_or_nothing(snn, value):
    loop = converted_of(snn)
    spkeras.configure(snn, timesteps=8, seed=0)
    with pytest.raises(OptionError, match="timesteps="):
        spkeras.configure(snn, seed=3, timesteps=value)
    assert (loop.timesteps, loop.seed) == (8, 0)


def test_configure_takes_back_what_another_error_left(snn, monkeypatch):
    loop = converted_of(snn)
    spkeras.configure(snn, timesteps=8)
    monkeypatch.setattr(type(loop), "check", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        spkeras.configure(snn, timesteps=9)
    assert loop.timesteps == 8


@pytest.mark.parametrize("seed", [-1, 2**32, "x", 0.5, None])
def test_seeds(snn, seed):
    with pytest.raises(OptionError, match="seed="):
        spkeras.configure(snn, seed=seed)
