"""Which models are served, in each dialect's words: `/v1/models`, Ollama's `/api/tags`, `/api/show`, `/api/version`.

OpenAI and Anthropic ask at the same address; an Anthropic client is known by its header `anthropic-version`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from weighbridge.chat.json_text import answer_json
from weighbridge.chat.reading import read_body

OLLAMA_VERSION = "0.12.11"
"""The version whose API is spoken here: the first with `logprobs`. Clients compare it with what they need."""


class ServedModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public name. What is unknown is left out, never made up."""

    id: str
    created: int = 0
    """Unix seconds since when it is served."""
    owner: str = ""
    """Who released it."""
    display_name: str = ""
    size_bytes: int | None = None
    digest: str | None = None
    """SHA-256 of the weights, in hex."""
    family: str | None = None
    parameter_size: str | None = None
    """As people say it: `7.6B`."""
    quantisation: str | None = None
    context_tokens: int | None = None
    abilities: tuple[str, ...] = ()
    """Ollama's words: `completion`, `tools`, `vision`, `thinking`, `embedding`."""
    licence: str | None = None


def openai_models(models: Sequence[ServedModel]) -> bytes:
    return answer_json({"object": "list", "data": [_openai(model) for model in models]})


def openai_model(model: ServedModel) -> bytes:
    return answer_json(_openai(model))


def anthropic_models(models: Sequence[ServedModel]) -> bytes:
    """All on one page."""
    listed = [_anthropic(model) for model in models]
    ends = {"first_id": models[0].id if models else None, "last_id": models[-1].id if models else None}
    return answer_json({"data": listed, "has_more": False, **ends})


def anthropic_model(model: ServedModel) -> bytes:
    return answer_json(_anthropic(model))


def ollama_tags(models: Sequence[ServedModel]) -> bytes:
    return answer_json({"models": [_tag(model) for model in models]})


def ollama_show(model: ServedModel) -> bytes:
    """What clients look at: the abilities, and the context by the key they know it by."""
    family = model.family or "unknown"
    info: dict[str, Any] = {"general.architecture": family, "general.basename": model.id}
    if model.context_tokens is not None:
        info[f"{family}.context_length"] = model.context_tokens
    wire: dict[str, Any] = {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(model),
        "model_info": info,
        "capabilities": list(model.abilities),
        "modified_at": _time(model.created),
    }
    return answer_json(wire | ({"license": model.licence} if model.licence else {}))


def ollama_version() -> bytes:
    return answer_json({"version": OLLAMA_VERSION})


class ShowBody(msgspec.Struct, forbid_unknown_fields=True):
    model: str | None = None
    name: str | None = None
    """The older spelling."""
    verbose: bool | None = None


_show = msgspec.json.Decoder(ShowBody)


def shown_model(body: bytes) -> str:
    """The model that `/api/show` is asked for; empty where it names none. RequestError for what is no request."""
    wire = read_body(_show, body)
    return wire.model or wire.name or ""


def _openai(model: ServedModel) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owner or "weighbridge"}


def _anthropic(model: ServedModel) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name or model.id,
        "created_at": _time(model.created),
        "lifecycle": "active",
    }
    return wire | ({"max_input_tokens": model.context_tokens} if model.context_tokens is not None else {})


def _tag(model: ServedModel) -> dict[str, Any]:
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": _time(model.created),
        "size": model.size_bytes or 0,
        "digest": model.digest or "",
        "details": _details(model),
    }


def _details(model: ServedModel) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": model.family or "",
        "families": [model.family] if model.family else [],
        "parameter_size": model.parameter_size or "",
        "quantization_level": model.quantisation or "",
    }


def _time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
