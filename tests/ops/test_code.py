"""Neurons of every model under every code it allows, step by step against explicit loops.

Delta and rate codes are exact on dyadic numbers. Under the differential code 1 / t is exact
for two steps; later steps are compared where no neuron came close to a tie.
"""

import numpy as np
import pytest
from keras import ops

from spkeras.layers.pooling import max_pooling
from spkeras.ops import code as coding
from spkeras.ops import neuron
from spkeras.ops.names import CODES
from tests import oracle_functions, oracle_layers, oracle_neurons, oracle_nodes

RELU = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}
POOL = {"pool_size": (2, 2), "strides": (1, 1), "padding": "same"}
MODELS = ("binary", "signed", "burst", "signed_burst", "multi_threshold")
LIMITS = {"burst": 3, "signed_burst": 2}
SHAPE = (2, 3, 3, 4)

# Functions exact on dyadic numbers: (name, numbers, pool, the same in NumPy, homogeneous).
FUNCTIONS = {
    "relu": ("relu", RELU, None, lambda x: np.maximum(x, 0), True),
    "linear": ("linear", {}, None, lambda x: x, True),
    "leaky": ("leaky_relu", {"negative_slope": 0.25}, None, lambda x: np.maximum(x, x / 4), True),
    "pool": ("linear", {}, POOL, lambda x: oracle_nodes.pool(POOL, x), True),
    "bounded": ("relu", {**RELU, "max_value": 1.5}, None, lambda x: np.clip(x, 0, 1.5), False),
    "product": ("multiply", {}, None, lambda x, y: x * y, False),
    "largest": ("maximum", {}, None, np.maximum, False),
    "product of three": ("multiply", {}, None, lambda x, y, z: x * y * z, False),
}
INPUTS = {"product": 2, "largest": 2, "product of three": 3}
# Functions that are not: (name, numbers, the same in NumPy, number of inputs).
SMOOTH = {
    "silu": ("silu", {}, oracle_layers.FUNCTIONS["silu"], 1),
    "softmax": ("softmax", {"axis": -1}, oracle_layers.FUNCTIONS["softmax"], 1),
    "layer norm": (
        "layer_normalization",
        {"axes": (1, 2, 3), "epsilon": 1e-3},
        lambda x: oracle_functions.layer_normalization(x, (1, 2, 3), 1e-3),
        1,
    ),
    "quotient": ("divide", {}, lambda x, y: x / y, 2),
}


def dyadic(rng, *shape, low=-24, high=32, unit=16):
    return rng.integers(low, high, shape) / unit


def library(currents, constants):
    """Spikes (T, ...) and last state for the currents (T, batch, ...) of each input."""
    shapes = {index: current.shape[1:] for index, current in enumerate(currents)}
    shapes[None] = shapes[0]  # of the spikes: the pooling here has stride 1 and pads
    state = neuron.initial_state(lambda index: ops.zeros(shapes[index]), constants)
    trains = []
    for t, now in enumerate(zip(*(c.astype("float32") for c in currents), strict=True)):
        values = [ops.convert_to_tensor(z) for z in now]
        spikes, state = neuron.step(values, state, np.float32(t + 1), constants)
        trains.append(np.asarray(spikes))
    return np.array(trains), [np.asarray(s) for s in state]


def sender(model, alpha=0.5, levels=6, mantissa_bits=0):
    if model in ("multi_threshold", "sigma_delta"):
        return oracle_neurons.Graded(levels, mantissa_bits)
    limit = LIMITS.get(model, 1)
    return oracle_neurons.Whole(alpha, -limit if "signed" in model else 0, limit)


def constants(model, code, function, numbers, pool=None, offsets=(None,), **more):
    return neuron.Constants(
        np.float32(more.pop("threshold", 0.5)),
        model,
        max_spikes_per_step=LIMITS.get(model, 1),
        function=function,
        numbers=numbers,
        pool=max_pooling(pool) if pool else None,
        spike_code=code,
        constant_inputs=offsets,
        **{"levels": 6, **more},
    )


