"""Read the header of a safetensors file that may be hostile.

    length u64 | header: JSON of that length | tensor data
    header: {"name": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, ..., "__metadata__": {text: text}}

Offsets count from the end of the header. A file as the format's own library writes it has no byte outside a tensor: the
tensors follow each other without overlap or hole and the last ends where the file ends. What breaks that is an error
here too, since bytes nobody accounts for are how something is hidden. Nothing is loaded, no declared length believed.
Source: the format's README (github.com/huggingface/safetensors); checked against files its library writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from weighbridge.errors import WeightsError
from weighbridge.formats.guess import describe
from weighbridge.formats.weights_file import weights_file
from weighbridge.units import MIB

MAX_HEADER_BYTES = 25 * MIB
"""The format allows 100 MB; the largest header seen in published models is under 3."""
MAX_TENSORS = 1 << 18
MAX_DIMENSIONS = 32
PREFIX = 8
"""Bytes of the length before the header."""

BITS: dict[str, int] = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
"""Bits an element of each type takes."""


class StoredTensor(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    """Where its bytes begin, counted from the end of the header."""
    end: int
    elements: int

    @property
    def bytes(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    where: str
    tensors: tuple[StoredTensor, ...]
    """In the order of the header."""
    metadata: Mapping[str, str]
    data_offset: int
    """Where the tensor data begins in the file."""
    file_bytes: int

    @property
    def tensor_bytes(self) -> int:
        """Of the data of all tensors together."""
        return sum(tensor.bytes for tensor in self.tensors)


def read_safetensors(path: Path) -> SafetensorsHeader:
    """The header of the file at `path`; raises WeightsError that says what is wrong and where."""
    with weights_file(path), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        prefix = file.read(PREFIX)
        length = header_length(prefix, size, str(path))
        return parse_header(file.read(length), length, size, str(path))


def header_length(prefix: bytes, file_bytes: int | None, where: str) -> int:
    """The length the first eight bytes declare, compared with what can be there. file_bytes: None where unknown."""
    if len(prefix) < PREFIX:
        raise _wrong(f"the file ends inside the header's length: it has {len(prefix)} bytes", where)
    length = int.from_bytes(prefix[:PREFIX], "little")
    if prefix[:4] == b"GGUF" or length > 1 << 30:
        kind = "is a GGUF file" if prefix[:4] == b"GGUF" else describe(prefix)
        raise _wrong(f"this is no safetensors file: it {kind}", where)
    if length > MAX_HEADER_BYTES:
        raise _wrong(f"the header claims {length} bytes; more than {MAX_HEADER_BYTES} is not believed", where)
    if length < 2:
        raise _wrong(f"the header claims {length} bytes, too few for any", where)
    if file_bytes is not None and PREFIX + length > file_bytes:
        raise _wrong(
            f"the file ends inside its header: {length} bytes are claimed, {file_bytes - PREFIX} are left", where
        )
    return length


def parse_header(text: bytes, length: int, file_bytes: int | None, where: str) -> SafetensorsHeader:
    """The header from its bytes; file_bytes None: the size of the file is not known and its end is not checked."""
    if len(text) < length:
        raise _wrong(f"the file ends inside its header: {length} bytes are claimed, {len(text)} came", where)
    table = _table(text[:length], where)
    metadata = _metadata(table.pop("__metadata__", None), where)
    if len(table) > MAX_TENSORS:
        raise _wrong(f"the header lists {len(table)} tensors; more than {MAX_TENSORS} is not believed", where)
    tensors = tuple(_tensor(name, entry, where) for name, entry in table.items())
    data = None if file_bytes is None else file_bytes - PREFIX - length
    _check_places(tensors, data, where)
    total = PREFIX + length + max((tensor.end for tensor in tensors), default=0)
    return SafetensorsHeader(where, tensors, metadata, PREFIX + length, file_bytes or total)


def _table(text: bytes, where: str) -> dict[str, object]:
    if not text.startswith(b"{"):
        raise _wrong("the header does not begin with '{'", where)
    try:
        table = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise _wrong(f"the header is not UTF-8 at byte {PREFIX + error.start}", where) from error
    except _Twice as error:
        raise _wrong(f"the header names {str(error)[:100]!r} twice", where) from error
    except RecursionError as error:
        raise _wrong("the header nests deeper than any header does", where) from error
    except ValueError as error:
        raise _wrong(f"the header is no JSON: {str(error)[:200]}", where) from error
    assert isinstance(table, dict)
    return table


class _Twice(Exception):
    """A key that stands twice; readers disagree which counts."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Twice(name)
            seen.add(name)
    return table


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _metadata(value: object, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise _wrong("__metadata__ is no table of texts", where)
    return value


def _tensor(name: str, entry: object, where: str) -> StoredTensor:
    shown = repr(name[:100])
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _wrong(f"the tensor {shown} is not described by dtype, shape and data_offsets", where)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _wrong(f"the tensor {shown} has the unknown type {str(dtype)[:40]!r}", where)
    if not _whole_numbers(shape) or len(shape) > MAX_DIMENSIONS:
        raise _wrong(f"the tensor {shown} has the shape {str(shape)[:80]}, which cannot be", where)
    if not _whole_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _wrong(f"the tensor {shown} lies at {str(offsets)[:80]}, which is no place", where)
    elements = 1
    for length in shape:
        elements *= length
        if elements >= 1 << 60:
            raise _wrong(
                f"the tensor {shown} has the shape {str(shape)[:80]}, more elements than any file holds", where
            )
    bits = elements * BITS[dtype]
    if bits % 8 or bits // 8 != offsets[1] - offsets[0]:
        raise _wrong(
            f"the tensor {shown} takes {bits // 8} bytes as {dtype}, its place has {offsets[1] - offsets[0]}",
            where,
        )
    return StoredTensor(name, dtype, tuple(shape), offsets[0], offsets[1], elements)


def _whole_numbers(values: object) -> bool:
    return isinstance(values, list) and all(
        isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 1 << 60 for one in values
    )


def _check_places(tensors: tuple[StoredTensor, ...], data: int | None, where: str) -> None:
    """Tensors follow each other without overlap or hole, and the last ends where the data does."""
    end, before = 0, ""
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin < end:
            raise _wrong(f"the tensors {before[:100]!r} and {tensor.name[:100]!r} overlap", where)
        if tensor.begin > end:
            raise _wrong(f"{tensor.begin - end} bytes before the tensor {tensor.name[:100]!r} belong to none", where)
        end, before = tensor.end, tensor.name
    if data is not None and end > data:
        raise _wrong(f"the tensors need {end} bytes, the file has {data} after its header: it is cut", where)
    if data is not None and end < data:
        raise _wrong(f"{data - end} bytes after the last tensor belong to none", where)


def _wrong(what: str, where: str) -> WeightsError:
    return WeightsError(
        what,
        where=where,
        next_move="The file is damaged or not what it says it is: pull it again, or ask where it came from.",
    )
