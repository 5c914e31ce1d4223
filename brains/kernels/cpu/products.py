"""Products of rows and matrices, tile by tile: sums run over the terms in their order, whatever the tile, so that a row
of a batch has the same bits as that row alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.types import UniTuple
from numba.extending import intrinsic

from agentsim.compiled.jit import OPTIONS, inline
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, fma, load, splat, store, total, totals, vector

_VECTOR, _FLOAT, _INDEX = ir.VectorType(ir.FloatType(), WIDTH), ir.FloatType(), ir.IntType(64)


def _vector_at(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [index]), _VECTOR.as_pointer())


def _splat(builder: Any, value: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH))


def _library(builder: Any, name: str, *values: Any) -> Any:
    of = ir.FunctionType(_VECTOR, [_VECTOR] * len(values))
    return builder.call(cgutils.get_or_insert_function(builder.module, of, f"llvm.{name}.v{WIDTH}f32"), values)


def _sum_of_terms(builder: Any, count: Any, sums: list[Any], add: Any) -> list[Any]:
    """A loop over `count` terms whose sums stay in registers: add(term, sums) -> sums."""
    before = builder.block
    loop, after = builder.append_basic_block("terms"), builder.append_basic_block("summed")
    builder.cbranch(builder.icmp_signed(">", count, ir.Constant(_INDEX, 0)), loop, after)
    builder.position_at_end(loop)
    term = builder.phi(_INDEX)
    running = [builder.phi(one.type) for one in sums]
    following = add(term, running)
    further = builder.add(term, ir.Constant(_INDEX, 1))
    last = builder.block
    builder.cbranch(builder.icmp_signed("<", further, count), loop, after)
    term.add_incoming(ir.Constant(_INDEX, 0), before)
    term.add_incoming(further, last)
    for phi, start, more in zip(running, sums, following, strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(more, last)
    builder.position_at_end(after)
    ends = []
    for start, more in zip(sums, following, strict=True):
        end = builder.phi(start.type)
        end.add_incoming(start, before)
        end.add_incoming(more, last)
        ends.append(end)
    return ends


def _tile(rows: int, columns: int) -> Any:
    """y[r, :] = start[r, :] + sum_t x[r, t] weight[t, :] for `rows` rows and `columns` vectors, all in registers."""

    @intrinsic
    def tile(typing_context: Any, y, y_row, start, start_row, x, x_row, x_term, weight, weight_row, terms) -> Any:  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            y, y_row, start, start_row, x, x_row, x_term, weight, weight_row, terms = values

            def place(pointer: Any, stride: Any, row: int, column: int) -> Any:
                offset = builder.mul(stride, ir.Constant(_INDEX, row))
                return _vector_at(builder, pointer, builder.add(offset, ir.Constant(_INDEX, column * WIDTH)))

            def add(term: Any, sums: list[Any]) -> list[Any]:
                first = builder.mul(term, weight_row)
                offsets = [builder.add(first, ir.Constant(_INDEX, c * WIDTH)) for c in range(columns)]
                row = [builder.load(_vector_at(builder, weight, offset), align=4) for offset in offsets]
                along = builder.mul(term, x_term)
                more = []
                for r in range(rows):
                    index = builder.add(builder.mul(x_row, ir.Constant(_INDEX, r)), along)
                    value = _splat(builder, builder.load(builder.gep(x, [index])))
                    for c in range(columns):
                        more.append(_library(builder, "fmuladd", value, row[c], sums[r * columns + c]))
                return more

            cells = [(r, c) for r in range(rows) for c in range(columns)]
            sums = [builder.load(place(start, start_row, r, c), align=4) for r, c in cells]
            for (r, c), end in zip(cells, _sum_of_terms(builder, terms, sums, add), strict=True):
                builder.store(end, place(y, y_row, r, c), align=4)
            return context.get_dummy_value()

        integer = types.int64
        pointer = y
        return types.void(
            pointer, integer, pointer, integer, pointer, integer, integer, pointer, integer, integer
        ), generate

    return tile


_tile_4_2, _tile_4_1 = _tile(4, 2), _tile(4, 1)
_tile_2_4, _tile_2_2, _tile_2_1 = _tile(2, 4), _tile(2, 2), _tile(2, 1)
_tile_1_8, _tile_1_4, _tile_1_2, _tile_1_1 = _tile(1, 8), _tile(1, 4), _tile(1, 2), _tile(1, 1)


@njit(**OPTIONS)
def add_product(y, y_row, start, start_row, x, x_row, x_term, weight, weight_row, rows, terms, width):
    """y[r, :width] = start[r, :width] + sum_t x[r, t] weight[t, :width]; width is a multiple of a vector's.

    Strides are in numbers: y_row, start_row and x_row from row to row, x_term and weight_row from term to term.
    """
    r = 0
    while r < rows:
        yr, sr, xr = at(y, r * y_row), at(start, r * start_row), at(x, r * x_row)
        o = 0
        if rows - r >= 4:
            while width - o >= 2 * WIDTH:
                _tile_4_2(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
                o += 2 * WIDTH
            if o < width:
                _tile_4_1(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
            r += 4
        elif rows - r >= 2:
            while width - o >= 4 * WIDTH:
                _tile_2_4(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
                o += 4 * WIDTH
            while width - o >= 2 * WIDTH:
                _tile_2_2(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
                o += 2 * WIDTH
            if o < width:
                _tile_2_1(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
            r += 2
        else:
            while width - o >= 8 * WIDTH:
                _tile_1_8(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
                o += 8 * WIDTH
            while width - o >= 4 * WIDTH:
                _tile_1_4(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
                o += 4 * WIDTH
            while width - o >= 2 * WIDTH:
                _tile_1_2(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
                o += 2 * WIDTH
            if o < width:
                _tile_1_1(at(yr, o), y_row, at(sr, o), start_row, xr, x_row, x_term, at(weight, o), weight_row, terms)
            r += 1


@inline
def affine(weight, bias, x, x_row, y, y_row, rows, terms, width):
    """y[r] = bias + x[r] W, with W (terms, width)."""
    add_product(y, y_row, bias, 0, x, x_row, 1, weight, width, rows, terms, width)


@inline
def add_outer(gradient, x, x_row, delta, delta_row, rows, inputs, width):
    """gradient (inputs, width) += sum_r x[r] outer delta[r]."""
    add_product(gradient, width, gradient, width, x, 1, x_row, delta, delta_row, inputs, rows, width)


@inline
def add_rows(sums, delta, delta_row, rows, width):
    """sums[:width] += sum_r delta[r, :width]."""
    for o in range(0, width, WIDTH):
        column = load(sums, o)
        for r in range(rows):
            column = column + load(delta, r * delta_row + o)
        store(sums, o, column)


def _sums_of_rows(count: int, plus: Callable[..., Any]) -> Any:
    """Sums over so many rows of a matrix, before those over a vector are taken: a tuple of vectors; plus(builder, sum,
    weights, delta) -> sum."""

    @intrinsic
    def rows(typing_context: Any, weight, weight_row, delta, width) -> Any:  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            weight, weight_row, delta, width = values

            def add(term: Any, sums: list[Any]) -> list[Any]:
                o = builder.mul(term, ir.Constant(_INDEX, WIDTH))
                d = builder.load(_vector_at(builder, delta, o), align=4)
                more = []
                for k, one in enumerate(sums):
                    index = builder.add(builder.mul(weight_row, ir.Constant(_INDEX, k)), o)
                    more.append(plus(builder, one, builder.load(_vector_at(builder, weight, index), align=4), d))
                return more

            zero = _splat(builder, ir.Constant(_FLOAT, 0.0))
            terms = builder.sdiv(width, ir.Constant(_INDEX, WIDTH))
            sums = _sum_of_terms(builder, terms, [zero] * count, add)
            return context.make_tuple(builder, sig.return_type, sums)

        return UniTuple(vector, count)(weight, types.int64, delta, types.int64), generate

    return rows


def _times_delta(builder: Any, one: Any, w: Any, d: Any) -> Any:
    return _library(builder, "fmuladd", w, d, one)


# rows times delta; and the sums of their sizes, whatever delta
dots, _dots_8, _dots_4, _dots_2 = (_sums_of_rows(count, _times_delta) for count in (WIDTH, 8, 4, 2))
sizes = _sums_of_rows(WIDTH, lambda builder, one, w, d: builder.fadd(one, _library(builder, "fabs", w)))


@inline
def dot(weight, delta, width):
    """The sum of weight[o] delta[o] for o below `width`, a multiple of a vector's."""
    sums = splat(0.0)
    for o in range(0, width, WIDTH):
        sums = fma(load(weight, o), load(delta, o), sums)
    return total(sums)


