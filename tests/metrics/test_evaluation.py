"""The record of an evaluation: what it answers, and its way to JSON."""

import json
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest

from spkeras.metrics.activity import Activity, LayerActivity
from spkeras.metrics.evaluation import Evaluation, depends_on_timesteps, plain
from spkeras.metrics.score import OutputScore

FIGURES = LayerActivity("n1", 5, 8.0, 1.6, 0.4, 0.2, 30.0)


def score(name, share, first=2):
    return OutputScore(
        name,
        "classification",
        np.array([np.nan, share]),
        share / 2,
        np.array([np.nan, share / 4]),
        None,
        None,
        np.array([np.nan, 0.5]),
        2.0,
        first,
    )


def evaluation(**changed):
    activity = Activity((FIGURES,), 8.0, 1.6, 30.0, 20, 60, 30.0)
    values = {
        "model": "net",
        "schedule": "clock_driven",
        "timesteps": 4,
        "latency": 4,
        "settings": {"spike_code": "rate", "built_for": np.int64(8), "window": (1, (2, 3))},
        "samples": 10,
        "steps": np.array([1, 4]),
        "scores": (score("a", 0.5), score("b", 0.25, 1)),
        "activity": activity,
        "layer_spikes": {"n1": np.array([0.0, 8.0])},
        "warnings": ("mind",),
        "seconds": 0.5,
    }
    return Evaluation(**{**values, **changed})


def test_figures_of_the_first_output():
    found = evaluation()
    assert found.accuracy[1] == 0.5 and found.agreement[1] == 0.125
    assert found.cnn_accuracy == 0.25 and found.first_step == 2
    assert evaluation(depth=3).pipelined_latency == 4 + 3 and found.pipelined_latency == 4
    assert found.built_for == 8 and evaluation(settings={}).built_for is None


def test_as_json():
    found = json.loads(json.dumps(evaluation(depth=3).to_dict(), allow_nan=False))
    assert (found["pipelined_latency"], found["first_step"], found["built_for"]) == (7, 2, 8)
    assert found["settings"]["window"] == [1, [2, 3]] and found["warnings"] == ["mind"]
    assert found["scores"][0]["accuracy"] == [None, 0.5] and found["scores"][0]["error"] is None
    assert found["scores"][1]["name"] == "b" and found["steps"] == [1, 4]
    assert found["layer_spikes"] == {"n1": [0, 8]} and found["early_exit"] is None
    assert found["activity"]["layers"][0]["spikes"] == 8
    assert found["activity"]["per_cnn_mac"] == {
        "synaptic_operations": 30 / 60,
        "additions": 30 / 60,
        "macs": 20 / 60,
        "loop_macs": 0,
        "membrane_updates": 0,
        "comparisons": 0,
    }


@pytest.mark.parametrize(
    "value, wanted",
    [
        ({1: (2, [3.0])}, {"1": [2, [3.0]]}),
        (OrderedDict(a=np.float32(0.5)), {"a": 0.5}),
        (np.array([[1.0, np.inf], [np.nan, -np.inf]]), [[1.0, None], [None, None]]),
        ([np.nan, -np.inf, 0.0], [None, None, 0.0]),
        (np.float64("nan"), None),
        (np.float32("inf"), None),
        (np.bool_(True), True),
        (np.array(3), 3),
        ("nan", "nan"),
        (None, None),
    ],
)
def test_values_as_json_has_them(value, wanted):
    found = plain(value)
    assert found == wanted and type(found) is type(wanted)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    "settings, depends",
    [
        ({}, True),
        ({"spike_code": "rate", "thresholds": "percentile"}, True),
        ({"thresholds": "percentile"}, True),
        ({"spike_code": "delta"}, True),
        ({"spike_code": "delta", "thresholds": "error"}, True),
        ({"spike_code": "delta", "thresholds": "percentile"}, False),
    ],
)
def test_what_a_conversion_chose_by_timesteps(settings, depends):
    assert depends_on_timesteps(settings) == depends


def test_figures_that_are_left_out_are_none_or_zero():
    zeros = {
        name: 0.0
        for name in (
            "accumulates",
            "shift_adds",
            "payload_bits",
            "function_evaluations",
            "function_macs",
            "loop_macs",
            "membrane_updates",
            "comparisons",
        )
    }
    assert replace(FIGURES, **zeros, exponents=(), synapses="") == FIGURES
    activity = Activity((FIGURES,), 8.0, 1.6, 30.0, 20, 60)
    assert replace(activity, **zeros, exponents=(), steps=0.0, courses={}) == activity
    assert not activity.graded and replace(activity, exponents=(1.0, 0.0)).graded
    assert evaluation().depth == 0
