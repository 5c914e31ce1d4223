"""Raw pointers within kernels, and kernels called by their address: operations as a table of functions.

A kernel follows numba's own convention: it returns a status, which here is always 0, and takes two pointers before its
arguments, for a result and for an exception, which are never used.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from agentsim.compiled.jit import DOUBLES, FLOATS, INTEGERS, WORDS


def pointer_to(pointer_type: Any) -> Any:
    """A function for kernels: what is at an address, as a pointer of that numba type."""

    @intrinsic
    def cast(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.inttoptr(values[0], context.get_value_type(pointer_type))

        return pointer_type(types.int64), generate

    return cast


integers = pointer_to(INTEGERS)  # the int64 at an address
floats = pointer_to(FLOATS)  # the float32 at an address
doubles = pointer_to(DOUBLES)  # the float64 at an address
words = pointer_to(WORDS)  # the uint64 at an address


@intrinsic
def at(typing_context: Any, pointer: Any, offset: Any) -> Any:
    """The pointer that is `offset` numbers further."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.gep(values[0], [context.cast(builder, values[1], signature.args[1], types.int64)])

    return pointer(pointer, offset), generate


@intrinsic
def distance(typing_context: Any, pointer: Any, other: Any) -> Any:
    """How many numbers `other` is further than `pointer`, both float32."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        here, there = (builder.ptrtoint(value, ir.IntType(64)) for value in values)
        return builder.ashr(builder.sub(there, here), ir.Constant(ir.IntType(64), 2))

    return types.int64(pointer, other), generate


@intrinsic
def call(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call the kernel at an address with a tuple of arguments, whose types must be the kernel's own."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        inner = list(signature.args[1])
        given = cgutils.unpack_tuple(builder, values[1], len(inner))
        nothing = cgutils.alloca_once(builder, ir.IntType(8).as_pointer())
        types_of = [nothing.type, nothing.type, *(context.get_value_type(one) for one in inner)]
        function = ir.FunctionType(ir.IntType(32), types_of)
        builder.call(builder.inttoptr(values[0], function.as_pointer()), [nothing, nothing, *given])
        return context.get_dummy_value()

    return types.void(address, arguments), generate
