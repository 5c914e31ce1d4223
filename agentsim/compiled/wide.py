"""Eight lanes at a time: a number that has another value in each of eight lanes.

A wide value is used like a number: float64 ones take `+ - * /`, comparisons and the functions below, words (uint64)
take `+ - * & ^ >>` and comparisons, the masks that comparisons make take `& | ^ ~`. A plain number beside a wide one
stands for eight equal ones, and most functions take plain numbers too: one text is one lane's and eight lanes'. Each
lane's result is what IEEE 754 says of its own numbers, so it has the same bits alone and among others.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, register_model

from agentsim.compiled.contract import WIDTH

_INDEX = ir.IntType(32)


class Wide(types.Type):
    """The numba type of eight numbers of one type."""

    def __init__(self, element: Any, code: Any) -> None:
        self.element, self.code = element, ir.VectorType(code, WIDTH)
        super().__init__(name=f"wide({element})")


number, word, mask = (
    Wide(types.float64, ir.DoubleType()),
    Wide(types.uint64, ir.IntType(64)),
    Wide(types.boolean, ir.IntType(1)),
)


@register_model(Wide)
class _WideModel(PrimitiveModel):
    def __init__(self, manager: Any, wide: Any) -> None:
        super().__init__(manager, wide, wide.code)


@lower_cast(types.Boolean, Wide)
@lower_cast(types.Number, Wide)
def _splat(context: Any, builder: Any, one: Any, wide: Any, value: Any) -> Any:
    value = context.cast(builder, value, one, wide.element)
    undefined = ir.Constant(wide.code, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INDEX, WIDTH), [0] * WIDTH))


@lower_cast(word, number)
def _as_number(context: Any, builder: Any, words: Any, wide: Any, value: Any) -> Any:
    return builder.uitofp(value, wide.code)


def _joined(*operands: Any) -> Wide | None:
    """The type that an operation on these is done in, or None if none of them is wide."""
    if mask in operands:
        return mask
    if not any(isinstance(operand, Wide) for operand in operands):
        return None
    return number if any(operand == number or isinstance(operand, types.Float) for operand in operands) else word


def _operator(function: Any, result: Wide | None, instructions: dict[Wide, Callable[[Any, Any, Any], Any]]) -> None:
    """Give an operator a meaning for wide operands: of which type -> how it is built. `result` None: that type."""

    class Template(AbstractTemplate):
        def generic(self, operands: Any, keywords: Any) -> Any:
            joined = _joined(*operands)
            return signature(result or joined, joined, joined) if joined in instructions else None

    infer_global(function)(Template)
    for wide, build in instructions.items():

        def lower(context: Any, builder: Any, sig: Any, values: Any, build: Any = build) -> Any:
            return build(builder, *values)

        lower_builtin(function, wide, wide)(lower)


def _instruction(name: str) -> Callable[[Any, Any, Any], Any]:
    return lambda builder, a, b: getattr(builder, name)(a, b)


def _comparison(sign: str) -> dict[Wide, Callable[[Any, Any, Any], Any]]:
    return {
        number: lambda builder, a, b: builder.fcmp_ordered(sign, a, b),
        word: lambda builder, a, b: builder.icmp_unsigned(sign, a, b),
    }


for _function, _sign in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">=")):
    _operator(_function, mask, _comparison(_sign))
_operator(operator.eq, mask, _comparison("=="))
_operator(operator.add, None, {number: _instruction("fadd"), word: _instruction("add")})
_operator(operator.sub, None, {number: _instruction("fsub"), word: _instruction("sub")})
_operator(operator.mul, None, {number: _instruction("fmul"), word: _instruction("mul")})
_operator(operator.truediv, None, {number: _instruction("fdiv")})
_operator(operator.rshift, None, {word: _instruction("lshr")})
_operator(operator.and_, None, {word: _instruction("and_"), mask: _instruction("and_")})
_operator(operator.xor, None, {word: _instruction("xor"), mask: _instruction("xor")})
_operator(operator.or_, None, {word: _instruction("or_"), mask: _instruction("or_")})


@infer_global(operator.invert)
class _Invert(AbstractTemplate):
    def generic(self, operands: Any, keywords: Any) -> Any:
        return signature(mask, mask) if operands == (mask,) else None


@lower_builtin(operator.invert, mask)
def _invert(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    return builder.not_(values[0])


@infer_global(operator.neg)
class _Negative(AbstractTemplate):
    def generic(self, operands: Any, keywords: Any) -> Any:
        return signature(number, number) if operands == (number,) else None


@lower_builtin(operator.neg, number)
def _negative(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    return builder.fneg(values[0])


def _of_one(generate: Callable[[Any, Any], Any]) -> Any:
    """An intrinsic of one float64, wide or not, that returns such a one."""

    def function(typing_context: Any, a: Any) -> Any:
        kind = number if a == number else types.float64

        def build(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            return generate(builder, values[0])

        return kind(kind), build

    return intrinsic(function)


def _library(name: str) -> Any:
    def generate(builder: Any, value: Any) -> Any:
        suffix = f"v{WIDTH}f64" if isinstance(value.type, ir.VectorType) else "f64"
        of = ir.FunctionType(value.type, [value.type])
        return builder.call(cgutils.get_or_insert_function(builder.module, of, f"llvm.{name}.{suffix}"), [value])

    return _of_one(generate)


def _rounded(builder: Any, value: Any) -> Any:
    single: Any = ir.FloatType()
    single = ir.VectorType(single, WIDTH) if isinstance(value.type, ir.VectorType) else single
    return builder.fpext(builder.fptrunc(value, single), value.type)


root = _library("sqrt")
absolute = _library("fabs")
whole = _library("floor")
single = _of_one(_rounded)  # the nearest float32


@intrinsic
def where(typing_context: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, b elsewhere; both are computed."""
    kind = (_joined(a, b) or number) if condition == mask else types.float64

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.select(*values)

    return kind(condition, kind, kind), generate


