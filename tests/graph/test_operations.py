"""The table of operations: what each one takes, and through which a spike passes."""

import numpy as np
import pytest

from spkeras.graph.connections import index_map
from spkeras.graph.operations import OPERATIONS
from spkeras.graph.vocabulary import ACTIVATIONS, CONSTANT_INPUTS, FUNCTIONS, MERGING
from tests.graph.brute_force import matrix
from tests.graph.nodes import concatenate, net, pool, shaped, source


def of(**wanted):
    """Names of the operations with these entries."""
    return {
        name
        for name, operation in OPERATIONS.items()
        if all(getattr(operation, key) == value for key, value in wanted.items())
    }


def test_linear_operations():
    assert of(linear=True) == {
        "conv",
        "depthwise_conv",
        "conv_transpose",
        "dense",
        "scale",
        "pad",
        "crop",
        "average_pool",
        "global_average_pool",
        "upsample",
        "resample",
        "reshape",
        "permute",
        "add",
        "subtract",
        "concatenate",
    }


def test_operations_that_a_scale_per_channel_passes():
    """A difference does not keep signs, a reshape may move channels: neither is among them."""
    assert of(channelwise=True) == {
        "pad",
        "crop",
        "average_pool",
        "global_average_pool",
        "max_pool",
        "global_max_pool",
        "upsample",
        "resample",
        "add",
    }


def test_numbers_of_inputs():
    assert of(inputs=0) == {"input"}
    assert of(inputs=-1) == {"add", "subtract", "concatenate", *MERGING}
    assert of(inputs=-2) == {"function", "neuron"}
    assert of(inputs=1) == set(OPERATIONS) - of(inputs=0) - of(inputs=-1) - of(inputs=-2)


def test_arrays_that_must_be_there():
    needed = {
        name: set(operation.arrays) - set(operation.optional)
        for name, operation in OPERATIONS.items()
    }
    assert {name: arrays for name, arrays in needed.items() if arrays} == {
        "conv": {"kernel"},
        "depthwise_conv": {"kernel"},
        "conv_transpose": {"kernel"},
        "dense": {"kernel"},
        "scale": {"scale"},
        "resample": {"matrix"},
        "neuron": {"threshold"},
    }
    assert all(
        set(operation.optional) <= set(operation.arrays) for operation in OPERATIONS.values()
    )


def test_a_neuron_has_an_offset_for_each_of_up_to_eight_inputs():
    assert CONSTANT_INPUTS == tuple(f"constant_input{index}" for index in range(8))
    assert set(CONSTANT_INPUTS) < set(OPERATIONS["neuron"].optional)


def test_a_name_is_an_activation_or_a_function():
    assert not set(ACTIVATIONS) & set(FUNCTIONS)


X, Y = source((4, 6, 3)), source((4, 6, 2), "y")


@pytest.mark.parametrize(
    "node",
    [
        shaped("pad", X, (7, 6, 3), amounts=((1, 2), (0, 0))),
        shaped("crop", X, (2, 3, 3), amounts=((2, 0), (1, 2))),
        shaped("permute", X, (3, 4, 6), axes=(3, 1, 2)),
        shaped("reshape", X, (9, 8)),
        shaped("global_average_pool", X, (3,), keepdims=False),
        shaped("global_average_pool", X, (1, 1, 3), keepdims=True),
        pool(X, "average_pool", 2, 3),
        concatenate(X, Y),
        concatenate(X, X, axis=2),
    ],
    ids=lambda node: node.op,
)
def test_the_element_that_each_element_reaches(node):
    graph = net(X, Y, node)
    found = index_map(node, [graph[name].shape for name in node.inputs])
    for place, name in enumerate(node.inputs):
        reached = matrix(graph, node, place)
        wanted = np.where(reached.any(1), reached.argmax(1), -1)
        np.testing.assert_array_equal(found[place], wanted.reshape(graph[name].shape))


def test_operations_that_keep_signs_whatever_their_attributes():
    kept = {
        name
        for name, operation in OPERATIONS.items()
        if name not in ("scale", "upsample", "resample") and operation.keeps_sign(None)
    }
    assert kept == {
        "pad",
        "crop",
        "average_pool",
        "global_average_pool",
        "max_pool",
        "global_max_pool",
        "reshape",
        "permute",
        "add",
        "concatenate",
    }
