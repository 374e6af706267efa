"""Spikes and operations, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.graph import Graph, Node
from spkeras.metrics import Activity, activity
from tests.metrics import graphs

SPIKES = {"n1": [4, 2, 0], "n2": [1, 1]}


def test_one_bit_spikes_are_accumulates():
    found = activity(graphs.chain(), graphs.trace(SPIKES))
    first, second = found.layers
    # 6 spikes of two samples reach two synapses each; 2 spikes reach the read-out.
    assert (first.spikes, first.synaptic_operations, first.accumulates) == (3, 6, 6)
    assert (second.spikes, second.synaptic_operations, second.accumulates) == (1, 1, 1)
    assert (found.accumulates, found.shift_adds, found.payload_bits) == (7, 0, 0)
    assert found.exponents == first.exponents == () and not found.graded
    assert (found.function_evaluations, found.steps) == (0, 4)
    assert (found.input_macs, found.cnn_macs) == (12, 18)


def test_the_payload_of_one_bit_spikes_is_their_sign():
    signed = activity(graphs.chain(model="signed"), graphs.trace(SPIKES))
    assert signed.payload_bits == signed.spikes == 4
    burst = activity(graphs.chain(model="burst", max_spikes_per_step=3), graphs.trace(SPIKES))
    assert burst.payload_bits == 0


def graded(**changed):
    """Neuron 0 of n1: spikes of size 1, 3/4, 3/4, 1/2; neuron 1: 3/8 and 1/16."""
    return graphs.trace(
        SPIKES,
        exponents={"n1": [1, 3, 1, 0, 1], "n2": [0, 0, 2, 0, 0]},
        unit_spikes={"n1": [1, 0, 0], "n2": [0, 0]},
        bits={"n1": [6, 3, 0], "n2": [1, 2]},
        **changed,
    )


def test_graded_spikes_shift_and_add_once_for_each_bit():
    found = activity(graphs.chain(**graphs.GRADED), graded())
    first, second = found.layers
    assert (first.synaptic_operations, second.synaptic_operations) == (6, 1)
    # One of nine bits is a spike of size 1; each bit meets two weights; two samples.
    assert (first.accumulates, first.shift_adds) == (1, 8)
    assert (second.accumulates, second.shift_adds) == (0, 1.5)
    assert (found.accumulates, found.shift_adds) == (1, 9.5)


def test_graded_spikes_by_exponent_and_their_payload():
    found = activity(graphs.chain(**graphs.GRADED), graded())
    assert found.layers[0].exponents == (0.5, 1.5, 0.5, 0, 0.5)
    assert found.exponents == (0.5, 1.5, 1.5, 0, 0.5)
    # A sign, 3 bits for one of 5 exponents, 1 bit of mantissa.
    assert found.layers[0].payload_bits == 3 * 5 and found.payload_bits == 4 * 5
    assert found.graded


def test_layers_may_have_different_numbers_of_levels():
    trace = graphs.trace(
        SPIKES,
        exponents={"n1": [6, 0], "n2": [0, 0, 2]},
        unit_spikes={"n1": [4, 2, 0], "n2": [0, 0]},
        bits={"n1": [4, 2, 0], "n2": [1, 1]},
    )
    found = activity(graphs.chain(**graphs.GRADED), trace)
    assert found.exponents == (3, 0, 1)
    assert (found.layers[0].accumulates, found.layers[0].shift_adds) == (6, 0)


def test_sizes_of_some_spikes_are_scaled_to_all():
    half = graphs.trace(
        SPIKES,
        exponents={"n1": [1, 2, 0, 0, 0], "n2": [0, 1, 0, 0, 0]},
        unit_spikes={"n1": [1, 0, 0], "n2": [0, 0]},
        bits={"n1": [3, 2, 0], "n2": [1, 0]},
    )
    first, second = activity(graphs.chain(**graphs.GRADED), half).layers
    assert first.exponents == (1, 2, 0, 0, 0) and second.exponents == (0, 1, 0, 0, 0)
    assert (first.accumulates, first.shift_adds, second.shift_adds) == (2, 8, 1)
    assert (first.spikes, first.synaptic_operations, first.payload_bits) == (3, 6, 15)


def test_borders_count_for_shifted_additions_too():
    kernel = np.ones((3, 1, 2))
    window = {"strides": (1,), "padding": "same", "dilation": (1,), "groups": 1}
    nodes = (
        Node("image", "input", (), (3, 1), {"dtype": "float32"}),
        graphs.neuron("n1", "image", (3, 1), **graphs.GRADED),
        Node("conv", "conv", ("n1",), (3, 2), window, {"kernel": kernel}),
        graphs.readout("conv", (3, 2), "delta"),
    )
    trace = graphs.trace(
        {"n1": [[1], [1], [1]]},
        samples=1,
        exponents={"n1": [0, 3, 0, 0, 0]},
        unit_spikes={"n1": [[0], [0], [0]]},
        bits={"n1": [[2], [2], [1]]},
    )
    (layer,) = activity(Graph("borders", nodes, ("answer",)), trace).layers
    # At the borders a spike meets two taps, inside three, each with two filters.
    assert layer.synaptic_operations == 4 + 6 + 4
    assert (layer.accumulates, layer.shift_adds) == (0, 8 + 12 + 4)


@pytest.mark.parametrize("function", ["silu", "multiply"])
def test_functions_are_evaluated_until_a_sample_settles(function):
    # Last spikes at steps 1 and 3: two steps and four, of which the last is silent.
    trace = graded(settled=[1, 3])
    graph = graphs.chain(function, **graphs.GRADED)
    found = activity(graph, trace)
    assert found.steps == 3
    assert [layer.function_evaluations for layer in found.layers] == [0, 2 * 3]
    # A run that is cut at T has no silent step.
    assert activity(graph, graded(settled=[4, 4])).steps == 4
    assert found.function_macs == 0


def test_differential_coding_weighs_at_every_step():
    found = activity(graphs.chain(spike_code="differential"), graphs.trace(SPIKES, timesteps=8))
    assert [layer.function_evaluations for layer in found.layers] == [3 * 8, 2 * 8]


def test_a_layer_that_waits_for_its_window_evaluates_once():
    trace = graphs.trace(SPIKES, schedule="layer_synchronous")
    assert activity(graphs.chain("silu"), trace).function_evaluations == 2


def test_a_slope_is_a_product():
    graph = graphs.chain()
    sloped = graph["n1"].with_attributes(negative_slope=0.25)
    found = activity(graph.updated({"n1": sloped}), graphs.trace(SPIKES))
    assert [layer.function_evaluations for layer in found.layers] == [3 * 4, 0]


def test_matrix_products_within_a_neuron_count_at_every_step():
    nodes = (
        Node("a", "input", (), (2, 3), {"dtype": "float32"}),
        Node("b", "input", (), (3, 4), {"dtype": "float32"}),
        graphs.neuron("product", ("a", "b"), (2, 4), "matmul", **graphs.GRADED),
        graphs.readout("product", (2, 4), "delta"),
    )
    trace = graphs.trace(
        {"product": np.ones((2, 4))},
        samples=1,
        exponents={"product": [0, 8, 0, 0, 0]},
        unit_spikes={"product": np.zeros((2, 4))},
        bits={"product": np.ones((2, 4))},
        settled=[1],
    )
    found = activity(Graph("products", nodes, ("answer",)), trace)
    assert found.cnn_macs == 2 * 3 * 4
    assert found.function_macs == 2 * found.cnn_macs
    assert found.function_evaluations == 2 * 8


def test_rates_and_silent_neurons():
    first, second = activity(graphs.chain(), graphs.trace(SPIKES)).layers
    # Neuron 2 of n1 never fires; 3 spikes per sample of 3 neurons in 4 steps.
    assert (first.silent, second.silent) == (1 / 3, 0)
    assert (first.spikes_per_neuron, first.firing_rate) == (1, 1 / 4)
    assert (second.spikes_per_neuron, second.firing_rate) == (1 / 2, 1 / 8)


def test_potentials_are_updated_from_the_start_on():
    found = activity(graphs.chain(), graphs.trace(SPIKES, starts={"n1": 1, "n2": 3, "answer": 4}))
    assert [layer.membrane_updates for layer in found.layers] == [3 * 3, 2 * 1]
    assert found.membrane_updates == 11 and found.comparisons == 0
    assert found.courses["membrane_updates"] == (0, 3, 6, 11)


def test_potentials_are_updated_until_a_sample_settles():
    # The second sample settles at T: no silent step is left.
    found = activity(graphs.chain(**graphs.GRADED), graded(settled=[1, 4]))
    assert [layer.membrane_updates for layer in found.layers] == [3 * (2 + 4) / 2, 2 * (2 + 4) / 2]
    assert found.courses["membrane_updates"] == (5, 10, 12.5, 15)


def test_a_layer_that_waits_for_its_window_updates_in_all_steps():
    found = activity(graphs.chain(), graphs.trace(SPIKES, schedule="layer_synchronous"))
    assert found.membrane_updates == (3 + 2) * 4


@pytest.mark.parametrize(
    "pool, shape, compared",
    [
        ({"pool_size": (2,), "strides": (2,), "padding": "valid"}, (2, 2), 8),
        ({"pool_size": (3,), "strides": (2,), "padding": "same"}, (3, 2), 2 * (2 + 3 + 2)),
        ({"keepdims": False}, (2,), 10),
    ],
)
def test_a_pooling_neuron_compares_and_keeps_what_it_pools(pool, shape, compared):
    nodes = (
        Node("image", "input", (), (5, 2), {"dtype": "float32"}),
        graphs.neuron("n1", "image", shape, pool=pool),
        graphs.readout("n1", shape, "rate"),
    )
    trace = graphs.trace({"n1": np.ones(shape)}, timesteps=6, starts={"n1": 1, "answer": 2})
    (layer,) = activity(Graph("pools", nodes, ("answer",)), trace).layers
    assert (layer.membrane_updates, layer.comparisons) == (10 * 5, compared * 5)


def test_a_neuron_of_two_inputs_has_two_sums():
    nodes = (
        Node("a", "input", (), (2, 3), {"dtype": "float32"}),
        Node("b", "input", (), (1, 3), {"dtype": "float32"}),
        graphs.neuron("product", ("a", "b"), (2, 3), "multiply", **graphs.GRADED),
        graphs.readout("product", (2, 3), "delta"),
    )
    found = activity(Graph("two", nodes, ("answer",)), graphs.trace({"product": np.ones((2, 3))}))
    assert found.membrane_updates == (6 + 3) * 4


@pytest.mark.parametrize(
    "encoding, schedule, times",
    [
        ("constant", "clock_driven", 1),
        ("regular", "clock_driven", 4),
        ("bernoulli", "clock_driven", 4),
        ("regular", "layer_synchronous", 1),
    ],
)
def test_an_encoded_input_takes_its_layers_at_each_step(encoding, schedule, times):
    trace = graphs.trace(SPIKES, schedule=schedule, input_encoding=encoding)
    assert activity(graphs.chain(), trace).input_macs == 12 * times


def test_operations_over_those_of_the_cnn():
    found = activity(graphs.chain(**graphs.GRADED), graded())
    ratios = found.per_cnn_mac
    assert ratios["synaptic_operations"] == 7 / 18 and ratios["additions"] == 10.5 / 18
    assert ratios["macs"] == 12 / 18 and ratios["membrane_updates"] == 20 / 18
    assert (ratios["loop_macs"], ratios["comparisons"]) == (0, 0)


def test_a_cnn_without_weights_has_no_ratio():
    nodes = (
        Node("image", "input", (), (3,), {"dtype": "float32"}),
        graphs.neuron("n1", "image", (3,)),
        graphs.readout("n1", (3,), "rate"),
    )
    found = activity(Graph("bare", nodes, ("answer",)), graphs.trace({"n1": [1, 1, 1]}))
    assert found.per_cnn_mac == {} and found.cnn_macs == 0


def test_spikes_for_each_neuron():
    assert activity(graphs.chain(), graphs.trace(SPIKES)).spikes_per_neuron == 4 / 5


def test_a_single_sample():
    found = activity(graphs.chain(), graphs.trace(SPIKES, samples=1))
    assert (found.spikes, found.layers[0].spikes, found.accumulates) == (8, 6, 14)


def test_multiply_accumulates_of_all_three_kinds_are_added():
    found = replace(
        activity(graphs.chain(), graphs.trace(SPIKES)), loop_macs=5.0, function_macs=7.0
    )
    assert found.macs == found.input_macs + 12


@pytest.mark.parametrize("samples", [1, 2])
def test_courses_are_the_mean_fan_out_times_the_spikes_so_far(samples):
    trace = graphs.trace(SPIKES, samples=samples)
    sent = {"n1": np.array([1.0, 2, 6, 6]) / samples, "n2": np.array([0.0, 0, 1, 2]) / samples}
    found = activity(graphs.chain(), replace(trace, layer_spikes=sent))
    # A spike of n1 meets two synapses, one of n2 the read-out.
    wanted = np.array([2.0, 4, 13, 14]) / samples
    assert found.courses["synaptic_operations"] == pytest.approx(wanted)
    assert found.courses["membrane_updates"] == (5, 10, 15, 20)
    assert found.courses["loop_macs"] == (0, 0, 0, 0)


def test_a_single_neuron():
    nodes = (
        Node("image", "input", (), (1,), {"dtype": "float32"}),
        graphs.neuron("n1", "image", (1,)),
        graphs.readout("n1", (1,), "rate"),
    )
    found = activity(Graph("one", nodes, ("answer",)), graphs.trace({"n1": [6]}))
    assert (found.spikes, found.spikes_per_neuron) == (3, 3)
    assert (found.layers[0].spikes_per_neuron, found.layers[0].firing_rate) == (3, 3 / 4)


def test_a_layer_without_spikes_causes_nothing():
    found = activity(graphs.chain(), graphs.trace({"n1": [0, 0, 0], "n2": [0, 0]}, samples=0))
    assert (found.spikes, found.synaptic_operations, found.accumulates) == (0, 0, 0)
    assert found.courses["synaptic_operations"] == (0, 0, 0, 0)
    assert [layer.silent for layer in found.layers] == [1, 1] and found.steps == 4


@pytest.mark.parametrize("levels, bits", [(1, 0), (2, 1), (4, 2), (5, 3), (8, 3), (9, 4)])
def test_an_exponent_takes_the_bits_that_count_the_levels(levels, bits):
    kept = {**graphs.GRADED, "levels": levels, "mantissa_bits": 2}
    found = activity(graphs.chain(**kept), graphs.trace({"n1": [2, 0, 0], "n2": [0, 0]}))
    assert found.payload_bits == 1 + bits + 2


@pytest.mark.parametrize("function", ["linear", "maximum", "minimum", "relu6", "quantized_relu"])
def test_sums_and_comparisons_are_no_function(function):
    changed = {"quantized_relu": {"max_value": None, "steps": 4, "shift": 0.5}}.get(function, {})
    graph = graphs.chain()
    before = graph["n2"]
    numbers = {
        name: before[name]
        for name in (
            "model",
            "reset",
            "initial_potential",
            "max_spikes_per_step",
            "depth",
            "pool",
            "spike_code",
            "levels",
            "mantissa_bits",
        )
    }
    node = Node(
        "n2",
        "neuron",
        before.inputs,
        (2,),
        {**numbers, "function": function, **changed},
        before.arrays,
    )
    found = activity(graph.updated({"n2": node}), graphs.trace(SPIKES))
    assert found.function_evaluations == 0 and found.function_macs == 0


def test_names_of_neurobench_by_hand():
    """12 products of the input once, 6 of the hidden layer in each of four steps."""
    record = activity(graphs.chain(), graphs.trace({"n1": [2, 1, 1], "n2": [0, 0]}))
    assert record.neurobench == {
        "Effective_MACs": 12,
        # Four spikes in two samples reach two synapses each.
        "Effective_ACs": 4.0,
        "Dense": 12 + 4 * 6,
        "MembraneUpdates": record.membrane_updates,
    }
    encoded = graphs.trace({"n1": [2, 1, 1], "n2": [0, 0]}, input_encoding="regular")
    assert activity(graphs.chain(), encoded).neurobench["Dense"] == 4 * (12 + 6)
    graded = Activity((), 0, 0, 7.0, 3, cnn_macs=9, accumulates=2.0, exponents=(1.0,), steps=2.0)
    assert graded.neurobench["Effective_MACs"] == 10.0 and graded.neurobench["Effective_ACs"] == 0
