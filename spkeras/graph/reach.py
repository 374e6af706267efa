"""Unions of products: all paths from one tensor to another, each pair counted once."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spkeras.graph.product import Product, ProductBlock, TooLarge, join, single
from spkeras.ops.arrays import Float64Array

# Maximum number of intersections of one count; above it overlaps are counted more than once.
_BUDGET = 256

# A union of products.
Reach = tuple[Product, ...]


@dataclass(frozen=True, eq=False)
class Fan:
    """A number for each element of a source, as a sum of products over its axes.

    Attributes:
        shape: Shape of the source.
        terms: Products, each a sign and its factors: (axes, numbers of their positions).
        exact: False where the numbers are upper bounds.
    """

    shape: tuple[int, ...]
    terms: tuple[tuple[float, tuple[tuple[tuple[int, ...], np.ndarray], ...]], ...] = ()
    exact: bool = True

    def __add__(self, other: "Fan") -> "Fan":
        """Return the sum of both."""
        return Fan(self.shape, (*self.terms, *other.terms), self.exact and other.exact)

    def array(self) -> Float64Array:
        """Return the numbers, float64, in the source's shape."""
        total = np.zeros(self.shape)
        for sign, factors in self.terms:
            term = np.full((1,) * len(self.shape), sign)
            for axes, numbers in factors:
                grid = numbers.reshape([self.shape[axis] for axis in axes])
                grid = grid.transpose(np.argsort(axes))
                sizes = [n if axis in axes else 1 for axis, n in enumerate(self.shape)]
                term = term * grid.reshape(sizes)
            total += term
        return total


def union(*reaches: Iterable[Product]) -> Reach:
    """Return the union, without products that others contain."""
    kept: list[Product] = []
    for product in itertools.chain(*reaches):
        if not product.empty:
            _put(kept, product)
    return tuple(kept)


def _put(kept: list[Product], product: Product) -> None:
    for index, other in enumerate(kept):
        whole = _merged(other, product)
        if whole is not None:
            # The merged product may contain further ones.
            del kept[index]
            _put(kept, whole)
            return
    kept.append(product)


def _merged(one: Product, other: Product) -> Product | None:
    """Return the union of two products that differ in at most one block; None for others."""
    try:
        one, other = _alike(one, other)
    except TooLarge:
        return None
    pairs = [(a.matrix, b.matrix) for a, b in zip(one.blocks, other.blocks, strict=True)]
    if all(not (b & ~a).any() for a, b in pairs):
        return one
    if all(not (a & ~b).any() for a, b in pairs):
        return other
    differing = [i for i, (a, b) in enumerate(pairs) if (a != b).any()]
    if len(differing) > 1:
        return None
    (index,) = differing
    matrix = pairs[index][0] | pairs[index][1]
    block = replace(one.blocks[index], matrix=matrix)
    exact = one.exact and other.exact
    return replace(one, exact=exact, blocks=(*one.blocks[:index], block, *one.blocks[index + 1 :]))


def _common(one: Product, other: Product) -> Product | None:
    """Return the pairs that two products share; None if there are none."""
    one, other = _alike(one, other)
    blocks = []
    for a, b in zip(one.blocks, other.blocks, strict=True):
        blocks.append(replace(a, matrix=a.matrix & b.matrix))
        if not blocks[-1].matrix.any():
            return None
    return replace(one, blocks=tuple(blocks))


def _alike(one: Product, other: Product) -> tuple[Product, Product]:
    """Return both with the same parts and the same blocks in the same order.

    Raises:
        TooLarge: a matrix would be too large.
    """
    for axis in range(len(one.axes)):
        sizes = [[p.size(part) for part in p.axes[axis]] for p in (one, other)]
        if sizes[0] != sizes[1]:
            one, other = (single(p, axis, loose=False)[0] for p in (one, other))
    names = dict(zip(itertools.chain(*other.axes), itertools.chain(*one.axes), strict=True))
    renamed = (
        replace(block, parts=tuple(names[part] for part in block.parts)) for block in other.blocks
    )
    other = replace(other, blocks=tuple(renamed), axes=one.axes)
    groups = _groups([*one.blocks, *other.blocks])
    return _grouped(one, groups), _grouped(other, groups)


