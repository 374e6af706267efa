"""Operations on vectors of numbers of four bytes, for numba code."""

from collections.abc import Callable
from typing import Any, TypeAlias

from llvmlite import ir
from numba import types
from numba.core.typing.context import Context
from numba.core.typing.templates import Signature
from numba.extending import intrinsic as _intrinsic

from spkeras.events.table import LANES

# numba.core.base.BaseContext, whose methods have no types.
Target: TypeAlias = Any
# What numba requires of an intrinsic: the signature of a call, and the function that emits its code.
Emitter: TypeAlias = Callable[[Target, ir.IRBuilder, Signature, list[ir.Value]], ir.Value]
Typed: TypeAlias = tuple[Signature, Emitter]

# Numba passes the typing context; callers do not.
intrinsic: Callable[[Callable[..., Typed]], Callable[..., Any]] = _intrinsic


def firing(zero: bool, lanes: int = LANES) -> Callable[..., int]:
    """Return a function `fire(v, start, currents, place, thresholds, level) -> bits` for numba.

    For `lanes` neurons at once: v <- v + z; a bit is set where v >= V; there v <- v - V, or 0
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
            vector = ir.VectorType(ir.FloatType(), lanes)
            places = [
                pointer(context, builder, signature.args[n], arguments[n], arguments[n + 1], vector)
                for n in (0, 2, 4)
            ]
            loaded = [builder.load(place) for place in places]
            for load in loaded:
                load.align = 4
            potential = builder.fadd(loaded[0], loaded[1])
            fires = builder.fcmp_ordered(">=", potential, loaded[2])
            nothing = ir.Constant(vector, [0.0] * lanes)
            if zero:
                left = builder.select(fires, nothing, potential)
            else:
                left = builder.fsub(potential, builder.select(fires, loaded[2], nothing))
            builder.store(left, places[0]).align = 4
            return builder.zext(builder.bitcast(fires, ir.IntType(lanes)), ir.IntType(64))

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
        source = pointer(
            context, builder, signature.args[2], table, builder.mul(row, eight), vector
        )
        values = builder.load(source)
        values.align = 4
        shift = builder.trunc(shift, ir.IntType(32))
        total = builder.add(values, spread(builder, shift, vector))
        place = pointer(context, builder, signature.args[0], places, start, vector)
        builder.store(total, place).align = 4
        return context.get_dummy_value()

    return types.void(places, start, table, row, shift), emit


@intrinsic
def rounded(context: Context, x: types.Type, half: types.Type) -> Typed:
    """Return |x| as float32 with `half` added to its bits, and the bits up to this one cleared."""

    def emit(
        context: Target,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: list[ir.Value],
    ) -> ir.Value:
        x, half = arguments
        kind = ir.IntType(32)
        half = builder.trunc(half, kind) if half.type != kind else half
        bits = builder.and_(builder.bitcast(x, kind), ir.Constant(kind, 0x7FFFFFFF))
        low = builder.sub(builder.shl(half, ir.Constant(kind, 1)), ir.Constant(kind, 1))
        kept = builder.and_(builder.add(bits, half), builder.not_(low))
        return builder.bitcast(kept, ir.FloatType())

    return types.float32(x, half), emit


@intrinsic
def bits_of(context: Context, x: types.Type) -> Typed:
    """Return the bits of a float32."""

    def emit(
        context: Target,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: list[ir.Value],
    ) -> ir.Value:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(x), emit


@intrinsic
def copy(
    context: Context,
    target: types.Array,
    start: types.Type,
    source: types.Array,
    first: types.Type,
    shift: types.Type,
) -> Typed:
    """Set target[start : start + 16] = source[first : first + 16] + shift; not checked."""

    def emit(
        context: Target,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: list[ir.Value],
    ) -> ir.Value:
        target, start, source, first, shift = arguments
        kind = context.get_data_type(signature.args[0].dtype)
        vector = ir.VectorType(kind, LANES)
        values = builder.load(pointer(context, builder, signature.args[2], source, first, vector))
        values.align = 4
        if kind == ir.IntType(32):
            values = builder.add(values, spread(builder, builder.trunc(shift, kind), vector))
        place = pointer(context, builder, signature.args[0], target, start, vector)
        builder.store(values, place).align = 4
        return context.get_dummy_value()

    return types.void(target, start, source, first, shift), emit


def pointer(
    context: Target,
    builder: ir.IRBuilder,
    kind: types.Type,
    array: ir.Value,
    place: ir.Value,
    vector: ir.VectorType,
) -> ir.Value:
    """Return the address of an element of an array, as that of a vector."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())


def spread(builder: ir.IRBuilder, number: ir.Value, vector: ir.VectorType) -> ir.Value:
    """Return a vector of one number."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, nothing, mask)
