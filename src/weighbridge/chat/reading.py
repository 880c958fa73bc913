"""A client's body as a record, or a RequestError that names the field.

The records of a front's wire forbid unknown fields: what we do not know cannot be carried to a backend of another
dialect, and is refused by its name instead of being dropped.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from weighbridge.chat.openai_wire import one_line
from weighbridge.errors import RequestError

Wire = TypeVar("Wire")

_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$", re.DOTALL)


def read_body(decoder: msgspec.json.Decoder[Wire], body: bytes) -> Wire:
    """`body` as the decoder's record. Raises RequestError."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise explained(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = one_line(str(error), 120)
        raise RequestError(f"the body is not JSON: {why}" if body.strip() else "the body is empty") from error


def explained(text: str) -> RequestError:
    """What msgspec says is wrong with a body, in our words: "Expected `int`, got `str` - at `$.messages[0].x`"."""
    found = _WHERE.match(text)
    what, path = (found["what"], found["path"] or "") if found else (text, "")
    place = path.removeprefix("$").removeprefix(".")
    unknown, missing = _UNKNOWN.match(what), _MISSING.match(what)
    if unknown:
        field = _join(place, unknown["name"])
        return RequestError(f"`{field}` cannot be carried to the model behind this name", field=field)
    if missing:
        field = _join(place, missing["name"])
        return RequestError(f"`{field}` is missing", field=field)
    said = one_line(what, 160)
    said = said[:1].lower() + said[1:]
    return RequestError(f"`{place}`: {said}" if place else f"the body: {said}", field=place or None)


def unknown_field(error: RequestError) -> str | None:
    """The name of a top-level field that was refused because nobody knows it."""
    field = error.field
    if field is None or "cannot be carried" not in error.what or "." in field or "[" in field:
        return None
    return field


def _join(place: str, name: str) -> str:
    name = one_line(name, 80)
    return f"{place}.{name}" if place else name
