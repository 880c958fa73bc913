"""Parts of one large JSON document, as bytes, without holding the document: a log of a gigabyte is one object.

`json_parts(file, each={("results", "results")}, whole={("config",)})` gives every element of the array at
results.results and the value at config, in the order of the file; everything else is stepped over. Only what is given
is looked at closely: values are told apart by their brackets and quotes and are decoded by whoever takes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from typing import BinaryIO, NamedTuple

from weighbridge.units import MIB, format_bytes

Path = tuple[str, ...]

CHUNK = 1 << 20
LARGEST_PART = 256 * MIB
_TOKEN = re.compile(rb'[\s]*+([{}\[\],:]|"(?:[^"\\]++|\\.)*+"?|[^\s{}\[\],:"]++)', re.DOTALL)
_BRACKET = re.compile(rb'[^{}\[\]"]*+([{}\[\]]|"(?:[^"\\]++|\\.)*+"?)', re.DOTALL)


class BadJson(ValueError):
    """The document is no JSON, is cut off, or has a part that is too large."""


class _Token(NamedTuple):
    kind: int
    """Its first byte."""
    start: int
    end: int


def json_parts(
    file: BinaryIO, *, each: Set[Path] = frozenset(), whole: Set[Path] = frozenset(), most_bytes: int = LARGEST_PART
) -> Iterator[tuple[Path, bytes]]:
    """(path, bytes) of the parts asked for. The path () is the document itself. Raises BadJson."""
    scanner = _Scanner(file, most_bytes)
    yield from _value(scanner, scanner.token(), (), each, whole)


def _value(
    scanner: _Scanner, token: _Token, path: Path, each: Set[Path], whole: Set[Path]
) -> Iterator[tuple[Path, bytes]]:
    if path in each and token.kind == 0x5B:
        for first in _elements(scanner):
            yield path, scanner.take(first)
    elif path in whole:
        yield path, scanner.take(token)
    elif token.kind == 0x7B and any(other[: len(path)] == path for other in (*each, *whole)):
        for name, first in _members(scanner):
            yield from _value(scanner, first, (*path, name), each, whole)
    else:
        scanner.skip(token)


def _elements(scanner: _Scanner) -> Iterator[_Token]:
    """The first token of each element; the caller goes past the element."""
    token = scanner.token()
    while token.kind != 0x5D:
        yield token
        token = scanner.token()
        if token.kind == 0x2C:
            token = scanner.token()
        elif token.kind != 0x5D:
            raise BadJson(f"expected a comma or a bracket at byte {scanner.offset(token.start)}")


def _members(scanner: _Scanner) -> Iterator[tuple[str, _Token]]:
    token = scanner.token()
    while token.kind != 0x7D:
        if token.kind != 0x22:
            raise BadJson(f"expected a name at byte {scanner.offset(token.start)}")
        name = json.loads(scanner.text(token))
        if scanner.token().kind != 0x3A:
            raise BadJson(f"expected a colon after {name[:40]!r}")
        yield name, scanner.token()
        token = scanner.token()
        if token.kind == 0x2C:
            token = scanner.token()
        elif token.kind != 0x7D:
            raise BadJson(f"expected a comma or a brace at byte {scanner.offset(token.start)}")


class _Scanner:
    """A window on the file that moves on as tokens are read."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._file = file
        self._most = most_bytes
        self._data = bytearray()
        self._at = 0
        self._before = 0
        """Bytes of the file in front of the window."""
        self._kept: int | None = None
        """Where a part begins that is being taken: the window holds on to it."""
        self._ended = False

    def offset(self, place: int) -> int:
        """Where a place in the buffer lies in the file, in bytes."""
        return self._before + place

    def text(self, token: _Token) -> bytes:
        return bytes(self._data[token.start : token.end])

    def token(self) -> _Token:
        """The next token. Raises BadJson at the end of the file."""
        while True:
            match = _TOKEN.match(self._data, self._at)
            if match is not None and self._is_whole(match):
                self._at = match.end()
                return _Token(self._data[match.start(1)], match.start(1), match.end())
            self._more()

    def skip(self, token: _Token) -> None:
        """Go past the value that begins with this token, read already."""
        if token.kind not in b"{[":
            if token.kind in b"}],:":
                raise BadJson(f"expected a value at byte {self.offset(token.start)}")
            return
        depth = 1
        while depth:
            match = _BRACKET.match(self._data, self._at)
            if match is None or not self._is_whole(match):
                self._more()
                continue
            self._at = match.end()
            kind = self._data[match.start(1)]
            depth += (kind in b"{[") - (kind in b"}]")

    def take(self, token: _Token) -> bytes:
        """The bytes of the value that begins with this token."""
        self._kept = token.start
        try:
            self.skip(token)
            return bytes(self._data[self._kept : self._at])
        finally:
            self._kept = None

    def _is_whole(self, match: re.Match[bytes]) -> bool:
        """Whether a token ends before the window does, or is known to end with it."""
        if self._data[match.start(1)] == 0x22:
            return match.end() - match.start(1) > 1 and self._data[match.end() - 1] == 0x22 and not _escaped(match[1])
        return match.end() < len(self._data) or self._ended or self._data[match.start(1)] in b"{}[],:"

    def _more(self) -> None:
        """Read on, and let go of what lies behind."""
        if self._ended:
            raise BadJson("the document ends in its middle: it was cut off")
        keep = self._at if self._kept is None else self._kept
        del self._data[:keep]
        self._before += keep
        self._at -= keep
        if self._kept is not None:
            self._kept = 0
        if len(self._data) > self._most:
            raise BadJson(f"a part is larger than {format_bytes(self._most)}, from byte {self._before} on")
        # as much again as is held: a long string is then looked at a few times, not once for every chunk
        chunk = self._file.read(max(CHUNK, len(self._data)))
        self._data += chunk
        self._ended = not chunk


def _escaped(token: bytes) -> bool:
    r"""Whether the quote that seems to end a string is escaped: `"\"` cut off there."""
    return (len(token) - 1 - len(token[:-1].rstrip(b"\\"))) % 2 == 1