def assert_speaks(spikes, model):
    """It proves something only where all kinds of spikes are sent."""
    assert (spikes > 0).mean() > 0.02 and (spikes == 0).any()
    if model in ("signed", "signed_burst", "multi_threshold", "sigma_delta"):
        assert (spikes < 0).any()
    if model in ("multi_threshold", "sigma_delta"):
        assert len(np.unique(abs(spikes))) > 4


@pytest.mark.parametrize("mantissa_bits", [0, 1, 3])
@pytest.mark.parametrize("case", FUNCTIONS)
def test_delta_code_on_sigma_delta_neurons(case, mantissa_bits):
    """Every spike of eight steps of changing input; and what was sent is kept."""
    function, numbers, pool, respond, _ = FUNCTIONS[case]
    rng, inputs = np.random.default_rng(5), INPUTS.get(case, 1)
    currents = [dyadic(rng, 8, *SHAPE) for _ in range(inputs)]
    offsets = [dyadic(rng, 1, 3, 4), 0.0, dyadic(rng, 4)][:inputs]
    given = tuple(None if np.all(o == 0) else np.float32(o) for o in offsets)
    fixed = constants(
        "sigma_delta", "delta", function, numbers, pool, given, mantissa_bits=mantissa_bits
    )
    found, (*received, sent) = library(currents, fixed)
    send = sender("sigma_delta", mantissa_bits=mantissa_bits)
    wanted = oracle_neurons.delta(currents, send, respond, 0.5, offsets)
    assert_speaks(wanted, "sigma_delta")
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(sent, wanted.sum(0))
    for one, current, offset in zip(received, currents, offsets, strict=True):
        np.testing.assert_array_equal(one, current.sum(0) + offset)


@pytest.mark.parametrize("case", [name for name, rest in FUNCTIONS.items() if rest[-1]])
def test_rate_code_on_graded_neurons(case):
    function, numbers, pool, respond, _ = FUNCTIONS[case]
    rng = np.random.default_rng(6)
    currents = [dyadic(rng, 8, *SHAPE)]
    found, _ = library(currents, constants("multi_threshold", "rate", function, numbers, pool))
    send = sender("multi_threshold")
    wanted = oracle_neurons.rate(currents, send, lambda total, steps: respond(total), 0.5)
    assert_speaks(wanted, "multi_threshold")
    np.testing.assert_array_equal(found, wanted)


def test_rate_code_on_graded_neurons_for_a_function_of_the_mean():
    """t f(u / t) is not f(u): compared away from ties, since the mean rounds."""
    currents = np.float32(np.random.default_rng(11).normal(0.5, 1, (8, *SHAPE)))
    function, numbers, pool, respond, _ = FUNCTIONS["bounded"]
    found, _ = library([currents], constants("multi_threshold", "rate", function, numbers))
    send = sender("multi_threshold")
    wanted = oracle_neurons.rate(
        [currents.astype("float64")], send, lambda u, steps: steps * respond(u / steps), 0.5
    )
    assert_speaks(wanted, "multi_threshold")
    assert send.closest > 1e-5
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", FUNCTIONS)
def test_differential_code_two_steps_to_the_last_bit(case, model):
    """Currents and offsets on a lattice where ties are common: 1 and 1 / 2 are exact."""
    function, numbers, pool, respond, _ = FUNCTIONS[case]
    rng, inputs = np.random.default_rng(7), INPUTS.get(case, 1)
    currents = [dyadic(rng, 2, *SHAPE, low=-8, high=11, unit=8) for _ in range(inputs)]
    offsets = [dyadic(rng, 1, 3, 4, low=-4, high=5, unit=8), 0.0, 0.25][:inputs]
    given = tuple(None if np.all(o == 0) else np.float32(o) for o in offsets)
    found, _ = library(currents, constants(model, "differential", function, numbers, pool, given))
    send = sender(model)
    wanted = oracle_neurons.differential(currents, send, respond, 0.5, offsets)
    assert send.tied > 0 and (wanted > 0).any()
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", FUNCTIONS)
def test_differential_code_away_from_ties(case, model):
    function, numbers, pool, respond, _ = FUNCTIONS[case]
    rng, inputs = np.random.default_rng(8), INPUTS.get(case, 1)
    currents = [dyadic(rng, 9, *SHAPE) for _ in range(inputs)]
    offsets = [np.float32(rng.normal(0, 0.5, (3, 1, 4))) for _ in range(inputs)]
    alpha = 7 / 16  # t times a sum of 1, 1 / 2, ... 1 / 8 never lies there
    fixed = constants(
        model, "differential", function, numbers, pool, tuple(offsets), initial_potential=alpha
    )
    found, (*_, mean) = library(currents, fixed)
    send = sender(model, alpha)
    wanted = oracle_neurons.differential(currents, send, respond, 0.5, offsets)
    assert_speaks(wanted, model)
    assert send.closest > 1e-5, "another seed: a tie is decided by the last bit"
    np.testing.assert_array_equal(found, wanted)
    steps = np.arange(1, 10).reshape(9, 1, 1, 1, 1)
    np.testing.assert_allclose(mean, (wanted / steps).sum(0), atol=1e-6)


