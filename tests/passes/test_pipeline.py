"""The order of the passes: what a conversion hands to each of them."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.frontend.walk import read_graph
from spkeras.passes import pipeline
from spkeras.passes.neurons import place_neurons
from spkeras.passes.pipeline import finish, prepare
from spkeras.recipes import ECC, SigmaDelta
from tests.passes.test_scales import stats_of


def dense_net():
    net = keras.Sequential(
        [
            keras.Input((2,), name="x"),
            layers.Dense(2, name="d"),
            layers.ReLU(name="act"),
            layers.Dense(1, name="end"),
        ]
    )
    net.set_weights([np.eye(2), np.zeros(2), np.ones((2, 1)), np.zeros(1)])
    return net


STATS = {"x": stats_of([[1.0, 1.0]]), "act": stats_of([[0.5, 2.0], [0.25, 1.0]])}


@pytest.mark.parametrize("above", [0, 1, 3])
def test_levels_above_the_scale_lift_it_by_octaves(above):
    """A spike of size 1 means 2^above times the largest activation."""
    options = SigmaDelta(levels=8, levels_above_scale=above).conversion(4)
    graph = finish(
        place_neurons(prepare(read_graph(dense_net()), options), options),
        STATS,
        options,
        {"act": 4},
    )
    kernel = graph["end"].arrays["kernel"][:, 0]
    np.testing.assert_allclose(kernel, np.float32([0.5, 2.0]) * 2.0**above)


@pytest.mark.parametrize(
    "recipe, expected",
    [
        (ECC(thresholds="mse"), (5, False, True, 0.5, 1, 8, 0)),
        (ECC(thresholds="mse", initial_potential=0.25), (5, False, True, 0.25, 1, 8, 0)),
        (
            ECC(thresholds="mse", neuron="burst", max_spikes_per_step=3),
            (5, False, True, 0.5, 3, 8, 0),
        ),
        (SigmaDelta(thresholds="mse"), (5, True, False, 0.5, 1, 10, 1)),
        (
            SigmaDelta(thresholds="iteration", levels=12, levels_above_scale=3, mantissa_bits=2),
            (5, True, False, 0.5, 1, 9, 2),
        ),
        (
            ECC(neuron="multi_threshold", spike_code="differential", thresholds="mse"),
            (5, True, False, 0.5, 1, 8, 0),
        ),
    ],
)
def test_thresholds_are_fitted_to_the_spikes_that_the_neuron_sends(recipe, expected, monkeypatch):
    """Steps, graded, rate, alpha, limit, exponents below the scale, mantissa bits."""
    met = []

    def fit(method, stats, start, coder):
        met.append((method, coder))
        return start

    monkeypatch.setattr(pipeline, "fit", fit)
    chosen = recipe.conversion(5)
    graph = place_neurons(prepare(read_graph(dense_net()), chosen), chosen)
    finish(graph, STATS, chosen, {"act": 5})
    ((method, coder),) = met
    assert method == recipe.thresholds
    assert (
        coder.timesteps,
        coder.graded,
        coder.rate,
        coder.initial_potential,
        coder.max_spikes_per_step,
        coder.levels,
        coder.mantissa_bits,
    ) == expected


@pytest.mark.parametrize("bits", [None, 4])
def test_weights_are_rounded_on_request(bits):
    options = ECC(weight_bits=bits, thresholds="percentile").conversion(64)
    graph = place_neurons(prepare(read_graph(dense_net()), options), options)
    found = finish(graph, STATS, options, {"act": 4})
    assert any("bits" in note for note in found.notes) == (bits is not None)


@pytest.mark.parametrize("steps, expected", [((4, 8), 8), ((8, 4), 8), ((), None)])
def test_steps_of_training_are_the_largest(steps, expected):
    from spkeras.layers import ClampQuantize
    from spkeras.passes.learned import trained_steps

    parts = [part for t in steps for part in (layers.Dense(2), ClampQuantize(t))]
    net = keras.Sequential([keras.Input((2,)), *parts, layers.Dense(1)])
    assert trained_steps(read_graph(net)) == expected


@pytest.mark.parametrize("readout, known", [("membrane", None), ("spikes", {"end:spikes"})])
def test_outputs_read_from_spikes_remember_what_the_cnn_computes(readout, known):
    chosen = ECC(readout=readout, thresholds="percentile").conversion(64)
    graph = place_neurons(prepare(read_graph(dense_net()), chosen), chosen)
    stats = {**STATS, "end:spikes": stats_of([[1.0]])}
    found = finish(graph, stats, chosen, {"act": 4, "end:spikes": 4})
    assert (None if found.originals is None else set(found.originals)) == known


def test_neurons_take_all_their_options():
    chosen = SigmaDelta(levels=12, mantissa_bits=2, initial_potential=0.25).conversion(4)
    (node,) = place_neurons(prepare(read_graph(dense_net()), chosen), chosen).of("neuron")
    names = (
        "model",
        "spike_code",
        "levels",
        "mantissa_bits",
        "initial_potential",
        "reset",
        "max_spikes_per_step",
    )
    assert [node[name] for name in names] == ["sigma_delta", "delta", 12, 2, 0.25, "subtract", 1]


@pytest.mark.parametrize("above, percentile, per_channel", [(0, None, True), (3, 99.5, False)])
def test_scales_are_chosen_as_asked(above, percentile, per_channel, monkeypatch):
    met = []

    def choose(graph, stats, *chosen, **named):
        met.append((chosen, named))
        return {name: np.ones((), np.float32) for name in stats}

    monkeypatch.setattr(pipeline, "choose_scales", choose)
    chosen = SigmaDelta(
        levels_above_scale=above,
        percentile=percentile,
        per_channel=per_channel,
        thresholds="percentile",
    ).conversion(4)
    graph = place_neurons(prepare(read_graph(dense_net()), chosen), chosen)
    finish(graph, STATS, chosen, {"act": 5})
    assert met == [((percentile or 99.97, per_channel), {"fit": None, "levels_above_scale": above})]
