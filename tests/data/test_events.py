"""Recordings of event cameras as input spikes: every event at its place and step, or one error."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.data.events import frames_of, recording
from spkeras.errors import DataError

T = 5


def recordings(count=6, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return [
        recording(
            rng.integers(0, 6, 200),
            rng.integers(0, 4, 200),
            np.sort(rng.integers(0, 10_000, 200)) + 777,
            rng.integers(0, 2, 200) if channels == 2 else 0,
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def snn():
    keras.utils.set_random_seed(0)
    cnn = keras.Sequential(
        [
            keras.Input((4, 6, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
    mean = frames_of(recordings(), (4, 6, 2), T).mean(axis=1)
    return spkeras.convert(cnn, mean, timesteps=T, stagger=0, insist=True, verbose=0)


def test_each_event_is_a_spike_at_its_place_and_step():
    events = recording([3, 0, 3, 5], [1, 0, 1, 3], [100, 150, 151, 200], [1, -1, 1, 1])
    frames = frames_of([events], (4, 6, 2), 4)
    wanted = np.zeros((1, 4, 4, 6, 2), "float32")
    # 100 units in 4 bins: t = 0, 50, 51 and 100, the last one in the last bin.
    wanted[0, 0, 1, 3, 1] = wanted[0, 2, 0, 0, 0] = wanted[0, 2, 1, 3, 1] = wanted[
        0, 3, 3, 5, 1
    ] = 1
    np.testing.assert_array_equal(frames, wanted)
    np.testing.assert_array_equal(frames_of([events], (4, 6, 1), 4)[..., 0], wanted.max(axis=-1))
    # Of 40 units only: the last three events are later.
    short = frames_of([events], (4, 6, 2), 4, duration=40)
    assert short.sum() == 1 and short[0, 0, 1, 3, 1] == 1


def test_many_events_of_a_bin_are_one_spike_and_empty_recordings_none():
    events = recording([1] * 9, [2] * 9, range(9), 1)
    frames = frames_of([events, events[:0], events[:1]], (4, 6, 2), 3)
    assert [frame.sum() for frame in frames] == [3, 0, 1]


@pytest.mark.parametrize(
    ("events", "shape", "words"),
    [
        (recording([6], [0], [0]), (4, 6, 2), "x from 6 to 6; allowed: 0 to 5"),
        (recording([0], [-1], [0]), (4, 6, 2), "y from -1"),
        (recording([0], [0], [np.nan]), (4, 6, 2), "NaN"),
        (recording([0], [0], [0]), (4, 6, 3), "allowed: .rows, columns, 1."),
        (recording([0], [0], [0]), (24,), "allowed: .rows, columns, 1."),
    ],
)
def test_events_outside_the_input_are_refused(events, shape, words):
    with pytest.raises(DataError, match=words):
        frames_of([events], shape, T)


def test_evaluate_takes_recordings_in_every_form(snn):
    events, labels = recordings(), np.arange(6) % 4
    frames = frames_of(events, (4, 6, 2), T)
    wanted = spkeras.evaluate(snn, frames, labels, insist=True, verbose=0)
    as_objects = np.empty(6, object)
    as_objects[:] = events
    pairs = list(zip(events, labels.tolist(), strict=True))
    for x, y in (
        (events, labels),
        ((events, labels), None),
        (as_objects, labels),
        (iter(pairs), None),
        (Recorded(pairs), None),
    ):
        found = spkeras.evaluate(snn, x, y, insist=True, verbose=0)
        np.testing.assert_array_equal(found.accuracy, wanted.accuracy)
        assert found.layer_spikes.keys() == wanted.layer_spikes.keys()
        assert all(
            (found.layer_spikes[n] == wanted.layer_spikes[n]).all() for n in wanted.layer_spikes
        )
        assert found.settings["input_encoding"] == "frames"


class Recorded:
    """A data set like those of tonic: (events, label) by index."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[index]


def test_a_stream_runs_a_recording_step_by_step(snn):
    (events,) = recordings(1)
    stream, other = spkeras.Stream(snn), spkeras.Stream(snn)
    found = stream.events(events)
    for frame in frames_of([events], (4, 6, 2), T)[0]:
        wanted = other.step(frame[None])
    np.testing.assert_array_equal(found, wanted)
    assert stream.time == T
    stream.events(events, steps=3)
    assert stream.time == T + 3
