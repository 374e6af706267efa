"""Frame after frame: only changes travel, and no trace of former frames is left."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.simulation import stream as module
from spkeras.snn.model import loop_of
from tests import oracle, oracle_layers
from tests.oracle_layers import OPERATIONS
from tests.streams import changes, delta, frames, smooth


def test_by_hand():
    """relu(x / 2 + 1 / 4) in spikes of 1 and 1/2 that reach down to 3/4 of themselves, twice."""
    x = keras.Input((1,))
    y = layers.Dense(1, activation="relu")(x)
    model = keras.Model(x, layers.Dense(1)(y))
    for variable, value in zip(model.weights, (0.5, 0.25, 2.0, 0.0), strict=True):
        variable.assign(np.full(variable.shape, value))
    # The largest activation in calibration is the threshold: V = 1.5 / 2 + 1 / 4 = 1.
    snn = spkeras.convert(
        model,
        np.array([[1.5]], "float32"),
        recipe="sigma_delta",
        levels=2,
        levels_above_scale=0,
        mantissa_bits=0,
        percentile=100,
        timesteps=4,
        insist=True,
    )
    stream, table = spkeras.Stream(snn), []
    for value in (1.0, 1.0, 0.0, 0.25, 1.5):
        output = stream.frame([[value]])
        (spikes,) = stream.frame_spikes.values()
        table.append((value, float(output[0, 0]), int(spikes[0]), stream.frame_steps))
    assert table == [
        (1.0, 2.0, 1, 2),  # 3/4 is missing: 1; then -1/4, too little to send
        (1.0, 2.0, 0, 1),
        (0.0, 0.0, 1, 2),  # 1/4 - 1 = -3/4: -1; then 1/4
        (0.25, 1.0, 1, 2),  # 3/8: 1/2; then -1/8
        (1.5, 2.0, 1, 2),  # 1 - 1/2: 1/2
    ]
    assert (stream.time, stream.frames, stream.settled) == (9, 5, True)


@pytest.mark.parametrize("mantissa_bits", [0, 1])
def test_every_step_is_that_of_an_explicit_network_of_changes(mantissa_bits):
    """Coarse spikes, so that remainders stay; a frame takes 1 to 5 steps, most too few."""
    _, graph, snn = delta(4, mantissa_bits)
    stream, shown = spkeras.Stream(snn), frames(12)
    inputs = np.concatenate([np.repeat(shown[i : i + 1], i % 5 + 1, 0) for i in range(12)])
    kinds = set()
    for x, (spikes, output) in zip(inputs, changes(graph, inputs), strict=True):
        found = stream.step(x)
        np.testing.assert_array_equal(found, output)
        assert list(stream.spikes) == list(spikes)
        for name, wanted in spikes.items():
            np.testing.assert_array_equal(stream.spikes[name], wanted, err_msg=name)
            kinds |= set(np.unique(wanted))
    assert len(kinds) == (9 if mantissa_bits == 0 else 15)


@pytest.mark.slow
@pytest.mark.parametrize("mantissa_bits", [0, 1])
def test_a_settled_frame_is_a_fresh_run_bit_for_bit(mantissa_bits):
    """All values are multiples of the smallest spike, so that nothing remains: the CNN's values."""
    model, _, snn = delta(14, mantissa_bits)
    stream, fresh = spkeras.Stream(snn), spkeras.Stream(snn)
    for frame in frames(40):
        output = stream.frame(frame)
        fresh.reset()
        np.testing.assert_array_equal(output, fresh.frame(frame))
        np.testing.assert_array_equal(output, keras.ops.convert_to_numpy(model(frame)))
        assert stream.settled and fresh.settled and stream.frame_steps < 200
    np.testing.assert_array_equal(snn.predict(frame, verbose=0), output)


def test_a_frame_is_its_steps_and_what_was_not_sent_in_time_comes_later():
    _, _, snn = delta()
    stream, steps = spkeras.Stream(snn), spkeras.Stream(snn)
    for frame in frames(5):
        output = stream.frame(frame, steps=3)
        number = {name: 0 for name in stream.spikes}
        for _ in range(3):
            same = steps.step(frame)
            for name, spikes in steps.spikes.items():
                number[name] = number[name] + (spikes != 0).reshape(3, -1).sum(1)
        np.testing.assert_array_equal(output, same)
        for name, found in stream.frame_spikes.items():
            np.testing.assert_array_equal(found, number[name])
        assert stream.frame_steps == 3 and not stream.settled
    assert (stream.frames, stream.time) == (5, 15)
    fresh = spkeras.Stream(snn)
    assert (output != fresh.frame(frame)).any()
    np.testing.assert_array_equal(stream.frame(frame), fresh.frame(frame))


