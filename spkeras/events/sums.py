"""Sums of rows of weights in the processor's registers, for numba code.

A numba loop stores a sum after each row that it adds. These functions load a sum once, add all its
rows, and store it once.
"""

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core.typing.context import Context

from spkeras.events.table import LANES
from spkeras.events.vectors import Target, Typed, intrinsic, pointer, spread

_CONTRACT = ("contract",)
# Rows that are added before their sum is: additions to one register follow each other slowly.
TOGETHER = 4


def gatherer(vectors: int, valued: bool) -> Callable[..., None]:
    """Return a function `gather(sums, start, weights, base, rows, sizes, first, trips)` for numba.

    It adds to sums[start : start + width], with width = 16 vectors, the rows
    weights[base + width * row :] of the next `TOGETHER` times `trips` numbers of `rows` from index
    `first`; times their sizes, if `valued`. Indices are not checked.
    """

    def gather(
        context: Context,
        sums: types.Type,
        start: types.Type,
        weights: types.Type,
        base: types.Type,
        rows: types.Type,
        sizes: types.Type,
        first: types.Type,
        trips: types.Type,
    ) -> Typed:
        signature = types.void(sums, start, weights, base, rows, sizes, first, trips)

        def emit(
            context: Target, builder: ir.IRBuilder, signature: object, values: list[ir.Value]
        ) -> ir.Value:
            at, lanes = _reader(context, builder, signature, values), ir.VectorType(
                ir.FloatType(), LANES
            )
            width = ir.Constant(ir.IntType(64), LANES * vectors)

            def row(index: ir.Value) -> list[ir.Value]:
                number = builder.sext(builder.load(at(4, index, ir.IntType(32))), ir.IntType(64))
                begin = builder.add(values[3], builder.mul(number, width))
                found = _vectors(builder, at(2, begin, lanes), vectors)
                if not valued:
                    return found
                size = spread(builder, builder.load(at(5, index, ir.FloatType())), lanes)
                return [builder.fmul(part, size, flags=_CONTRACT) for part in found]

            def trip(number: ir.Value, total: list[ir.Value]) -> list[ir.Value]:
                begin = builder.add(values[6], builder.shl(number, ir.Constant(number.type, 2)))
                added = [
                    row(builder.add(begin, ir.Constant(begin.type, k))) for k in range(TOGETHER)
                ]
                return [
                    _tree(builder, list(parts), old)
                    for old, *parts in zip(total, *added, strict=True)
                ]

            _accumulate(builder, at(0, values[1], lanes), vectors, values[7], trip)
            return context.get_dummy_value()

        return signature, emit

    return intrinsic(gather)


def windower(vectors: int) -> Callable[..., None]:
    """Return a function `add(sums, start, inputs, weights, pairs, count, shift, lead)` for numba.

    It adds to sums[start : start + 16 vectors], for each of the first `count` pairs (a, b) of
    `pairs`, inputs[a + shift :] times weights[b + lead :]. Indices are not checked.
    """

    def add(
        context: Context,
        sums: types.Type,
        start: types.Type,
        inputs: types.Type,
        weights: types.Type,
        pairs: types.Type,
        count: types.Type,
        shift: types.Type,
        lead: types.Type,
    ) -> Typed:
        signature = types.void(sums, start, inputs, weights, pairs, count, shift, lead)

        def emit(
            context: Target, builder: ir.IRBuilder, signature: object, values: list[ir.Value]
        ) -> ir.Value:
            at, lanes = _reader(context, builder, signature, values), ir.VectorType(
                ir.FloatType(), LANES
            )
            number = ir.IntType(64)

            def trip(index: ir.Value, total: list[ir.Value]) -> list[ir.Value]:
                first = builder.shl(index, ir.Constant(number, 1))
                places = [builder.add(first, ir.Constant(number, k)) for k in range(2)]
                read, weight = (
                    builder.add(builder.sext(builder.load(at(4, k, ir.IntType(32))), number), added)
                    for k, added in zip(places, values[6:], strict=True)
                )
                pairs = zip(
                    total,
                    _vectors(builder, at(2, read, lanes), vectors),
                    _vectors(builder, at(3, weight, lanes), vectors),
                    strict=True,
                )
                return [
                    builder.fadd(old, builder.fmul(x, w, flags=_CONTRACT), flags=_CONTRACT)
                    for old, x, w in pairs
                ]

            _accumulate(builder, at(0, values[1], lanes), vectors, values[5], trip)
            return context.get_dummy_value()

        return signature, emit

    return intrinsic(add)


def _reader(
    context: Target, builder: ir.IRBuilder, signature: object, values: list[ir.Value]
) -> Callable[[int, ir.Value, ir.Type], ir.Value]:
    """Return a function of the number of an argument, an index into this array, and a type."""

    def at(argument: int, place: ir.Value, kind: ir.Type) -> ir.Value:
        own = signature.args[argument]  # type: ignore[attr-defined]
        return pointer(context, builder, own, values[argument], place, kind)

    return at


def _vectors(builder: ir.IRBuilder, first: ir.Value, vectors: int) -> list[ir.Value]:
    """Load neighbouring vectors."""
    found = []
    for k in range(vectors):
        value = builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), k)]))
        value.align = 4
        found.append(value)
    return found


def _tree(builder: ir.IRBuilder, parts: list[ir.Value], total: ir.Value) -> ir.Value:
    while len(parts) > 1:
        parts.append(builder.fadd(parts.pop(0), parts.pop(0), flags=_CONTRACT))
    return builder.fadd(total, parts[0], flags=_CONTRACT)


def _accumulate(
    builder: ir.IRBuilder,
    target: ir.Value,
    vectors: int,
    trips: ir.Value,
    trip: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
) -> None:
    """Emit: load the sums at `target`, change them by `trip` so often, store them."""
    begun = _vectors(builder, target, vectors)
    before = builder.block
    body, after = builder.append_basic_block("trip"), builder.append_basic_block("done")
    nothing = ir.Constant(trips.type, 0)
    builder.cbranch(builder.icmp_signed(">", trips, nothing), body, after)
    builder.position_at_end(body)
    number = builder.phi(trips.type)
    totals = [builder.phi(value.type) for value in begun]
    new = trip(number, list(totals))
    following = builder.add(number, ir.Constant(trips.type, 1))
    for phi, first, next_one in [
        (number, nothing, following),
        *zip(totals, begun, new, strict=True),
    ]:
        phi.add_incoming(first, before)
        phi.add_incoming(next_one, builder.block)
    last = builder.block
    builder.cbranch(builder.icmp_signed("<", following, trips), body, after)
    builder.position_at_end(after)
    results = [builder.phi(value.type) for value in begun]
    for k, (value, first, final) in enumerate(zip(results, begun, new, strict=True)):
        value.add_incoming(first, before)
        value.add_incoming(final, last)
        place = builder.gep(target, [ir.Constant(ir.IntType(64), k)])
        builder.store(value, place).align = 4
