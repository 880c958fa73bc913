"""What stands behind every path, and in whose words it refuses.

POST  /v1/chat/completions /v1/completions /v1/embeddings          OpenAI
POST  /v1/responses                                                OpenAI's responses
POST  /v1/messages /v1/messages/count_tokens                       Anthropic
POST  /api/chat /api/generate /api/embed /api/embeddings /api/show Ollama
GET   /v1/models /v1/models/ID /api/tags /api/version              lists of models
GET   /healthz /readyz /metrics /openapi.json
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from weighbridge.chat.dialect import Front
from weighbridge.chat.embeddings import EmbedFront
from weighbridge.chat.fronts import embed_fronts, fronts
from weighbridge.chat.model_lists import (
    ServedModel,
    anthropic_model,
    anthropic_models,
    ollama_show,
    ollama_tags,
    ollama_version,
    openai_model,
    openai_models,
    shown_model,
)
from weighbridge.errors import CallRefused, RequestError, WeighbridgeError
from weighbridge.formats.problems import nearest

from . import admin, metrics, reply
from .client import Client
from .dialects import Conversation, OpenAIConversation
from .embeddings import Texts
from .head import Head
from .openai_request import look
from .peeks import SEE
from .refusal import no_route

if TYPE_CHECKING:
    from .app import Gateway

Answer = Callable[[Client, Head, bytes], None]
MODEL_PATH = "/v1/models/"


class Endpoint:
    __slots__ = ("answer", "front")

    def __init__(self, answer: Answer, front: Front | None = None) -> None:
        """`front`: in whose words errors are told; None is OpenAI's."""
        self.answer = answer
        self.front = front


class _Model(msgspec.Struct):
    model: str


_model = msgspec.json.Decoder(_Model)


