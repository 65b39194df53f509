"""Compiling inner loops to machine code: the one place that knows numba.

Each function is compiled for declared types, when its module is first imported, and kept on disk; so no request ever
waits for a compiler, whatever arrays it brings.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba import types
from numba.core.typing.templates import signature

P = ParamSpec("P")
R = TypeVar("R")
NativeType = Any  # numba ships no types

I32 = types.int32
I64 = types.int64
U32 = types.uint32
U64 = types.uint64
F32 = types.float32
F64 = types.float64
BOOL = types.boolean
NOTHING = types.none  # a function that only writes into its arguments: a returned array costs microseconds


def reads(element: NativeType, dimensions: int = 1) -> NativeType:
    """A contiguous array argument that is not written, so that read-only and memory-mapped arrays fit too."""
    return types.Array(element, dimensions, "C", readonly=True)


def writes(element: NativeType, dimensions: int = 1) -> NativeType:
    """A contiguous array argument that is written."""
    return types.Array(element, dimensions, "C")


def compiled(
    result: NativeType, *arguments: NativeType, any_order: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function for these types; it releases the interpreter lock.

    Args:
        any_order: sums may be added up in any order, which lets them become vector instructions; else all is rounded
            as written.
    """
    relaxed = {"reassoc", "contract"} if any_order else False
    decorate = numba.njit(signature(result, *arguments), cache=True, nogil=True, fastmath=relaxed)
    return cast("Callable[[Callable[P, R]], Callable[P, R]]", decorate)  # numba ships no types
