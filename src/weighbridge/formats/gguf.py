"""Read the header of a GGUF file (versions 2 and 3) that may be hostile.

    magic "GGUF" | version u32 | tensors u64 | pairs u64
    pairs:   key (string), type u32, value          string: length u64, bytes; array: type u32, count u64, elements
    tensors: name (string), dimensions u32, each u64, type u32, offset u64
    padding to general.alignment (32 unless it says otherwise), then the tensor data; offsets count from there

Nothing is loaded or run, no declared length is believed, and long arrays (a tokenizer's vocabulary) stay in the file
until somebody iterates over them. What has no place in a file that llama.cpp can run (nested arrays, more than four
dimensions, overlapping tensors) is an error too.
Source: ggml/docs/gguf.md; checked against real files in tests/formats/test_gguf_real.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weighbridge.formats.cursor import Cursor
from weighbridge.formats.ggml_types import tensor_bytes
from weighbridge.formats.gguf_header import GgufHeader, Tensor
from weighbridge.formats.gguf_values import (
    ARRAY,
    MAX_KEPT_BYTES,
    SCALARS,
    STRING,
    GgufArray,
    Scalar,
    Value,
    read_scalar,
)
from weighbridge.formats.guess import describe
from weighbridge.formats.weights_file import weights_file
from weighbridge.units import MIB

__all__ = ["GgufArray", "GgufHeader", "Tensor", "Value", "read_gguf"]

MAX_PAIRS = 1 << 16
MAX_TENSORS = 1 << 17
MAX_DIMENSIONS = 4
MAX_KEY_BYTES = (1 << 16) - 1
MAX_NAME_BYTES = 63
MAX_ARRAY_STRINGS = 1 << 24
"""Sixteen million: the largest vocabularies have a third of a million."""
MAX_KEPT_VALUES = 1 << 19
"""In all pairs together; real files hold some hundred."""
SMALL_ARRAY = 256
"""Arrays up to this many elements are read at once, as tuples."""


def read_gguf(path: Path) -> GgufHeader:
    """The header of the GGUF file at `path`; raises WeightsError that says what is wrong at which byte.

    Time and memory are bounded by the header that is really there. Whether the tensor data is complete is another
    question: `check_whole` answers it.
    """
    with weights_file(path), Cursor(path) as cursor:
        return _read(cursor)


@dataclass(slots=True)
class _Budget:
    """What all pairs together may keep in memory or make us step over."""

    kept_bytes: int = MAX_KEPT_BYTES
    kept_values: int = MAX_KEPT_VALUES
    strings: int = MAX_ARRAY_STRINGS


def _read(cursor: Cursor) -> GgufHeader:
    version = _version(cursor)
    tensor_count = cursor.uint64("the number of tensors")
    pair_count = cursor.uint64("the number of metadata pairs")
    _check_count(cursor, pair_count, MAX_PAIRS, 13, "metadata pairs")
    _check_count(cursor, tensor_count, MAX_TENSORS, 24, "tensors")
    metadata = _pairs(cursor, pair_count)
    alignment = _alignment(cursor, metadata)
    tensors = _tensors(cursor, tensor_count, alignment)
    data_offset = -(-cursor.position // alignment) * alignment
    _check_overlap(cursor, tensors, data_offset)
    return GgufHeader(cursor.path, version, metadata, tensors, alignment, data_offset, cursor.size)


def _version(cursor: Cursor) -> int:
    start = cursor.take(min(512, cursor.remaining), "the first bytes")
    if start[:4] != b"GGUF":
        raise cursor.wrong(f"this is no GGUF file: it {describe(start)}", at=0)
    if len(start) < 24:
        raise cursor.wrong(f"the file ends inside the GGUF header: it has {len(start)} bytes", at=len(start))
    version = int.from_bytes(start[4:8], "little")
    if version and not version & 0xFFFF:
        raise cursor.wrong("the file is big-endian GGUF, which is not supported", at=4)
    if version not in (2, 3):
        raise cursor.wrong(f"GGUF version {version} is not supported (2 and 3 are)", at=4)
    cursor.rewind(8)
    return version


def _check_count(cursor: Cursor, count: int, most: int, least_bytes: int, what: str) -> None:
    """Refuse a count that is absurd or that the rest of the file cannot hold at `least_bytes` each."""
    if count > most:
        raise cursor.wrong(f"the header promises {count} {what}; more than {most} is not believed")
    cursor.need(count * least_bytes, f"its {count} {what}")


def _pairs(cursor: Cursor, count: int) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    budget = _Budget()
    for _ in range(count):
        at = cursor.position
        key = _name(cursor, MAX_KEY_BYTES, "a metadata key")
        if key in metadata:
            raise cursor.wrong(f"the metadata key {key!r} stands twice", at=at)
        metadata[key] = _value(cursor, key, budget)
    return metadata


def _value(cursor: Cursor, key: str, budget: _Budget) -> Value:
    kind = cursor.uint32(f"the type of {key!r}")
    if kind != ARRAY:
        return _kept(cursor, kind, key, budget)
    kind = cursor.uint32(f"the element type of {key!r}")
    count = cursor.uint64(f"the length of {key!r}")
    if kind == ARRAY:
        raise cursor.wrong(f"{key!r} is an array of arrays, which llama.cpp cannot read either")
    if kind not in SCALARS and kind != STRING:
        raise cursor.wrong(f"{key!r} has elements of the unknown type {kind}")
    cursor.need(count * (8 if kind == STRING else SCALARS[kind].size), f"the {count} elements of {key!r}")
    if count <= SMALL_ARRAY:
        return tuple(_kept(cursor, kind, key, budget) for _ in range(count))
    array = GgufArray(cursor.path, kind, count, cursor.position)
    if kind == STRING:
        budget.strings -= count
        if budget.strings < 0:
            raise cursor.wrong(
                f"{key!r} brings the arrays to more than {MAX_ARRAY_STRINGS} strings; that is not believed"
            )
        cursor.skip_strings(count, f"the strings of {key!r}")
    else:
        cursor.skip(count * SCALARS[kind].size, f"the elements of {key!r}")
    return array


def _kept(cursor: Cursor, kind: int, key: str, budget: _Budget) -> Scalar:
    """One value that stays in memory, paid from the budget."""
    budget.kept_values -= 1
    if budget.kept_values < 0:
        raise cursor.wrong(f"the metadata holds more than {MAX_KEPT_VALUES} values; that is not believed")
    value = read_scalar(cursor, kind, repr(key), budget.kept_bytes)
    if isinstance(value, str):
        budget.kept_bytes -= len(value)
    return value


def _name(cursor: Cursor, most: int, what: str) -> str:
    at = cursor.position
    length = cursor.uint64(f"the length of {what}")
    if not 0 < length <= most:
        raise cursor.wrong(f"{what} is {length} bytes long; 1 to {most} is allowed", at=at)
    raw = cursor.take(length, what)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise cursor.wrong(f"{what} is not UTF-8: {raw[:40]!r}", at=at) from error


def _alignment(cursor: Cursor, metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get("general.alignment", 32)
    if isinstance(alignment, bool) or not isinstance(alignment, int):
        raise cursor.wrong("general.alignment is no whole number")
    if not 1 <= alignment <= MIB or alignment & (alignment - 1):
        raise cursor.wrong(f"general.alignment is {alignment}; a power of two up to {MIB} is allowed")
    return alignment


def _tensors(cursor: Cursor, count: int, alignment: int) -> tuple[Tensor, ...]:
    tensors: list[Tensor] = []
    seen: set[str] = set()
    for _ in range(count):
        at = cursor.position
        tensor = _tensor(cursor, alignment)
        if tensor.name in seen:
            raise cursor.wrong(f"the tensor {tensor.name!r} stands twice", at=at)
        seen.add(tensor.name)
        tensors.append(tensor)
    return tuple(tensors)


def _tensor(cursor: Cursor, alignment: int) -> Tensor:
    at = cursor.position
    name = _name(cursor, MAX_NAME_BYTES, "a tensor name")
    rank = cursor.uint32(f"the dimensions of {name!r}")
    if rank > MAX_DIMENSIONS:
        raise cursor.wrong(f"the tensor {name!r} has {rank} dimensions; {MAX_DIMENSIONS} is the most", at=at)
    dims = tuple(cursor.uint64(f"the dimensions of {name!r}") for _ in range(rank))
    kind, offset = cursor.uint32(f"the type of {name!r}"), cursor.uint64(f"the offset of {name!r}")
    elements = 1
    for length in dims:
        elements *= length
    if not elements or elements >= 1 << 63:
        raise cursor.wrong(f"the tensor {name!r} has the dimensions {dims}, which cannot be", at=at)
    try:
        size = tensor_bytes(kind, dims, elements)
    except ValueError as error:
        raise cursor.wrong(f"the tensor {name!r}: {error}", at=at) from error
    if offset % alignment:
        raise cursor.wrong(f"the tensor {name!r} begins at offset {offset}, no multiple of {alignment}", at=at)
    if offset + (size or 0) >= 1 << 63:
        raise cursor.wrong(f"the tensor {name!r} would end at {offset + (size or 0)}, beyond any file", at=at)
    return Tensor(name, dims, kind, offset, elements, size)


def _check_overlap(cursor: Cursor, tensors: tuple[Tensor, ...], data_offset: int) -> None:
    end, before = 0, ""
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if tensor.offset < end:
            raise cursor.wrong(f"the tensors {before!r} and {tensor.name!r} overlap", at=data_offset + tensor.offset)
        end, before = tensor.offset + (tensor.bytes or 0), tensor.name
