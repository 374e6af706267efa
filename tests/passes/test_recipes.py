"""Options at the ends of their ranges, and what a recipe hands to its passes."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.passes import recipes
from spkeras.passes.recipes import Options, finish, neurons_of, prepare
from tests.passes.test_scales import stats_of

GRADED = {"recipe": "sigma_delta"}
# option: smallest, largest (None: without end), other options.
RANGES = {
    "alpha": (0, 1, {}),
    "limit": (1, None, {"neuron": "burst"}),
    "levels": (1, 24, {**GRADED, "headroom": 0}),
    "headroom": (0, 9, {**GRADED, "levels": 10}),
    "mantissa_bits": (0, 3, GRADED),
    "weight_bits": (2, 16, {}),
}


@pytest.mark.parametrize("option", RANGES)
def test_both_ends_of_a_range_are_allowed_and_nothing_beyond(option):
    low, high, others = RANGES[option]
    for value in (low, 1000 if high is None else high):
        assert getattr(Options(**{**others, option: value}), option) == value
    for value in (low - 1, None if high is None else high + 1):
        if value is not None:
            with pytest.raises(OptionError, match=f"{option}={value}; allowed: "):
                Options(**{**others, option: value})


@pytest.mark.parametrize("percentile", [1e-3, 50.0, 100, 100.0])
def test_percentiles_up_to_the_maximum_itself(percentile):
    assert Options(percentile=percentile).percentile == percentile


@pytest.mark.parametrize("percentile", [0, -1.0, 100.001])
def test_percentiles_out_of_range(percentile):
    with pytest.raises(OptionError, match="percentile=.*above 0, up to 100"):
        Options(percentile=percentile)


@pytest.mark.parametrize(
    "options",
    [
        {"recipe": "none"}, {"neuron": "none"}, {"code": "none"}, {"thresholds": "learned"},
        {"reset": "none"}, {"readout": "none"}, {"neuron": "signed", "reset": "zero"},
        {"code": "differential", "reset": "zero"}, {"code": "delta"}, {**GRADED, "code": "rate"},
        {**GRADED, "neuron": "binary"}, {"recipe": "cq", "thresholds": "mse"},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_go_together_is_refused(options):
    with pytest.raises(OptionError, match="allowed: "):
        Options(**options)


@pytest.mark.parametrize(
    "given, expected",
    [
        ({}, ("binary", "rate", 8, 0, 0, 0.5)),
        ({"neuron": "multi_threshold"}, ("multi_threshold", "rate", 8, 0, 0, 0.5)),
        (GRADED, ("sigma_delta", "delta", 16, 6, 1, 0.5)),
        ({**GRADED, "levels": 12}, ("sigma_delta", "delta", 12, 2, 1, 0.5)),
        ({**GRADED, "levels": 8}, ("sigma_delta", "delta", 8, 0, 1, 0.5)),
        ({**GRADED, "levels": 20}, ("sigma_delta", "delta", 20, 6, 1, 0.5)),
        ({"recipe": "qcfs"}, ("binary", "rate", 8, 0, 0, None)),
    ],
)
def test_what_a_recipe_chooses_by_itself(given, expected):
    found = Options(**given)
    names = ("neuron", "code", "levels", "headroom", "mantissa_bits", "alpha")
    assert tuple(getattr(found, name) for name in names) == expected


def dense_net():
    net = keras.Sequential(
        [keras.Input((2,), name="x"), layers.Dense(2, name="d"), layers.ReLU(name="act"),
         layers.Dense(1, name="end")]
    )  # fmt: skip
    net.set_weights([np.eye(2), np.zeros(2), np.ones((2, 1)), np.zeros(1)])
    return net


STATS = {"x": stats_of([[1.0, 1.0]]), "act": stats_of([[0.5, 2.0], [0.25, 1.0]])}


@pytest.mark.parametrize("headroom", [0, 1, 3])
def test_headroom_lifts_the_scale_by_octaves(headroom):
    """What a spike of size 1 stands for is 2^headroom times the largest activation."""
    options = Options(**GRADED, levels=8, headroom=headroom, thresholds="percentile")
    graph = finish(neurons_of(prepare(read_graph(dense_net()), options), options), STATS,
                   options, {"act": 4})  # fmt: skip
    kernel = graph["end"].arrays["kernel"][:, 0]
    np.testing.assert_allclose(kernel, np.float32([0.5, 2.0]) * 2.0**headroom)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"thresholds": "mse"}, (5, False, True, 0.5, 1, 8, 0)),
        ({"thresholds": "mse", "alpha": 0.25}, (5, False, True, 0.25, 1, 8, 0)),
        ({"thresholds": "mse", "neuron": "burst", "limit": 3}, (5, False, True, 0.5, 3, 8, 0)),
        ({**GRADED, "thresholds": "mse"}, (5, True, False, 0.5, 1, 10, 1)),
        ({**GRADED, "thresholds": "iteration", "levels": 12, "headroom": 3, "mantissa_bits": 2},
         (5, True, False, 0.5, 1, 9, 2)),
        ({"neuron": "multi_threshold", "code": "differential", "thresholds": "mse"},
         (5, True, False, 0.5, 1, 8, 0)),
    ],
)  # fmt: skip
def test_thresholds_are_fitted_to_the_spikes_that_the_neuron_sends(options, expected, monkeypatch):
    """Steps, graded, rate, alpha, limit, exponents below the scale, mantissa bits."""
    met = []

    def fit(method, stats, start, coder):
        met.append((method, coder))
        return start

    monkeypatch.setattr(recipes, "fit", fit)
    options = Options(**options)
    graph = neurons_of(prepare(read_graph(dense_net()), options), options)
    finish(graph, STATS, options, {"act": 5})
    ((method, coder),) = met
    assert method == options.thresholds
    assert (coder.timesteps, coder.graded, coder.rate, coder.alpha, coder.limit, coder.levels,
            coder.mantissa_bits) == expected  # fmt: skip


@pytest.mark.parametrize("bits", [None, 4])
def test_weights_are_rounded_on_request(bits):
    options = Options(weight_bits=bits, thresholds="percentile")
    graph = neurons_of(prepare(read_graph(dense_net()), options), options)
    found = finish(graph, STATS, options, {"act": 4})
    assert any("bits" in note for note in found.notes) == (bits is not None)
    assert found.settings["weight_bits"] == bits and found.settings["recipe"] == "ecc"


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_options_that_are_no_finite_numbers_are_refused(bad):
    with pytest.raises(OptionError, match="limit=.*finite"):
        Options(neuron="burst", limit=bad)


@pytest.mark.parametrize("steps, expected", [((4, 8), 8), ((8, 4), 8), ((), None)])
def test_steps_of_training_are_the_largest(steps, expected):
    from spkeras.layers import ClampQuantize
    from spkeras.passes.learned import trained_steps

    parts = [part for t in steps for part in (layers.Dense(2), ClampQuantize(t))]
    net = keras.Sequential([keras.Input((2,)), *parts, layers.Dense(1)])
    assert trained_steps(read_graph(net)) == expected


@pytest.mark.parametrize("recipe", ["ecc", "sigma_delta", "cq"])
def test_pooling_neurons_are_part_of_one_recipe(recipe):
    if recipe == "ecc":
        assert Options(recipe, pooling_neurons=True).pooling_neurons is True
        return
    with pytest.raises(OptionError, match="pooling_neurons=True"):
        Options(recipe, pooling_neurons=True)


@pytest.mark.parametrize("readout, known", [("membrane", None), ("spikes", {"end:spikes"})])
def test_outputs_read_from_spikes_remember_what_the_cnn_computes(readout, known):
    options = Options(readout=readout, thresholds="percentile")
    graph = neurons_of(prepare(read_graph(dense_net()), options), options)
    stats = {**STATS, "end:spikes": stats_of([[1.0]])}
    found = finish(graph, stats, options, {"act": 4, "end:spikes": 4})
    assert (None if found.originals is None else set(found.originals)) == known


def test_neurons_take_all_their_options():
    options = Options(**GRADED, levels=12, mantissa_bits=2, alpha=0.25)
    (node,) = neurons_of(prepare(read_graph(dense_net()), options), options).of("neuron")
    names = ("model", "code", "levels", "mantissa_bits", "rounding", "reset", "limit")
    assert [node[name] for name in names] == [
        "sigma_delta", "delta", 12, 2, 0.25, "subtract", 1]  # fmt: skip


@pytest.mark.parametrize("headroom, percentile, per_channel", [(0, None, True), (3, 99.5, False)])
def test_scales_are_chosen_as_asked(headroom, percentile, per_channel, monkeypatch):
    met = []

    def choose(graph, stats, *chosen):
        met.append(chosen)
        return {name: np.ones((), np.float32) for name in stats}

    monkeypatch.setattr(recipes, "choose_scales", choose)
    options = Options(**GRADED, headroom=headroom, percentile=percentile, per_channel=per_channel,
                      thresholds="percentile")  # fmt: skip
    graph = neurons_of(prepare(read_graph(dense_net()), options), options)
    finish(graph, STATS, options, {"act": 5})
    assert met == [(percentile or 100.0, per_channel, None, headroom)]


def test_what_is_chosen_where_nothing_is_asked_for():
    found = Options()
    assert (found.recipe, found.per_channel, found.reset, found.readout) == (
        "ecc", True, "subtract", "membrane")  # fmt: skip
    assert (found.percentile, found.thresholds, found.weight_bits) == (None, None, None)
    assert found.limit == 4 and found.pooling_neurons is False
