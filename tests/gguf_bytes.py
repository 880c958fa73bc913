"""Write GGUF files by hand, right ones and wrong ones. Layout: ggml/docs/gguf.md."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
F32, Q4_0 = 0, 2
_CODES = dict(zip(range(13), ["B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d"], strict=True))


class Typed(NamedTuple):
    """A value with the type it is written as; for an array, `of` is the type of its elements."""

    kind: int
    value: Any
    of: int = UINT32


class T(NamedTuple):
    name: str
    dims: Sequence[int]
    kind: int = F32
    offset: int | None = None
    """None: right behind the tensor before it."""


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def scalar(kind: int, value: Any) -> bytes:
    return text(value) if kind == STRING else struct.pack("<" + _CODES[kind], value)


def value(typed: Any) -> bytes:
    """Type and value, as they follow a key."""
    if not isinstance(typed, Typed):
        kinds = {bool: BOOL, int: UINT32, float: FLOAT32, str: STRING, list: ARRAY}
        of = STRING if isinstance(typed, list) and typed and isinstance(typed[0], str) else UINT32
        typed = Typed(kinds[type(typed)], typed, of)
    if typed.kind == ARRAY:
        body = b"".join(scalar(typed.of, one) for one in typed.value)
        return struct.pack("<IIQ", ARRAY, typed.of, len(typed.value)) + body
    return struct.pack("<I", typed.kind) + scalar(typed.kind, typed.value)


def size_of(tensor: T) -> int:
    elements = 1
    for length in tensor.dims:
        elements *= length
    return elements * 4 if tensor.kind == F32 else elements // 32 * 18


def gguf(
    metadata: Mapping[str, Any] | None = None,
    tensors: Sequence[T] = (),
    *,
    version: int = 3,
    alignment: int = 32,
    fill: bytes = b"\x01",
) -> bytes:
    """A whole file. The tensor data is `fill`, repeated."""
    metadata = {"general.architecture": "llama"} if metadata is None else metadata
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(text(key) + value(one) for key, one in metadata.items())
    at = 0
    for tensor in tensors:
        offset = at if tensor.offset is None else tensor.offset
        head += text(tensor.name) + struct.pack(f"<I{len(tensor.dims)}Q", len(tensor.dims), *tensor.dims)
        head += struct.pack("<IQ", tensor.kind, offset)
        at = -(-(offset + size_of(tensor)) // alignment) * alignment
    head += b"\0" * (-len(head) % alignment)
    return head + fill * min(at, 1 << 24)  # an offset may be a lie


TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
"""Says what the caller said: audits of pulled files pass."""


def small_model(
    licence: str | None = "apache-2.0", *, floats: int = 1024, template: bool = True, fill: bytes = b"\x01"
) -> bytes:
    """A whole file that looks like a model: what a pull has to accept."""
    metadata: dict[str, Any] = {"general.architecture": "llama", "general.name": "Tiny", "llama.context_length": 2048}
    if licence:
        metadata["general.license"] = licence
    if template:
        metadata["tokenizer.chat_template"] = TEMPLATE
    metadata["tokenizer.ggml.tokens"] = [f"token{number}" for number in range(600)]
    return gguf(metadata, [T("a.weight", [floats]), T("b.weight", [32, 2], Q4_0)], fill=fill)
