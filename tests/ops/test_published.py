"""Completing and refusing arguments by the table of publications."""

import pytest

from spkeras.errors import OptionError
from spkeras.ops.published import check_plan, for_conversion, for_training


def test_training_is_completed_by_what_is_published():
    found = for_training("cq", {"timesteps": 32, "shift": None, "encoding": "spikes"})
    assert found == {
        "timesteps": 32,
        "input_threshold": 1.0,
        "pooling": "average",
        "encoding": "spikes",
        "pooling_neurons": True,
        "shift": 0.0,
    }
    assert for_training("qcfs", {}) == {
        "timesteps": 8,
        "encoding": "real",
        "pooling_neurons": False,
        "shift": 0.5,
    }
    counted = {"pooling": "average", "pooling_neurons": True, "shift": 0.0}
    assert for_training("cq+", {}) == {
        **counted,
        "timesteps": 64,
        "input_threshold": 0.999,
        "encoding": "spikes",
    }
    assert for_training("low_latency", {}) == {**counted, "timesteps": 8, "encoding": "expanded"}
    assert for_training("cat", {}) == {"spike_code": "ttfs", "encoding": "spikes"}


def test_conversion_is_completed_by_what_is_published():
    found = for_conversion("ecc", "clock_driven", {"per_channel": None, "stagger": 0})
    assert found == {
        "timesteps": 256,
        "neuron": "binary",
        "spike_code": "rate",
        "reset": "subtract",
        "percentile": 100.0,
        "per_channel": False,
        "thresholds": "percentile",
        "initial_potential": 0.5,
        "stagger": 0,
        "input_encoding": "regular",
        "readout": "spikes",
        "pooling_neurons": True,
    }
    assert for_conversion("ecc", "layer_synchronous", {"timesteps": 16})["timesteps"] == 16
    found = for_conversion("low_latency", "layer_synchronous", {"timesteps": 4})
    assert found == {
        "timesteps": 4,
        "neuron": "binary",
        "spike_code": "rate",
        "reset": "subtract",
        "stagger": 0,
        "input_encoding": "constant",
        "readout": "membrane",
        "thresholds": "learned",
    }
    found = for_conversion("low_latency", "clock_driven", {})
    assert found["thresholds"] == "trained" and "timesteps" not in found


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: for_training("ecc", {}), "recipe='ecc'; allowed: recipes .'cq', 'cq.'"),
        (lambda: for_training("none", {}), "recipe='none'"),
        (lambda: for_training("cq", {"shift": 0.5}), "shift=0.0"),
        (lambda: check_plan("cq", {"distil": 0.5}), "distil=0.0"),
        (lambda: check_plan("cat", {"weight_bits": 4}), "weight_bits=5"),
        (lambda: check_plan("cat", {"float_weights": True}), "float_weights=False"),
        (lambda: for_conversion("cat", "clock_driven", {}), "recipe='cat'; allowed"),
        (lambda: for_conversion("cq", "layer_synchronous", {}), "clock_driven"),
        (lambda: for_conversion("cq", "clock_driven", {"stagger": 2}), "stagger=0"),
        (lambda: for_conversion("cq", "clock_driven", {"correction": "light"}), "correction=None"),
    ],
)
def test_what_contradicts_a_publication_is_refused(call, words):
    with pytest.raises(OptionError, match=words):
        call()


def test_plans_that_agree_pass():
    assert check_plan("cq", {"distil": 0.0, "epochs": 3, "weight_bits": None}) is None
    assert check_plan("cat", {"weight_bits": 5, "float_weights": None}) is None
    assert check_plan("cat", {"float_weights": False, "distil": 0.0}) is None
