"""Membrane potentials and the steps in which they are updated, by hand."""

import numpy as np
import pytest

from spkeras.graph import Graph, Node
from spkeras.metrics.membrane import potentials, running_steps, window_elements
from tests.metrics import graphs

SPIKES = {"n1": [1, 0, 0]}


@pytest.mark.parametrize("steps, wanted", [(0, 0), (1, 0), (2, 0), (3, 1), (8, 6)])
def test_a_layer_runs_from_its_start_on(steps, wanted):
    trace = graphs.trace(SPIKES, timesteps=8, starts={"n1": 2})
    assert running_steps(trace, "n1", steps) == wanted
    assert running_steps(trace, "other", steps) == steps


@pytest.mark.parametrize(
    "steps, wanted", [(1, 0), (2, 0), (3, 3 / 4), (4, 5 / 4), (5, 6 / 4), (8, 9 / 4)]
)
def test_a_layer_runs_until_its_sample_settles(steps, wanted):
    """Last spikes at steps 0 (none), 2, 3 and 8: one silent step follows; two come before."""
    trace = graphs.trace(SPIKES, timesteps=8, samples=4, starts={"n1": 2}, settled=[0, 2, 3, 8])
    assert running_steps(trace, "n1", steps) == wanted


def test_without_samples_all_steps_count():
    trace = graphs.trace(SPIKES, timesteps=8, samples=0, starts={"n1": 2}, settled=[])
    assert running_steps(trace, "n1", 5) == 3


def test_windows_that_overlap_hold_an_element_once_each():
    """Axes of 5 and 4 positions, windows of 3 and 2 at the steps 2 and 1, and 3 channels."""
    pool = {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}
    image = Node("image", "input", (), (5, 4, 3), {"dtype": "float32"})
    node = graphs.neuron("n", "image", (3, 4, 3), pool=pool)
    graph = Graph("g", (image, node), ("n",))
    assert window_elements(graph, node) == (2 + 3 + 2) * (2 + 2 + 2 + 1) * 3


@pytest.mark.parametrize(
    "shape, window, pooled, elements",
    [((4, 6, 5), (2, 2), (2, 3, 5), 4 * 6 * 5), ((7, 3), (2,), (3, 3), 6 * 3)],
)
def test_elements_of_pooling_windows(shape, window, pooled, elements):
    pool = {"pool_size": window, "strides": window, "padding": "valid"}
    image = Node("image", "input", (), shape, {"dtype": "float32"})
    node = graphs.neuron("n", "image", pooled, pool=pool)
    graph = Graph("g", (image, node), ("n",))
    assert window_elements(graph, node) == elements
    whole = node.with_attributes(pool={"keepdims": False})
    assert window_elements(graph, whole) == np.prod(shape)
    assert window_elements(graph, node.with_attributes(pool=None)) == 0
    assert potentials(graph, node) == np.prod(shape)
