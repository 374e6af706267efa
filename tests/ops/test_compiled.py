"""Compiling calls on each backend, with modules in the place of those that are not loaded."""

import contextlib
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from spkeras.ops.compiled import compiled, fused, unfused


@pytest.fixture
def weight():
    return keras.Variable(np.float32([1.0, 2.0]))


def doubled(x, weight):
    return [2 * x, (x + weight.value,)]


def checked(call, weight):
    """Nested lists of tensors as they are, and a weight with the value that it has now."""
    for value in ([1.0, 2.0], [5.0, -1.0]):
        weight.assign(np.float32(value))
        twice, (moved,) = call(ops.convert_to_tensor(np.float32([0.5, 4.0])))
        assert np.asarray(twice).tolist() == [1.0, 8.0]
        np.testing.assert_array_equal(np.asarray(moved), np.float32([0.5, 4.0]) + value)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="asks TensorFlow's functions")
def test_tensorflow_has_a_graph(weight):
    call = compiled(lambda x: doubled(x, weight), [weight])
    checked(call, weight)
    assert call.get_concrete_function(ops.ones(2)).graph.get_operations()


def test_jax_is_given_weights_as_arguments(weight, monkeypatch):
    given = []

    def jit(function, donate_argnums):
        assert donate_argnums == ()

        def call(values, *arguments):
            given.append([np.asarray(value).tolist() for value in values])
            return function(values, *arguments)

        return call

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(jit=jit))
    checked(compiled(lambda x: doubled(x, weight), [weight]), weight)
    assert given == [[[1.0, 2.0]], [[5.0, -1.0]]]


def test_pytorch_runs_without_gradients(weight, monkeypatch):
    inside = []

    @contextlib.contextmanager
    def no_grad():
        inside.append(True)
        yield
        inside.pop()

    def function(x):
        assert inside == [True]
        return doubled(x, weight)

    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(no_grad=no_grad))
    checked(compiled(function, [weight]), weight)
    assert not inside


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_others_fuse_by_themselves(backend, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    assert fused(doubled) is doubled


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="asks TensorFlow's functions")
def test_tensorflow_fuses_by_xla():
    call = fused(lambda x: (x * x + 1.0, -x))
    square, negative = call(ops.convert_to_tensor(np.float32([2.0, 3.0])))
    assert (np.asarray(square).tolist(), np.asarray(negative).tolist()) == ([5, 10], [-2, -3])
    import tensorflow

    def fuses():
        graph = tensorflow.function(lambda x: call(x)).get_concrete_function(ops.ones(2)).graph
        inner = graph.as_graph_def().library.function
        return any(part.attr["_XlaMustCompile"].b for part in inner)

    assert fuses()
    with unfused():
        assert not fuses()
