"""Python's cyclic collector, kept off hundreds of thousands of objects that live on.

It walks all of them again and again while they are made, and stops the loop for 0.2 s each time it walks them
later. Process-wide: `settle` is for programs, at the end of their start.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Inside another one, the outer one decides when it goes on."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def settle() -> None:
    """What is there by now is never walked again; it still goes when nobody refers to it."""
    gc.freeze()
