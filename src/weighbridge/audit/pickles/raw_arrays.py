"""Arrays that joblib writes between the opcodes of a pickle, as raw bytes its own unpickler reads at once.

Source: joblib/numpy_pickle.py (NumpyArrayWrapper.read_array) of joblib 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import NamedTuple

WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
"""Building one of these reads an array from the stream."""
_DTYPE = re.compile(r"[<>|=]?([a-zA-Z])(\d*)")
_LETTER_BYTES = {"U": 4}


class ArrayBytes(NamedTuple):
    """How the bytes after a wrapper are laid out."""

    size: int | None
    """None where the description does not tell."""
    is_aligned: bool
    """Whether a byte that counts padding, and that padding, stand before the array."""
    is_pickle: bool
    """An array of objects is a pickle."""


def array_bytes(state: Mapping[str, object], dtype: object) -> ArrayBytes:
    """From a wrapper's attributes and the text its dtype was made from (`f8`, `U12`, `O8`)."""
    shape = state.get("shape")
    hit = _DTYPE.fullmatch(dtype) if isinstance(dtype, str) else None
    aligned = isinstance(state.get("numpy_array_alignment_bytes"), int)
    if hit is None or not isinstance(shape, tuple):
        return ArrayBytes(None, aligned, False)
    lengths = [length for length in shape if isinstance(length, int) and length >= 0]
    letter, width = hit.group(1), int(hit.group(2) or 0)
    if letter == "O":
        return ArrayBytes(None, aligned, True)
    known = len(lengths) == len(shape) and width > 0
    return ArrayBytes(prod(lengths) * width * _LETTER_BYTES.get(letter, 1) if known else None, aligned, False)
