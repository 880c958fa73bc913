"""Where the members of a large JSON object stand, found without reading its long strings where that can be.

    {"messages": [ ... 100 KB ... ], "model": "big", "max_tokens": 64}
                 ^ start         end^         ^   ^                ^ ^

Few long strings: quotation marks are looked for with memchr, which passes ten bytes where a parser passes one, and only
what stands between strings is looked at; every quote inside a JSON string is escaped, so the marks tell strings from
structure. Many short ones: a parser is quicker, and says how long each value is.
An object that is unusual in any way (a member twice, an escape in a name) is written anew from what the parser saw in
it: no two parsers can then see two objects in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

LARGE_BYTES = 8192
"""Below, a parser is as quick."""
STRINGS_AT_ONCE = 8
"""How often it is looked whether skimming gets on."""
LEAST_BYTES_A_STRING = 1024
"""Below, a parser is quicker."""
LONGEST_GAP = 4096
"""Long lists of numbers are a parser's work, too."""
KEPT_SHAPES = 512
LONGEST_KEPT = 48
_BACKSLASH, _QUOTE = b'\\"'

_SPACE = rb"[ \t\r\n]*+"
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_FIRST = re.compile(_SPACE + rb"\{")
_MEMBER = re.compile(
    _SPACE + rb'"([a-zA-Z0-9_-]++)"' + _SPACE + rb":" + _SPACE + rb"()(?:"
    rb'(?:"[^"\\]{0,128}+"|' + _NUMBER + rb"|true|false|null)()" + _SPACE + rb"([,}]))?"
)
"""A name, where its value begins and, if it is short, ends, and what follows."""
_NEXT = re.compile(_SPACE + rb"([,}])")
_END = re.compile(_SPACE + rb"\Z")
_GAP = re.compile(rb"(?:[ \t\r\n{}\[\],:]|true|false|null|" + _NUMBER + rb")*")

Part = bytes | memoryview
Body = bytes | tuple[Part, ...]
"""Whole, or in parts, as it can be sent."""
Spans = Mapping[str, tuple[int, int]]

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Outline:
    """Of a JSON object: its bytes, and where each member's value begins and ends."""

    __slots__ = ("body", "spans")

    def __init__(self, body: bytes, spans: Spans) -> None:
        self.body = body
        self.spans = spans

    def only(self, names: frozenset[str]) -> bytes:
        """An object of those of its members that have these names."""
        body, spans = self.body, self.spans
        members = [b'"%b":%b' % (name.encode(), body[slice(*spans[name])]) for name in spans if name in names]
        return b"{%b}" % b",".join(members)

    def with_values(self, changed: Mapping[str, bytes]) -> tuple[Part, ...]:
        """The object in parts, with other values for some of its members, and new members at its end."""
        if not changed:
            return (self.body,)
        view = memoryview(self.body)
        parts: list[Part] = []
        at = 0
        for start, end, value in sorted((*self.spans[name], changed[name]) for name in changed if name in self.spans):
            parts += (view[at:start], value)
            at = end
        added = [b',"%b":%b' % (name.encode(), value) for name, value in changed.items() if name not in self.spans]
        if added:
            close = self.body.rindex(b"}")
            parts += (view[at:close], *added)
            at = close
        parts.append(view[at:])
        return tuple(parts)


def in_one(body: Body) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)


def outline(body: bytes) -> Outline | None:
    """None for what is no JSON object, or an empty one."""
    spans = _skim(body) or _parse(body)
    return Outline(body, spans) if spans else _written_anew(body)


def _skim(body: bytes) -> Spans | None:
    """None where a parser has to look."""
    spans: dict[str, tuple[int, int]] = {}
    found = _FIRST.match(body)
    at, follows = (found.end(), b",") if found else (0, b"")
    while follows == b",":
        found = _MEMBER.match(body, at)
        if found is None:
            return None
        name, start, end = found[1].decode(), found.start(2), found.start(3)
        if end < 0:
            end = _end_of_value(body, start)
            found = _NEXT.match(body, end)
            if not end or found is None:
                return None
        if name in spans:
            return None
        spans[name] = start, end
        at, follows = found.end(), found[found.lastindex or 0]
    return spans if follows and _END.match(body, at) else None


