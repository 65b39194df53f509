"""Memory that was freed and that the C library keeps, in pieces too small for large arrays: given back."""

import ctypes


def give_back() -> None:
    """Return to the system what nobody uses, where the C library can be told so (that of GNU)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
