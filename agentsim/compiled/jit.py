"""How numba compiles our kernels: two decorators, and the way from a kernel's name to its object code.

`@kernel(*types)` declares a function on pointers and numbers that is compiled by itself. `@inline` is for what kernels
are made of: it becomes part of each kernel that calls it. So a kernel's code depends on nothing outside its file, and
is the same whoever compiled it, when and where.

No fastmath: floating point means what is written. Where a loop has to be fast, `vectors` say so in the source; where a
product is to be fused with a sum, `vectors.fma` does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numba
from numba import types
from numba.core.registry import cpu_target

from agentsim.compiled import target

INTEGERS, FLOATS, DOUBLES = types.CPointer(types.int64), types.CPointer(types.float32), types.CPointer(types.float64)
WORDS = types.CPointer(types.uint64)
INTEGER, FLOAT, DOUBLE = types.int64, types.float32, types.float64

njit: Any = numba.njit
OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}
UNWRAPPED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # sooner compiled; Python must not call it then
# what an object file may ask of the process that loads it
LIBRARY = {
    "sqrt",
    "sqrtf",
    "log",
    "log1p",
    "exp",
    "cos",
    "sin",
    "pow",
    "memset",
    "memcpy",
    "memmove",
    "logf",
    "log1pf",
    "expf",
    "powf",
}


class Kernel(NamedTuple):
    """A function that is compiled by itself, of `arguments` (numba types), returning nothing."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def kernel(*arguments: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a kernel of these argument types. Other kernels call it by its address, see `pointers.call`."""
    return lambda function: Kernel(function, arguments)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a function become part of every kernel that calls it."""
    compiled: Callable[..., Any] = njit(**OPTIONS, forceinline=True)(function)
    return compiled


def find(name: str) -> Kernel:
    """The kernel "module:function". Raises ModuleNotFoundError or AttributeError where there is none."""
    module, _, function = name.partition(":")
    found = getattr(import_module(module), function)
    if not isinstance(found, Kernel):
        raise AttributeError(f"{name} is not a kernel")
    return found


def object_code(name: str) -> bytes:
    """Compile a kernel. Raises TypeError where it needs something that only numba's own process would have,
    RuntimeError where numba compiles nothing."""
    settings: Any = numba.core.config
    if settings.DISABLE_JIT:
        raise RuntimeError("the environment says NUMBA_DISABLE_JIT, with which nothing is compiled: unset it")
    function, arguments = find(name)
    with _unoptimized():
        compiled = njit(types.void(*arguments), **OPTIONS | UNWRAPPED)(function)
    signature = next(iter(compiled.overloads))
    module = llvm.parse_assembly(compiled.inspect_llvm(signature))
    module.get_function(compiled.overloads[signature].fndesc.llvm_func_name).name = target.SYMBOL
    _optimize(module)
    for other in module.functions:
        if other.is_declaration and not other.name.startswith("llvm.") and other.name not in LIBRARY:
            raise TypeError(f"{name} calls {other.name}, which a loaded kernel cannot reach")
    code: bytes = target.machine().emit_object(module)
    return code


@contextlib.contextmanager
def _unoptimized() -> Iterator[None]:
    """Have numba optimize nothing: it would do so anew for each function of which a kernel is made, and for the whole.

    Its code generator is made before, with the settings that it comes with: other people's functions use it too.
    """
    cpu_target.target_context.codegen()
    settings: Any = numba.core.config
    before, settings.OPT = settings.OPT, type(settings.OPT)(0)
    try:
        yield
    finally:
        settings.OPT = before


def _optimize(module: Any) -> None:
    """Make one function of a kernel and all that is inlined into it, as numba would: loops are vectorized, and those
    that cannot be without reordering sums are not."""
    for thing in (*module.functions, *module.global_variables):
        if not thing.is_declaration and thing.name != target.SYMBOL:
            thing.linkage = "internal"
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization, tuning.slp_vectorization = True, False
    builder = llvm.create_pass_builder(target.machine(), tuning)
    builder.getModulePassManager().run(module, builder)
