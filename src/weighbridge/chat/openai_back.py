"""The OpenAI dialect as a back: chat completions for a conversation, completions for a text to be continued."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from weighbridge.chat import openai_chat, openai_completions
from weighbridge.chat.answer import Answer
from weighbridge.chat.dialect import EventReader, Framing, Sent
from weighbridge.chat.json_text import as_bytes
from weighbridge.chat.openai_reasoning import has_degree
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.quirks import fit, quirks_of, spelled
from weighbridge.chat.request import ChatRequest
from weighbridge.chat.sayable import NAMES, refuse_unsayable

NAME = "openai"
UNSAID = frozenset({"n", "prompt", "prefill", "failed tool result", "cache_control", "reasoning shown or not"})
CAN_CHAT = frozenset(NAMES) - UNSAID
CAN_COMPLETE = frozenset(
    {"prompt", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "frequency_penalty"}
    | {"presence_penalty", "logprobs", "schema", "json_object"}
)
PLAIN = Spelling()
KEPT_MODELS = 1024
"""Whose quirks are remembered."""

UseQuirks = Literal["off", "refuse", "force"]
"""What is known of a model's family: not used; used, and what the model would not take is refused; or left out."""


class OpenAIBack:
    name = NAME
    framing: Framing = "sse"

    def __init__(self, spelling: Spelling = PLAIN, *, host: str = "", quirks: UseQuirks = "off") -> None:
        """`host`: the name in the backend's address, by which a vendor's own API is told from who runs the weights."""
        self.spelling = spelling
        self.adapts = quirks != "off"
        self._host = host
        self._use = quirks
        self._known: dict[str, tuple[dict[str, Any], Spelling]] = {}

    def encode(self, request: ChatRequest, *, stream: bool) -> Sent:
        quirks, spelling = self._of(request.model)
        fitted = fit(request, quirks, force=self._use == "force")
        sent = self._encode(fitted.request, spelling, stream=stream)
        return msgspec.structs.replace(sent, left_out=sent.left_out + fitted.changed) if fitted.changed else sent

    def _encode(self, request: ChatRequest, spelling: Spelling, *, stream: bool) -> Sent:
        left_out = refuse_unsayable(request, NAME, self._can(request))
        if request.prompt is not None:
            wire = openai_completions.encode(request, spelling, stream=stream)
            return Sent("completions", as_bytes(wire), left_out=left_out)
        if has_degree(request) and spelling.reasoning_switch != "effort" and spelling.efforts is None:
            left_out += ("degree of reasoning",)
        return Sent("chat/completions", as_bytes(openai_chat.encode(request, spelling, stream=stream)), (), left_out)

    def decode(self, body: bytes, request: ChatRequest, *, lenient: bool = False) -> Answer:
        if request.prompt is None:
            return openai_chat.decode(body, self._of(request.model)[1])
        return openai_completions.decode(body, self.spelling)

    def reader(self, request: ChatRequest, *, lenient: bool = False) -> EventReader:
        if request.prompt is None:
            return openai_chat.ChatStream(self._of(request.model)[1])
        return openai_completions.CompletionStream(self.spelling)

    def _of(self, model: str) -> tuple[dict[str, Any], Spelling]:
        """What is known of a model, and how a request to it is written."""
        if not self.adapts:
            return {}, self.spelling
        known = self._known.get(model)
        if known is None:
            if len(self._known) >= KEPT_MODELS:
                self._known.clear()
            quirks = quirks_of(model, self._host)
            known = self._known[model] = quirks, spelled(self.spelling, quirks)
        return known

    def _can(self, request: ChatRequest) -> frozenset[str]:
        if request.prompt is not None:
            return CAN_COMPLETE
        return CAN_CHAT if self.spelling.continues == "refuse" else CAN_CHAT | {"prefill"}
