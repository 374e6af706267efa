"""Streams of rate-coded nets, what a stream refuses, and other backends."""

import numpy as np
import pytest

import spkeras
from spkeras.errors import DataError, OptionError
from spkeras.snn.model import loop_of
from tests import networks
from tests.processes import python, require
from tests.streams import LENGTHS, RUNNING, changes, delta, frames, running_case, wanted_of


@pytest.mark.slow
@pytest.mark.parametrize("net", list(RUNNING))
def test_rate_nets_run_on_from_frame_to_frame(net):
    graph, snn, shown = running_case(net)
    stream, end = spkeras.Stream(snn), 0
    spikes, answers = wanted_of(graph, loop_of(snn), shown)
    assert sum(abs(train[sum(LENGTHS[:-1]) :]).sum() for train in spikes.values()) > 20
    for inputs, steps, (outputs, number) in zip(shown, LENGTHS, answers, strict=True):
        # The first length is the network's T.
        found = stream.frame(*inputs, steps=None if steps == LENGTHS[0] else steps)
        end += steps
        assert (stream.frame_steps, stream.time) == (steps, end)
        for one, other in zip(networks.as_list(found), outputs, strict=True):
            np.testing.assert_allclose(one, other, rtol=3e-7, atol=1e-7)
        for name, wanted in number.items():
            np.testing.assert_array_equal(stream.frame_spikes[name], wanted, err_msg=name)
            np.testing.assert_array_equal(stream.spikes[name], spikes[name][end - 1])
    assert stream.frames == len(LENGTHS)
    stream.reset()
    assert (stream.time, stream.frames, stream.frame_steps) == (0, 0, 0)
    assert not stream.spikes and not stream.frame_spikes and not stream.settled
    for one, other in zip(networks.as_list(stream.frame(*shown[0])), answers[0][0], strict=True):
        np.testing.assert_allclose(one, other, rtol=3e-7, atol=1e-7)


def test_refused_inputs_change_nothing():
    _, snn, shown = running_case("several")
    stream, other = spkeras.Stream(snn), spkeras.Stream(snn)
    a, b = shown[0]
    gap = b.copy()
    gap[0, 0] = np.nan
    refused = {
        "received 1 inputs, allowed: 2": (a,),
        r"b: received shape \(2, 5\), allowed: \(samples, 6\)": (a, b[:, :5]),
        r"received shape \(4, 4, 1\).* give a single sample as x\[None\]": (a[0], b),
        "at least one sample": (a[:0], b[:0]),
        "received 1 or 2 samples, .* the same number": (a, b[:1]),
        r"b: received NaN or infinity .* clean it": (a, gap),
        "b: received <U3.*convert it": (a, b.astype(str)),
        "infinity": (a, b.astype("float64") + 1e300),
    }
    for take in (stream.frame, stream.step):
        for message, inputs in refused.items():
            with pytest.raises(DataError, match=message):
                take(*inputs)
    stream.frame(a, b)
    other.frame(a, b)
    with pytest.raises(DataError, match="received 1 samples, 2 are running.*reset"):
        stream.frame(a[:1], b[:1])
    for steps in (0, -1, 1.5):
        with pytest.raises(OptionError, match="steps=.*whole numbers from 1"):
            stream.frame(a, b, steps=steps)
    with pytest.raises(DataError, match="frame: b: received NaN"):
        stream.frame(a, gap)
    for one, same in zip(stream.frame(a, b), other.frame(a, b), strict=True):
        np.testing.assert_array_equal(one, same)
    stream.reset()
    assert stream.frame(a[:1], b[:1])[0].shape == (1, 2)


def test_differential_spikes_carry_no_stream():
    model = networks.chain()
    x, other = networks.samples(model, 2), networks.samples(model, 2, seed=9)
    snn = spkeras.convert(
        model, x, neuron="multi_threshold", spike_code="differential", timesteps=6
    )
    stream = spkeras.Stream(snn)
    np.testing.assert_allclose(stream.frame(x), snn.predict(x, verbose=0), rtol=1e-6)
    stream.frame(x)
    for take in (stream.frame, stream.step):
        with pytest.raises(OptionError, match="1 / t.*recipe='sigma_delta'"):
            take(other)
    stream.reset()
    stream.frame(other)


SCRIPT = """
import sys
import keras, numpy as np
import spkeras
from tests.streams import LENGTHS, delta, frames, running_case
assert keras.backend.backend() == sys.argv[2]
found = {}
stream = spkeras.Stream(delta(4)[2])
*before, last = frames(70)
for index, frame in enumerate(before):
    found[f"delta {index}"] = stream.step(frame)
found["frame"], found["steps"] = stream.frame(last), stream.frame_steps
_, snn, shown = running_case("residual")
stream = spkeras.Stream(snn)
for index, (inputs, steps) in enumerate(zip(shown, LENGTHS)):
    found[f"rate {index}"] = stream.frame(*inputs, steps=steps)
    for name, number in stream.frame_spikes.items():
        found[f"spikes {index} {name}"] = number
np.savez(sys.argv[1], **found)
"""


@pytest.mark.slow
@pytest.mark.backend
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend, tmp_path):
    require(backend)
    python(SCRIPT, tmp_path / "found.npz", backend, KERAS_BACKEND=backend)
    found = dict(np.load(tmp_path / "found.npz"))
    (*before, last), steps = frames(70), int(found["steps"])
    outputs = [output for _, output in changes(delta(4)[1], [*before, *[last] * steps])]
    assert 1 < steps < 200
    for index, output in enumerate(outputs[: len(before)]):
        np.testing.assert_array_equal(found[f"delta {index}"], output)
    np.testing.assert_array_equal(found["frame"], outputs[-1])
    graph, snn, shown = running_case("residual")
    for index, (outputs, number) in enumerate(wanted_of(graph, loop_of(snn), shown)[1]):
        np.testing.assert_allclose(found[f"rate {index}"], outputs[0], rtol=3e-7, atol=1e-7)
        for name, wanted in number.items():
            np.testing.assert_array_equal(found[f"spikes {index} {name}"], wanted)