class Endpoints:
    """Of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._unknown = Endpoint(self._nothing)
        self._one_model = Endpoint(self._model)
        self._administration = Endpoint(self._admin)
        self._document = b""
        """The OpenAPI document, once somebody asked for it."""
        self._by_place = self._places()

    def places(self) -> Iterable[tuple[str, str]]:
        """Method and path of everything that stands at a fixed path."""
        return self._by_place

    def find(self, head: Head) -> Endpoint:
        found = self._by_place.get((head.method, head.path))
        if found is None and head.method == "GET" and head.path.startswith(MODEL_PATH):
            return self._one_model
        if found is None and head.path.startswith(admin.PATH):
            return self._administration
        return found or self._unknown

    def _places(self) -> dict[tuple[str, str], Endpoint]:
        found = {
            ("GET", "/healthz"): Endpoint(self._healthz),
            ("GET", "/readyz"): Endpoint(self._readyz),
            ("GET", "/metrics"): Endpoint(self._metrics),
            ("GET", "/openapi.json"): Endpoint(self._openapi),
            ("GET", "/v1/models"): Endpoint(self._models),
        }
        known = {front.name: front for front in fronts()}
        for front in known.values():
            for path in front.paths:
                speak = self._openai if front.name == "openai" else self._other
                found["POST", path] = Endpoint(speak(front, path), None if front.name == "openai" else front)
        for path, embeds in embed_fronts().items():
            found["POST", path] = Endpoint(self._texts(embeds, path), _errors_of(known, embeds.name))
        ollama = known["ollama"]
        found["GET", "/api/tags"] = Endpoint(self._tags, ollama)
        found["GET", "/api/version"] = Endpoint(self._version, ollama)
        found["POST", "/api/show"] = Endpoint(self._show, ollama)
        return found

    # --- what a model answers

    def _openai(self, front: Front, path: str) -> Answer:
        def answer(client: Client, head: Head, body: bytes) -> None:
            gateway = self._gateway
            asked, found = look(body)
            carrier = OpenAIConversation(
                front, path, body, asked=asked, found=found, fields=head.fields, stamp=gateway.stamp
            )
            gateway.call(client, head, carrier)

        return answer

    def _other(self, front: Front, path: str) -> Answer:
        see = SEE[front.name]

        def answer(client: Client, head: Head, body: bytes) -> None:
            gateway = self._gateway
            carrier = Conversation(front, path, body, seen=see(body), fields=head.fields, stamp=gateway.stamp)
            gateway.call(client, head, carrier)

        return answer

    def _texts(self, front: EmbedFront, path: str) -> Answer:
        def answer(client: Client, head: Head, body: bytes) -> None:
            try:
                model = _model.decode(body).model
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise RequestError(f"the body cannot be read: {error}") from None
            self._gateway.call(client, head, Texts(front, path, body, model))

        return answer

    # --- lists of models

    def _models(self, client: Client, head: Head, body: bytes) -> None:
        served = self._served(client, head)
        listed = anthropic_models(served) if "anthropic-version" in head.fields else openai_models(served)
        self._send(client, head, listed)

    def _model(self, client: Client, head: Head, body: bytes) -> None:
        model = self._one(client, head, head.path[len(MODEL_PATH) :])
        self._send(client, head, anthropic_model(model) if "anthropic-version" in head.fields else openai_model(model))

    def _tags(self, client: Client, head: Head, body: bytes) -> None:
        self._send(client, head, ollama_tags(self._served(client, head)))

    def _show(self, client: Client, head: Head, body: bytes) -> None:
        self._send(client, head, ollama_show(self._one(client, head, shown_model(body))))

    def _version(self, client: Client, head: Head, body: bytes) -> None:
        self._send(client, head, ollama_version())

    def _served(self, client: Client, head: Head) -> list[ServedModel]:
        """Every route that the caller may ask for."""
        caller = self._gateway.callers.of(client, head)
        names = self._gateway.names_for(caller)
        return [ServedModel(name, created=self._gateway.started_at) for name in names]

    def _one(self, client: Client, head: Head, name: str) -> ServedModel:
        served = self._served(client, head)
        found = next((model for model in served if model.id in (name, name.removesuffix(":latest"))), None)
        if found is None:
            raise no_route(name, (model.id for model in served))
        return found

    # --- what needs no model

    def _healthz(self, client: Client, head: Head, body: bytes) -> None:
        self._send(client, head, b'{"status":"ok"}')

    def _readyz(self, client: Client, head: Head, body: bytes) -> None:
        why = self._gateway.why_not_ready()
        said = {"status": "not ready", "why": why} if why else {"status": "ready"}
        self._send(client, head, msgspec.json.encode(said), status=503 if why else 200)

    def _metrics(self, client: Client, head: Head, body: bytes) -> None:
        if not admin.is_admin(head, self._gateway.admin_digest):
            self._gateway.callers.of(client, head)
        self._send(client, head, self._gateway.metrics_text(), kind=metrics.CONTENT_TYPE)

    def _openapi(self, client: Client, head: Head, body: bytes) -> None:
        if not self._document:
            from .openapi import document

            self._document = document()
        self._send(client, head, self._document)

    def _admin(self, client: Client, head: Head, body: bytes) -> None:
        gateway = self._gateway
        admin.check_admin(head, gateway.admin_digest)
        methods = admin.methods_of(head.path)
        if methods and head.method not in methods:
            self._wrong_method(client, head, methods)
            return

        async def answer() -> None:
            try:
                said = await gateway.books.look(lambda db: admin.answer_admin(db, head, body, gateway.routes))
            except WeighbridgeError as error:
                gateway.refuse(client, head, error)
            else:
                self._send(client, head, msgspec.json.encode(said))

        gateway.spawn(answer())

    def _nothing(self, client: Client, head: Head, body: bytes) -> None:
        methods = sorted(method for method, path in self._by_place if path == head.path)
        if methods:
            self._wrong_method(client, head, methods)
            return
        hint = nearest(head.path[:200], sorted({path for _, path in self._by_place}))
        raise CallRefused(f"there is nothing at {head.path[:200]!r}", status=404, code="not_found", next_move=hint)

    def _wrong_method(self, client: Client, head: Head, methods: list[str]) -> None:
        allowed = ", ".join(methods)
        what = f"{head.path} takes {allowed}, not {head.method}"
        said = reply.openai_error(what, kind="invalid_request_error", code="method_not_allowed")
        gateway, close, more = self._gateway, not head.keep_alive, f"allow: {allowed}\r\n".encode()
        client.finish(reply.whole(405, said, gateway.date.field, gateway.next_id(), more=more, close=close))

    def _send(self, client: Client, head: Head, body: bytes, *, status: int = 200, kind: bytes = reply.JSON) -> None:
        gateway = self._gateway
        close = not head.keep_alive
        client.finish(reply.whole(status, body, gateway.date.field, gateway.next_id(), kind=kind, close=close))


def _errors_of(known: dict[str, Front], name: str) -> Front | None:
    return None if name == "openai" else known.get(name)
