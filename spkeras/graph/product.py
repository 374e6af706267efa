"""Pairs of connected elements of two tensors, as a product over axes.

Windows are rectangles and kernels mix whole channel groups. The elements that a spike reaches
are therefore a box: one boolean matrix for each axis describes them for all sources at once.
`Product` is such a set of pairs. Its matrices have source positions as rows and target positions
as columns. A reshape cuts axes or joins them, so a matrix may cover several axes of either side,
and an axis of the target may consist of several parts.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spkeras.ops.arrays import BoolArray

# Maximum number of entries of a matrix. A product that needs more becomes a superset.
LIMIT = 1 << 26

_fresh = itertools.count()


@dataclass(frozen=True, eq=False)
class ProductBlock:
    """One factor of a product.

    Attributes:
        sources: Axes of the source that its rows count, in row-major order.
        parts: Parts of the target's axes, one for each further dimension of the matrix.
        matrix: Boolean, (rows, *sizes of the parts).
    """

    sources: tuple[int, ...]
    parts: tuple[int, ...]
    matrix: BoolArray


@dataclass(frozen=True, eq=False)
class Product:
    """Pairs (source element, target element) that form a product over axes.

    Attributes:
        source: Shape of the source.
        blocks: The factors; each axis of the source and each part belongs to one.
        axes: The parts that form each axis of the target, in row-major order.
        exact: False for a superset of the pairs.
    """

    source: tuple[int, ...]
    blocks: tuple[ProductBlock, ...]
    axes: tuple[tuple[int, ...], ...]
    exact: bool = True

    def size(self, part: int) -> int:
        """Return the number of positions of a part."""
        block = self.holder(part)
        return int(block.matrix.shape[1 + block.parts.index(part)])

    def holder(self, part: int) -> ProductBlock:
        """Return the block of a part."""
        return next(block for block in self.blocks if part in block.parts)

    def reshape(self, shape: Sequence[int]) -> "Product":
        """Return the pairs after a reshape of the target, in row-major order."""
        return _reshaped(self, shape)

    def transpose(self, order: Sequence[int]) -> "Product":
        """Return the pairs with the target's axes in another order."""
        return replace(self, axes=tuple(self.axes[axis] for axis in order))

    @property
    def empty(self) -> bool:
        """Whether it contains no pair."""
        return any(not block.matrix.any() for block in self.blocks)


def identity(shape: Sequence[int]) -> Product:
    """Return the pairs of each element with itself."""
    parts = tuple(next(_fresh) for _ in shape)
    blocks = (
        ProductBlock((axis,), (part,), np.eye(size, dtype=bool))
        for axis, (part, size) in enumerate(zip(parts, shape, strict=True))
    )
    return Product(tuple(shape), tuple(blocks), tuple((part,) for part in parts))


def everything(shape: Sequence[int]) -> Product:
    """Return the pairs of one source without axes with all elements of a tensor."""
    parts = tuple(next(_fresh) for _ in shape)
    ones = (
        ProductBlock((), (part,), np.ones((1, n), bool))
        for part, n in zip(parts, shape, strict=True)
    )
    return Product((), tuple(ones), tuple((part,) for part in parts))


class TooLarge(Exception):
    """A matrix would exceed `LIMIT`."""


def replaced(product: Product, old: Sequence[ProductBlock], *new: ProductBlock) -> Product:
    """Return the product with some of its blocks replaced."""
    kept = [block for block in product.blocks if all(block is not gone for gone in old)]
    return replace(product, blocks=(*kept, *new))


def join(blocks: Sequence[ProductBlock]) -> ProductBlock:
    """Return several blocks as one; rows and parts keep the order of the blocks.

    Raises:
        TooLarge: the matrix would exceed `LIMIT`.
    """
    first, *others = blocks
    if others and math.prod(block.matrix.size for block in blocks) > LIMIT:
        raise TooLarge
    matrix = first.matrix
    for block in others:
        outer = np.moveaxis(np.multiply.outer(matrix, block.matrix), matrix.ndim, 1)
        matrix = outer.reshape(-1, *outer.shape[2:])
    sources = itertools.chain.from_iterable(block.sources for block in blocks)
    parts = itertools.chain.from_iterable(block.parts for block in blocks)
    return ProductBlock(tuple(sources), tuple(parts), matrix)


def as_one(product: Product, parts: Sequence[int], loose: bool = True) -> tuple[Product, int]:
    """Return the same pairs with some neighbouring parts merged into one, and that part.

    Args:
        product: The pairs.
        parts: The parts, at least one.
        loose: Where a matrix would exceed `LIMIT`, make the new part independent of the source
            (a superset) instead of raising.

    Raises:
        TooLarge: a matrix would exceed `LIMIT`, and `loose` is False.
    """
    if len(parts) == 1:
        return product, parts[0]
    part = next(_fresh)
    blocks = list({id(block): block for block in map(product.holder, parts)}.values())
    axes = tuple(_substituted(axis, parts, part) for axis in product.axes)
    try:
        block = join(blocks)
    except TooLarge:
        if not loose:
            raise
        product = replaced(product, blocks, *_independent(product, blocks, parts, part))
        return replace(product, axes=axes, exact=False), part
    rest = [p for p in block.parts if p not in parts]
    order = [0, *(1 + block.parts.index(p) for p in (*rest, *parts))]
    matrix = block.matrix.transpose(order)
    matrix = matrix.reshape(*matrix.shape[: 1 + len(rest)], -1)
    merged = ProductBlock(block.sources, (*rest, part), matrix)
    return replace(replaced(product, blocks, merged), axes=axes), part


