"""Ollama's own API on the wire: `/api/chat` and `/api/generate`.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md, and the types of Ollama's SDK 0.6.3 (2026-11).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

NAME = "ollama"

EFFORTS = frozenset({"low", "medium", "high", "max"})
"""Words that `think` takes beside true and false."""


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what requests are made of."""


class Function(Strict):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    index: int | None = None
    description: str | None = None


class Call(Strict):
    function: Function
    id: str | None = None
    """Newer servers give one; older ones and the SDK know calls by their order only."""
    type: Literal["function"] | None = None


class Message(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    """Base64 without a type."""
    tool_calls: list[Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class FunctionTool(Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(Strict):
    function: FunctionTool
    type: Literal["function"] | None = None


class Options(msgspec.Struct, omit_defaults=True):
    """The options every backend knows in some words; the others are kept apart."""

    num_predict: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: list[str] | str | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class Asking(Strict):
    """What chat and generate share."""

    model: str
    stream: bool | None = None
    """Left out means yes."""
    format: str | dict[str, Any] | None = None
    options: dict[str, Any] | None = None
    think: bool | str | None = None
    keep_alive: float | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class ChatBody(Asking, kw_only=True):
    messages: list[Message]
    tools: list[Tool] | None = None


class GenerateBody(Asking, kw_only=True):
    prompt: str
    system: str | None = None
    images: list[str] | None = None
    raw: bool | None = None
    suffix: Literal[""] | None = None
    template: Literal[""] | None = None
    context: tuple[()] | None = None