@intrinsic
def spread(typing_context: Any, value: Any) -> Any:
    """A plain number, the same in all eight lanes."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return values[0]

    return number(number), generate


@intrinsic
def bits(typing_context: Any, condition: Any) -> Any:
    """A mask as a number: lane k is bit k."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.zext(builder.bitcast(values[0], ir.IntType(WIDTH)), ir.IntType(64))

    return types.int64(mask), generate


def _vector_at(builder: Any, pointer: Any, index: Any, code: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [index]), code.as_pointer())


def _places(builder: Any, pointer: Any, index: Any, stride: Any) -> list[Any]:
    """Where eight numbers are that lie `stride` apart."""
    places = []
    for _ in range(WIDTH):
        places.append(builder.gep(pointer, [index]))
        index = builder.add(index, stride)
    return places


def _converted(builder: Any, value: Any, wide: Any, dtype: Any) -> Any:
    """The value as eight numbers of what the pointer points to."""
    if wide == mask:
        value, wide = builder.zext(value, word.code), word
    if dtype == types.float32:
        return builder.fptrunc(value, ir.VectorType(ir.FloatType(), WIDTH))
    if wide == number and dtype != types.float64:
        return builder.fptosi(value, word.code)
    return value


@intrinsic
def load(typing_context: Any, pointer: Any, index: Any) -> Any:
    """The eight numbers from `index` on: float64 as such, integers as words."""
    kind = number if pointer.dtype == types.float64 else word

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.load(_vector_at(builder, values[0], values[1], kind.code), align=8)

    return kind(pointer, types.int64), generate


@intrinsic
def gather(typing_context: Any, pointer: Any, index: Any, stride: Any) -> Any:
    """As `load`, but each number is `stride` further than the last."""
    kind = number if pointer.dtype == types.float64 else word

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        wide: Any = ir.Constant(kind.code, ir.Undefined)
        for lane, place in enumerate(_places(builder, *values)):
            wide = builder.insert_element(wide, builder.load(place), ir.Constant(_INDEX, lane))
        return wide

    return kind(pointer, types.int64, types.int64), generate


@intrinsic
def store(typing_context: Any, pointer: Any, index: Any, value: Any) -> Any:
    """Write eight numbers from `index` on, converted to what is there; a mask as 0 and 1."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        converted = _converted(builder, values[2], value, pointer.dtype)
        builder.store(converted, _vector_at(builder, values[0], values[1], converted.type), align=4)
        return context.get_dummy_value()

    return types.void(pointer, types.int64, value), generate


@intrinsic
def scatter(typing_context: Any, pointer: Any, index: Any, stride: Any, value: Any) -> Any:
    """As `store`, but each number is `stride` further than the last."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        converted = _converted(builder, values[3], value, pointer.dtype)
        for lane, place in enumerate(_places(builder, *values[:3])):
            builder.store(builder.extract_element(converted, ir.Constant(_INDEX, lane)), place)
        return context.get_dummy_value()

    return types.void(pointer, types.int64, types.int64, value), generate


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Eight vectors of the k-th elements of eight vectors: each of three interleavings turns the six bits of an
    element's place among them all by one."""
    places = ir.VectorType(_INDEX, WIDTH)
    halves = [[k // 2 + half + k % 2 * WIDTH for k in range(WIDTH)] for half in (0, WIDTH // 2)]
    for _ in range(3):
        pairs = zip(rows[: WIDTH // 2], rows[WIDTH // 2 :], strict=True)
        rows = [builder.shuffle_vector(a, b, ir.Constant(places, half)) for a, b in pairs for half in halves]
    return rows


@intrinsic
def scatter_rows(typing_context: Any, pointer: Any, stride: Any, values: Any) -> Any:
    """Write a tuple of eight wide numbers as eight rows, one of each lane, `stride` apart."""

    def generate(context: Any, builder: Any, sig: Any, given: Any) -> Any:
        columns = cgutils.unpack_tuple(builder, given[2], WIDTH)
        rows = _transposed(builder, [_converted(builder, column, number, pointer.dtype) for column in columns])
        for row, place in zip(rows, _places(builder, given[0], ir.Constant(given[1].type, 0), given[1]), strict=True):
            builder.store(row, builder.bitcast(place, row.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(pointer, types.int64, types.UniTuple(number, WIDTH)), generate
