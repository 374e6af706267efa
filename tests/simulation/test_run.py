"""The step-by-step run is what `predict` computes, at every step, for any batch size."""

import numpy as np
import pytest

import spkeras
from spkeras.errors import DataError
from spkeras.simulation import Simulator, evaluation_steps
from spkeras.simulation.record import Recorder
from spkeras.snn.model import build, loop_of
from tests import networks, oracle, oracle_neurons, runs

STEPS = 8
_MADE = {}


def case(net, **settings):
    """(graph, spiking model, 7 samples), the model made once and set anew."""
    if net not in _MADE:
        model = getattr(networks, net)()
        graph = networks.spiking(model)
        _MADE[net] = graph, build(graph), networks.samples(model, 7)
    spkeras.configure(
        _MADE[net][1],
        **{
            "timesteps": STEPS,
            "stagger": 0,
            "input_encoding": "constant",
            "seed": 0,
            "schedule": "clock_driven",
            **settings,
        }
    )
    return _MADE[net]


def run(snn, x, batch=100):
    """Outputs {step: [array per output]} over all samples, and the trace."""
    simulation = Simulator(loop_of(snn))
    steps, parts = evaluation_steps(simulation.loop), {}

    def observe(rows, index, outputs):
        parts.setdefault(int(steps[index]), []).append((rows.start, outputs))

    trace = runs.run(simulation, networks.as_list(x), batch, observe)
    joined = {}
    for step, found in parts.items():
        assert [start for start, _ in found] == sorted(start for start, _ in found)
        joined[step] = [np.concatenate(o) for o in zip(*(o for _, o in found), strict=True)]
    return joined, trace


def predict(snn, x):
    return networks.as_list(snn.predict(x, verbose=0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "settings"),
    [
        ("chain", {}),
        ("residual", {"stagger": 1}),
        ("several", {"input_encoding": "bernoulli", "seed": 3}),
        ("pools", {"input_encoding": "regular"}),
    ],
)
def test_every_step_is_the_prediction_with_that_many_steps(net, settings):
    _, snn, x = case(net, **settings)
    outputs, _ = run(snn, x)
    assert list(outputs) == list(range(1, STEPS + 1))
    # The read-out behind 5 layers that start one step after the other receives nothing before.
    for step in (6, 7, STEPS) if "stagger" in settings else (1, 3, STEPS):
        spkeras.configure(snn, timesteps=step)
        for one, other in zip(outputs[step], predict(snn, x), strict=True):
            # The mean over 3 steps, say, is divided in float32.
            np.testing.assert_allclose(one, other, rtol=3e-7)
    assert (outputs[2][0] != outputs[STEPS][0]).any()


@pytest.mark.parametrize("schedule", ["clock_driven", "layer_synchronous"])
def test_any_batch_size_gives_the_same(schedule):
    _, snn, x = case("residual", schedule=schedule)
    whole, trace = run(snn, x)
    for batch in (1, 3):
        parts, other = run(snn, x, batch)
        for step, outputs in whole.items():
            np.testing.assert_array_equal(parts[step][0], outputs[0])
        for name, spikes in trace.spikes.items():
            np.testing.assert_array_equal(other.spikes[name], spikes)
            np.testing.assert_allclose(other.layer_spikes[name], trace.layer_spikes[name])


@pytest.mark.parametrize("net", ["residual", "pools", "several"])
def test_spike_totals_are_the_oracles(net):
    graph, snn, x = case(net)
    _, trace = run(snn, x, 4)
    wanted = oracle.clock_driven(graph, networks.as_list(x), STEPS).spikes
    assert (trace.schedule, trace.timesteps, trace.samples) == ("clock_driven", STEPS, 7)
    assert list(trace.spikes) == list(wanted) == list(trace.layer_spikes)
    for name, train in wanted.items():
        np.testing.assert_array_equal(trace.spikes[name], abs(train).sum((0, 1)))
        running = abs(train).reshape(STEPS, -1).sum(1).cumsum() / 7
        np.testing.assert_allclose(trace.layer_spikes[name], running)


