"""Texts to vectors: the canonical request and answer, and the three wires that carry them.

    OpenAI   /v1/embeddings                 front and back     floats, or base64 of little-endian 32-bit floats
    Ollama   /api/embed, /api/embeddings    front and back     the second one, older, takes one text
    Gemini   :batchEmbedContents            back

Anthropic has no embeddings. Tokens in place of texts are refused: they mean something to one tokenizer only.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec

from weighbridge.chat.json_text import answer_json
from weighbridge.chat.reading import read_body
from weighbridge.errors import BadAnswer, RequestError

Vector = tuple[float, ...]


class EmbedRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    """Shorter vectors than the model's own, where it was trained for that."""
    user: str | None = None
    truncate: bool | None = None
    """Whether a text that is too long is cut instead of refused; None leaves it to the backend."""
    hints: tuple[str, ...] = ()
    """Fields that change no vector and have no counterpart: named as left out."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What a dialect that knows of no users leaves out."""
        return (*self.hints, "user") if self.user is not None else self.hints


class Embedded(msgspec.Struct, frozen=True, omit_defaults=True):
    vectors: tuple[Vector, ...]
    """One for each input, in its order."""
    model: str | None = None
    input_tokens: int | None = None


class EmbedAsked(msgspec.Struct, frozen=True):
    """A request as a client made it."""

    request: EmbedRequest
    own: Any = None
    """What the front needs again for the answer."""


class EmbedFront(Protocol):
    name: str
    paths: tuple[str, ...]

    def decode(self, path: str, body: bytes) -> EmbedAsked:
        """RequestError, with the field's name, for what cannot be read or carried."""
        ...

    def encode(self, embedded: Embedded, asked: EmbedAsked, model: str = "") -> bytes:
        """`model` is the public name the answer goes out under; empty: the one that was asked for."""
        ...


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class OpenAIBody(_Strict):
    model: str
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    user: str | None = None


class OllamaBody(_Strict):
    model: str
    input: str | list[str] | None = None
    prompt: str | None = None
    truncate: bool | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    options: dict[str, Any] | None = None
    keep_alive: float | str | None = None
    """How long a model stays loaded; changes no vector."""


_openai = msgspec.json.Decoder(OpenAIBody)
_ollama = msgspec.json.Decoder(OllamaBody)


class OpenAIEmbedFront:
    name = "openai"
    paths: tuple[str, ...] = ("/v1/embeddings",)

    def decode(self, path: str, body: bytes) -> EmbedAsked:
        wire = read_body(_openai, body)
        texts = [wire.input] if isinstance(wire.input, str) else wire.input
        for at, text in enumerate(texts):
            if not isinstance(text, str):
                raise RequestError(f"`input[{at}]` holds tokens; only texts can be carried", field=f"input[{at}]")
        request = EmbedRequest(wire.model, _some(texts), wire.dimensions, wire.user)
        return EmbedAsked(request, own=wire.encoding_format or "float")

    def encode(self, embedded: Embedded, asked: EmbedAsked, model: str = "") -> bytes:
        as_base64 = asked.own == "base64"
        data = [
            {"object": "embedding", "index": at, "embedding": packed(vector) if as_base64 else vector}
            for at, vector in enumerate(embedded.vectors)
        ]
        tokens = embedded.input_tokens or 0  # this wire must have a number
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        name = model or asked.request.model
        return answer_json({"object": "list", "data": data, "model": name, "usage": usage})


class OllamaEmbedFront:
    name = "ollama"
    paths: tuple[str, ...] = ("/api/embed", "/api/embeddings")

    def decode(self, path: str, body: bytes) -> EmbedAsked:
        wire = read_body(_ollama, body)
        older = path == "/api/embeddings"
        given, other = ("prompt", "input") if older else ("input", "prompt")
        texts = getattr(wire, given)
        if texts is None or getattr(wire, other) is not None:
            raise RequestError(f"`{given}` is what is embedded here, and nothing else", field=given)
        for name in (name for name, value in (wire.options or {}).items() if value is not None):
            raise RequestError(f"`options.{name}` cannot be carried to the model behind this name", field="options")
        hints = ("keep_alive",) if wire.keep_alive is not None else ()
        texts = [texts] if isinstance(texts, str) else texts
        request = EmbedRequest(wire.model, _some(texts), wire.dimensions, None, wire.truncate, hints)
        return EmbedAsked(request, own=older)

    def encode(self, embedded: Embedded, asked: EmbedAsked, model: str = "") -> bytes:
        if asked.own:
            return answer_json({"embedding": embedded.vectors[0]})
        wire: dict[str, Any] = {"model": model or asked.request.model, "embeddings": embedded.vectors}
        if embedded.input_tokens is not None:
            wire["prompt_eval_count"] = embedded.input_tokens
        return answer_json(wire)


def packed(vector: Sequence[float]) -> str:
    """Base64 of 32-bit floats, little-endian, as OpenAI sends them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def unpacked(text: str) -> Vector:
    """BadAnswer for what is no base64 of whole floats."""
    try:
        raw = base64.b64decode(text, validate=True)
        return struct.unpack(f"<{len(raw) // 4}f", raw)
    except (ValueError, struct.error) as error:
        raise BadAnswer("a vector is no base64 of 32-bit floats") from error


def checked(vectors: Sequence[Vector], wanted: int) -> tuple[Vector, ...]:
    """As many vectors as texts, all of one length, of numbers; BadAnswer otherwise."""
    if len(vectors) != wanted:
        raise BadAnswer(f"{wanted} texts were sent and {len(vectors)} vectors came back")
    if len({len(vector) for vector in vectors}) > 1 or any(not vector for vector in vectors):
        raise BadAnswer("the vectors are empty or differ in length")
    if any(not math.isfinite(each) for vector in vectors for each in vector):
        raise BadAnswer("a vector holds what is no number")
    return tuple(vectors)


def _some(texts: Sequence[Any]) -> tuple[str, ...]:
    if not texts:
        raise RequestError("`input` is empty: at least one text is embedded", field="input")
    return tuple(texts)
