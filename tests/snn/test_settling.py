"""A network under the delta code stops by itself: nothing is sent or changed any more."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError, SpkerasError
from spkeras.simulation import Simulator
from spkeras.snn import spike_loop
from spkeras.snn.model import build, configure, loop_of
from spkeras.snn.network import as_list
from tests import networks, oracle, runs
from tests.stepping import assert_same_outputs, every_step

pytestmark = pytest.mark.slow

LONG = 40


@pytest.fixture(scope="module")
def made():
    """(graph, spiking model, 7 samples, the oracle's run of 40 steps)."""
    model = networks.residual()
    graph = networks.spiking(model, recipe="sigma_delta")
    x = networks.samples(model, 7, low=-16, high=48)
    run = oracle.clock_driven(graph, [x], LONG)
    return graph, build(graph, timesteps=LONG), x, run


def test_a_settled_network_sends_nothing_more(made):
    """Stepped on and on, whether or not anybody would stop."""
    _, snn, x, run = made
    settled = run.settled()
    assert 3 < settled.max() < LONG / 2 and settled.min() < settled.max()
    trains = every_step(configure(snn, timesteps=LONG), [x])
    for name, train in trains.items():
        assert train[: settled.max()].any(), name
        for sample, last in enumerate(settled):
            assert not train[last:, sample].any(), f"{name}, sample {sample}"


def test_stopping_early_gives_what_not_stopping_gives(made):
    """`predict`, and every step of a simulation, to the last bit."""
    _, snn, x, run = made
    configure(snn, timesteps=LONG)
    assert_same_outputs([snn.predict(x, verbose=0)], run.outputs[-1])
    seen = []
    trace = runs.run(Simulator(loop_of(snn)), [x], 7, lambda rows, index, out: seen.append(out))
    assert len(seen) == LONG
    for found, wanted in zip(seen, run.outputs, strict=True):
        assert_same_outputs(found, wanted)
    np.testing.assert_array_equal(trace.settled, run.settled())


def test_a_settled_batch_is_not_simulated_further(made, monkeypatch):
    """One silent step tells that it has settled; there is no further one."""
    _, snn, x, run = made
    configure(snn, timesteps=LONG)
    loop, taken = loop_of(snn), []
    advance = spike_loop.advance
    monkeypatch.setattr(spike_loop, "advance", lambda *a: taken.append(1) or advance(*a))
    snn(x)
    if keras.backend.backend() != "jax":  # whose loop is traced once
        assert len(taken) == run.settled().max() + 1
    simulation, steps = Simulator(loop, "dense"), []
    step = simulation._steps._step
    monkeypatch.setattr(simulation._steps, "_step", lambda *a: steps.append(1) or step(*a))
    runs.run(simulation, [x], 7, lambda *_: None)
    assert len(steps) == run.settled().max() + 1


def test_neither_batch_size_nor_order_matters(made):
    _, snn, x, _ = made
    for steps in (2, LONG):
        configure(snn, timesteps=steps)
        whole = snn.predict(x, verbose=0)
        for batch in (1, 3, 100):
            np.testing.assert_array_equal(snn.predict(x, batch_size=batch, verbose=0), whole)
        order = np.random.default_rng(0).permutation(7)
        np.testing.assert_array_equal(snn.predict(x[order], batch_size=2, verbose=0), whole[order])


def test_another_t_takes_effect_after_predict(made):
    _, snn, x, run = made
    for steps in (1, 3, LONG, 2):
        assert spkeras.configure(snn, timesteps=steps) is snn
        assert_same_outputs([snn.predict(x, verbose=0)], run.outputs[steps - 1])
    assert (run.outputs[0][0] != run.outputs[1][0]).any()


def test_a_silent_input_settles_at_once():
    """Biases alone have been received before the first step."""
    model = networks.residual()
    graph = networks.spiking(model, recipe="sigma_delta")
    silence = np.zeros((2, 4, 4, 2), "float32")
    snn, run = build(graph, timesteps=20), oracle.clock_driven(graph, [silence], 20)
    assert_same_outputs([snn.predict(silence, verbose=0)], run.outputs[-1])
    trace = runs.run(Simulator(loop_of(snn)), [silence], 2, lambda *_: None)
    np.testing.assert_array_equal(trace.settled, run.settled())
    for node in graph.of("neuron"):  # without its bias no neuron would have anything to say
        graph = graph.updated({node.name: node.with_arrays(constant_input0=None)})
    quiet = Simulator(loop_of(build(graph, timesteps=20)))
    assert runs.run(quiet, [silence], 2, lambda *_: None).settled.tolist() == [0, 0]


def test_a_network_without_neurons_answers_at_once():
    model = networks.dyadic(keras.Sequential([keras.Input((4,)), layers.Dense(3, name="dense")]))
    x = networks.samples(model, 5)
    snn = spkeras.convert(model, x, recipe="sigma_delta", timesteps=3)
    np.testing.assert_allclose(snn.predict(x, verbose=0), model(x), rtol=1e-6)
    trace = runs.run(Simulator(loop_of(snn)), [x], 2, lambda *_: None)
    assert not trace.spikes and trace.settled.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": "layer_synchronous"}, "schedule='layer_synchronous'.*'clock_driven'"),
        ({"stagger": 1}, "stagger=1.*allowed: 0"),
        ({"input_encoding": "regular"}, "input_encoding='regular'.*'constant'"),
        ({"input_encoding": "bernoulli", "timesteps": 3}, "input_encoding='bernoulli'.*'constant'"),
    ],
)
def test_settings_without_a_meaning_are_refused_and_change_nothing(made, settings, words):
    snn = made[1]
    before = loop_of(snn).get_config()
    for code in ("delta", "differential"):
        options = {"neuron": "multi_threshold", "spike_code": code}
        options = {"recipe": "sigma_delta"} if code == "delta" else options
        model = networks.chain()
        with pytest.raises(OptionError, match=words) as caught:
            networks.convert(model, networks.samples(model), **options, **settings)
        assert f"{code} coding" in str(caught.value)
    with pytest.raises(OptionError, match=words):
        configure(snn, **settings)
    assert loop_of(snn).get_config() == before
    configure(snn, stagger=0, schedule="clock_driven", input_encoding="constant")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recipe": "sigma_delta", "neuron": "signed"}, "neuron='signed'.*sigma_delta"),
        ({"recipe": "sigma_delta", "spike_code": "rate"}, "spike_code='rate'.*delta"),
        ({"recipe": "sigma_delta", "reset": "zero"}, "reset='zero'.*no option"),
        (
            {"neuron": "sigma_delta", "spike_code": "differential"},
            "spike_code='differential'.*delta",
        ),
        ({"neuron": "binary", "spike_code": "delta"}, "spike_code='delta'.*rate.*differential"),
        ({"neuron": "multi_threshold", "spike_code": "delta"}, "spike_code='delta'.*rate"),
        ({"neuron": "multi_threshold", "reset": "zero"}, "reset='zero'.*subtract"),
        ({"spike_code": "differential", "reset": "zero"}, "reset='zero'.*subtract"),
        ({"recipe": "sigma_delta", "levels": 0}, "levels=0.*1 to 24"),
        ({"recipe": "sigma_delta", "levels": 25}, "levels=25.*1 to 24"),
        ({"neuron": "multi_threshold", "mantissa_bits": 4}, "mantissa_bits=4.*0 to 3"),
        ({"neuron": "sigma_delta", "mantissa_bits": -1}, "mantissa_bits=-1.*0 to 3"),
    ],
)
def test_options_that_do_not_go_together_say_what_does(options, words):
    with pytest.raises(OptionError, match=words) as caught:
        networks.recipe_of(**options)
    assert isinstance(caught.value, SpkerasError) and "allowed" in str(caught.value)


def test_what_the_recipe_chooses():
    graph = networks.spiking(networks.chain(), recipe="sigma_delta")
    assert {(n["model"], n["spike_code"], n["mantissa_bits"]) for n in graph.of("neuron")} == {
        ("sigma_delta", "delta", 1)
    }
    graph = networks.spiking(networks.chain(), neuron="multi_threshold")
    assert {(n["model"], n["spike_code"], n["mantissa_bits"]) for n in graph.of("neuron")} == {
        ("multi_threshold", "rate", 0)
    }
    assert as_list(graph.of("readout")[0]["spike_code"]) == ["rate"]
