"""Whole weights that keep currents: values by hand, and the error of random kernels."""

import numpy as np
import pytest

from spkeras.passes.fitted import fitted


def products(inputs):
    """Mean products of inputs (samples, inputs), with a 1 first."""
    rows = np.concatenate([np.ones((len(inputs), 1)), inputs], axis=1)
    return rows.T @ rows / len(rows)


def test_equal_inputs_share_what_rounding_takes():
    """0.4 + 0.4 of two inputs that are always equal: 1, where the nearest codes give 0."""
    x = np.repeat(np.array([[0.5], [1.0], [0.25]]), 2, axis=1)
    codes, bias = fitted(np.array([[0.4], [0.4]]), None, [[products(x)]], 7)
    assert sorted(codes[:, 0]) == [0, 1] and bias is None


def test_weights_give_what_the_bias_loses():
    """A constant input of 1 carries the rounding of a bias of 0.4."""
    codes, bias = fitted(np.array([[2.3]]), np.array([0.4]), [[products(np.ones((4, 1)))]], 7)
    assert (codes[0, 0], bias[0]) == (3, 0)


def test_inputs_without_common_products_are_rounded_to_the_nearest():
    kernel = np.array([[0.4, -1.6], [2.7, 3.2], [9.0, -9.0]])
    codes, _ = fitted(kernel, None, [[np.eye(4)]], 5)
    np.testing.assert_array_equal(codes, [[0, -2], [3, 3], [5, -5]])


def test_inputs_that_are_always_zero_have_codes():
    codes, bias = fitted(np.array([[1.4], [2.6]]), np.array([0.6]), [[np.zeros((3, 3))]], 7)
    np.testing.assert_array_equal(codes, [[1], [3]])
    assert bias[0] == 1


@pytest.mark.parametrize("biased", [True, False])
def test_currents_lose_a_fraction_of_what_the_nearest_codes_lose(biased):
    rng = np.random.default_rng(1)
    x = np.maximum(rng.normal(size=(400, 6)) @ rng.normal(size=(6, 80)) + 0.2, 0)
    kernel, bias = rng.normal(size=(80, 5)) * 3, rng.normal(size=5) * 3 if biased else None
    codes, whole = fitted(kernel, bias, [[products(x)]], 7)
    assert (codes == np.rint(codes)).all() and np.abs(codes).max() <= 7
    nearest = np.clip(np.rint(kernel), -7, 7)
    error, former = x @ (codes - kernel), x @ (nearest - kernel)
    if biased:
        assert (whole == np.rint(whole)).all()
        error, former = error + whole - bias, former + np.rint(bias) - bias
    assert np.sqrt((error**2).mean()) < 0.25 * np.sqrt((former**2).mean())


def test_groups_and_blocks_are_rounded_apart():
    """Two channel groups with two blocks each: as each block with its own channels."""
    rng = np.random.default_rng(2)
    x = [np.abs(rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6))) for _ in range(2)]
    kernel, bias = rng.normal(size=(6, 4)) * 4, rng.normal(size=4) * 4
    blocks = [[products(own[:, :4]), products(own[:, 4:])] for own in x]
    codes, whole = fitted(kernel, bias, blocks, 9)
    for group in range(2):
        columns = slice(2 * group, 2 * group + 2)
        first, own = fitted(kernel[:4, columns], bias[columns], [blocks[group][:1]], 9)
        second, _ = fitted(kernel[4:, columns], None, [blocks[group][1:]], 9)
        np.testing.assert_array_equal(codes[:, columns], np.concatenate([first, second]))
        np.testing.assert_array_equal(whole[columns], own)
