"""Arrays and weights of one memory: nothing that is shared is ever written to."""

import copy

import keras
import numpy as np
import pytest

from spkeras.ops.arrays import empty, frozen, held, zeros
from spkeras.ops.memory import given, unset, values_of

TORCH = keras.backend.backend() == "torch"
IN_PLACE = pytest.mark.skipif(TORCH, reason="PyTorch writes in place")
NATIVE = pytest.mark.skipif(TORCH, reason="PyTorch takes no bytes in another order")


def of(values):
    array = empty(np.shape(values))
    array[...] = values
    return held(array)


def address(array):
    return array.__array_interface__["data"][0]


def test_arrays_that_others_can_write_are_copied():
    base = np.arange(6, dtype="float32")
    view = base[:]
    view.setflags(write=False)
    fortran = np.asfortranarray(base.reshape(2, 3))
    kept = [frozen(base), frozen(view), frozen(fortran), frozen([1.0, 2.0]), frozen(2.5)]
    base[:] = -1
    fortran[:] = -1
    np.testing.assert_array_equal(kept[0], np.arange(6))
    np.testing.assert_array_equal(kept[1], np.arange(6))
    np.testing.assert_array_equal(kept[2], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(kept[3], [1, 2])
    assert kept[4] == 2.5 and kept[4].shape == ()
    for array in kept:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)


@pytest.mark.parametrize("values", [[True, False], ["a", "b"], [1 + 2j], np.zeros((0, 3))])
def test_other_types_are_frozen_too(values):
    array = frozen(values)
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, values)


def test_frozen_arrays_are_not_copied_again():
    first = frozen(np.ones((4, 3), "float32"))
    for again in (frozen(first), frozen(first.reshape(3, 4)), frozen(first.T), frozen(first[1:])):
        assert np.shares_memory(again, first)
    other = copy.deepcopy(first)
    assert not np.shares_memory(other, first)


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_arrays_begin_where_backends_take_them(shape, dtype):
    for make in (empty, zeros):
        array = make(shape, dtype)
        assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous
        assert not array.size or address(array) % 64 == 0
    assert not zeros(shape, dtype).any()


def test_a_change_of_a_variable_leaves_its_earlier_values():
    variable = keras.Variable(np.ones((300, 4), "float32"))
    seen = []
    for step in range(3):
        seen.append(values_of(variable))
        [variable.assign, variable.assign_add, variable.assign_sub][step](np.full((300, 4), 2.0))
    for array, value in zip([*seen, values_of(variable)], [1, 2, 4, 2], strict=True):
        np.testing.assert_array_equal(array, np.full((300, 4), value))
        assert frozen(array) is array


def test_training_leaves_the_array_that_a_weight_was_given():
    kernel = of(np.full((8, 1), 0.5))
    layer = keras.layers.Dense(1, kernel_initializer=unset)
    model = keras.Sequential([keras.Input((8,)), layer])
    np.testing.assert_array_equal(values_of(layer.kernel), 0)
    layer.kernel.assign(given(kernel))
    before = values_of(layer.kernel)
    np.testing.assert_array_equal(before, kernel)
    model.compile("adam", "mse")
    x = np.ones((16, 8), "float32")
    model.fit(x, x[:, :1] * 9, epochs=2, verbose=0)
    assert not np.array_equal(values_of(layer.kernel), kernel)
    np.testing.assert_array_equal(kernel, 0.5)
    np.testing.assert_array_equal(before, 0.5)


@IN_PLACE
def test_no_copy_is_made():
    array = of(np.arange(1 << 12))
    variable = keras.Variable(shape=array.shape, initializer=unset)
    variable.assign(given(array))
    assert address(values_of(variable)) == address(array)
    assert address(values_of(variable)) == address(values_of(variable))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="float32"),
        of(np.arange(6).reshape(2, 3)).T.reshape(-1),
        of(np.arange(24).reshape(4, 6))[:, 0],
        of(np.arange(7))[1:],
        pytest.param(held(np.arange(6, dtype=">f4")), marks=NATIVE),
        held(np.arange(6, dtype="float64")),
        held(np.arange(6)),
    ],
    ids=["writable", "copied", "strided", "unaligned", "swapped", "float64", "int"],
)
def test_any_array_can_be_given(array):
    variable = keras.Variable(np.zeros(array.shape, "float32"))
    variable.assign(given(array))
    np.testing.assert_array_equal(values_of(variable), array.astype("float32"))
