"""Images inside a request: `data:` URLs taken apart and put together (RFC 2397, base64 only)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weighbridge.chat.request import Image
from weighbridge.errors import CannotAsk

_DATA = re.compile(r"data:(?P<kind>[a-z]+/[a-zA-Z0-9.+-]+)?(?:;[a-zA-Z0-9-]+=[^;,]*)*;base64,", re.IGNORECASE)
MAGIC = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("Qk", "image/bmp"),
)
"""How the base64 of an image begins, for wires that send it without its type."""


@dataclass(frozen=True, slots=True)
class Inline:
    media_type: str
    base64: str

    @property
    def url(self) -> str:
        return f"data:{self.media_type};base64,{self.base64}"


def inline_of(image: Image) -> Inline | None:
    """The image a URL holds; None for a URL that points to one. CannotAsk for a `data:` URL that is not base64."""
    if image.url[:5].lower() != "data:":
        return None
    found = _DATA.match(image.url)
    if found is None:
        raise CannotAsk("an image's `data:` URL is not base64")
    return Inline((found["kind"] or "image/png").lower(), image.url[found.end() :])


def guessed(base64: str) -> Inline:
    """Base64 without a type, as Ollama's clients send it; its first characters say what it is."""
    kind = next((kind for start, kind in MAGIC if base64.startswith(start)), "image/png")
    return Inline(kind, base64)
