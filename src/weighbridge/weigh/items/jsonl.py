"""Items as JSON Lines: one object a line, UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from weighbridge.weigh.items.layout import BadRecord, Span, too_large
from weighbridge.weigh.items.lines import BOM, read_lines

DEEPEST = 64
"""Objects and arrays within each other; what is deeper could be read here and fail to be written elsewhere."""
FLATTEN = "Flatten it, or make the inner part a text."
_decode = msgspec.json.Decoder().decode


class JsonLines:
    """Blank lines are skipped; NaN and Infinity are no JSON and are refused."""

    def __init__(self, max_item_bytes: int) -> None:
        self._max = max_item_bytes

    def spans(self, file: BinaryIO) -> Iterator[Span | BadRecord]:
        for number, start, raw, length in read_lines(file, self._max):
            if not raw:
                yield too_large(number, length, self._max)
                continue
            mark = len(BOM) if number == 1 and raw.startswith(BOM) else 0
            if raw[mark:].strip():
                yield Span(number, start + mark, raw[mark:])

    def fields(self, raw: bytes, line: int) -> dict[str, Any]:
        """One item. Raises BadRecord."""
        try:
            value = _decode(raw)
        except UnicodeDecodeError:
            raise BadRecord(line, None, *not_utf8(raw)) from None
        except RecursionError:
            raise BadRecord(line, None, "not readable as JSON: nested too deeply", FLATTEN) from None
        except msgspec.MsgspecError as error:
            raise BadRecord(line, None, *_not_json(raw, error)) from None
        if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
            raise BadRecord(line, None, f"nested more than {DEEPEST} deep", FLATTEN)
        if type(value) is not dict:
            what = f"expected a JSON object, got {_JSON_NAMES[type(value)]}"
            raise BadRecord(line, None, what, 'Write each item as one line: {"id": "1", "text": "..."}.')
        return value


def _depth(value: Any) -> int:
    """How deep objects and arrays are nested, without recursion."""
    depth = 0
    level = [value]
    while level := [one for one in level if isinstance(one, (dict, list))]:
        depth += 1
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
    return depth


_JSON_NAMES = {
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "an array",
    type(None): "null",
}


def not_utf8(raw: bytes) -> tuple[str, str]:
    """What to say about bytes that are not UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line", "Save it as UTF-8."
    return "a text holds half of a surrogate pair (\\ud800 to \\udfff)", "Write the character itself, as UTF-8."


def _not_json(raw: bytes, error: msgspec.MsgspecError) -> tuple[str, str]:
    what = f"not readable as JSON: {str(error).removeprefix('JSON is malformed: ')}"
    if any(word in raw for word in (b"NaN", b"Infinity")):
        return what, "JSON has no NaN and no Infinity; write null, or leave the field out."
    if raw.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        return what, "This looks compressed; unpack the file."
    if b"\x00" in raw[:4]:
        return what, "This looks like UTF-16; save the file as UTF-8."
    return what, "An item is one whole JSON object on one line."
