"""What connections read into, and the memory that bodies are kept in."""

from __future__ import annotations

READ_BYTES = 256 * 1024
"""Of the buffer that all connections share."""
KEPT_FREE_BYTES = 8 * 1024 * 1024
"""Of memory that bodies were in."""


def read_buffer() -> memoryview:
    """For all connections of a gateway to read into, and a hint to whoever allocates memory for bodies.

    glibc learns from a large block that is freed: blocks up to that size come from the heap from now on, and twice
    as much of what was freed stays there (mallopt(3), M_MMAP_THRESHOLD). Otherwise it gives the pages of a body back as
    soon as its call has ended, and takes them for the next one, which costs more than all else that is done with it.
    """
    block = bytes(KEPT_FREE_BYTES // 2)
    del block
    return memoryview(bytearray(READ_BYTES))