def _independent(
    product: Product, blocks: Sequence[ProductBlock], parts: Sequence[int], part: int
) -> list[ProductBlock]:
    """Return blocks whose parts do not depend on the source; `parts` become one."""
    sizes = {p: product.size(p) for block in blocks for p in block.parts if p not in parts}
    sizes[part] = math.prod(map(product.size, parts))
    free = [ProductBlock((), (p,), np.ones((1, size), bool)) for p, size in sizes.items()]
    return [*(ProductBlock(b.sources, (), _any(b, b.parts)) for b in blocks), *free]


def _substituted(axis: tuple[int, ...], parts: Sequence[int], part: int) -> tuple[int, ...]:
    if parts[0] not in axis:
        return axis
    start = axis.index(parts[0])
    return (*axis[:start], part, *axis[start + len(parts) :])


def _any(block: ProductBlock, parts: Iterable[int]) -> BoolArray:
    axes = tuple(1 + block.parts.index(part) for part in parts)
    return np.asarray(block.matrix.any(axis=axes))


def single(product: Product, axis: int, loose: bool = True) -> tuple[Product, int]:
    """Return the same pairs with one axis of the target as a single part, and that part."""
    parts = product.axes[axis]
    if parts:
        return as_one(product, parts, loose)
    part = next(_fresh)
    block = ProductBlock((), (part,), np.ones((1, 1), bool))
    axes = (*product.axes[:axis], (part,), *product.axes[axis + 1 :])
    return replace(product, blocks=(*product.blocks, block), axes=axes), part


def spread(product: Product, axis: int, size: int) -> Product:
    """Return the pairs after each position of an axis is connected to all `size` new ones."""
    parts = product.axes[axis]
    if len(parts) == 1:
        block = product.holder(parts[0])
        place = 1 + block.parts.index(parts[0])
        shape = (*block.matrix.shape[:place], size, *block.matrix.shape[place + 1 :])
        matrix = np.broadcast_to(block.matrix.any(axis=place, keepdims=True), shape)
        return replaced(product, [block], replace(block, matrix=matrix))
    product, part = dropped(product, axis), next(_fresh)
    block = ProductBlock((), (part,), np.ones((1, size), bool))
    axes = (*product.axes[:axis], (part,), *product.axes[axis:])
    return replace(product, blocks=(*product.blocks, block), axes=axes)


def dropped(product: Product, axis: int) -> Product:
    """Return the pairs without an axis of the target: all its positions become one."""
    for part in product.axes[axis]:
        block = product.holder(part)
        rest = tuple(p for p in block.parts if p != part)
        product = replaced(product, [block], ProductBlock(block.sources, rest, _any(block, [part])))
    return replace(product, axes=(*product.axes[:axis], *product.axes[axis + 1 :]))


def mapped(product: Product, axis: int, matrix: BoolArray) -> Product:
    """Return the pairs after a map of positions on one axis of the target.

    Args:
        product: The pairs before.
        axis: The axis.
        matrix: The map, boolean (positions before, positions after).
    """
    if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix))):
        return product
    if matrix.all():
        return spread(product, axis, matrix.shape[1])
    product, part = single(product, axis)
    block = product.holder(part)
    place = 1 + block.parts.index(part)
    moved = _reached(np.moveaxis(block.matrix, place, 0), matrix)
    return replaced(product, [block], replace(block, matrix=np.moveaxis(moved, 0, place)))


def _reached(before: BoolArray, matrix: BoolArray) -> BoolArray:
    """Return the boolean product of (positions before, ...) and (positions before, after)."""
    after = np.zeros((matrix.shape[1], *before.shape[1:]), bool)
    ways = matrix.sum(axis=0)
    # One pass for the n-th position that reaches each one; windows need few passes.
    order = np.argsort(~matrix, axis=0, kind="stable")
    for number in range(int(ways.max())):
        there = np.flatnonzero(ways > number)
        after[there] |= before[order[number, there]]
    return after


def _reshaped(product: Product, shape: Sequence[int]) -> Product:
    queue = list(itertools.chain.from_iterable(product.axes))
    # The parts, cut or joined, of each new axis; they replace the axes of `product`.
    axes: list[tuple[int, ...]] = []
    for size in shape:
        group: list[int] = []
        missing = size
        while missing > 1:
            product, part = _aligned(product, queue, missing)
            group.append(part)
            missing //= product.size(part)
        axes.append(tuple(group))
    axes[-1:] = [(*axes[-1], *queue)] if axes else []
    return replace(product, axes=tuple(axes))


def _aligned(product: Product, queue: list[int], missing: int) -> tuple[Product, int]:
    """Take from the queue a part whose size divides `missing`; cut or join parts for it."""
    while True:
        size = product.size(queue[0])
        if missing % size == 0:
            return product, queue.pop(0)
        if size % missing == 0:
            product, queue[:1] = _cut(product, queue[0], missing)
            return product, queue.pop(0)
        product, part = as_one(product, queue[:2])
        queue[:2] = [part]


def _cut(product: Product, part: int, size: int) -> tuple[Product, list[int]]:
    """Cut a part into `size` positions times the rest."""
    block, new = product.holder(part), [next(_fresh), next(_fresh)]
    place = block.parts.index(part)
    shape = block.matrix.shape
    matrix = block.matrix.reshape(*shape[: 1 + place], size, -1, *shape[2 + place :])
    parts = (*block.parts[:place], *new, *block.parts[place + 1 :])
    return replaced(product, [block], ProductBlock(block.sources, parts, matrix)), new


def widened(product: Product, shape: Sequence[int]) -> Product:
    """Return the pairs after the target was broadcast to a larger shape."""
    product = replace(product, axes=((),) * (len(shape) - len(product.axes)) + product.axes)
    for axis, size in enumerate(shape):
        if size > 1 and math.prod(map(product.size, product.axes[axis])) == 1:
            product = spread(product, axis, size)
    return product
