"""The OpenAPI 3.1 document at `/openapi.json`: every path, what it takes, what it answers.

Request bodies are the very records that requests are read into (`chat/*/wire.py`), so they cannot say something else;
answers are in openapi_answers.py. tests/gateway/test_openapi.py holds the document against the running gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from weighbridge import __version__
from weighbridge.chat.anthropic import wire as anthropic
from weighbridge.chat.embeddings import OllamaBody, OpenAIBody
from weighbridge.chat.model_lists import ShowBody
from weighbridge.chat.ollama_api import wire as ollama
from weighbridge.chat.openai_front import wire as openai
from weighbridge.chat.responses import wire as responses
from weighbridge.ledger.summary import GROUPS

from .admin import NewKey
from .metrics import CONTENT_TYPE
from .openapi_answers import SCHEMAS, Schema, array, obj

REF = "#/components/schemas/{name}"
JSON = "application/json"
SSE = "text/event-stream"
LINES = "application/x-ndjson"
WHY = {
    "400": "what was sent cannot be read, or cannot be said to the model's backend; the message names the field",
    "401": "no key, or one that is no good",
    "403": "the key, the address, the rules or an unknown price forbid it",
    "404": "there is no such model, path or key",
    "405": "the path takes another method; `allow` says which",
    "413": "the body is larger than the gateway takes",
    "422": "a backend could not work with what was sent",
    "429": "a limit or a budget is reached; `retry-after` says when to come again",
    "500": "a defect of the gateway; its log knows the request's id",
    "502": "no backend gave an answer",
    "503": "the gateway or the backend is full",
    "504": "the answer took too long",
}
BODY_ERRORS = ("400", "401", "403", "404", "405", "413", "422", "429", "500", "502", "503", "504")
LOOK_ERRORS = ("400", "401", "403", "404", "405", "500")
BODIES: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "OpenAI": (openai.ChatBody, openai.CompletionBody, OpenAIBody),
    "Anthropic": (anthropic.Request,),
    "Responses": (responses.Request,),
    "Ollama": (ollama.GenerateBody, OllamaBody, ShowBody),
    "Admin": (NewKey,),
}
"""What requests are read into, by the word that goes before their names and those of their parts."""


class Place:
    """One path with one method."""

    def __init__(
        self,
        what: str,
        answer: str,
        *,
        body: str | None = None,
        stream: str | None = None,
        dialect: str = "OpenAI",
        tag: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """`what` it does; the names of the schemas it answers and takes; the content type it streams in."""
        self.what = what
        self.answer = answer
        self.body = body
        self.stream = stream
        self.dialect = dialect
        self.tag = tag or dialect
        self.more = more or {}


PLACES: dict[tuple[str, str], Place] = {
    ("post", "/v1/chat/completions"): Place(
        "Answer a conversation", "ChatCompletion", body="OpenAIChatBody", stream=SSE
    ),
    ("post", "/v1/completions"): Place("Continue a text", "Completion", body="OpenAICompletionBody", stream=SSE),
    ("post", "/v1/embeddings"): Place("Turn texts into vectors", "Embeddings", body="OpenAIEmbeddingBody"),
    ("post", "/v1/responses"): Place("Answer a conversation", "Response", body="ResponsesRequest", stream=SSE),
    ("post", "/v1/messages"): Place(
        "Answer a conversation", "Message", body="AnthropicRequest", stream=SSE, dialect="Anthropic"
    ),
    ("post", "/v1/messages/count_tokens"): Place(
        "Count the tokens of a conversation", "TokenCount", body="AnthropicRequest", dialect="Anthropic"
    ),
    ("post", "/api/chat"): Place(
        "Answer a conversation", "OllamaChat", body="OllamaChatBody", stream=LINES, dialect="Ollama"
    ),
    ("post", "/api/generate"): Place(
        "Continue a text", "OllamaGenerated", body="OllamaGenerateBody", stream=LINES, dialect="Ollama"
    ),
    ("post", "/api/embed"): Place(
        "Turn texts into vectors", "OllamaEmbeddings", body="OllamaEmbeddingBody", dialect="Ollama"
    ),
    ("post", "/api/embeddings"): Place(
        "Turn one text into a vector", "OllamaEmbedding", body="OllamaEmbeddingBody", dialect="Ollama"
    ),
    ("post", "/api/show"): Place("Say what a model is", "OllamaModel", body="OllamaShowBody", dialect="Ollama"),
    ("get", "/api/tags"): Place("List models", "OllamaTags", dialect="Ollama"),
    ("get", "/api/version"): Place("Say which version of Ollama's API this is", "OllamaVersion", dialect="Ollama"),
    ("get", "/v1/models"): Place("List models; in Anthropic's words for a request with `anthropic-version`", "Models"),
    ("get", "/v1/models/{model}"): Place("Show a model", "Model"),
    ("get", "/healthz"): Place("Say that the process answers", "Health", tag="Gateway"),
    ("get", "/readyz"): Place("Say whether calls can be answered and recorded", "Ready", tag="Gateway"),
    ("get", "/metrics"): Place("Counters and gauges as OpenMetrics", "", tag="Gateway"),
    ("get", "/openapi.json"): Place("This document", "", tag="Gateway"),
    ("post", "/admin/keys"): Place(
        "Make a key, which is shown this once", "NewKeyMade", body="AdminNewKey", tag="Admin"
    ),
    ("get", "/admin/keys"): Place("List keys", "Keys", tag="Admin"),
    ("post", "/admin/keys/{id}/revoke"): Place("Revoke a key for good", "KeyRevoked", tag="Admin"),
    ("post", "/admin/keys/{id}/rotate"): Place("Give a key a new secret, shown this once", "NewKeyMade", tag="Admin"),
    ("get", "/admin/ledger"): Place("Sums over the calls", "Sums", tag="Admin"),
}
_ID = str.maketrans("/.", "__", "{}")
OPEN = ("/healthz", "/readyz", "/openapi.json", "/api/version")
"""What needs no key."""


def document() -> bytes:
    """The whole document, as JSON."""
    schemas: dict[str, Schema] = {**SCHEMAS, "OllamaChatBody": _ollama_chat()}
    for dialect, kinds in BODIES.items():
        _, parts = msgspec.json.schema_components(kinds, ref_template=f"#/components/schemas/{dialect}{{name}}")
        schemas |= {f"{dialect}{name}": schema for name, schema in parts.items()}
    for name in ("OpenAIChatBody", "OpenAICompletionBody"):  # servers of this dialect know fields of their own
        del schemas[name]["additionalProperties"]
    for name, field in (
        ("OpenAIChatBody", "messages"),
        ("AnthropicRequest", "messages"),
        ("OllamaChatBody", "messages"),
    ):
        schemas[name]["properties"][field]["minItems"] = 1
    schemas["OpenAIEmbeddingBody"] = schemas.pop("OpenAIOpenAIBody")
    schemas["OllamaEmbeddingBody"] = schemas.pop("OllamaOllamaBody")
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), place in PLACES.items():
        paths.setdefault(path, {})[method] = _operation(method, path, place)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "info": {
                "title": "Weighbridge gateway",
                "version": __version__,
                "description": "One API for every client, over every model. Where the backend of a model speaks the "
                "client's dialect, requests are forwarded as they are and may hold more fields than are listed here.",
            },
            "paths": paths,
            "components": {"schemas": schemas, "securitySchemes": _security()},
        }
    )


def _operation(method: str, path: str, place: Place) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": place.what,
        "operationId": f"{method}_{path.strip('/').translate(_ID)}",
        "tags": [place.tag],
        "security": [] if path in OPEN else [{"admin": []}] if place.tag == "Admin" else [{"bearer": []}, {"key": []}],
        "responses": _responses(path, place),
    }
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    if path == "/admin/ledger":
        parameters += [_by(), *(_filter(name) for name in ("key", "route", "team"))]
    if parameters:
        operation["parameters"] = parameters
    if place.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(place.body)}}}
    return operation


def _responses(path: str, place: Place) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": _ref(place.answer)}} if place.answer else {JSON: {}}
    if path == "/metrics":
        content = {CONTENT_TYPE.decode(): {"schema": {"type": "string"}}}
    if place.stream is not None:
        content[place.stream] = {"schema": {}}
    found: dict[str, Any] = {"200": {"description": place.what, "content": content, "headers": _id_header()}}
    if path == "/readyz":
        found["503"] = {"description": "not ready", "content": content}
    error = {JSON: {"schema": _ref(f"{place.dialect}Error")}}
    plain = {JSON: {"schema": _ref("OpenAIError")}}
    for status in BODY_ERRORS if place.body is not None else LOOK_ERRORS:
        # a request that is refused before its path is known is refused in OpenAI's words
        content = error if status not in ("405", "413") else plain
        found[status] = {"description": WHY[status], "content": content}
    return found


def _ollama_chat() -> Schema:
    """As `ollama.ChatBody`, which has a default that no schema can hold."""
    fields = msgspec.json.schema(ollama.GenerateBody)["$defs"]["GenerateBody"]["properties"]
    shared = {name: fields[name] for name in ollama.Asking.__struct_fields__ if name in fields}
    call = obj(function=obj(name={"type": "string"}, maybe_arguments={"type": "object"}))
    roles = {"type": "string", "enum": ["system", "user", "assistant", "tool"]}
    text = {"type": "string"}
    message = obj(role=roles, maybe_content=text, maybe_images=array(text), maybe_tool_calls=array(call))
    function = obj(name=text, maybe_description=text, maybe_parameters={"type": "object"})
    tool = obj(maybe_type={"type": "string", "enum": ["function"]}, function=function)
    return {
        "type": "object",
        "properties": {**shared, "messages": array(message), "tools": array(tool)},
        "required": ["model", "messages"],
        "additionalProperties": False,
    }


def _by() -> dict[str, Any]:
    words = "|".join(GROUPS)
    pattern = f"^$|^({words})(,({words}))*$"
    schema = {"type": "string", "pattern": pattern}
    return {"name": "by", "in": "query", "schema": schema, "description": "Sum by these."}


def _filter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string"}, "description": f"Calls of this {name} only."}


def _security() -> dict[str, Any]:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key made with `weighbridge keys create`."},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "admin": {"type": "http", "scheme": "bearer", "description": "The key that `admin_key` in [server] names."},
    }


def _id_header() -> dict[str, Any]:
    text = "The request's id, and the call's in the ledger."
    return {"x-request-id": {"schema": {"type": "string"}, "description": text}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(name=name)}
