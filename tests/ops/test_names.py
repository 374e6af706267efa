"""Limits of graded spikes, and names that several packages share."""

import numpy as np

from spkeras.ops import names
from spkeras.ops.neuron import MODELS


def test_the_smallest_spike_is_the_least_that_float32_tells_from_nothing_beside_1():
    smallest = np.float32(2.0 ** (1 - names.MOST_LEVELS))
    one = np.float32(1)
    assert one + smallest > one and one + smallest / 2 == one


def test_ranges_that_help_and_messages_name():
    assert (names.MOST_LEVELS, names.MOST_MANTISSA_BITS) == (24, 3)


def test_names():
    assert set(names.NEURONS) == set(MODELS) and set(names.GRADED) < set(names.NEURONS)
    assert names.CODES == ("rate", "differential", "delta")
    assert names.ENGINES == ("auto", "dense", "events")
