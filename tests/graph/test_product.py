"""Products over axes and their unions against plain boolean matrices, in random sequences."""

import math

import numpy as np
import pytest

from spkeras.graph import product as products
from spkeras.graph import reach as reaches

SHAPES = [(2, 3, 4), (4, 6), (3, 2, 2), (6, 4), (12,), (2, 2, 3, 2)]


def dense(product):
    """(source elements, *target shape), by looking up every pair in every block."""
    shape = [math.prod(product.size(part) for part in axis) for axis in product.axes]
    count, size = math.prod(product.source), math.prod(shape)
    at = dict(enumerate(np.unravel_index(np.arange(count), product.source or (1,))))
    places, found = {}, np.ones((count, size), bool)
    for axis, position in zip(product.axes, np.unravel_index(np.arange(size), shape or (1,))):
        sizes = [product.size(part) for part in axis]
        places.update(zip(axis, np.unravel_index(position, sizes) if axis else ()))
    for block in product.blocks:
        row = np.zeros(count, int)
        for axis in block.sources:
            row = row * product.source[axis] + at[axis]
        columns = [places[part][None] for part in block.parts]
        matrix = np.broadcast_to(block.matrix[(row[:, None], *columns)], (count, size))
        found &= matrix
    return found.reshape(count, *shape)


class Pairs:
    """The same operations on a full matrix (source elements, *target shape)."""

    def __init__(self, found):
        self.found = found

    def mapped(self, axis, matrix):
        moved = np.moveaxis(self.found, axis + 1, -1).astype(int) @ matrix.astype(int) > 0
        return Pairs(np.moveaxis(moved, -1, axis + 1))

    def spread(self, axis, size):
        return Pairs(self.found.any(axis + 1, keepdims=True).repeat(size, axis + 1))

    def dropped(self, axis):
        return Pairs(self.found.any(axis + 1))

    def reshape(self, shape):
        return Pairs(self.found.reshape(len(self.found), *shape))

    def transpose(self, order):
        return Pairs(self.found.transpose(0, *(axis + 1 for axis in order)))

    def widened(self, shape):
        missing = len(shape) - self.found.ndim + 1
        found = self.found.reshape(len(self.found), *[1] * missing, *self.found.shape[1:])
        return Pairs(np.broadcast_to(found, (len(found), *shape)))


def factors(rng, size):
    """A random shape of that many elements, ones among its sizes."""
    shape = []
    while size > 1:
        part = int(rng.choice([n for n in range(2, size + 1) if size % n == 0]))
        shape.append(part)
        size //= part
    shape += [1] * int(rng.integers(0, 2))
    return tuple(int(n) for n in rng.permutation(shape)) or (1,)


def window(rng, size):
    """A random map of positions: sparse, full, or of a single position."""
    after = int(rng.integers(1, 5))
    kind = rng.integers(0, 4)
    if kind == 0:
        return np.ones((size, after), bool)
    if kind == 1:
        return np.eye(size, dtype=bool)
    return rng.random((size, after)) < (0.3 if kind == 2 else 0.7)


def applied(product, name, arguments):
    """The product after an operation: a function of the module, or a method."""
    if name in ("reshape", "transpose"):
        return getattr(product, name)(*arguments)
    return getattr(products, name)(product, *arguments)


def step(rng, shape):
    """A random operation on a target of that shape: its name and its arguments."""
    axis = int(rng.integers(0, len(shape)))
    names = ["mapped", "mapped", "reshape", "reshape", "transpose", "spread", "widened"]
    name = str(rng.choice(names + ["dropped"] * (len(shape) > 1)))
    return (
        name,
        {
            "mapped": (axis, window(rng, shape[axis])),
            "reshape": (factors(rng, math.prod(shape)),),
            "transpose": (tuple(int(n) for n in rng.permutation(len(shape))),),
            "spread": (axis, int(rng.integers(1, 4))),
            "widened": ((*[2] * int(rng.integers(0, 2)), *(n if n > 1 else 3 for n in shape)),),
            "dropped": (axis,),
        }[name],
    )


def pair(rng, shape):
    """A product and its full matrix before any operation."""
    if rng.random() < 0.2:
        full = np.ones((1, *shape), bool)
        return products.everything(shape), Pairs(full)
    full = np.eye(math.prod(shape), dtype=bool).reshape(-1, *shape)
    return products.identity(shape), Pairs(full)