def _end_of_value(body: bytes, start: int) -> int:
    """Of an array, an object or a long string; 0 where a parser has to look."""
    if body[start] == _QUOTE:
        return _end_of_string(body, start)
    find, shapes = body.find, _SHAPES
    depth, at = 0, start
    checked = start
    for strings in range(len(body) // LEAST_BYTES_A_STRING + STRINGS_AT_ONCE):
        if strings % STRINGS_AT_ONCE == 0 and strings:
            if at - checked < STRINGS_AT_ONCE * LEAST_BYTES_A_STRING:
                return 0
            checked = at
        quote = find(b'"', at)
        gap = body[at:quote] if quote >= 0 else body[at:]
        shape = shapes.get(gap) or _measure(gap)
        if shape is None:
            return 0
        if depth + shape[1] <= 0 and (depth or shape[1]):
            return at + _closes(gap, depth)
        depth += shape[0]
        if quote < 0 or not depth:
            return 0
        at = find(b'"', quote + 1) + 1
        if body[at - 2] == _BACKSLASH:
            at = _end_of_string(body, quote)
        if not at:
            return 0
    return 0


def _end_of_string(body: bytes, quote: int) -> int:
    """Behind the quote that ends it; 0 where it holds more than a few escaped ones, or has no end."""
    at = quote + 1
    for _ in range(STRINGS_AT_ONCE):
        at = body.find(b'"', at) + 1
        if not at:
            return 0
        first = at - 1
        while body[first - 1] == _BACKSLASH:
            first -= 1
        if (at - 1 - first) % 2 == 0:
            return at
    return 0


def _closes(gap: bytes, depth: int) -> int:
    """Behind the bracket that closes what was opened `depth` levels above it."""
    for place, byte in enumerate(gap, 1):
        if byte in b"{[":
            depth += 1
        elif byte in b"]}":
            depth -= 1
            if not depth:
                return place
    raise AssertionError("it was measured to come so low")


def _measure(gap: bytes) -> tuple[int, int] | None:
    """How many levels it rises by, and the lowest it comes to on the way; None for what stands between no strings."""
    if len(gap) > LONGEST_GAP or _GAP.fullmatch(gap) is None:
        return None
    level = lowest = 0
    for byte in gap:
        if byte in b"{[":
            level += 1
        elif byte in b"]}":
            level -= 1
            lowest = min(lowest, level)
    if len(_SHAPES) < KEPT_SHAPES and len(gap) <= LONGEST_KEPT:
        _SHAPES[gap] = level, lowest
    return level, lowest


_SHAPES: dict[bytes, tuple[int, int]] = {}
"""Of gaps that were measured before; the same few in nearly every body."""


def _parse(body: bytes) -> Spans | None:
    """By the values that a parser saw, which must stand there one after the other; None where they do not, for then the
    bytes say more than that, or say it oddly."""
    members = _read(body)
    found = _FIRST.match(body)
    if not members or found is None:
        return None
    spans: dict[str, tuple[int, int]] = {}
    at, follows = found.end(), b","
    for name, raw in members.items():
        found = _MEMBER.match(body, at)
        if follows != b"," or found is None or found[1] != name.encode():
            return None
        start, value = found.start(2), memoryview(raw)
        end = start + len(value)
        found = _NEXT.match(body, end)
        if found is None or not body.startswith(value, start):
            return None
        spans[name] = start, end
        at, follows = found.end(), found[1]
    return spans if follows == b"}" and _END.match(body, at) else None


def _written_anew(body: bytes) -> Outline | None:
    """From what a parser saw; of a member that stands twice, the last."""
    parts = [b"{"]
    spans: dict[str, tuple[int, int]] = {}
    at = 1
    for name, raw in _read(body).items():
        before = b"%b%b:" % (b"," if spans else b"", msgspec.json.encode(name))
        value = bytes(raw)
        parts += (before, value)
        at += len(before)
        spans[name] = at, at + len(value)
        at += len(value)
    parts.append(b"}")
    return Outline(b"".join(parts), spans) if spans else None


def _read(body: bytes) -> dict[str, msgspec.Raw]:
    """Empty for what is no object."""
    try:
        return _members.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
