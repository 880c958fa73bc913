"""Write safetensors files by hand, right ones and wrong ones. Layout: the format's README."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

WIDTHS = {"F32": 4, "BF16": 2, "U8": 1, "I32": 4, "F8_E4M3": 1}


def table(tensors: Mapping[str, tuple[str, Sequence[int]]]) -> dict[str, Any]:
    """Entries of a header, one tensor behind the other."""
    entries: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = WIDTHS[dtype]
        for length in shape:
            size *= length
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    return entries


def safetensors(header: Mapping[str, Any] | bytes, data: bytes | None = None, length: int | None = None) -> bytes:
    """A file with this header; data None: as many zeros as the header's tensors take."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    if data is None:
        ends = [entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry]  # type: ignore[union-attr]
        data = bytes(max(ends, default=0))
    return struct.pack("<Q", len(text) if length is None else length) + text + data