def test_negative_spikes_count_as_spikes():
    model = networks.chain()
    graph = networks.spiking(model, neuron="signed")
    snn, x = build(graph, timesteps=STEPS, stagger=0), networks.samples(model, 5)
    train = oracle.clock_driven(graph, [x], STEPS).spikes["conv2"]
    assert (train < 0).any()
    _, trace = run(snn, x)
    np.testing.assert_array_equal(trace.spikes["conv2"], abs(train).sum((0, 1)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "neurons",
    [
        {"recipe": "sigma_delta", "mantissa_bits": 2},
        {"neuron": "multi_threshold"},
        {"neuron": "multi_threshold", "spike_code": "differential"},
    ],
)
def test_graded_spikes_are_counted_by_what_they_carry(neurons):
    """One spike is one, whatever its size; exponents, spikes of size 1 and bits apart."""
    model = networks.residual()
    graph = networks.spiking(model, **neurons)
    delta = "recipe" in neurons
    steps = 12 if delta else 2
    snn, x = build(graph, timesteps=steps, stagger=0), networks.samples(model, 7)
    _, trace = run(snn, x, 4)
    oracles = oracle.clock_driven(graph, [x], steps)
    for name, train in oracles.spikes.items():
        np.testing.assert_array_equal(trace.spikes[name], (train != 0).sum((0, 1)))
        running = (train != 0).reshape(steps, -1).sum(1).cumsum() / 7
        np.testing.assert_allclose(trace.layer_spikes[name], running)
        exponents, ones, bits = oracle_neurons.grades(train, 6)
        np.testing.assert_array_equal(trace.exponents[name], exponents)
        np.testing.assert_array_equal(trace.unit_spikes[name], ones)
        np.testing.assert_array_equal(trace.bits[name], bits)
        assert exponents.sum() == (train != 0).sum() <= bits.sum()
    assert (trace.settled is not None) == delta
    if delta:
        np.testing.assert_array_equal(trace.settled, oracles.settled())
        assert 1 < trace.settled.min() <= trace.settled.max() < steps


def test_of_large_batches_some_samples_are_analysed(monkeypatch):
    """Numbers of spikes stay exact; exponents and bits are those of the share, scaled up. The
    samples are others in every batch: none of classes stored in turns is left out."""
    model = networks.chain()
    graph = networks.spiking(model, recipe="sigma_delta")
    snn, x = build(graph, timesteps=5), networks.samples(model, 60)
    drawn, init = [], Recorder.__init__

    def noted(self, loop, steps, samples, first=0):
        init(self, loop, steps, samples, first)
        drawn.append(np.asarray(self.analysed))

    monkeypatch.setattr(Recorder, "__init__", noted)
    _, trace = run(snn, x, 20)  # three batches, eight of each
    places = [rows + 20 * batch for batch, rows in enumerate(drawn)]
    rows = np.concatenate(places)
    assert [len(np.unique(found)) for found in places] == [8, 8, 8]
    assert len({tuple(found) for found in drawn}) == 3
    for classes in (2, 4, 5):
        assert len(np.unique(rows % classes)) == classes
    spikes = oracle.clock_driven(graph, [x], 5).spikes["relu1"]
    exponents, ones, bits = oracle_neurons.grades(spikes[:, rows], 6)
    np.testing.assert_array_equal(trace.spikes["relu1"], (spikes != 0).sum((0, 1)))
    for found, wanted in (
        (trace.exponents, exponents),
        (trace.unit_spikes, ones),
        (trace.bits, bits),
    ):
        np.testing.assert_allclose(found["relu1"], wanted * 60 / len(rows))


def test_layer_synchronous_runs_are_windows_of_their_own():
    graph, snn, x = case("chain", schedule="layer_synchronous", timesteps=64)
    steps = evaluation_steps(loop_of(snn))
    assert steps[:16].tolist() == list(range(1, 17)) and steps[-1] == 64
    assert len(steps) < 40 and (np.diff(steps) > 0).all()
    outputs, trace = run(snn, x)
    for window in (4, 16, 64):
        wanted = oracle.layer_synchronous(graph, [x], window)
        np.testing.assert_array_equal(outputs[window][0], wanted.outputs[0].astype("float32"))
        for name, counts in wanted.spikes.items():
            place = list(trace.steps).index(window)
            assert trace.layer_spikes[name][place] == pytest.approx(counts.sum() / 7)
            if window == 64:
                np.testing.assert_array_equal(trace.spikes[name], counts.sum(0))


def test_the_analogue_twin_is_the_cnn():
    model = networks.residual()
    _, snn, x = case("residual")
    (found,) = Simulator(loop_of(snn)).reference([x])
    np.testing.assert_allclose(found, model(x), rtol=1e-5, atol=1e-6)


def test_nothing_is_kept_per_sample_or_step():
    """A record of a run is as large as one sample, whatever the samples and steps."""
    _, snn, x = case("chain", timesteps=3)
    short = run(snn, x)[1]
    spkeras.configure(snn, timesteps=16)
    long = run(snn, np.concatenate([x, x]))[1]
    assert (
        {n: s.shape for n, s in short.spikes.items()}
        == {n: s.shape for n, s in long.spikes.items()}
        == {"relu1": (6, 6, 4), "conv2": (2, 2, 3)}
    )
    assert all(len(series) == 16 for series in long.layer_spikes.values())


def test_inputs_beyond_the_calibrated_range_are_measured_and_told():
    _, snn, x = case("chain")
    inside = run(snn, np.clip(x, -1, 1))[1]
    assert (inside.range_exceeded, inside.inputs_beyond) == (0, 1)
    loud = run(snn, np.concatenate([0.5 + 0 * x, 2.0 + 0 * x]))[1]
    assert (loud.range_exceeded, loud.inputs_beyond) == (0.5, 2)
    assert not spkeras.evaluate(snn, x).warnings
    with pytest.raises(DataError, match="reach 255.*calibrated on up to 1"):
        spkeras.evaluate(snn, 255 * x)
    (warning,) = spkeras.evaluate(snn, 255 * x, any_range=True).warnings
    assert "255 times the range" in warning and "scale the input" in warning
    (warning,) = spkeras.evaluate(snn, x / 255).warnings
    assert "reach only" in warning


def test_evaluate_scores_every_step_and_leaves_the_settings():
    _, snn, x = case("chain")
    labels = predict(snn, x)[0].argmax(1)
    result = spkeras.evaluate(snn, x, labels, batch_size=3, timesteps=16)
    assert result.timesteps == 16 and list(result.steps) == list(range(1, 17))
    assert loop_of(snn).timesteps == STEPS
    again = spkeras.evaluate(snn, x, labels)
    accuracy = again.scores[0].accuracy
    assert len(accuracy) == STEPS and accuracy[-1] == 1.0
    outputs, _ = run(snn, x)
    for step, value in enumerate(accuracy, 1):
        assert value == pytest.approx((outputs[step][0].argmax(1) == labels).mean())


def test_evaluate_refuses_data_that_does_not_fit():
    _, snn, x = case("chain")
    with pytest.raises(DataError, match="shape"):
        spkeras.evaluate(snn, x[:, 1:])
    with pytest.raises(DataError, match="3 for 7 samples"):
        spkeras.evaluate(snn, x, np.zeros(3, int))


def test_a_stream_is_the_run_step_by_step():
    graph, snn, x = case("several")
    wanted = oracle.clock_driven(graph, x, STEPS)
    stream = spkeras.Stream(snn)
    for _ in range(2):
        for step in range(STEPS):
            outputs = stream.step(*x)
            for name, train in wanted.spikes.items():
                np.testing.assert_array_equal(stream.spikes[name], train[step])
            for one, other in zip(outputs, wanted.outputs[step], strict=True):
                np.testing.assert_allclose(one, other, rtol=3e-7, atol=1e-7)
        assert stream.time == STEPS
        stream.reset()
        assert stream.time == 0 and not stream.spikes


def test_a_stream_refuses_other_batches_until_reset():
    _, snn, x = case("several")
    stream = spkeras.Stream(snn)
    stream.step(*x)
    with pytest.raises(DataError, match="reset"):
        stream.step(*(a[:2] for a in x))
    with pytest.raises(DataError, match="2"):
        stream.step(x[0])
    stream.reset()
    assert stream.step(*(a[:2] for a in x))[0].shape == (2, 2)