@pytest.mark.parametrize("limit", [1 << 26, 300])
@pytest.mark.parametrize("seed", range(60))
def test_random_sequences_of_operations(seed, limit, monkeypatch):
    """Under a low limit a product is a superset, and says so."""
    monkeypatch.setattr(products, "LIMIT", limit)
    rng = np.random.default_rng(seed)
    product, pairs = pair(rng, SHAPES[seed % len(SHAPES)])
    for _ in range(6):
        name, arguments = step(rng, pairs.found.shape[1:])
        product = applied(product, name, arguments)
        pairs = getattr(pairs, name)(*arguments)
        if pairs.found.size > 1 << 16:
            break
        found = dense(product)
        assert found.shape == pairs.found.shape, name
        if product.exact:
            np.testing.assert_array_equal(found, pairs.found, err_msg=name)
        assert not (pairs.found & ~found).any(), name
        assert product.empty == (not found.any())
        counted = reaches.fan([product], product.source).array().reshape(-1)
        np.testing.assert_array_equal(counted, found.reshape(len(found), -1).sum(1))
        assert limit == 300 or product.exact


def moved(rng, shape, mixing):
    """A product from `shape` to itself; `mixing` joins axes on the way, so that one block is left."""
    product, pairs = products.identity(shape), Pairs(np.eye(math.prod(shape), dtype=bool))
    pairs = pairs.reshape(shape)
    steps = [
        ("mapped", (axis, rng.random((size, size)) < 0.7))
        for axis, size in enumerate(shape)
        if rng.random() < 0.8
    ]
    if mixing:
        inner = factors(rng, math.prod(shape))
        shifted = np.eye(inner[0], k=int(rng.integers(-1, 2)), dtype=bool)
        steps += [("reshape", (inner,)), ("mapped", (0, shifted)), ("reshape", (shape,))]
    for name, arguments in steps:
        product = applied(product, name, arguments)
        pairs = getattr(pairs, name)(*arguments)
    return product, pairs.found


@pytest.mark.parametrize("seed", range(60))
def test_unions_count_each_pair_once(seed):
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % 4]
    several = [moved(rng, shape, rng.random() < 0.3) for _ in range(int(rng.integers(1, 5)))]
    union = reaches.union([product for product, _ in several])
    truth = np.any([found for _, found in several], axis=0)
    joined = [dense(product) for product in union]
    assert not joined or (np.any(joined, axis=0) == truth).all()
    assert bool(joined) == truth.any() and len(union) <= len(several)
    weights = [rng.integers(1, 5, n) if rng.random() < 0.5 else None for n in shape]
    weights[0] = np.full(shape[0], 3.0) if seed % 3 == 0 else weights[0]
    value = np.ones(shape)
    for axis, weight in enumerate(weights):
        if weight is not None:
            value = value * np.reshape(weight, [-1 if n == axis else 1 for n in range(len(shape))])
    fan = reaches.fan(union, shape, weights)
    assert fan.exact
    wanted = (truth * value).reshape(len(truth), -1).sum(1).reshape(shape)
    np.testing.assert_allclose(fan.array(), wanted)
    twice = (fan + reaches.fan(union, shape)).array()
    plain = truth.reshape(len(truth), -1).sum(1).reshape(shape)
    np.testing.assert_allclose(twice, wanted + plain)


@pytest.mark.parametrize("budget", [0, 1, 5])
def test_too_many_overlaps_give_an_upper_bound(budget, monkeypatch):
    monkeypatch.setattr(reaches, "_BUDGET", budget)
    rng = np.random.default_rng(5)
    several = [moved(rng, (2, 3, 4), False) for _ in range(4)]
    union = reaches.union([product for product, _ in several])
    truth = np.any([found for _, found in several], axis=0).reshape(24, -1).sum(1)
    fan = reaches.fan(union, (2, 3, 4))
    assert len(union) > 2 and not fan.exact
    separate = sum(dense(product).reshape(24, -1).sum(1) for product in union)
    np.testing.assert_array_equal(fan.array().reshape(-1), separate)
    assert (separate >= truth).all() and (separate > truth).any()


