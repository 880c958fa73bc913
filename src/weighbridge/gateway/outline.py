"""A large JSON object without its long values, which is all of it that is read: what stands in them is nobody's
business but the backend's.

    {"messages":[{"role":"user","content":" ... 100 KB ... "}],"model":"big","max_tokens":64}      body
    {"messages":[{"role":"user","content":"                "}],"model":"big","max_tokens":64}      text, and its pieces
                                           ^ start         ^ stop                                  cuts

Few long strings: quotation marks are looked for with memchr, which passes twenty bytes where a parser passes one. Every
quote inside a JSON string is escaped, so in a text that a parser takes the strings are where they were found; and
whether it takes the text is for the parser to say. Many short ones: a parser is quicker, and says how long each member
is. An object that is unusual (a member twice, an escape in a name) has no outline: it is read whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count

import msgspec

LARGE_BYTES = 2048
"""Below, a parser is as quick."""
LONG_BYTES = 512
"""Of a value that is cut out."""
REST_BYTES = 1024
"""So much at a body's end is left to the parser."""
MOST_TEXT = 8192
"""Where more is left without long strings, long lists are cut out, too."""
MOST_SHORT = 1024
"""Bytes of short strings that are passed over at once."""
COST_OF_A_STRING = 192
"""Finding it takes as long as a parser takes for so many bytes."""
FREE_COST, LEAST_GAIN = 2048, 4
"""Looking for strings goes on while it costs no more than the first, and a part of what a parser would."""
MOST_CUTS = 64
MOST_BACKSLASHES = 64
"""In a row; nobody writes so many."""
_BACKSLASH = 92

_SHORT = re.compile(rb'(?:[^"]*+"[^"\\]{0,128}+")*+')
_FIRST = re.compile(rb"[ \t\r\n]*+\{")
_NAME = re.compile(rb'[ \t\r\n]*+"([a-zA-Z0-9_-]++)"[ \t\r\n]*+:[ \t\r\n]*+')
_NEXT = re.compile(rb"[ \t\r\n]*+([,}])")
_END = re.compile(rb"[ \t\r\n]*+\Z")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])

Part = bytes | memoryview
Body = bytes | tuple[Part, ...]
"""Whole, or in parts, as it can be sent."""
Cuts = Sequence[tuple[int, int]]


class Outline:
    """Of one body."""

    __slots__ = ("_body", "_cuts", "pieces", "text")

    def __init__(self, body: bytes, cuts: Cuts) -> None:
        self._body = body
        self._cuts = cuts
        at, pieces = 0, []
        for start, stop in cuts:
            pieces.append(body[at:start])
            at = stop
        pieces.append(body[at:])
        self.pieces = pieces
        """What stands around the long values, their quotation marks or brackets included."""
        self.text = b"".join(pieces)
        """The object, with nothing in those values."""

    def filled(self, pieces: Sequence[bytes]) -> tuple[Part, ...]:
        """The object with other pieces around the same values, in parts."""
        view = memoryview(self._body)
        parts: list[Part] = [pieces[0]]
        for (start, stop), piece in zip(self._cuts, pieces[1:], strict=True):
            parts += (view[start:stop], piece)
        return tuple(parts)


def in_one(body: Body) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)


def outline(body: bytes) -> Outline | None:
    """None for a body that a parser has to read whole."""
    if len(body) < LARGE_BYTES:
        return None
    cuts = _long_strings(body)
    if len(body) - sum(stop - start for start, stop in cuts) > MOST_TEXT:
        cuts = _long_members(body)
    return Outline(body, cuts) if cuts else None


def _long_strings(body: bytes) -> Cuts:
    """Where they begin and end, as far as looking for them is worth while."""
    find = body.find
    cuts: list[tuple[int, int]] = []
    at = cost = 0
    end = len(body) - REST_BYTES
    while at < end and cost <= FREE_COST + at // LEAST_GAIN and len(cuts) < MOST_CUTS:
        after = _SHORT.match(body, at, at + MOST_SHORT).end()  # type: ignore[union-attr]  # it matches nothing, too
        cost += after - at + COST_OF_A_STRING
        start = find(b'"', after) + 1
        stop = find(b'"', start) if start else -1
        if stop > start and body[stop - 1] == _BACKSLASH:
            stop = _end_of_string(body, start, stop)
        if stop < 0:
            break
        if stop - start > LONG_BYTES:
            cuts.append((start, stop))
        at = stop + 1
    return cuts


def _end_of_string(body: bytes, start: int, stop: int) -> int:
    """The first quote from `stop` on that is not escaped; -1 where there is none, or too many are."""
    for quotes in count():
        before = body[max(start, stop - MOST_BACKSLASHES) : stop]
        backslashes = len(before) - len(before.rstrip(b"\\"))
        if backslashes == MOST_BACKSLASHES or stop - start < COST_OF_A_STRING * quotes - FREE_COST:
            return -1
        if backslashes % 2 == 0:
            return stop
        stop = body.find(b'"', stop + 1)
        if stop < 0:
            return -1
    return -1


def _long_members(body: bytes) -> Cuts:
    """Where the insides of long strings and lists begin and end, by what a parser saw, which must stand one after the
    other; none where they do not, for then the bytes say more than that, or say it oddly."""
    try:
        members = _members.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    found, follows, cuts = _FIRST.match(body), b",", []
    for name, raw in members.items():
        found = _NAME.match(body, found.end()) if found is not None and follows == b"," else None
        if found is None or found[1] != name.encode():
            return ()
        start, value = found.end(), memoryview(raw)
        stop = start + len(value)
        found = _NEXT.match(body, stop)
        if found is None or not body.startswith(value, start):
            return ()
        follows = found[1]
        if stop - start > LONG_BYTES and body[start] in b'"[':
            cuts.append((start + 1, stop - 1))
    return cuts if found is not None and follows == b"}" and _END.match(body, found.end()) else ()
