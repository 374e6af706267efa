"""Operations on vectors of float32, for numba code.

Rows of weights are short (a kernel's width times its channels), and the compiler vectorises only
long loops: it processes rows of 48 one by one. These functions are one load, a multiply-add for
each row of weights, and one store.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from llvmlite import ir
from numba import types
from numba.core.typing.context import Context
from numba.core.typing.templates import Signature
from numba.extending import intrinsic as _intrinsic

# numba.core.base.BaseContext, whose methods have no types.
Target: TypeAlias = Any
# What numba requires of an intrinsic: the signature of a call, and the function that emits its code.
Emitter: TypeAlias = Callable[[Target, ir.IRBuilder, Signature, list[ir.Value]], ir.Value]
Typed: TypeAlias = tuple[Signature, Emitter]

# Numba passes the typing context; callers do not.
intrinsic: Callable[[Callable[..., Typed]], Callable[..., Any]] = _intrinsic

# On processors with narrower registers the compiler splits a vector.
LANES = 16

_CONTRACT = ("contract",)


def adder(lanes: int, rows: int) -> Callable[..., None]:
    """Return a function `add(sums, start, weights, leads, sizes)` for numba code.

    It adds to sums[start : start + lanes], for each of `rows` rows, the row's size times
    weights[lead : lead + lanes]. Indices are not checked.
    """

    def add(
        context: Context,
        sums: types.Type,
        start: types.Type,
        weights: types.Type,
        leads: types.Type,
        sizes: types.Type,
    ) -> Typed:
        def emit(
            context: Target,
            builder: ir.IRBuilder,
            signature: Signature,
            arguments: list[ir.Value],
        ) -> ir.Value:
            sums, start, weights, leads, sizes = arguments
            vector = ir.VectorType(ir.FloatType(), lanes)
            place = _pointer(context, builder, signature.args[0], sums, start, vector)
            parts = []
            for row in range(rows):
                lead = builder.extract_value(leads, row)
                source = _pointer(context, builder, signature.args[2], weights, lead, vector)
                values = builder.load(source)
                values.align = 4
                size = _spread(builder, builder.extract_value(sizes, row), vector)
                parts.append(builder.fmul(values, size, flags=_CONTRACT))
            # The load depends on the last store there: one addition follows it, instead of four.
            while len(parts) > 1:
                parts.append(builder.fadd(parts.pop(0), parts.pop(0), flags=_CONTRACT))
            total = builder.load(place)
            total.align = 4
            total = builder.fadd(total, parts[0], flags=_CONTRACT)
            builder.store(total, place).align = 4
            return context.get_dummy_value()

        return types.void(sums, start, weights, leads, sizes), emit

    return intrinsic(add)


def firing(zero: bool) -> Callable[..., int]:
    """Return a function `fire(v, start, currents, place, thresholds, level) -> bits` for numba.

    For `LANES` neurons at once: v <- v + z; a bit is set where v >= V; there v <- v - V, or 0
    for a reset to zero. Indices are not checked.
    """

    def fire(
        context: Context,
        v: types.Type,
        start: types.Type,
        currents: types.Type,
        place: types.Type,
        thresholds: types.Type,
        level: types.Type,
    ) -> Typed:
        def emit(
            context: Target,
            builder: ir.IRBuilder,
            signature: Signature,
            arguments: list[ir.Value],
        ) -> ir.Value:
            vector = ir.VectorType(ir.FloatType(), LANES)
            places = [
                _pointer(
                    context, builder, signature.args[n], arguments[n], arguments[n + 1], vector
                )
                for n in (0, 2, 4)
            ]
            loaded = [builder.load(pointer) for pointer in places]
            for load in loaded:
                load.align = 4
            potential = builder.fadd(loaded[0], loaded[1])
            fires = builder.fcmp_ordered(">=", potential, loaded[2])
            nothing = ir.Constant(vector, [0.0] * LANES)
            if zero:
                left = builder.select(fires, nothing, potential)
            else:
                left = builder.fsub(potential, builder.select(fires, loaded[2], nothing))
            builder.store(left, places[0]).align = 4
            return builder.zext(builder.bitcast(fires, ir.IntType(LANES)), ir.IntType(64))

        return types.int64(v, start, currents, place, thresholds, level), emit

    return intrinsic(fire)


@intrinsic
def peek(context: Context, array: types.Array, place: types.Type) -> Typed:
    """Return array[place] without numba's handling of negative indices; `place` is not checked."""

    def emit(
        context: Target,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: list[ir.Value],
    ) -> ir.Value:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        value = builder.load(builder.gep(data, [arguments[1]]))
        return context.cast(builder, value, signature.args[0].dtype, signature.return_type)

    kind = array.dtype
    return (types.int64 if isinstance(kind, types.Integer) else kind)(array, place), emit


@intrinsic
def put(
    context: Context,
    places: types.Type,
    start: types.Type,
    table: types.Type,
    row: types.Type,
    shift: types.Type,
) -> Typed:
    """Set places[start : start + 8] = table[row] + shift; int32, rows of eight."""

    def emit(
        context: Target,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: list[ir.Value],
    ) -> ir.Value:
        places, start, table, row, shift = arguments
        vector = ir.VectorType(ir.IntType(32), 8)
        eight = ir.Constant(row.type, 8)
        source = _pointer(
            context, builder, signature.args[2], table, builder.mul(row, eight), vector
        )
        values = builder.load(source)
        values.align = 4
        shift = builder.trunc(shift, ir.IntType(32))
        total = builder.add(values, _spread(builder, shift, vector))
        place = _pointer(context, builder, signature.args[0], places, start, vector)
        builder.store(total, place).align = 4
        return context.get_dummy_value()

    return types.void(places, start, table, row, shift), emit


def _pointer(
    context: Target,
    builder: ir.IRBuilder,
    kind: types.Type,
    array: ir.Value,
    place: ir.Value,
    vector: ir.VectorType,
) -> ir.Value:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())


def _spread(builder: ir.IRBuilder, number: ir.Value, vector: ir.VectorType) -> ir.Value:
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, nothing, mask)
