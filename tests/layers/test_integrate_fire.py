"""The layer around the neuron: its contract as a Keras layer, and the step it delegates to."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import spkeras
from spkeras.errors import OptionError, SpkerasError
from spkeras.layers import FiringRate, IntegrateFire, SpikeCount
from tests import oracle_neurons, oracle_nodes

CLOCK = np.zeros(2, "float32")
POOL = {"pool_size": (2, 2), "strides": (2, 2), "padding": "valid"}
OPTIONS = {
    "defaults": {},
    "zero": {"reset": "zero", "initial_potential": 0.25, "current_shapes": [(3, 2)]},
    "bursts": {
        "model": "signed_burst",
        "max_spikes_per_step": 4,
        "depth": 2,
        "threshold_shape": (5,),
        "current_shapes": [(2, 5)],
    },
    "pooling": {"pool": POOL, "current_shapes": [(4, 6, 3)], "threshold_shape": (3,)},
    "global": {"pool": {"keepdims": False}, "current_shapes": [(4, 4, 3)]},
    "bounded": {
        "parameters": {"max_value": 1.5, "negative_slope": 0.0, "threshold": 0.0},
        "ceiling_shape": (3,),
        "current_shapes": [(3,)],
    },
    "prelu": {
        "model": "signed",
        "function": "prelu",
        "slope_shape": (3,),
        "current_shapes": [(3,)],
    },
    "graded": {"model": "multi_threshold", "levels": 5, "current_shapes": [(2, 3)]},
    "mean": {
        "model": "signed",
        "spike_code": "differential",
        "current_shapes": [(2, 3)],
        "constant_input_shapes": [(2, 1)],
    },
    "delta": {
        "model": "sigma_delta",
        "spike_code": "delta",
        "levels": 6,
        "mantissa_bits": 2,
        "current_shapes": [(4, 6, 3)],
        "pool": POOL,
        "threshold_shape": (3,),
        "constant_input_shapes": [(1, 1, 3)],
    },
    "product": {
        "model": "sigma_delta",
        "spike_code": "delta",
        "function": "multiply",
        "current_shapes": [(2, 3), (2, 1)],
        "constant_input_shapes": [None, (2, 1)],
        "spikes_shape": (2, 3),
    },
}
SHAPES = {
    "defaults": [(1,), (1,)],
    "zero": [(3, 2), (3, 2)],
    "bursts": [(2, 5), (2, 5), (2, 5)],
    "pooling": [(2, 3, 3), (4, 6, 3), (2, 3, 3)],
    "global": [(3,), (4, 4, 3), (3,)],
    "bounded": [(3,), (3,)],
    "prelu": [(3,), (3,), (3,)],
    "graded": [(2, 3), (2, 3), (2, 3)],
    "mean": [(2, 3), (2, 3), (2, 3)],
    "delta": [(2, 3, 3), (4, 6, 3), (2, 3, 3)],
    "product": [(2, 3), (2, 3), (2, 1), (2, 3)],
}


def filled(layer, seed=0):
    """Dyadic values for all its constants."""
    rng = np.random.default_rng(seed)
    for variable in layer.weights:
        variable.assign(rng.integers(16, 65, variable.shape) / 64)
    return layer


def run(layer, currents, clock=lambda t: (t, 0)):
    """Spikes (T, batch, ...) by calling the layer T times; a list of currents for several."""
    inputs = currents if isinstance(currents, list) else [currents]
    state, spikes = layer.get_initial_state(inputs[0].shape[1]), []
    for t, now in enumerate(zip(*(x.astype("float32") for x in inputs), strict=True)):
        now, *state = layer([*now, *state, np.float32(clock(t))])
        spikes.append(np.asarray(now))
    return np.array(spikes)


def random_currents(layer, steps=6, batch=2):
    """One array, or a list of them for a neuron of several inputs."""
    rng = np.random.default_rng(4)
    arrays = [rng.integers(-60, 100, (steps, batch, *shape)) / 64 for shape in layer.current_shapes]
    return arrays if len(arrays) > 1 else arrays[0]


@pytest.mark.parametrize("case", OPTIONS)
def test_config_survives_json(case):
    layer = IntegrateFire(**OPTIONS[case], name="neurons")
    config = json.loads(json.dumps(layer.get_config()))
    again = IntegrateFire.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]
    again.set_weights(filled(layer).get_weights())
    currents = random_currents(layer)
    np.testing.assert_array_equal(run(again, currents), run(layer, currents))


@pytest.mark.parametrize("case", OPTIONS)
def test_every_argument_is_in_the_config(case):
    config = IntegrateFire(**OPTIONS[case]).get_config()
    for name, value in OPTIONS[case].items():
        assert config[name] == value


def test_keras_serializes_it_under_its_registered_name():
    layer = IntegrateFire(**OPTIONS["bursts"])
    record = keras.saving.serialize_keras_object(layer)
    assert record["registered_name"] == "spkeras>IntegrateFire"
    again = keras.saving.deserialize_keras_object(record)
    assert type(again) is IntegrateFire and again.get_config() == layer.get_config()


@pytest.mark.parametrize("case", OPTIONS)
def test_shapes_of_spikes_and_states(case):
    layer = IntegrateFire(**OPTIONS[case])
    spikes, *states = SHAPES[case]
    assert layer.spikes_shape == spikes
    assert layer.state_shapes == states
    currents = [np.zeros((7, *shape), "float32") for shape in layer.current_shapes]
    assert layer.compute_output_shape([x.shape for x in currents]) == [
        (7, *shape) for shape in SHAPES[case]
    ]
    made = layer.get_initial_state(7)
    assert [tuple(s.shape) for s in made] == [(7, *shape) for shape in states]
    now = layer([*currents, *made, CLOCK])
    assert [tuple(t.shape) for t in now] == [(7, *shape) for shape in SHAPES[case]]


def test_the_first_potential_is_alpha_times_the_threshold():
    layer = IntegrateFire(initial_potential=0.25, current_shapes=[(2,)], threshold_shape=(2,))
    layer.threshold.assign([2.0, 4.0])
    (potential,) = layer.get_initial_state(3)
    assert np.asarray(potential).tolist() == [[0.5, 1.0]] * 3
    received, sent = IntegrateFire(model="signed").get_initial_state(2)
    assert not np.any(received) and not np.any(sent)


def test_it_is_the_loop():
    layer = filled(IntegrateFire(current_shapes=[(3, 4)], threshold_shape=(4,)))
    currents = random_currents(layer, 12)
    wanted, _ = oracle_neurons.integrate_fire(currents, np.asarray(layer.threshold))
    assert wanted.any()
    np.testing.assert_array_equal(run(layer, currents), wanted)


def test_what_it_has_received_before_the_first_step():
    """An offset of any shape that broadcasts; what was sent starts at nothing."""
    layer = filled(IntegrateFire(**OPTIONS["product"]))
    left, right, sent = layer.get_initial_state(3)
    assert not np.any(left) and not np.any(sent)
    wanted = np.broadcast_to(np.asarray(layer.constant_input1), (3, 2, 1))
    np.testing.assert_array_equal(right, wanted)
    assert [w.name for w in layer.weights] == ["threshold", "constant_input1"]
    assert np.all(IntegrateFire(**OPTIONS["delta"]).constant_input0 == 0)


def test_a_product_of_two_inputs_is_the_loop():
    layer = filled(IntegrateFire(**OPTIONS["product"]))
    currents = random_currents(layer, 8)
    send = oracle_neurons.Graded(layer.levels)
    offsets = [0.0, np.asarray(layer.constant_input1, "float64")]
    layer.threshold.assign(0.5)
    wanted = oracle_neurons.delta(currents, send, lambda x, y: x * y, 0.5, offsets)
    assert (wanted < 0).any() and (wanted > 0).any()
    np.testing.assert_array_equal(run(layer, currents), wanted)


def test_pooled_changes_are_the_loop():
    layer = IntegrateFire(**OPTIONS["delta"])
    layer.threshold.assign([0.5, 1.0, 2.0])
    layer.constant_input0.assign([[[0.25, -0.5, 1.0]]])
    currents = random_currents(layer, 8)
    threshold, offset = (np.asarray(w, "float64") for w in (layer.threshold, layer.constant_input0))
    wanted = oracle_neurons.delta(
        [currents],
        oracle_neurons.Graded(6, 2),
        lambda x: np.maximum(oracle_nodes.pool(POOL, x), 0),
        threshold,
        [offset],
    )
    assert (wanted < 0).any() and (wanted > 0).any()
    np.testing.assert_array_equal(run(layer, currents), wanted)


def test_it_keeps_no_state_of_its_own():
    layer = IntegrateFire(current_shapes=[(4,)])
    currents = random_currents(layer)
    first = run(layer, currents)
    np.testing.assert_array_equal(run(layer, currents), first)
    assert not layer.trainable_weights
    assert [w.name for w in layer.weights] == ["threshold"]


def test_it_starts_depth_times_stagger_steps_late():
    layer = IntegrateFire(current_shapes=[(5,)], depth=2)
    currents = random_currents(layer, 16) + 0.25
    spikes = run(layer, currents, lambda t: (t, 3))
    assert not spikes[:6].any()
    wanted, _ = oracle_neurons.integrate_fire(currents[6:])
    np.testing.assert_array_equal(spikes[6:], wanted)


def test_in_a_functional_model():
    """One time step as a Keras model, stepped by the caller."""
    layer = filled(IntegrateFire(current_shapes=[(2,)], threshold_shape=(2,)))
    image, state = keras.Input((3,)), keras.Input((2,))
    clock = keras.Input(batch_shape=(2,))
    dense = keras.layers.Dense(2)
    model = keras.Model([image, state, clock], layer([dense(image), state, clock]))
    dense.set_weights([np.array([[16, 32], [8, -8], [24, 40]]) / 64, np.zeros(2)])
    x = ops.convert_to_tensor(np.arange(6, dtype="float32").reshape(2, 3) / 4)
    state, spikes = layer.get_initial_state(2)[0], []
    for _ in range(5):
        now, state = model([x, state, ops.convert_to_tensor(CLOCK)])
        spikes.append(np.asarray(now))
    currents = np.repeat((np.asarray(x) @ np.asarray(dense.kernel))[None], 5, 0)
    wanted, potential = oracle_neurons.integrate_fire(currents, np.asarray(layer.threshold))
    np.testing.assert_array_equal(spikes, wanted)
    np.testing.assert_array_equal(state, potential)


def test_the_example_of_its_docstring():
    layer = IntegrateFire(current_shapes=[(1,)])
    z, state = np.full((1, 1), 0.5, "float32"), layer.get_initial_state(1)
    spikes, *state = layer([z, *state, CLOCK])
    assert (float(spikes[0, 0]), float(state[0][0, 0])) == (1.0, 0.0)
    assert spkeras.IntegrateFire is IntegrateFire


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "ternary"}, ("model='ternary'", "signed_burst")),
        ({"reset": "none"}, ("reset='none'", "subtract")),
        ({"initial_potential": 1.5}, ("initial_potential=1.5", "0 to 1")),
        ({"initial_potential": -0.1}, ("initial_potential=-0.1", "0 to 1")),
        ({"max_spikes_per_step": 0}, ("max_spikes_per_step=0", "allowed")),
        ({"max_spikes_per_step": 2}, ("max_spikes_per_step=2", "binary")),
        ({"model": "signed", "max_spikes_per_step": 2}, ("max_spikes_per_step=2", "signed")),
        ({"model": "signed", "reset": "zero"}, ("reset='zero'", "signed")),
        ({"reset": "zero", "pool": POOL, "current_shapes": [(4, 4, 1)]}, ("reset='zero'", "pool")),
        ({"reset": "zero", "function": "linear"}, ("reset='zero'", "linear")),
        ({"reset": "zero", "parameters": {"negative_slope": 0.1}}, ("reset='zero'",)),
        ({"reset": "zero", "spike_code": "differential"}, ("reset='zero'", "rate")),
        ({"model": "multi_threshold", "reset": "zero"}, ("reset='zero'", "multi_threshold")),
        ({"model": "sigma_delta"}, ("spike_code='rate'", "delta")),
        (
            {"model": "sigma_delta", "spike_code": "differential"},
            ("spike_code='differential'", "delta"),
        ),
        ({"spike_code": "delta"}, ("spike_code='delta'", "rate", "differential")),
        (
            {"model": "multi_threshold", "spike_code": "delta"},
            ("spike_code='delta'", "differential"),
        ),
        (
            {"model": "multi_threshold", "max_spikes_per_step": 2},
            ("max_spikes_per_step=2", "multi_threshold"),
        ),
        ({"levels": 0}, ("levels=0", "1 to 24")),
        ({"levels": 25}, ("levels=25", "1 to 24")),
        ({"mantissa_bits": 4}, ("mantissa_bits=4", "0 to 3")),
    ],
)
def test_refusals_name_what_was_received_and_what_is_allowed(options, words):
    with pytest.raises(OptionError) as caught:
        IntegrateFire(**options)
    assert isinstance(caught.value, SpkerasError)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("mode", ["ann", "clipped"])
def test_firing_rates_for_a_mean_current(mode):
    layer = IntegrateFire(current_shapes=[(4,)], threshold_shape=(4,))
    layer.threshold.assign([0.5, 0.5, 1.0, 2.0])
    current = np.array([[-1.0, 0.6, 0.3, 9.0]], "float32")
    rates = np.asarray(FiringRate(layer, mode)([current, np.array([8.0], "float32")]))
    analogue = np.array([0.0, 1.2, 0.3, 4.5])
    wanted = {"ann": analogue, "clipped": np.clip(analogue, 0, 1)}
    np.testing.assert_allclose(rates[0], wanted[mode], rtol=1e-6)


def test_spike_counts_for_what_was_received():
    layer = IntegrateFire(current_shapes=[(4,)], threshold_shape=(4,))
    layer.threshold.assign([0.5, 0.5, 1.0, 2.0])
    current = np.array([[-1.0, 0.6, 0.3, 9.0]], "float32")
    counts = np.asarray(SpikeCount(layer)([8 * current, np.array([8.0], "float32")]))
    wanted = oracle_neurons.closed_form(current[0], 8, np.array([0.5, 0.5, 1.0, 2.0]))
    assert wanted.tolist() == [0, 8, 2, 8]
    assert counts[0].tolist() == wanted.tolist()
