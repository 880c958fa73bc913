"""Texts to vectors, carried from OpenAI's or Ollama's front to any back that has them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from weighbridge.chat import Answer, ChatRequest, Usage
from weighbridge.chat.embeddings import EmbedAsked, EmbedFront, EmbedRequest
from weighbridge.errors import CannotAsk, WeighbridgeError

from .carrier import Flow
from .dialects import request_in_parts, whole_request
from .flows import PieceFlow
from .openai_raw import read_whole
from .openai_request import swap_model
from .outline import Body, in_one
from .reply import openai_error
from .routes import Aim


class Texts:
    """Of one request."""

    stream = False
    stream_type = b""
    most_output = 0
    answers = 1
    on_request: Callable[[Aim, bytes], bytes] | None = None

    def __init__(self, front: EmbedFront, path: str, body: bytes, model: str) -> None:
        self._front = front
        self._path = path
        self._body = body
        self._asked: EmbedAsked | None = None
        self.body_bytes = len(body)
        self.model = model
        self.left_out: tuple[str, ...] = ()

    @property
    def prefix(self) -> bytes:
        return b""

    @property
    def cache_body(self) -> bytes:
        return self._body

    def request(self, aim: Aim) -> Body:
        data = self._written(aim)
        return data if self.on_request is None else self.on_request(aim, in_one(data))

    def _written(self, aim: Aim) -> Body:
        if self._is_raw(aim):
            body = swap_model(self._body, self.model, aim.model)
            path = self._path.removeprefix("/v1/").removeprefix("/")
            return request_in_parts(aim.door.head(path), body)
        embeds = aim.door.embeds
        if embeds is None:
            raise CannotAsk(f"backend {aim.backend!r} turns no texts into vectors")
        sent = embeds.encode(self._canonical(aim))
        self.left_out = sent.left_out
        return whole_request(aim.door.head(sent.path, sent.headers), sent.body)

    def whole(self, aim: Aim, body: bytes) -> tuple[bytes, Usage, str | None]:
        if self._is_raw(aim) and self._front.name == "openai":
            usage, model = read_whole(body)
            return body, msgspec.structs.replace(usage, output_tokens=0), model
        assert aim.door.embeds is not None
        embedded = aim.door.embeds.decode(body, self._canonical(aim))
        usage = Usage(input_tokens=embedded.input_tokens, output_tokens=0)
        if self._is_raw(aim):
            return body, usage, embedded.model
        return self._front.encode(embedded, self._read(), self.model), usage, embedded.model

    def flow(self, aim: Aim) -> Flow:
        raise AssertionError("vectors are not streamed")

    def canonical(self, aim: Aim) -> ChatRequest:
        raise CannotAsk(f"backend {aim.backend!r} turns no texts into vectors")

    def pieces(self) -> PieceFlow:
        raise AssertionError("vectors do not come in pieces")

    def write(self, answer: Answer) -> bytes:
        raise AssertionError("an answer is no vector")

    def broken(self, error: WeighbridgeError) -> bytes:
        return openai_error(error.what, kind="server_error", code=None)

    def _is_raw(self, aim: Aim) -> bool:
        embeds = aim.door.embeds
        return embeds is not None and embeds.name == self._front.name and self._path != "/api/embeddings"

    def _canonical(self, aim: Aim) -> EmbedRequest:
        return msgspec.structs.replace(self._read().request, model=aim.model)

    def _read(self) -> EmbedAsked:
        if self._asked is None:
            self._asked = self._front.decode(self._path, self._body)
        return self._asked
