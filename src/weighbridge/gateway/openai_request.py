"""A request in OpenAI's dialect on its way to a backend of the same: forwarded as it came, but for its model's name.

Read of it: the model, whether it streams, what bounds its answer. Of a large one nothing else is even looked at
(outline.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from weighbridge.errors import RequestError

from .outline import Body, Outline, outline

PREFIX_BYTES = 4096
_NAME = b'"model"'
_BACKSLASH = 92
_ESCAPED_LETTER = b"\\u006"
"""How any letter of `model` begins when it is spelled as an escape, to be one field for us and another elsewhere."""


class Peek(msgspec.Struct):
    """What is read of a request."""

    model: str
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    stream_options: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def answers(self) -> int:
        """How many are asked for."""
        if self.n is None and self.best_of is None:
            return 1
        return max(self.n or 1, self.best_of or 1, 1)

    @property
    def wants_usage(self) -> bool:
        return isinstance(self.stream_options, dict) and self.stream_options.get("include_usage") is True


class _Start(msgspec.Struct):
    messages: list[msgspec.Raw] | None = None
    prompt: msgspec.Raw | None = None


_peek = msgspec.json.Decoder(Peek)
_start = msgspec.json.Decoder(_Start)


def look(body: bytes) -> tuple[Peek, Outline | None]:
    """What is read of a request, and what of a large one it was read from. RequestError, with the field, for what is no
    request in this dialect."""
    found = outline(body)
    if found is not None:
        try:
            return peek(found.text), found
        except RequestError:
            pass  # said better of the whole
    return peek(body), None


def peek(body: bytes) -> Peek:
    """RequestError, with the field, for what is no request in this dialect."""
    try:
        return _peek.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what, _, path = str(error).partition(" - at `$.")
        raise RequestError(f"the body cannot be read: {what}", field=path.rstrip("`") or None) from None


def conversation_start(body: bytes) -> bytes:
    """The first messages, as bytes, for telling conversations apart: what stays the same while one goes on."""
    try:
        start = _start.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    if start.messages:
        return b"\n".join(bytes(message) for message in start.messages[:2])[:PREFIX_BYTES]
    return bytes(start.prompt or b"")[:PREFIX_BYTES]


def with_model(body: bytes, asked: Peek, model: str, *, ask_usage: bool, found: Outline | None = None) -> Body:
    """The body as the backend gets it: its own model name, and usage asked for at the end of a stream. `found` is what
    `look` found."""
    if ask_usage and asked.stream_options is not msgspec.UNSET:
        fields = _all_fields(body)
        fields["model"] = model
        fields["stream_options"] = {**(fields["stream_options"] or {}), "include_usage": True}
        return msgspec.json.encode(fields)
    if found is None:
        swapped = _swap_in_small(body, asked.model, model)
        return _append_usage(swapped) if ask_usage else swapped
    return _swap_in_large(body, found, asked.model, model, ask_usage=ask_usage)


def swap_model(body: bytes, old: str, new: str) -> Body:
    """The body of a request, in any dialect, that asks for another model. It was read, so a parser takes it."""
    found = outline(body)
    if found is None:
        return _swap_in_small(body, old, new)
    return _swap_in_large(body, found, old, new, ask_usage=False)


def _swap_in_small(body: bytes, old: str, new: str) -> bytes:
    """Where the field stands once, plainly spelled, its bytes are swapped; anything else is read and written anew, so
    that no two parsers can see two models in it."""
    around = body.split(_NAME, 2)
    if len(around) == 2 and not (_BACKSLASH in body and body.find(_ESCAPED_LETTER) >= 0):
        swapped = body if old == new else _swap(around[0], around[1], old, new)
        if swapped is not None:
            return swapped
    return _written_anew(body, new)


def _swap_in_large(body: bytes, found: Outline, old: str, new: str, *, ask_usage: bool) -> Body:
    """The same in what stands around long values."""
    pieces, text = found.pieces, found.text
    around = text.split(_NAME, 2)
    if len(around) == 2 and not (_BACKSLASH in text and text.find(_ESCAPED_LETTER) >= 0):
        if old == new and not ask_usage:
            return (body,)
        swapped = pieces if old == new else _swap_in_one(pieces, old, new)
        if swapped is not None:
            return found.filled([*swapped[:-1], _append_usage(swapped[-1])] if ask_usage else swapped)
    anew = _written_anew(body, new)
    return _append_usage(anew) if ask_usage else anew


def _swap_in_one(pieces: Sequence[bytes], old: str, new: str) -> Sequence[bytes] | None:
    """In the one of them that has the name."""
    for place, piece in enumerate(pieces):
        before, name, after = piece.partition(_NAME)
        if name:
            swapped = _swap(before, after, old, new)
            return None if swapped is None else [*pieces[:place], swapped, *pieces[place + 1 :]]
    return None


def _written_anew(body: bytes, model: str) -> bytes:
    fields = _all_fields(body)
    fields["model"] = model
    return msgspec.json.encode(fields)


def _all_fields(body: bytes) -> dict[str, Any]:
    """What `peek` passed over is read here for the first time, and may be no text. RequestError where it is none."""
    try:
        fields: dict[str, Any] = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body cannot be read: {error}") from None
    return fields


def _swap(before: bytes, after: bytes, old: str, new: str) -> bytes | None:
    """`before` and `after` the field's name. None where it is not written as JSON encoders write it."""
    for had, has in _spellings(old, new):
        if after.startswith(had) and not before.endswith(b"\\"):
            return b"".join((before, _NAME, has, after[len(had) :]))
    return None


@lru_cache(256)
def _spellings(old: str, new: str) -> tuple[tuple[bytes, bytes], ...]:
    """What follows the name as encoders write it, without and with a space, and what takes its place."""
    had, has = msgspec.json.encode(old), msgspec.json.encode(new)
    return tuple((b":%b%b" % (gap, had), b":%b%b" % (gap, has)) for gap in (b"", b" "))


def _append_usage(body: bytes) -> bytes:
    """Before the brace that closes the object; it is not empty, for it holds a model."""
    return b'%b,"stream_options":{"include_usage":true}}' % body.rstrip()[:-1]
