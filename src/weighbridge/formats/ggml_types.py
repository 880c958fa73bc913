"""How many bytes a tensor takes in each GGML type.

A type packs `block` elements of a row into `bytes`; a row's length must be a multiple of its block.
Source: `GGML_QUANT_SIZES` and `enum ggml_type` of llama.cpp as of build b10451 (2026-09). Ids 4, 5, 31 to 33 and
36 to 38 were withdrawn upstream; a file that uses them cannot be run and its size is unknown.
"""

from __future__ import annotations

from typing import NamedTuple


class GgmlType(NamedTuple):
    name: str
    block: int
    """Elements packed together."""
    bytes: int
    """Bytes a block takes."""


GGML_TYPES: dict[int, GgmlType] = {
    0: GgmlType("F32", 1, 4),
    1: GgmlType("F16", 1, 2),
    2: GgmlType("Q4_0", 32, 18),
    3: GgmlType("Q4_1", 32, 20),
    6: GgmlType("Q5_0", 32, 22),
    7: GgmlType("Q5_1", 32, 24),
    8: GgmlType("Q8_0", 32, 34),
    9: GgmlType("Q8_1", 32, 36),
    10: GgmlType("Q2_K", 256, 84),
    11: GgmlType("Q3_K", 256, 110),
    12: GgmlType("Q4_K", 256, 144),
    13: GgmlType("Q5_K", 256, 176),
    14: GgmlType("Q6_K", 256, 210),
    15: GgmlType("Q8_K", 256, 292),
    16: GgmlType("IQ2_XXS", 256, 66),
    17: GgmlType("IQ2_XS", 256, 74),
    18: GgmlType("IQ3_XXS", 256, 98),
    19: GgmlType("IQ1_S", 256, 50),
    20: GgmlType("IQ4_NL", 32, 18),
    21: GgmlType("IQ3_S", 256, 110),
    22: GgmlType("IQ2_S", 256, 82),
    23: GgmlType("IQ4_XS", 256, 136),
    24: GgmlType("I8", 1, 1),
    25: GgmlType("I16", 1, 2),
    26: GgmlType("I32", 1, 4),
    27: GgmlType("I64", 1, 8),
    28: GgmlType("F64", 1, 8),
    29: GgmlType("IQ1_M", 256, 56),
    30: GgmlType("BF16", 1, 2),
    34: GgmlType("TQ1_0", 256, 54),
    35: GgmlType("TQ2_0", 256, 66),
    39: GgmlType("MXFP4", 32, 17),
    40: GgmlType("NVFP4", 64, 36),
    41: GgmlType("Q1_0", 128, 18),
}


def tensor_bytes(kind: int, dims: tuple[int, ...], elements: int) -> int | None:
    """Bytes of a tensor of `elements` = product of `dims`; None for a type that is not in the table.

    Raises ValueError when the row (the first dimension) is not a whole number of blocks.
    """
    known = GGML_TYPES.get(kind)
    if known is None:
        return None
    if dims and dims[0] % known.block:
        raise ValueError(f"rows of {dims[0]} elements are no multiple of {known.block}, the block of {known.name}")
    return elements // known.block * known.bytes
