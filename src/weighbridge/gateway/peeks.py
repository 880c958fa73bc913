"""The few things of a request that must be known before anything else, in each dialect's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from weighbridge.errors import RequestError

from .outline import outline


class Seen(NamedTuple):
    model: str
    stream: bool
    most_output: int | None
    """Tokens that the answer may hold, where the request bounds them."""


class _Anthropic(msgspec.Struct):
    model: str
    max_tokens: int | None = None
    stream: bool | None = None


class _Responses(msgspec.Struct):
    model: str
    max_output_tokens: int | None = None
    stream: bool | None = None


class _Ollama(msgspec.Struct):
    model: str
    options: dict[str, Any] | None = None
    stream: bool | None = None


_anthropic = msgspec.json.Decoder(_Anthropic)
_responses = msgspec.json.Decoder(_Responses)
_ollama = msgspec.json.Decoder(_Ollama)


def see_anthropic(body: bytes) -> Seen:
    seen = _read(_anthropic, body)
    return Seen(seen.model, seen.stream is True, seen.max_tokens)


def see_responses(body: bytes) -> Seen:
    seen = _read(_responses, body)
    return Seen(seen.model, seen.stream is True, seen.max_output_tokens)


def see_ollama(body: bytes) -> Seen:
    """Ollama streams unless told not to."""
    seen = _read(_ollama, body)
    most = (seen.options or {}).get("num_predict")
    return Seen(seen.model, seen.stream is not False, most if isinstance(most, int) and most >= 0 else None)


SEE: dict[str, Callable[[bytes], Seen]] = {
    "anthropic": see_anthropic,
    "openai_responses": see_responses,
    "ollama": see_ollama,
}
"""By the front's name; OpenAI's has a reader of its own (openai_raw.py)."""


def _read(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    found = outline(body)
    if found is not None:
        try:
            return decoder.decode(found.text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # said better of the whole
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what, _, path = str(error).partition(" - at `$.")
        raise RequestError(f"the body cannot be read: {what}", field=path.rstrip("`") or None) from None