def _groups(blocks: Sequence[ProductBlock]) -> list[set[tuple[str, int]]]:
    """Return the sets of axes and parts that must share a block, for several sets of blocks."""
    groups: list[set[tuple[str, int]]] = []
    for block in blocks:
        items = {("axis", a) for a in block.sources} | {("part", p) for p in block.parts}
        touched = [group for group in groups if group & items]
        groups = [group for group in groups if not group & items]
        groups.append(items.union(*touched))
    return [group for group in groups if group]


def _grouped(product: Product, groups: Sequence[set[tuple[str, int]]]) -> Product:
    blocks = []
    for group in groups:
        own = [
            b
            for b in product.blocks
            if group & ({("axis", a) for a in b.sources} | {("part", p) for p in b.parts})
        ]
        block = join(own)
        sources, parts = sorted(block.sources), sorted(block.parts)
        sizes = [product.source[axis] for axis in block.sources]
        grid = block.matrix.reshape(*sizes, *block.matrix.shape[1:])
        order = [
            *(block.sources.index(axis) for axis in sources),
            *(len(sizes) + block.parts.index(part) for part in parts),
        ]
        grid = grid.transpose(order).reshape(len(block.matrix), *(map(product.size, parts)))
        blocks.append(ProductBlock(tuple(sources), tuple(parts), grid))
    return replace(product, blocks=tuple(blocks))


def fan(reach: Reach, source: Sequence[int], weights: Sequence[np.ndarray | None] = ()) -> Fan:
    """Return for each source element the number of targets that it reaches.

    Args:
        reach: The pairs.
        source: Shape of the source.
        weights: For each axis of the target the factors of its positions in a target's weight;
            None, or no entry, means 1.

    Returns:
        Exact numbers where all products are exact and the intersections are within the budget;
        else upper bounds.
    """
    budget = [_BUDGET]
    try:
        terms = _signed(list(reach), budget)
        exact = all(product.exact for product in reach)
    except TooLarge:
        terms, exact = [(1, product) for product in reach], False
    shape = tuple(source)
    return Fan(shape, tuple((sign, _numbers(p, weights)) for sign, p in terms), exact)


def _signed(products: list[Product], budget: list[int]) -> list[tuple[float, Product]]:
    """Return products with signs whose sum counts each pair once (inclusion-exclusion)."""
    terms: list[tuple[float, Product]] = []
    for index, product in enumerate(products):
        terms.append((1.0, product))
        budget[0] -= len(products) - index - 1
        if budget[0] < 0:
            raise TooLarge
        shared = (_common(product, other) for other in products[index + 1 :])
        rest = union([common for common in shared if common is not None])
        terms += [(-sign, common) for sign, common in _signed(list(rest), budget)]
    return terms


def _numbers(
    product: Product, weights: Sequence[np.ndarray | None]
) -> tuple[tuple[tuple[int, ...], Float64Array], ...]:
    factor, by_part = 1.0, {}
    for axis, weight in enumerate(weights):
        if weight is None:
            continue
        if (weight == weight[0]).all():
            factor *= float(weight[0])
            continue
        product, part = single(product, axis)
        by_part[part] = weight
    factors = []
    for block in product.blocks:
        numbers = block.matrix
        for part in reversed(block.parts):
            weight = by_part.get(part)
            numbers = numbers.sum(axis=-1, dtype=float) if weight is None else numbers @ weight
        factors.append((block.sources, numbers.astype(float)))
    if not factors:
        return (((), np.array(factor)),)
    return ((factors[0][0], factor * factors[0][1]), *factors[1:])
