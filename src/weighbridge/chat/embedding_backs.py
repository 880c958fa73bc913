"""Embeddings as backends are asked for them and answer."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from weighbridge.chat.dialect import Sent
from weighbridge.chat.embeddings import Embedded, EmbedRequest, Vector, checked, unpacked
from weighbridge.chat.json_text import as_bytes
from weighbridge.chat.openai_wire import check_error, decode_json
from weighbridge.chat.pieces_reader import count
from weighbridge.chat.sayable import cannot_say
from weighbridge.errors import BadAnswer


class EmbedBack(Protocol):
    name: str

    def encode(self, request: EmbedRequest) -> Sent:
        """CannotAsk names what the dialect cannot say."""
        ...

    def decode(self, body: bytes, request: EmbedRequest) -> Embedded:
        """BadAnswer where it is not one vector for each text."""
        ...


class _Entry(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Whole(msgspec.Struct):
    """What OpenAI's and Ollama's servers answer."""

    data: list[_Entry] | None = None
    embeddings: list[list[float]] | None = None
    model: str | None = None
    usage: Any = None
    prompt_eval_count: Any = None
    error: Any = None


class _Values(msgspec.Struct):
    values: list[float]


class _Batch(msgspec.Struct):
    embeddings: list[_Values] | None = None
    error: Any = None


class OpenAIEmbedBack:
    name = "openai"

    def encode(self, request: EmbedRequest) -> Sent:
        if request.truncate is not None:
            raise cannot_say(self.name, "truncate")
        body: dict[str, Any] = {"model": request.model, "input": request.inputs}
        fields = {"dimensions": request.dimensions, "user": request.user}
        given = {n: v for n, v in fields.items() if v is not None}
        return Sent("embeddings", as_bytes(body | given), (), request.hints)

    def decode(self, body: bytes, request: EmbedRequest) -> Embedded:
        whole = decode_json(body, _Whole)
        check_error(whole.error)
        entries = whole.data
        if entries is None:
            raise BadAnswer("the answer holds no vectors")
        if all(entry.index is not None for entry in entries):
            entries = sorted(entries, key=lambda entry: entry.index or 0)
        vectors = [_vector(entry.embedding) for entry in entries]
        usage = whole.usage if isinstance(whole.usage, dict) else {}
        return Embedded(checked(vectors, len(request.inputs)), whole.model, count(usage.get("prompt_tokens")))


class OllamaEmbedBack:
    name = "ollama"

    def encode(self, request: EmbedRequest) -> Sent:
        body: dict[str, Any] = {"model": request.model, "input": request.inputs}
        fields = {"dimensions": request.dimensions, "truncate": request.truncate}
        given = {n: v for n, v in fields.items() if v is not None}
        return Sent("api/embed", as_bytes(body | given), (), request.left_out)

    def decode(self, body: bytes, request: EmbedRequest) -> Embedded:
        whole = decode_json(body, _Whole)
        check_error(whole.error)
        vectors = [tuple(vector) for vector in whole.embeddings or ()]
        return Embedded(checked(vectors, len(request.inputs)), whole.model, count(whole.prompt_eval_count))


class GeminiEmbedBack:
    name = "gemini"

    def encode(self, request: EmbedRequest) -> Sent:
        if request.truncate is not None:
            raise cannot_say(self.name, "truncate")
        model = request.model.removeprefix("models/")
        size = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
        one = [{"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **size} for text in request.inputs]
        path = f"models/{quote(model, safe='-._~')}:batchEmbedContents"
        return Sent(path, as_bytes({"requests": one}), (), request.left_out)

    def decode(self, body: bytes, request: EmbedRequest) -> Embedded:
        whole = decode_json(body, _Batch)
        check_error(whole.error)
        vectors = [tuple(each.values) for each in whole.embeddings or ()]
        return Embedded(checked(vectors, len(request.inputs)), request.model)


def _vector(raw: list[float] | str) -> Vector:
    return unpacked(raw) if isinstance(raw, str) else tuple(raw)