@njit(**OPTIONS)
def transposed(weight, delta, delta_row, dx, dx_row, rows, inputs, width, adds):
    """dx[r, k] (+)= sum_o W[k, o] delta[r, o] for k below `inputs`; adds: to what is there."""
    for r in range(rows):
        d, x = at(delta, r * delta_row), at(dx, r * dx_row)
        k = 0
        while k + WIDTH <= inputs:
            sums = totals(dots(at(weight, k * width), width, d, width))
            store(x, k, load(x, k) + sums if adds else sums)
            k += WIDTH
        if k + 8 <= inputs:  # what is left, as many at once as there are: each sum alone would wait for its last term
            a, b, c, e, f, g, h, i = _dots_8(at(weight, k * width), width, d, width)
            eight = (total(a), total(b), total(c), total(e), total(f), total(g), total(h), total(i))
            for j in range(8):
                x[k + j] = x[k + j] + eight[j] if adds else eight[j]
            k += 8
        if k + 4 <= inputs:
            a, b, c, e = _dots_4(at(weight, k * width), width, d, width)
            four = (total(a), total(b), total(c), total(e))
            for j in range(4):
                x[k + j] = x[k + j] + four[j] if adds else four[j]
            k += 4
        while k + 2 <= inputs:
            a, b = _dots_2(at(weight, k * width), width, d, width)
            x[k] = x[k] + total(a) if adds else total(a)
            x[k + 1] = x[k + 1] + total(b) if adds else total(b)
            k += 2
        if k < inputs:
            last = dot(at(weight, k * width), d, width)
            x[k] = x[k] + last if adds else last
