"""Reading files that others wrote: unpacked if packed, a bounded line at a time, NaN taken for what it is."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from weighbridge.errors import InputError
from weighbridge.formats.json_parts import BadJson, json_parts
from weighbridge.units import MIB, format_bytes

LONGEST_LINE = 64 * MIB
"""Bytes of one line: logs hold whole conversations."""
BOMB_BYTES, BOMB_RATIO = 256 * MIB, 500
"""A compressed file that grows beyond both is refused."""
DEEPEST = 200
BOM = b"\xef\xbb\xbf"

_decoder = msgspec.json.Decoder()


class Bounded(io.RawIOBase):
    """A compressed file as it unpacks, which raises once it swells beyond belief."""

    def __init__(self, packed: BinaryIO, name: str) -> None:
        self._packed = packed
        self._file = gzip.GzipFile(fileobj=packed)
        self._name = name
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._total += len(data)
        if self._total > BOMB_BYTES and self._total > BOMB_RATIO * max(self._packed.tell(), 1):
            what = f"the file unpacks to more than {BOMB_RATIO} times its size, {format_bytes(self._total)} so far"
            raise InputError(what, where=self._name, next_move="If it is meant to be so, unpack it first.")
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked where it starts like a gzip file. Raises InputError."""
    try:
        with path.open("rb") as file:
            if file.peek(2)[:2] == b"\x1f\x8b":
                yield cast("BinaryIO", io.BufferedReader(Bounded(file, path.name), MIB))
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        what = f"the compressed file is damaged or cut off: {error}"
        raise InputError(what, where=str(path), next_move="Pack it again, or use it unpacked.") from error
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}"
        raise InputError(what, where=str(path), next_move="Check the path.") from error


def head_of(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked if packed, without its byte order mark."""
    with opened(path) as file:
        return file.read(size).removeprefix(BOM)


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number, line) of every line that is not blank, the last one whole or not. Raises InputError for one that is
    too long."""
    with opened(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                what = f"line {number} is longer than {format_bytes(LONGEST_LINE)}"
                raise InputError(what, where=f"{path.name}:{number}", next_move="Check how the file was written.")
            if number == 1:
                line = line.removeprefix(BOM)
            if line.strip():
                yield number, line


def objects_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of a file of JSON Lines. Raises InputError with the line of what is none."""
    for number, line in lines_of(path):
        value = decoded(line, f"{path.name}:{number}")
        if not isinstance(value, dict):
            what = f"line {number} is no JSON object"
            raise InputError(what, where=f"{path.name}:{number}", next_move="Each line holds one object.")
        yield number, value


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of JSON Lines; or (number, element) of one array of objects."""
    if not head_of(path, 64).lstrip().startswith(b"["):
        yield from objects_of(path)
        return
    try:
        with opened(path) as file:
            for number, (_, raw) in enumerate(json_parts(file, each={()}), 1):
                yield number, as_dict(decoded(raw, f"{path.name}: element {number}"))
    except BadJson as error:
        what = f"not readable as JSON: {error}"
        raise InputError(what, where=path.name, next_move="Was it copied while it was written?") from error


def decoded(raw: bytes, where: str) -> Any:
    """JSON as Python and JavaScript write it: NaN and Infinity are let through as numbers. Raises InputError."""
    try:
        return _decoder.decode(raw)
    except msgspec.DecodeError:
        pass
    except RecursionError:
        raise InputError("not readable as JSON: nested too deeply", where=where) from None
    try:
        return json.loads(raw)
    except RecursionError:
        raise InputError("not readable as JSON: nested too deeply", where=where) from None
    except ValueError as error:
        what = f"not readable as JSON: {error}"
        raise InputError(what, where=where, next_move="Check how the file was written; was it cut off?") from error


def as_dict(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one: a log's optional parts."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """A name in a log: a text or a number, else nothing."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def as_number(value: object) -> float | None:
    """A finite number of at least 0 (dollars, seconds, tokens), else None: unknown is not zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0.0 <= value < float("inf") else None


def as_count(value: object) -> int | None:
    number = as_number(value)
    return None if number is None else int(number)