def test_products_that_contain_each_other_are_one():
    whole, part = products.identity((4, 3)), products.identity((4, 3))
    part = products.mapped(part, 0, np.diag([True, False, True, True]))
    other = products.mapped(products.identity((4, 3)), 0, np.diag([False, True, False, False]))
    for given in ([whole, part], [part, whole], [part, other], [part, part, other, whole]):
        (found,) = reaches.union(given)
        np.testing.assert_array_equal(dense(found), dense(whole))
        assert found.exact
    both = products.mapped(part, 1, np.diag([True, True, False]))
    for given in ([whole, both], [both, whole]):
        (found,) = reaches.union(given)
        np.testing.assert_array_equal(dense(found), dense(whole))
    nothing = products.mapped(products.identity((4, 3)), 0, np.zeros((4, 4), bool))
    assert nothing.empty and reaches.union([nothing], [nothing]) == ()
    inexact = products.replace(part, exact=False)
    (found,) = reaches.union([inexact, other])
    assert not found.exact
    assert not reaches.fan([inexact], (4, 3)).exact


def test_a_tensor_without_axes_is_one_element():
    for product in (products.everything(()), products.identity(())):
        (found,) = reaches.union([product])
        assert reaches.fan([found], ()).array() == 1 and found.exact
        assert reaches.fan([products.widened(found, (2, 3))], ()).array() == 6
        assert reaches.fan([found.reshape((1, 1))], (), [None, None]).array() == 1


@pytest.mark.parametrize("budget, exact", [(0, False), (1, True)])
def test_one_overlap_of_two_takes_one_intersection(budget, exact, monkeypatch):
    monkeypatch.setattr(reaches, "_BUDGET", budget)
    square = products.identity((3, 4))
    wide, high = np.eye(4, dtype=bool), np.eye(3, dtype=bool)
    wide[0], high[0] = True, True
    union = reaches.union([products.mapped(square, 1, wide), products.mapped(square, 0, high)])
    fan = reaches.fan(union, (3, 4))
    assert len(union) == 2 and fan.exact == exact
    wanted = np.ones((3, 4)) + np.where(np.arange(4) == 0, 3, 0)
    wanted += np.where(np.arange(3) == 0, 2, 0)[:, None]
    np.testing.assert_array_equal(fan.array(), wanted if exact else wanted + 1)


@pytest.mark.parametrize("limit, allowed", [(36, True), (35, False)])
def test_a_matrix_may_be_as_large_as_the_limit(limit, allowed, monkeypatch):
    monkeypatch.setattr(products, "LIMIT", limit)
    found = products.identity((2, 3)).reshape((3, 2))
    assert found.exact == allowed


def test_an_axis_of_one_position_has_a_part_or_none():
    row = products.identity((3,)).reshape((1, 3))
    held = products.spread(row, 0, 1)
    assert row.axes[0] == () and len(held.axes[0]) == 1
    assert len(reaches.union([row, held])) == len(reaches.union([held, row])) == 1
    shifted = products.mapped(held, 1, np.eye(3, k=1, dtype=bool))
    for given in ([row, shifted], [shifted, row]):
        fan = reaches.fan(reaches.union(given), (3,))
        assert fan.exact and fan.array().tolist() == [2, 2, 1]
    moved = products.mapped(row, 0, np.array([[False, True, False]]))
    np.testing.assert_array_equal(dense(moved)[:, 1], np.eye(3, dtype=bool))
    assert dense(moved).sum() == 3 and products.mapped(row, 0, np.zeros((1, 2), bool)).empty


@pytest.mark.parametrize("limit, exact", [(144, True), (143, False)])
def test_axes_cut_differently_are_compared_up_to_the_limit(limit, exact, monkeypatch):
    """Beyond it each product counts for itself, and nothing more."""
    cut = products.identity((2, 3, 2)).reshape((12,))
    reach = np.eye(6, dtype=bool) | np.eye(6, k=1, dtype=bool)
    whole = products.mapped(products.identity((2, 3, 2)).reshape((2, 6)), 1, reach)
    whole = whole.reshape((12,))
    assert [len(product.axes[0]) for product in (cut, whole)] == [3, 2]
    monkeypatch.setattr(products, "LIMIT", limit)
    for given in ([cut, whole], [whole, cut]):
        union = reaches.union(given)
        fan = reaches.fan(union, (2, 3, 2))
        assert (len(union), fan.exact) == ((1, True) if exact else (2, False))
        wanted = [2, 2, 2, 2, 2, 1] if exact else [3, 3, 3, 3, 3, 2]
        assert fan.array().reshape(2, 6).tolist() == [wanted, wanted]