def test_only_changes_travel():
    _, graph, snn = delta(8)
    stream, fresh = spkeras.Stream(snn), spkeras.Stream(snn)
    (frame,) = frames(1)
    before = stream.frame(frame)
    np.testing.assert_array_equal(stream.frame(frame), before)
    assert stream.frame_steps == 1 and not any(n.any() for n in stream.frame_spikes.values())
    corner = frame.copy()
    corner[:, 0, 0] += 0.5
    stream.step(corner)
    first = graph.of("neuron")[0].name
    assert stream.spikes[first].any() and not stream.spikes[first][:, 2:].any()
    assert not stream.spikes[first][:, :, 2:].any()
    stream.frame(frame)
    stream.frame(corner)
    fresh.frame(corner)
    for name, number in stream.frame_spikes.items():
        assert (number < fresh.frame_spikes[name]).all(), name
    assert sum(n.sum() for n in stream.frame_spikes.values()) > 0


@pytest.mark.parametrize("levels", [8, 16])
def test_settled_neurons_are_within_the_stated_resolution(levels):
    """Whatever came before: what listeners hold is f of what they received, but for a rest."""
    rng = np.random.default_rng(5)
    shown = rng.random((30, 2, 8)).astype("float32")
    snn = spkeras.convert(
        smooth(),
        shown[0],
        recipe="sigma_delta",
        levels=levels,
        levels_above_scale=0,
        mantissa_bits=1,
        timesteps=100,
    )
    network, stream = loop_of(snn).network, spkeras.Stream(snn)
    sent = {node.name: 0.0 for node in network.neurons}
    for x in shown:
        while True:
            stream.step(x)
            sent = {name: sent[name] + stream.spikes[name].astype(float) for name in sent}
            if stream.settled:
                break
    worst, values = 0.0, {}
    graph = loop_of(snn).graph
    for node in graph.nodes:
        now = [values[name] for name in node.inputs if name in values]
        if node.op == "input":
            (values[node.name],) = oracle.units(graph, [x])
        elif node.op == "neuron":
            starts = [node.arrays.get(f"constant_input{i}", 0.0) for i in range(len(now))]
            received = [z + start for z, start in zip(now, starts, strict=True)]
            function, numbers = node["function"], {"negative_slope": 0.0}
            value = oracle_layers.FUNCTIONS[function](
                *received, **(numbers if function == "relu" else {})
            )
            rest = abs(value / node.arrays["threshold"] - sent[node.name]).max()
            worst, values[node.name] = max(worst, rest), sent[node.name]
        elif node.op == "readout":
            answer = now[0] * node.arrays.get("scale", 1.0) + node.arrays.get("offset", 0.0)
        else:
            values[node.name] = OPERATIONS[node.op](node, *now)
    bound = (1 - 2.0**-3) * 2.0 ** (1 - levels)
    assert 0.5 * bound < worst <= bound * (1 + 1e-2)
    np.testing.assert_allclose(stream.step(x), answer, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_ten_thousand_frames_without_drift():
    """24 levels hide nothing; what rounding leaves of three frames in turn adds up one way."""
    turn = np.random.default_rng(0).random((3, 20, 8)).astype("float32")
    snn = spkeras.convert(
        smooth(),
        turn[0],
        recipe="sigma_delta",
        levels=24,
        levels_above_scale=0,
        mantissa_bits=1,
        timesteps=100,
    )
    stream, fresh = spkeras.Stream(snn), spkeras.Stream(snn)
    for index in range(10_000):
        stream.step(turn[index % 3])
    output = stream.frame(turn[index % 3])
    assert stream.settled and stream.time > 10_000
    np.testing.assert_allclose(output, fresh.frame(turn[index % 3]), rtol=0, atol=1e-5)


def test_sums_made_anew_are_the_same_sums(monkeypatch):
    """Bit for bit where float32 holds them; at steps 64, 128, ..., also within a frame."""
    _, graph, snn = delta(4)
    monkeypatch.setattr(module, "REFRESH", 3)
    often, (frame, other) = spkeras.Stream(snn), frames(2)
    shown = [frame, frame, other, other, frame] * 4
    for x, (spikes, output) in zip(shown, changes(graph, shown), strict=True):
        np.testing.assert_array_equal(often.step(x), output)
        for name, wanted in spikes.items():
            np.testing.assert_array_equal(often.spikes[name], wanted, err_msg=name)
