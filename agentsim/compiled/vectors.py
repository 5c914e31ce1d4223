"""Sixteen float32 at a time, written out: what makes a kernel fast stands in its source and not in a compiler's mood.

A vector is a value, like a number: `+ - * /` work on two of them. On a CPU with narrower registers the compiler uses
several. Nothing is reordered: a kernel of vectors computes the same bits wherever it is called from.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import float32, types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

WIDTH = 16  # numbers in a vector, and the unit in which arrays are padded

_ALIGNMENT = 4  # bytes that may be assumed
_FLOAT, _INDEX = ir.FloatType(), ir.IntType(32)
_VECTOR, _WHOLE = ir.VectorType(_FLOAT, WIDTH), ir.VectorType(_INDEX, WIDTH)


class Vector(types.Type):
    """The numba type of a vector."""

    def __init__(self) -> None:
        super().__init__(name="vector")


vector = Vector()


@register_model(Vector)
class _VectorModel(PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)


def _operator(function: Any, instruction: str) -> None:
    class Template(ConcreteTemplate):
        cases = [signature(vector, vector, vector)]  # noqa: RUF012  # numba's own way

    infer_global(function)(Template)
    lower_builtin(function, vector, vector)(
        lambda context, builder, signature, values: getattr(builder, instruction)(*values)
    )


for _function, _instruction in (("add", "fadd"), ("sub", "fsub"), ("mul", "fmul"), ("truediv", "fdiv")):
    _operator(getattr(operator, _function), _instruction)
    _operator(getattr(operator, f"i{_function}"), _instruction)


def _splat(builder: Any, value: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_WHOLE, [0] * WIDTH))


def _place(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    index = context.cast(builder, values[1], sig.args[1], types.int64)
    return builder.bitcast(builder.gep(values[0], [index]), _VECTOR.as_pointer())


def _library(builder: Any, name: str, values: Any) -> Any:
    of = ir.FunctionType(_VECTOR, [_VECTOR] * len(values))
    return builder.call(cgutils.get_or_insert_function(builder.module, of, f"llvm.{name}.v{WIDTH}f32"), values)


def _of_vectors(count: int, generate: Callable[[Any, Any], Any]) -> Any:
    """An intrinsic of so many vectors that returns one."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return generate(builder, values)

    if count == 1:
        return intrinsic(lambda typing_context, a: (vector(vector), build))
    if count == 2:
        return intrinsic(lambda typing_context, a, b: (vector(vector, vector), build))
    if count == 3:
        return intrinsic(lambda typing_context, a, b, c: (vector(vector, vector, vector), build))
    return intrinsic(lambda typing_context, a, b, c, d: (vector(vector, vector, vector, vector), build))


def _less(builder: Any, values: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", values[0], values[1]), values[2], values[3])


def _power_of_two(builder: Any, values: Any) -> Any:
    exponent = builder.add(builder.fptosi(values[0], _WHOLE), ir.Constant(_WHOLE, [127] * WIDTH))
    return builder.bitcast(builder.shl(exponent, ir.Constant(_WHOLE, [23] * WIDTH)), _VECTOR)


fma = _of_vectors(3, lambda builder, values: _library(builder, "fmuladd", values))  # a b + c, rounded once where it can
square_root = _of_vectors(1, lambda builder, values: _library(builder, "sqrt", values))
absolute = _of_vectors(1, lambda builder, values: _library(builder, "fabs", values))
whole = _of_vectors(1, lambda builder, values: _library(builder, "floor", values))
where_less = _of_vectors(4, _less)  # c where a < b, else d; d where either is NaN
power_of_two = _of_vectors(1, _power_of_two)  # 2^a of whole numbers from -126 to 127


@intrinsic
def load(typing_context: Any, pointer: Any, index: Any) -> Any:
    """The sixteen numbers from `index` on."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.load(_place(context, builder, sig, values), align=_ALIGNMENT)

    return vector(pointer, index), generate


@intrinsic
def store(typing_context: Any, pointer: Any, index: Any, value: Any) -> Any:
    """Write sixteen numbers from `index` on."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        builder.store(values[2], _place(context, builder, sig, values), align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(pointer, index, value), generate


@intrinsic
def splat(typing_context: Any, value: Any) -> Any:
    """One number sixteen times."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return _splat(builder, context.cast(builder, values[0], sig.args[0], types.float32))

    return vector(value), generate


def _halves(builder: Any, a: Any, b: Any, groups: int, width: int) -> Any:
    """Of vectors that hold `groups` groups of `width` numbers each: the sums of both halves of every group, of a and
    then of b."""
    half = width // 2
    first = [g * width + i for g in range(groups) for i in range(half)]
    low = [*first, *(WIDTH + i for i in first)]
    mask = ir.VectorType(_INDEX, WIDTH)
    lower = builder.shuffle_vector(a, b, ir.Constant(mask, low))
    upper = builder.shuffle_vector(a, b, ir.Constant(mask, [i + half for i in low]))
    return builder.fadd(lower, upper)


def _totals(builder: Any, vectors: list[Any]) -> Any:
    groups, width = 1, WIDTH
    while len(vectors) > 1:
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [_halves(builder, a, b, groups, width) for a, b in pairs]
        groups, width = 2 * groups, width // 2
    return vectors[0]


@intrinsic
def totals(typing_context: Any, vectors: Any) -> Any:
    """The sums of sixteen vectors, given as a tuple, as one vector."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return _totals(builder, cgutils.unpack_tuple(builder, values[0], WIDTH))

    return vector(vectors), generate


def _fold(builder: Any, value: Any, join: Callable[[Any, Any], Any]) -> Any:
    width = WIDTH
    while width > 1:
        width //= 2
        mask = ir.VectorType(_INDEX, width)
        lower = builder.shuffle_vector(value, value, ir.Constant(mask, list(range(width))))
        upper = builder.shuffle_vector(value, value, ir.Constant(mask, list(range(width, 2 * width))))
        value = join(lower, upper)
    return builder.extract_element(value, ir.Constant(_INDEX, 0))


@intrinsic
def total(typing_context: Any, value: Any) -> Any:
    """The sum of a vector: halves are added until one number is left."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return _fold(builder, values[0], builder.fadd)

    return float32(vector), generate


@intrinsic
def largest(typing_context: Any, value: Any) -> Any:
    """The largest number of a vector without NaN."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        def join(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        return _fold(builder, values[0], join)

    return float32(vector), generate
