"""The record of a verification: what is left out, and its way to JSON."""

import json
from dataclasses import replace

import numpy as np

from spkeras.metrics.verification import LayerCheck, NeuronCheck, Verification


def test_figures_that_are_left_out_are_none_or_zero():
    check = NeuronCheck("n", 1.0, 0.0, 0.1, 0.0, 0.1, 0.0, 1.0, 0.0, 0.0)
    assert replace(check, course=(), settled=None, parameters=0.0) == check


def test_a_verification_as_json():
    found = Verification(
        "net",
        "clock_driven",
        4,
        10,
        (LayerCheck("a", 1e-7, np.float32(0.5)),),
        (NeuronCheck("n", 1.0, 0.0, 0.1, 0.0, 0.1, 0.0, 1.0, 0.0, 0.0, (0.5, np.inf)),),
        None,
        True,
        {"folded": 1.0},
        {"folded": np.float64("nan")},
        steps=(2, 4),
    ).to_dict()
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again["layers"] == [{"name": "a", "error": 1e-7, "relative": 0.5}]
    assert again["neurons"][0]["course"] == [0.5, None] and again["steps"] == [2, 4]
    assert again["output_error"] == {"folded": None} and again["departs_first"] is None