@pytest.mark.parametrize("case", SMOOTH)
@pytest.mark.parametrize(
    ("model", "code"), [("sigma_delta", "delta"), ("multi_threshold", "differential")]
)
def test_functions_that_are_not_dyadic(case, model, code):
    function, numbers, respond, inputs = SMOOTH[case]
    rng = np.random.default_rng(9)
    currents = [dyadic(rng, 6, *SHAPE) for _ in range(inputs)]
    offsets = [np.float32(rng.normal(0, 0.5, (1, 4))) for _ in range(inputs)]
    if case == "quotient":
        currents[1], offsets[1] = abs(currents[1]), 1 + abs(offsets[1])
    fixed = constants(model, code, function, numbers, None, tuple(offsets), threshold=0.25)
    found, _ = library(currents, fixed)
    send, run = sender(model), {"delta": "delta", "differential": "differential"}[code]
    wanted = getattr(oracle_neurons, run)(currents, send, respond, 0.25, offsets)
    assert send.closest > 3e-6 and (wanted < 0).any() and (wanted != 0).mean() > 0.2
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("model", MODELS)
def test_the_published_recursion_is_the_differential_code(model):
    """v += (z - b) + e_in - e_out, literally, for a neuron that hands on what it receives."""
    rng = np.random.default_rng(10)
    currents, bias = dyadic(rng, 9, 2, 50), np.float32(rng.normal(0, 0.5, 50))
    send = sender(model)
    wanted = oracle_neurons.differential_as_published(currents, send, bias)
    assert_speaks(wanted, model)
    assert send.closest > 1e-5
    general = oracle_neurons.differential([currents], sender(model), lambda x: x, 1.0, [bias])
    np.testing.assert_array_equal(general, wanted)
    fixed = constants(model, "differential", "linear", {}, None, (bias,), threshold=1.0)
    found, _ = library([currents], fixed)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("code", CODES)
def test_what_is_missing_is_what_makes_the_listener_right(code):
    """Sent as it is, it leaves nothing to send: the table of the module, row by row."""
    value, held = np.float32([0.5, -2.0, 3.0, 0.0]), np.float32([0.25, 1.0, -1.0, 0.0])
    for elapsed in (1, 2, 4):
        missing = coding.missing(code, value, held, elapsed)
        after = held + coding.weigh(code, missing, elapsed)
        np.testing.assert_array_equal(after, value)
    assert coding.keeps_values(code) == (code != "rate")
    assert coding.weigh(code, 6.0, 3.0) == (2.0 if code == "differential" else 6.0)
